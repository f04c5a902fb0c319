"""``fivefold bench arrivals``: intervals of arrival of planned routes, each day predicted from the days before it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import pandas as pd

from domain.codes import EventType
from models.metrics import coverage_scores
from models.route_day import PastRoute, PlannedRoute, RouteDay, stops_ahead
from models.route_risk import learn_under_way
from operations.rescoring import Happened, PlannedStop, rescore
from operations.rescoring import PlannedRoute as Published
from orchestration.cli.options import fivefold_command
from solvers.travel import TravelModel, fit_travel

FIRST = date(2026, 3, 1)
SEEN = ("from_lat", "from_lon", "to_lat", "to_lon", "distance_m", "duration_s")
GROUPS = ("1", "2-5", "6-15", "16+")
Floats = npt.NDArray[np.float64]


def _seconds(moments: pd.Series) -> Floats:
    return np.asarray((pd.to_datetime(moments, utc=True) - pd.Timestamp(0, tz="UTC")).dt.total_seconds(), dtype=float)


def _routes(days: int) -> list[PastRoute]:
    """Routes as the city's own dispatcher drives them, with planned times from the trips it has observed."""
    from simulation.city import City
    from simulation.scenario import load_scenario

    city = City(load_scenario())
    out: list[PastRoute] = []
    for number in range(days):
        day = FIRST + timedelta(days=number)
        plan, known, reference = city.baseline_plan(day), city.day_before(day), city.reference(day)
        events = city.play_day(day, plan).events
        travel = fit_travel(*(reference["travel_observations"][name].to_numpy(float) for name in SEEN))
        depots = reference["depots"].set_index("depot_id")
        orders = known["orders"].drop_duplicates("order_id").set_index("order_id")
        out += [
            one
            for _, route in plan.groupby("route_id")
            if (one := _route(number, route.sort_values("sequence"), orders, depots, events, travel)) is not None
        ]
    return out


def _route(
    number: int,
    route: pd.DataFrame,
    orders: pd.DataFrame,
    depots: pd.DataFrame,
    events: pd.DataFrame,
    travel: TravelModel,
) -> PastRoute | None:
    own = events[~events["retracted"] & (events["route_id"] == route["route_id"].iloc[0])]
    start = own[own["event_type"] == "route_started"]
    if start.empty:
        return None

    def moments(*kinds: str) -> Floats:
        seen = own[own["event_type"].isin(kinds) & (own["attempt"] == 1)].drop_duplicates("order_id")
        return _seconds(route["order_id"].map(seen.set_index("order_id")["event_time"]))

    stops, depot = orders.loc[route["order_id"]], depots.loc[route["depot_id"].iloc[0]]
    lat = np.append(float(depot["lat"]), stops["lat"].to_numpy(float))
    lon = np.append(float(depot["lon"]), stops["lon"].to_numpy(float))
    count = len(stops)
    drive = travel.matrices(lat, lon).duration_s[np.arange(count), np.arange(1, count + 1)].astype(float)
    earliest = _seconds(stops["window_start"])
    plan = PlannedRoute(
        float(_seconds(start["planned_time"])[0]), drive, stops["service_s"].to_numpy(float),
        np.where(np.isfinite(earliest), earliest, -np.inf),
    )  # fmt: skip
    return PastRoute(
        number, plan, float(_seconds(start["event_time"])[0]), moments("arrived"), moments("service_started"),
        moments("delivered", "attempt_failed"),
    )  # fmt: skip


def _planned(plan: PlannedRoute) -> Floats:
    """Arrivals if everything takes as long as planned."""
    now, out = plan.start_s, np.empty(len(plan.drive_s))
    for number in range(len(out)):
        out[number] = now + plan.drive_s[number]
        now = max(out[number], plan.earliest_s[number]) + plan.service_s[number]
    return out


def _marginal(past: list[PastRoute], plan: PlannedRoute) -> Floats:
    """The baseline: planned arrival plus the quantiles of what past stops were off by, whatever their place."""
    errors = np.concatenate([one.arrived_s - _planned(one.plan) for one in past])
    return _planned(plan)[:, None] + np.nanquantile(errors, [0.05, 0.1, 0.5, 0.9, 0.95])


