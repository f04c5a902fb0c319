"""The page of a planned day: from the lake's rows to one self-contained HTML file."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from domain.errors import InputError
from orchestration.lake import Lake
from orchestration.planning.inputs import depot_timezone
from orchestration.report.actions import day_actions
from orchestration.report.cards import day_capacities, day_outcomes, money, outcome_cards, plan_cards
from orchestration.report.drawing import (
    FLEET_DASHES,
    MAP_HEIGHT,
    MAP_WIDTH,
    OTHER_DASH,
    Clock,
    Projection,
    beside,
    clock,
    fleet_colours,
    projection,
    scale_bar,
    shade,
)

FOLDER = Path(__file__).parent
RISKY_STOPS = 25


def write_day_report(lake: Lake, source: str, service_date: date, folder: Path) -> Path:
    """Write ``report-<source>-<date>.html`` of the published plan into ``folder``; returns its path.

    Raises:
        InputError: no plan of that date is published.
    """
    page = render(day_view(lake, source, service_date))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"report-{source}-{service_date}.html"
    draft = path.with_suffix(".tmp")
    draft.write_text(page, encoding="utf-8")
    draft.replace(path)
    return path


def render(view: dict[str, Any]) -> str:
    """The page; every value is escaped, and the browser may load or run nothing that is not in the file."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    script = (FOLDER / "day.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("day.html.j2").render(
        **view, style=(FOLDER / "day.css").read_text(encoding="utf-8"), script=script, script_digest=digest
    )


def day_view(lake: Lake, source: str, service_date: date) -> dict[str, Any]:
    """What the page shows, as plain values.

    Raises:
        InputError: no plan of that date is published.
    """
    key = [source, service_date]
    where = "where source = ? and service_date = ?"
    plans = lake.query(f"select * from plan.plans {where} order by depot_id", key)
    if plans.empty:
        raise InputError(
            f"no plan of {service_date} is published for {source!r}; fivefold plan {source} {service_date}"
        )
    zone, currency = depot_timezone(lake, source), str(plans["currency"].iloc[0])
    routes = lake.query(f"select * from plan.routes {where} order by fleet_kind, depot_id, route_id", key)
    stops = lake.query(f"select * from plan.plan_stops {where} order by route_id, sequence", key)
    unserved = lake.query(f"select * from plan.unserved_orders {where} order by reason, order_id", key)
    depots = lake.query(
        "select depot_id, any_value(name) as name, arg_max(lat, ingest_time) as lat, arg_max(lon, ingest_time) as lon "
        "from raw.depots where source = ? group by 1 order by 1",
        [source],
    )
    depots = depots[depots["depot_id"].isin(set(plans["depot_id"]))]
    outcomes = day_outcomes(lake, source, service_date)
    stops = stops.merge(outcomes, on="order_id", how="left")
    risky = _risky_rows(stops)
    done = day_actions(lake, source, service_date)
    colours = fleet_colours(routes["fleet_kind"].tolist())
    place = projection([*depots["lat"], *stops["lat"]], [*depots["lon"], *stops["lon"]])
    page = Page(
        zone=zone,
        place=place,
        axis=clock([*routes["starts_at"], *routes["ends_at"]]),
        depots={row.depot_id: place.point(row.lat, row.lon) for row in depots.itertuples()},
        risky=frozenset(risky["order_id"]),
        capacities=day_capacities(lake, source, service_date),
    )
    bar, bar_label = scale_bar(place)
    by_route = {str(name): part for name, part in stops.groupby("route_id")}
    shown = []
    for kind, part in routes.groupby("fleet_kind"):
        for number, row in enumerate(part.itertuples()):
            colour = shade(colours[str(kind)], number, len(part))
            shown.append(page.route(row, by_route.get(str(row.route_id), stops[:0]), colour))
    vehicles = routes.set_index("route_id")["vehicle_id"].to_dict()
    return {
        "source": source,
        "service_date": f"{service_date:%A} {service_date.day} {service_date:%B %Y}",
        "zone": zone.key,
        "verified": bool(plans["verified"].all()),
        "known_at": f"{plans['as_of'].max().astimezone(zone):%H:%M on %Y-%m-%d}",
        "cards": plan_cards(plans, routes, stops),
        "outcome": outcome_cards(lake, source, service_date, stops, currency) if len(outcomes) else [],
        "done": done.cards,
        "fleets": _fleets(routes, colours, currency),
        "plans": [_plan_line(row, zone) for row in plans.itertuples()],
        "map": {"width": MAP_WIDTH, "height": MAP_HEIGHT, "bar": bar, "bar_label": bar_label},
        "depots": [
            {
                "name": row.name if isinstance(row.name, str) else row.depot_id,
                "point": page.depots[row.depot_id],
                "label": beside(page.depots[row.depot_id])[0],
                "anchor": beside(page.depots[row.depot_id])[1],
            }
            for row in depots.itertuples(index=False)
        ],
        "hours": page.axis.hours(zone),
        "routes": shown,
        "risky": [
            {
                **page.stop(row),
                "route_id": row.route_id,
                "vehicle_id": vehicles[row.route_id],
                "done": done.by_order.get(str(row.order_id), ""),
            }
            for row in risky.itertuples()
        ],
        "unserved": [
            {
                "order_id": row.order_id,
                "reason": row.reason.replace("_", " "),
                "explanation": row.explanation,
                "penalty": f"{row.penalty_minor / 100:,.2f}",
            }
            for row in unserved.itertuples()
        ],
    }


def _fleets(routes: pd.DataFrame, colours: dict[str, str], currency: str) -> list[dict[str, Any]]:
    return [
        {
            "kind": kind,
            "colour": colours[str(kind)],
            "dash": FLEET_DASHES.get(str(kind), OTHER_DASH),
            "routes": len(part),
            "stops": int(part["stops"].sum()),
            "cost": money(part["cost_minor"].sum(), currency),
        }
        for kind, part in routes.groupby("fleet_kind")
    ]


