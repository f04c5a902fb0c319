"""What became of a service date: outcomes, invoices and contacts into the cost ledger and the KPIs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import pandas as pd

from domain import tables
from operations.accrual import day_ledger
from operations.kpis import daily_kpis
from operations.ledger import reconcile, unbalanced
from orchestration.lake import Lake
from orchestration.planning.inputs import depot_timezone

BY_FLEET_AND_TENANT = ("fleet_id", "tenant_id")


@dataclass(frozen=True)
class Day:
    """What is known of one service date; ``as_of`` is the newest row used."""

    service_date: date
    outcomes: pd.DataFrame
    orders: pd.DataFrame
    events: pd.DataFrame
    invoices: pd.DataFrame
    routes: pd.DataFrame
    plan_stops: pd.DataFrame
    messages: pd.DataFrame
    interventions: pd.DataFrame
    basis: dict[str, Any]

    @property
    def currency(self) -> str:
        named = [*self.invoices["currency"].dropna(), *self.routes.get("currency", pd.Series(dtype=str)).dropna()]
        return str(named[0]) if named else "EUR"


def account_days(lake: Lake, source: str, first: date, last: date) -> dict[str, Any]:
    """Write the ledger lines of every service date from ``first`` to ``last`` that has outcomes.

    Returns:
        ``lines`` and ``dates`` written, ``unbalanced`` transactions and the ``books`` by month, fleet and tenant with
        their ``difference_minor``, which is 0 in sound books.
    """
    days = known_days(lake, source, first, last)
    ledgers = [
        day_ledger(
            day.service_date,
            source,
            day.currency,
            basis=day.basis,
            orders=day.orders,
            outcomes=day.outcomes,
            planned_routes=day.routes,
            plan_stops=day.plan_stops,
            invoices=day.invoices,
            contacts=day.events[day.events["event_type"] == "contact_received"],
            messages=day.messages,
            interventions=day.interventions,
        )
        for day in days
    ]
    lines = _together(tables.COST_LEDGER, ledgers)
    _replace(lake, tables.COST_LEDGER, source, first, last, lines)
    return {
        "lines": lines,
        "dates": [day.service_date for day in days],
        "unbalanced": unbalanced(lines) if len(lines) else [],
        "books": reconcile(lines, BY_FLEET_AND_TENANT) if len(lines) else pd.DataFrame(),
    }


def measure_days(lake: Lake, source: str, first: date, last: date) -> pd.DataFrame:
    """Write the KPIs of every service date from ``first`` to ``last`` that has outcomes; returns their rows."""
    zone = depot_timezone(lake, source).key
    ledger = _by_date(
        lake.query(
            "select * from operation.cost_ledger where source = ? and service_date between ? and ?",
            [source, first, last],
        )
    )
    found = [
        daily_kpis(
            day.service_date,
            source,
            outcomes=day.outcomes,
            orders=day.orders,
            plan_stops=day.plan_stops,
            routes=day.routes,
            ledger=ledger[day.service_date],
            events=day.events,
            messages=day.messages,
            timezone=zone,
            basis=day.basis,
        )
        for day in known_days(lake, source, first, last)
    ]
    kpis = _together(tables.KPIS, found)
    _replace(lake, tables.KPIS, source, first, last, kpis)
    return kpis


def known_days(lake: Lake, source: str, first: date, last: date) -> list[Day]:
    """What one snapshot of the lake holds of each service date that has outcomes, oldest first."""
    snapshot = lake.snapshot_id()

    def read(sql: str) -> dict[date, pd.DataFrame]:
        return _by_date(lake.query(sql, [source, first, last], snapshot=snapshot))

    def newest(table: tables.Table) -> dict[date, pd.DataFrame]:
        return read(
            f"""
            select * from {table.qualified_name} where source = ? and service_date between ? and ?
            qualify row_number() over (partition by {", ".join(table.key)} order by ingest_time desc, file_id desc) = 1
                and not retracted
            """
        )

    where = "where source = ? and service_date between ? and ?"
    outcomes = read(f"select * from marts.fct_outcomes {where} order by order_id, attempt")
    orders, events, invoices = newest(tables.ORDERS), newest(tables.DELIVERY_EVENTS), newest(tables.INVOICES)
    routes = read(
        f"select routes.*, plans.currency from plan.routes as routes join plan.plans as plans "
        f"using (plan_id, source, service_date) {where} order by route_id"
    )
    stops = read(f"select * from plan.plan_stops {where} order by route_id, sequence")
    # what a channel took is paid for, whatever came of it
    messages = read(
        f"""
        select service_date, notification_id as message_id, order_id, trigger, delay, cost_minor,
            coalesce(sent_at, decided_at) as sent_at
        from operation.notifications {where} and state = 'delivered' order by notification_id
        """
    )
    interventions = read(
        f"""
        select service_date, intervention_id, order_id, action, cost_minor from operation.interventions
        {where} and assigned = 'treated' and cost_minor > 0 order by intervention_id
        """
    )
    days = []
    for day in sorted(outcomes):
        used = [outcomes[day]["label_time"], events[day]["ingest_time"], invoices[day]["ingest_time"]]
        basis = {"as_of": max(one.max() for one in used if len(one)), "lake_snapshot": snapshot}
        days.append(
            Day(
                day,
                outcomes[day],
                orders[day],
                events[day],
                invoices[day],
                routes[day],
                stops[day],
                messages[day],
                interventions[day],
                basis=basis,
            )
        )
    return days


class _WithDefault(dict[date, pd.DataFrame]):
    """Frames by date; a date that has no rows gives the empty frame."""

    def __init__(self, parts: dict[date, pd.DataFrame], nothing: pd.DataFrame) -> None:
        super().__init__(parts)
        self.nothing = nothing

    def __missing__(self, key: date) -> pd.DataFrame:
        return self.nothing


def _by_date(frame: pd.DataFrame) -> dict[date, pd.DataFrame]:
    frame["service_date"] = pd.to_datetime(frame["service_date"]).dt.date
    return _WithDefault(
        {day: part.reset_index(drop=True) for day, part in frame.groupby("service_date")}, nothing=frame[:0]
    )


def _together(table: tables.Table, frames: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(table.column_names))


def _replace(lake: Lake, table: tables.Table, source: str, first: date, last: date, rows: pd.DataFrame) -> None:
    dates = [stamp.date() for stamp in pd.date_range(first, last)]

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        Lake.replace_in(connection, table, {"source": [source], "service_date": dates}, rows)

    lake.write(write)
