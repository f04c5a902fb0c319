"""``fivefold bench arrivals``: intervals of arrival of planned routes, each day predicted from the days before it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import pandas as pd

from models.metrics import coverage_scores
from models.route_day import PastRoute, PlannedRoute, RouteDay, stops_ahead
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


@fivefold_command(
    "Coverage and width of arrival intervals along routes of the twin, each day predicted from the days before it, "
    "beside planned arrival plus the errors of past stops.",
    example="fivefold bench arrivals --json\nfivefold bench arrivals --days 60",
)
def command(days: int, warm: int, home: Path) -> Any:
    routes = _routes(days)
    truth, group = [], []
    said: dict[str, list[Floats]] = {"fivefold": [], "errors_of_past_stops": []}
    for day in range(warm, days):
        past = [one for one in routes if one.day < day]
        learned = RouteDay.learn(past)
        for number, one in enumerate(one for one in routes if one.day == day):
            known = np.isfinite(one.arrived_s)
            truth.append(one.arrived_s[known])
            group.append(stops_ahead(len(known))[known])
            said["errors_of_past_stops"].append(_marginal(past, one.plan)[known])
            if learned is not None:
                said["fivefold"].append(learned.quantiles(one.plan, seed=number)[known])
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

    def show() -> None:
        click.echo(f"{result['stops']:,} stops of {result['routes']} routes on {result['days']} days")
        for name in said:
            one = result[name]
            click.echo(
                f"{name:>22}  MAE {one['mae_s'] / 60:5.1f} min"
                f"  80 %: {one['coverage_80']:.3f} in {one['width_80_s'] / 60:5.1f} min"
                f"  90 %: {one['coverage_90']:.3f} in {one['width_90_s'] / 60:5.1f} min"
            )

    return result, show


command = click.option("--days", default=30, show_default=True, type=click.IntRange(8, 365), help="Days played.")(
    command
)
command = click.option(
    "--warm", default=12, show_default=True, type=click.IntRange(6, 300), help="Days before the first prediction."
)(command)