def _plan_line(row: Any, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "depot_id": row.depot_id,
        "verified": bool(row.verified),
        "engine": row.engine,
        "solver_s": f"{row.solver_s:.1f}",
        "as_of": f"{row.as_of.astimezone(zone):%Y-%m-%d %H:%M}",
        "snapshot": "" if pd.isna(row.lake_snapshot) else int(row.lake_snapshot),
        "transport": money(row.transport_minor, row.currency),
        "risk": money(row.risk_minor, row.currency),
        "penalty": money(row.penalty_minor, row.currency),
    }


def _local(moment: Any, zone: ZoneInfo) -> str:
    return "" if pd.isna(moment) else f"{moment.astimezone(zone):%H:%M}"


def _percent(chance: Any) -> str:
    return "" if pd.isna(chance) else f"{100 * chance:.1f} %"


@dataclass(frozen=True)
class Page:
    """What every route and stop of the page is drawn with."""

    zone: ZoneInfo
    place: Projection
    axis: Clock
    depots: dict[str, tuple[float, float]]
    risky: frozenset[str]
    capacities: dict[str, tuple[float, float, float]]

    def stop(self, row: Any) -> dict[str, Any]:
        """A line of the tables of stops."""
        zone = self.zone
        promised = pd.notna(row.window_start) and pd.notna(row.window_end)
        known = pd.notna(row.eta_p10) and pd.notna(row.eta_p90)
        late = promised and pd.notna(row.started_at) and row.started_at > row.window_end
        happened, missed = "", False
        if isinstance(row.outcome, str):
            reason = f": {row.failure_reason.replace('_', ' ')}" if isinstance(row.failure_reason, str) else ""
            words = [f"{row.outcome.replace('_', ' ')}{reason}", f"{_local(row.started_at, zone)}"]
            happened, missed = " ".join(words) + (", late" if late else ""), row.outcome == "failed" or late
        return {
            "sequence": int(row.sequence),
            "order_id": row.order_id,
            "arrival": _local(row.arrival, zone),
            "eta": f"{_local(row.eta_p10, zone)}–{_local(row.eta_p90, zone)}" if known else "",
            "window": f"{_local(row.window_start, zone)}–{_local(row.window_end, zone)}" if promised else "any time",
            "tight": bool(known and promised and row.eta_p90 > row.window_end),
            "p_failed": _percent(row.p_failed),
            "p_late": _percent(row.p_late),
            "km": f"{row.leg_m / 1_000:.1f}",
            "risky": row.order_id in self.risky,
            "happened": happened,
            "missed": bool(missed),
        }

    def route(self, row: Any, stops: pd.DataFrame, colour: str) -> dict[str, Any]:
        """A route on the map, in the timeline and in the tables."""
        points = [self.place.point(lat, lon) for lat, lon in zip(stops["lat"], stops["lon"], strict=True)]
        home, listed = self.depots.get(row.depot_id), [self.stop(stop) for stop in stops.itertuples()]
        load, load_of = self.load(row)
        return {
            "route_id": row.route_id,
            "vehicle_id": row.vehicle_id,
            "driver_id": row.driver_id if isinstance(row.driver_id, str) else "",
            "fleet_id": row.fleet_id,
            "kind": row.fleet_kind,
            "depot_id": row.depot_id,
            "colour": colour,
            "dash": FLEET_DASHES.get(row.fleet_kind, OTHER_DASH),
            "stops_count": int(row.stops),
            "km": f"{row.distance_m / 1_000:.1f}",
            "kg": f"{row.mass_g / 1_000:,.0f}",
            "parcels": int(row.parcels),
            "load": load,
            "load_of": load_of,
            "cost": f"{row.cost_minor / 100:,.2f}",
            "start": _local(row.starts_at, self.zone),
            "end": _local(row.ends_at, self.zone),
            "path": _path(points),
            "stems": [_path([home, points[0]]), _path([points[-1], home])] if home and points else [],
            "dots": [{"x": x, "y": y, **stop} for (x, y), stop in zip(points, listed, strict=True)],
            "stops": listed,
            "from_percent": self.axis.percent(row.starts_at),
            "to_percent": self.axis.percent(row.ends_at),
            "services": [
                {
                    "left": self.axis.percent(stop.service_start),
                    "width": max(0.12, self.axis.percent(stop.departure) - self.axis.percent(stop.service_start)),
                    "order_id": stop.order_id,
                    "at": _local(stop.service_start, self.zone),
                    "tight": one["tight"],
                }
                for stop, one in zip(stops.itertuples(), listed, strict=True)
            ],
        }

    def load(self, row: Any) -> tuple[int | None, str]:
        """Percent of the hold that the route fills, in the dimension that binds; nothing where no limit is known."""
        limits = self.capacities.get(row.vehicle_id, (0.0, 0.0, 0.0))
        used = (row.mass_g, row.volume_ml, row.parcels)
        shares = [
            (round(100 * amount / limit), name)
            for amount, limit, name in zip(
                used, limits, ("of the mass", "of the volume", "of the parcels"), strict=True
            )
            if limit > 0  # NaN: no limit is known
        ]
        return max(shares) if shares else (None, "")


def _path(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)


def _risky_rows(stops: pd.DataFrame) -> pd.DataFrame:
    """The stops most likely to fail or be late, the riskiest first."""
    risk = stops["p_failed"].astype(float).fillna(0.0) + stops["p_late"].astype(float).fillna(0.0)
    return stops.loc[risk[risk > 0].sort_values(ascending=False, kind="stable").index[:RISKY_STOPS]]