def _rescored(one: PastRoute, name: str, learned: RouteDay) -> pd.DataFrame:
    """Every score that a day writes of a route as it moves, beside when each stop was reached."""
    plan, arrival = one.plan, _planned(one.plan)
    left = np.maximum(arrival, plan.earliest_s) + plan.service_s
    planned = zip(plan.drive_s, plan.service_s, plan.earliest_s, arrival, left, strict=True)
    stops = tuple(
        PlannedStop(str(n), float(drive), float(door), float(earliest), np.inf, float(there), float(gone))
        for n, (drive, door, earliest, there, gone) in enumerate(planned)
    )
    told = [Happened(EventType.ROUTE_STARTED, one.started_s, one.started_s)]
    for n in range(len(stops)):
        # what failed without having been reached (not loaded) is told as such
        end = EventType.DELIVERED if np.isfinite(one.arrived_s[n]) else EventType.ATTEMPT_FAILED
        moments = {EventType.ARRIVED: one.arrived_s, EventType.SERVICE_STARTED: one.served_s, end: one.concluded_s}
        told += [Happened(kind, at[n], at[n], str(n)) for kind, at in moments.items() if np.isfinite(at[n])]
    route = Published(name, plan.start_s - 10 * 3_600, plan.start_s, stops)
    rows = rescore(route, told, max(event.at_s for event in told), learned)
    return pd.DataFrame(
        [
            (str(row.moment), one.arrived_s[int(row.order_id)], *row.arrival_s)
            for row in rows
            if row.arrival_s is not None and np.isfinite(one.arrived_s[int(row.order_id)])
        ],
        columns=["moment", "actual", "q05", "q10", "q50", "q90", "q95"],
    )


def _by_moment(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Coverage and width of the rows of each moment, and of all."""
    out = {}
    for name, own in (("all", rows), *rows.groupby("moment")):
        y, q05, q10, q50, q90, q95 = (own[n].to_numpy(float) for n in ("actual", "q05", "q10", "q50", "q90", "q95"))
        error = float(np.abs(y - q50).mean())
        scores = {**coverage_scores(y, q10, q90, 0.8), **coverage_scores(y, q05, q95, 0.9)}
        out[str(name)] = {"n": len(own), "mae_s": error, **scores}
    return out


@fivefold_command(
    "Coverage and width of arrival intervals along routes of the twin, each day predicted from the days before it, "
    "beside planned arrival plus the errors of past stops; with --on-the-way also as the day moves, by moment.",
    example="fivefold bench arrivals --json\nfivefold bench arrivals --on-the-way",
)
def command(days: int, warm: int, on_the_way: bool, home: Path) -> Any:
    routes = _routes(days)
    truth, group = [], []
    said: dict[str, list[Floats]] = {"fivefold": [], "errors_of_past_stops": []}
    rescored = [pd.DataFrame()]
    for day in range(warm, days):
        past = [one for one in routes if one.day < day]
        learned = learn_under_way(past) if on_the_way else RouteDay.learn(past)
        for number, one in enumerate(one for one in routes if one.day == day):
            known = np.isfinite(one.arrived_s)
            truth.append(one.arrived_s[known])
            group.append(stops_ahead(len(known))[known])
            said["errors_of_past_stops"].append(_marginal(past, one.plan)[known])
            if learned is not None:
                said["fivefold"].append(learned.quantiles(one.plan, seed=number)[known])
                if on_the_way:
                    rescored.append(_rescored(one, f"{day}-{number}", learned))
    y, ahead = np.concatenate(truth), np.concatenate(group)
    result: dict[str, Any] = {"days": days - warm, "routes": len(truth), "stops": len(y)}
    for name, parts in said.items():
        q = np.concatenate(parts)
        inside = (y >= q[:, 1]) & (y <= q[:, 3])
        result[name] = {
            "mae_s": float(np.abs(y - q[:, 2]).mean()),
            **coverage_scores(y, q[:, 1], q[:, 3], 0.8),
            **coverage_scores(y, q[:, 0], q[:, 4], 0.9),
            "coverage_80_by_stops_ahead": {
                label: float(inside[ahead == n].mean()) for n, label in enumerate(GROUPS) if (ahead == n).any()
            },
        }

    if on_the_way:
        result["on_the_way"] = _by_moment(pd.concat(rescored))

    def show() -> None:
        click.echo(f"{result['stops']:,} stops of {result['routes']} routes on {result['days']} days")
        for name in said:
            one = result[name]
            click.echo(
                f"{name:>22}  MAE {one['mae_s'] / 60:5.1f} min"
                f"  80 %: {one['coverage_80']:.3f} in {one['width_80_s'] / 60:5.1f} min"
                f"  90 %: {one['coverage_90']:.3f} in {one['width_90_s'] / 60:5.1f} min"
            )
        for moment, one in result.get("on_the_way", {}).items():
            click.echo(
                f"{moment:>22}  {one['n']:>7,} rows  80 %: {one['coverage_80']:.3f}"
                f" in {one['width_80_s'] / 60:5.1f} min"
                f"  90 %: {one['coverage_90']:.3f}"
            )

    return result, show


command = click.option("--days", default=30, show_default=True, type=click.IntRange(8, 365), help="Days played.")(
    command
)
command = click.option(
    "--warm", default=12, show_default=True, type=click.IntRange(6, 300), help="Days before the first prediction."
)(command)
command = click.option("--on-the-way", is_flag=True, help="Also every score as the day moves, by moment (minutes).")(
    command
)
