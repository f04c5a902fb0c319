"""What a live day begins with, from the lake: the published plan, fleets that are asked by tender, events so far."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pandas as pd

from domain.codes import ControlMode, TariffComponent
from domain.errors import InputError
from operations.state import Day, Event, Offer
from orchestration.lake import Lake
from orchestration.live.history import coming_of, orders_of_their_day
from orchestration.live.rules import DayRules
from orchestration.live.standing import standing_of
from orchestration.planning.build import build_problem
from orchestration.planning.inputs import DayInputs, day_inputs
from solvers import Plan
from solvers.contracts import Contract, Rule, Version
from solvers.planner import assemble

ACCEPT_P = 0.7
"""Acceptance of a tendered fleet nothing is known of yet."""
UNITS = {
    TariffComponent.PER_ROUTE: ("route", 0),
    TariffComponent.PER_STOP: ("stop", 0),
    TariffComponent.PER_PARCEL: ("parcel", 0),
    TariffComponent.PER_KM: ("km", 0),
    TariffComponent.PER_HOUR: ("hour", 0),
    TariffComponent.OVERTIME_PER_HOUR: ("overtime_hour", 8 * 3_600),
    TariffComponent.FAILED_ATTEMPT: ("failed_attempt", 0),
}


def day_folder(home: Path, source: str, service_date: date) -> Path:
    """Where a live day keeps its files."""
    if not source.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"source {source!r}: letters, digits, - and _ only")
    return home / "live" / f"{source}-{service_date.isoformat()}"


def begin_day(lake: Lake, source: str, service_date: date, rules: DayRules | None = None) -> tuple[Day, datetime]:
    """The day of the published plan by ``rules``, and its local midnight.

    Raises:
        InputError: no plan of the date is published, or it does not fit what the lake says now.
    """
    inputs = day_inputs(lake, source, service_date)
    problem = build_problem(inputs)
    rows = lake.query(
        """
        select r.vehicle_id, s.order_id
        from plan.plan_stops s join plan.routes r using (source, service_date, route_id)
        where s.source = ? and s.service_date = ? order by r.vehicle_id, s.sequence
        """,
        [source, service_date],
    )
    if rows.empty:
        raise InputError(f"no plan of {source!r} for {service_date}: fivefold plan {source} {service_date}")
    sequences = {str(name): [str(one) for one in own] for name, own in rows.groupby("vehicle_id")["order_id"]}
    try:
        made: Plan = assemble(problem, sequences, engine="published", seed=0, solver_s=0.0, reasons=False)
    except (AssertionError, KeyError) as error:
        raise InputError(f"the plan of {service_date} no longer fits its orders and shifts; plan it again") from error
    midnight = datetime.combine(service_date, time(), inputs.timezone)
    rows = pd.concat([inputs.depots.sort_values("depot_id")[["lat", "lon"]], inputs.orders[["lat", "lon"]]])
    places = tuple((round(lat * 1e6), round(lon * 1e6)) for lat, lon in rows.astype(float).to_numpy().tolist())
    standing, said = standing_of(lake, source, service_date, midnight)
    past, days = orders_of_their_day(lake, source, service_date, midnight)
    day = Day(
        service_date,
        problem,
        made,
        offers_of(inputs),
        places=places,
        coming=coming_of(past, days, problem, places),
        standing=standing,
        said=said,
    )
    return (rules or DayRules()).of(day), midnight


def offers_of(inputs: DayInputs) -> tuple[Offer, ...]:
    """An offer of each fleet that takes single orders by tender, priced by its tariff rules."""
    fleets = inputs.fleets[inputs.fleets["control_mode"] == ControlMode.TENDERED_ORDER.value]
    found = []
    for fleet_id in sorted(str(one) for one in fleets["fleet_id"]):
        own = inputs.tariffs[inputs.tariffs["fleet_id"] == fleet_id]
        rules = tuple(
            Rule(str(row.rule_id), "add", UNITS[component][0], int(row.amount_minor), free=UNITS[component][1])
            for row in own.itertuples()
            if (component := TariffComponent(str(row.component))) in UNITS
        )
        if rules:
            version = Version(inputs.service_date, inputs.service_date, rules)
            contract = Contract(f"tariff-{fleet_id}", fleet_id, str(own["currency"].iloc[0]), (version,))
            # what the fleet was seen to take; of one that was never asked, what is usual
            learned = inputs.beliefs.acceptance(fleet_id)
            found.append(Offer(fleet_id, contract, ACCEPT_P if learned is None else learned))
    return tuple(found)


def events_of(lake: Lake, source: str, service_date: date, midnight: datetime) -> list[Event]:
    """Events of the date as the lake holds them, in the order in which they became known.

    One that is said to happen after it became known is refused as any other of the future (``state.why_refused``).
    """
    rows = lake.query(
        """
        select event_id, event_type, order_id, vehicle_id, fleet_id, lat, lon, event_time, ingest_time
        from raw.delivery_events
        where source = ? and service_date = ? and not retracted
        order by ingest_time, event_time, event_id
        """,
        [source, service_date],
    )
    start = pd.Timestamp(midnight).tz_convert("UTC")

    def text(value: Any) -> str:
        return "" if value is None or pd.isna(value) else str(value)

    events = []
    for row in rows.itertuples():
        facts = {}
        if pd.notna(row.lat) and pd.notna(row.lon):
            facts = {"lat_e6": round(float(row.lat) * 1e6), "lon_e6": round(float(row.lon) * 1e6)}
        at_s = int((pd.Timestamp(row.event_time) - start).total_seconds())
        seen_s = int((pd.Timestamp(row.ingest_time) - start).total_seconds())
        fields = {name: text(getattr(row, name)) for name in ("order_id", "vehicle_id", "fleet_id")}
        events.append(Event(text(row.event_id), text(row.event_type), at_s, seen_s, **fields, facts=facts))
    return events
