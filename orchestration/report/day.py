"""The page of a planned day: from the lake's rows to one self-contained HTML file."""

from __future__ import annotations

import base64
import hashlib
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from domain.errors import InputError
from orchestration.lake import Lake
from orchestration.planning.inputs import depot_timezone
from orchestration.report.drawing import MAP_HEIGHT, MAP_WIDTH, clock, fleet_colours, projection, scale_bar

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
    zone = depot_timezone(lake, source)
    routes = lake.query(f"select * from plan.routes {where} order by fleet_kind, depot_id, route_id", key)
    stops = lake.query(f"select * from plan.plan_stops {where} order by route_id, sequence", key)
    unserved = lake.query(f"select * from plan.unserved_orders {where} order by reason, order_id", key)
    depots = lake.query(
        "select depot_id, any_value(name) as name, arg_max(lat, ingest_time) as lat, arg_max(lon, ingest_time) as lon "
        "from raw.depots where source = ? group by 1 order by 1",
        [source],
    )
    colours = fleet_colours(routes["fleet_kind"].tolist())
    place = projection([*depots["lat"], *stops["lat"]], [*depots["lon"], *stops["lon"]])
    axis = clock([*routes["starts_at"], *routes["ends_at"]])
    bar, bar_label = scale_bar(place)
    depot_points = {row.depot_id: place.point(row.lat, row.lon) for row in depots.itertuples()}
    by_route = {str(name): part for name, part in stops.groupby("route_id")}
    shown = [
        _route_view(row, by_route.get(str(row.route_id), stops[:0]), zone, place, axis, depot_points, colours)
        for row in routes.itertuples()
    ]
    return {
        "source": source,
        "service_date": f"{service_date:%A %d %B %Y}",
        "zone": zone.key,
        "cards": _cards(plans, routes, stops),
        "fleets": _fleets(routes, colours),
        "plans": [_plan_line(row, zone) for row in plans.itertuples()],
        "map": {"width": MAP_WIDTH, "height": MAP_HEIGHT, "bar": bar, "bar_label": bar_label},
        "depots": [
            {"name": row.name if isinstance(row.name, str) else row.depot_id, "point": depot_points[row.depot_id]}
            for row in depots.itertuples()
        ],
        "hours": axis.hours(zone),
        "routes": shown,
        "risky": _risky(stops, routes, zone),
        "unserved": [
            {"order_id": row.order_id, "reason": row.reason, "explanation": row.explanation}
            for row in unserved.itertuples()
        ],
    }


def _money(minor: float, currency: str) -> str:
    return f"{minor / 100:,.2f} {currency}"


def _cards(plans: pd.DataFrame, routes: pd.DataFrame, stops: pd.DataFrame) -> list[dict[str, str]]:
    served, unserved = int(plans["served"].sum()), int(plans["unserved"].sum())
    currency, cost = str(plans["currency"].iloc[0]), int(plans["cost_minor"].sum())
    hours = plans["duration_s"].sum() / 3_600
    cards = [
        ("Served", f"{served:,}", f"of {served + unserved:,} orders"),
        ("Unserved", f"{unserved:,}", "each with its reason below"),
        ("Routes", f"{len(routes):,}", f"{routes['fleet_id'].nunique()} fleets, {len(plans)} depots"),
        ("Distance", f"{plans['distance_m'].sum() / 1_000:,.0f} km", f"{hours:,.0f} route hours"),
        ("Cost", _money(cost, currency), "transport, risk and penalties"),
        (
            "Transport per stop",
            _money(plans["transport_minor"].sum() / max(1, served), currency),
            f"{served / hours:,.1f} stops per route hour" if hours else "",
        ),
    ]
    if stops["p_failed"].notna().any():
        cards.append(("Expected failed", f"{stops['p_failed'].sum():,.1f}", "attempts, by the predictor"))
    if stops["p_late"].notna().any():
        cards.append(("Expected late", f"{stops['p_late'].sum():,.1f}", "stops, by the predictor"))
    return [{"title": title, "value": value, "note": note} for title, value, note in cards]


def _fleets(routes: pd.DataFrame, colours: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "kind": kind,
            "colour": colours[str(kind)],
            "routes": len(part),
            "stops": int(part["stops"].sum()),
            "cost": f"{part['cost_minor'].sum() / 100:,.2f}",
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
        "transport": _money(row.transport_minor, row.currency),
        "risk": _money(row.risk_minor, row.currency),
        "penalty": _money(row.penalty_minor, row.currency),
    }


def _local(moment: Any, zone: ZoneInfo) -> str:
    return "" if pd.isna(moment) else f"{moment.astimezone(zone):%H:%M}"


def _percent(chance: Any) -> str:
    return "" if pd.isna(chance) else f"{100 * chance:.1f} %"


def _stop_view(row: Any, zone: ZoneInfo) -> dict[str, Any]:
    promised = pd.notna(row.window_start) and pd.notna(row.window_end)
    known = pd.notna(row.eta_p10) and pd.notna(row.eta_p90)
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
    }


def _route_view(
    row: Any,
    stops: pd.DataFrame,
    zone: ZoneInfo,
    place: Any,
    axis: Any,
    depots: dict[str, Any],
    colours: dict[str, str],
) -> dict[str, Any]:
    points = [place.point(lat, lon) for lat, lon in zip(stops["lat"], stops["lon"], strict=True)]
    home = depots.get(row.depot_id)
    line = [home, *points, home] if home else points
    listed = [_stop_view(stop, zone) for stop in stops.itertuples()]
    return {
        "route_id": row.route_id,
        "vehicle_id": row.vehicle_id,
        "driver_id": row.driver_id if isinstance(row.driver_id, str) else "",
        "fleet_id": row.fleet_id,
        "kind": row.fleet_kind,
        "depot_id": row.depot_id,
        "colour": colours[row.fleet_kind],
        "stops_count": int(row.stops),
        "km": f"{row.distance_m / 1_000:.1f}",
        "kg": f"{row.mass_g / 1_000:,.0f}",
        "parcels": int(row.parcels),
        "cost": f"{row.cost_minor / 100:,.2f}",
        "start": _local(row.starts_at, zone),
        "end": _local(row.ends_at, zone),
        "path": " ".join(f"{x},{y}" for x, y in line),
        "dots": [{"x": x, "y": y, **stop} for (x, y), stop in zip(points, listed, strict=True)],
        "stops": listed,
        "from_percent": axis.percent(row.starts_at),
        "to_percent": axis.percent(row.ends_at),
        "services": [
            {
                "left": axis.percent(stop.service_start),
                "width": max(0.12, axis.percent(stop.departure) - axis.percent(stop.service_start)),
                "order_id": stop.order_id,
                "at": _local(stop.service_start, zone),
            }
            for stop in stops.itertuples()
        ],
    }


def _risky(stops: pd.DataFrame, routes: pd.DataFrame, zone: ZoneInfo) -> list[dict[str, Any]]:
    """The stops most likely to fail or be late."""
    risk = stops["p_failed"].astype(float).fillna(0.0) + stops["p_late"].astype(float).fillna(0.0)
    worst = stops.loc[risk[risk > 0].sort_values(ascending=False, kind="stable").index[:RISKY_STOPS]]
    vehicles = routes.set_index("route_id")["vehicle_id"].to_dict()
    return [
        {**_stop_view(row, zone), "route_id": row.route_id, "vehicle_id": vehicles[row.route_id]}
        for row in worst.itertuples()
    ]
