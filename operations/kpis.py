"""KPIs of a service date as numerator and denominator by segment, from rows the lake has.

Rows add up over segments and dates: a rate of any slice is the sum of numerators over the sum of denominators. Only
``duration_bias`` does not (it is a median; its denominator is 1). Orders cancelled before they went out are left out
of every denominator and counted apart. Definitions: ``docs/operations.md``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from domain.errors import InputError
from domain.tables import KPIS
from operations.ledger import COST_ACCOUNT, CostKind

SEGMENTS = {"fleet": "fleet_id", "depot": "depot_id", "zone": "zone_id", "tenant": "tenant_id", "hour": "hour"}
LEVEL = 0.8
"""Nominal coverage of the interval between the 10 % and the 90 % quantile."""
INFORMED_LEAD_S = 30 * 60
DELAY_TRIGGERS = frozenset({"late_risk", "interval_shift"})
DELIVERED = frozenset({"delivered", "partially_delivered", "diverted"})
WISMO_REASON = "where_is_my_order"
OUTCOME_COLUMNS = ("order_id", "attempt", "outcome", "fleet_id", "depot_id", "route_id", "vehicle_id")
MOMENTS = ("arrived_at", "service_started_at", "concluded_at")


def daily_kpis(
    service_date: date,
    source: str,
    *,
    outcomes: pd.DataFrame,
    orders: pd.DataFrame,
    plan_stops: pd.DataFrame | None = None,
    routes: pd.DataFrame | None = None,
    ledger: pd.DataFrame | None = None,
    events: pd.DataFrame | None = None,
    messages: pd.DataFrame | None = None,
    timezone: str = "UTC",
    basis: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Rows of ``operation.kpis`` for one service date.

    Args:
        service_date, source: of every row.
        outcomes: concluded attempts of the date (``marts.fct_outcomes``): ``OUTCOME_COLUMNS`` and ``MOMENTS``.
        orders: newest version of the date's orders: ``order_id``, ``tenant_id``, ``zone_id``, ``depot_id``,
            ``window_start``, ``window_end`` (the original promise), optionally ``active_window_start``,
            ``active_window_end`` (the newest promise).
        plan_stops, routes: ``plan.plan_stops`` and ``plan.routes`` of the published plan, where there is one.
        ledger: ``operation.cost_ledger`` of the date; all lines or those of the cost account.
        events: raw delivery events of the date (``event_type``, ``order_id``, ``route_id``, ``fleet_id``,
            ``depot_id``, ``event_time``, optionally ``contact_reason``): cancellations, contacts, route times.
        messages: messages sent: ``order_id``, ``trigger``, ``sent_at``, optionally ``delay`` (tells of a delay).
        timezone: the depots' zone; the ``hour`` segment is the local hour of the visit.
        basis: ``as_of`` and ``lake_snapshot`` of the rows.

    Returns:
        One row a KPI and segment (``segment_kind`` fleet, depot, zone, tenant, hour or all). A KPI whose inputs are
        absent gives no row; it is never filled in.

    Raises:
        InputError: ``outcomes`` or ``orders`` lacks a column.
    """
    for name, frame, needed in (
        ("outcomes", outcomes, (*OUTCOME_COLUMNS, *MOMENTS)),
        ("orders", orders, ("order_id", "tenant_id", "zone_id", "depot_id", "window_start", "window_end")),
    ):
        if missing := [column for column in needed if column not in frame.columns]:
            raise InputError(f"{name} of {service_date}: column {missing[0]!r} is missing")
    happened = events if events is not None else pd.DataFrame(columns=["event_type", "order_id"])
    cancelled = set(happened.loc[happened["event_type"] == "cancelled", "order_id"].dropna()) - set(
        outcomes["order_id"]
    )
    kept = orders[~orders["order_id"].isin(cancelled)]
    stops = _stops(outcomes, kept, timezone)
    table = _Table()
    table.add("cancelled_share", orders.assign(n=orders["order_id"].isin(cancelled)), "n", 1)
    _service(table, stops)
    if ledger is not None and not ledger.empty:
        _cost(table, ledger, stops)
    if plan_stops is not None and routes is not None and not plan_stops.empty:
        _plan(table, plan_stops, routes, stops)
        _eta(table, plan_stops, stops)
        _exceptions(table, plan_stops, stops)
    if events is not None:
        _contacts(table, events, stops)
        _productivity(table, events, stops)
    if messages is not None:
        _messages(table, messages, stops)
    rows = table.rows().assign(service_date=service_date, source=source, **(basis or {}))
    return rows.reindex(columns=list(KPIS.column_names))


class _Table:
    """Collects items with a numerator and a denominator, and sums them by every segment they know, all KPIs at once."""

    def __init__(self) -> None:
        self.items: list[pd.DataFrame] = []
        self.parts: list[pd.DataFrame] = []
        """Rows that are not sums, in the columns of ``rows``."""

    def add(self, kpi: str, items: pd.DataFrame, numerator: str, denominator: str | int) -> None:
        if items.empty:
            return
        columns: dict[str, Any] = {
            "kpi": kpi,
            "numerator": items[numerator].to_numpy(dtype=float, na_value=np.nan),
            "denominator": items[denominator].to_numpy(dtype=float, na_value=np.nan)
            if isinstance(denominator, str)
            else float(denominator),
        }
        for kind, column in SEGMENTS.items():
            if column in items.columns:
                columns[kind] = items[column].to_numpy(dtype=object)
        self.items.append(pd.DataFrame(columns, index=range(len(items))))

    def rows(self) -> pd.DataFrame:
        order = ["kpi", "segment_kind", "segment"]
        parts = list(self.parts)
        if self.items:
            items = pd.concat(self.items, ignore_index=True).assign(all="all")
            for kind in ("all", *SEGMENTS):
                if kind not in items.columns:
                    continue
                known = items[items[kind].notna()]
                sums = known.groupby(["kpi", known[kind].astype(str)])[["numerator", "denominator"]].sum()
                parts.append(sums.rename_axis(["kpi", "segment"]).reset_index().assign(segment_kind=kind))
        if not parts:
            return pd.DataFrame(columns=[*order, "numerator", "denominator"])
        return pd.concat(parts, ignore_index=True).sort_values(order, ignore_index=True)


def _stops(outcomes: pd.DataFrame, orders: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """Concluded attempts with tenant, zone and promise of their order and the local hour of the visit."""
    own = ["order_id", "tenant_id", "zone_id", "window_start", "window_end"]
    promises = orders.assign(
        active_window_start=orders.get("active_window_start", orders["window_start"]),
        active_window_end=orders.get("active_window_end", orders["window_end"]),
    )[[*own, "active_window_start", "active_window_end"]]
    stops = outcomes.loc[:, [*OUTCOME_COLUMNS, *MOMENTS]].merge(promises, on="order_id", how="left")
    for name in (*MOMENTS, *(one for one in promises.columns if "window" in one)):
        stops[name] = pd.to_datetime(stops[name], utc=True)
    stops["started_at"] = stops["service_started_at"].fillna(stops["arrived_at"]).fillna(stops["concluded_at"])
    hours = stops["started_at"].dt.tz_convert(timezone).dt.hour
    stops["hour"] = hours.map(lambda hour: f"{int(hour):02d}", na_action="ignore").astype(object)
    stops["delivered"] = stops["outcome"].isin(DELIVERED)
    stops["failed"] = stops["outcome"] == "failed"
    stops["late"] = stops["started_at"] > stops["window_end"]
    return stops


def _service(table: _Table, stops: pd.DataFrame) -> None:
    first = stops[stops["attempt"] == 1]
    table.add("first_attempt_delivery_rate", first, "delivered", 1)
    done = stops[stops["delivered"]]
    for promise, start, end in (
        ("original", "window_start", "window_end"),
        ("active", "active_window_start", "active_window_end"),
    ):
        # an order without a promise cannot keep one
        promised = done[done[end].notna()]
        after = (promised["started_at"] >= promised[start]) | promised[start].isna()
        inside = promised.assign(inside=after & (promised["started_at"] <= promised[end]))
        table.add(f"on_time_rate_{promise}", inside, "inside", 1)


def _cost(table: _Table, ledger: pd.DataFrame, stops: pd.DataFrame) -> None:
    lines = ledger[ledger["account"] == COST_ACCOUNT] if "account" in ledger.columns else ledger
    places = stops.drop_duplicates("order_id").set_index("order_id")
    lines = lines.assign(
        zone_id=lines["order_id"].map(places["zone_id"]), hour=lines["order_id"].map(places["hour"]), one=0
    )
    columns = [*SEGMENTS.values(), "amount_minor", "one"]
    delivered = stops[stops["delivered"]].drop_duplicates("order_id").assign(one=1, amount_minor=0)
    for kind in (None, *CostKind):
        own = lines if kind is None else lines[lines["kind"] == str(kind)]
        table.add("cost_per_delivery" + (f"_{kind}" if kind else ""), _both(own, delivered, columns), *columns[-2:])
    failed = stops[stops["failed"]].assign(one=1, amount_minor=0)
    behind = lines[
        (lines["kind"] == str(CostKind.FAILURE))
        | ((lines["kind"] == str(CostKind.CONTACT)) & lines["order_id"].isin(set(failed["order_id"])))
    ]
    if not failed.empty:
        table.add("failed_delivery_cost", _both(behind, failed, columns), *columns[-2:])


def _both(first: pd.DataFrame, second: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Rows of both in ``columns``: frames of many columns take long to put together, once for each kind of cost."""
    parts = [frame[[name for name in columns if name in frame.columns]] for frame in (first, second)]
    return pd.concat(parts, ignore_index=True).reindex(columns=columns)


def _plan(table: _Table, plan_stops: pd.DataFrame, routes: pd.DataFrame, stops: pd.DataFrame) -> None:
    own = routes.set_index("route_id")
    planned = plan_stops[["order_id", "route_id", "sequence"]].assign(
        fleet_id=plan_stops["route_id"].map(own["fleet_id"]),
        depot_id=plan_stops["route_id"].map(own["depot_id"]),
        planned_vehicle=plan_stops["route_id"].map(own["vehicle_id"]),
    )
    real = stops.sort_values("attempt").drop_duplicates("order_id")
    facts = ["order_id", "vehicle_id", "delivered", "late", "started_at", "window_start", "tenant_id", "zone_id"]
    both = planned.merge(
        real[facts].assign(real_fleet=real["fleet_id"], real_route=real["route_id"]), on="order_id", how="left"
    )
    early = both["started_at"] < both["window_start"]
    served = (
        both["delivered"].eq(True)
        & both["late"].eq(False)
        & ~early
        & (both["real_fleet"] == both["fleet_id"])
        & (both["vehicle_id"] == both["planned_vehicle"])
    )
    table.add("execution_rate", both.assign(as_planned=served), "as_planned", 1)
    run = both[both["started_at"].notna()].sort_values("sequence", kind="stable")
    kept = [
        (fleet, depot, _longest_increasing([int(at.value) for at in part["started_at"]]), len(part))
        for (_, fleet, depot), part in run.groupby(["route_id", "fleet_id", "depot_id"])
    ]
    adherence = pd.DataFrame(kept, columns=["fleet_id", "depot_id", "kept", "stops"])
    table.add("sequence_adherence", adherence, "kept", "stops")
    ends = run.groupby("planned_vehicle")["started_at"].agg(["min", "max"])
    plan_ends = plan_stops.assign(vehicle=plan_stops["route_id"].map(own["vehicle_id"]))
    plan_span = plan_ends.groupby("vehicle")["service_start"].agg(["min", "max"])
    actual_s = (ends["max"] - ends["min"]).dt.total_seconds()
    planned_s = (plan_span["max"] - plan_span["min"]).dt.total_seconds()
    bias = ((actual_s - planned_s) / planned_s.where(planned_s > 0)).dropna()
    if len(bias):
        # medians do not add up: this one is of the whole date
        table.parts.append(
            pd.DataFrame(
                {
                    "kpi": ["duration_bias"],
                    "segment_kind": ["all"],
                    "segment": ["all"],
                    "numerator": [float(bias.median())],
                    "denominator": [1.0],
                }
            )
        )


def _longest_increasing(values: list[int]) -> int:
    """Length of the longest strictly increasing subsequence (patience sorting)."""
    tails: list[int] = []
    for value in values:
        position = bisect_left(tails, value)
        tails[position : position + 1] = [value]
    return len(tails)


def _eta(table: _Table, plan_stops: pd.DataFrame, stops: pd.DataFrame) -> None:
    if "eta_p50" not in plan_stops.columns:
        return
    first = stops[stops["arrived_at"].notna()].sort_values("attempt").drop_duplicates("order_id")
    both = first.merge(plan_stops[["order_id", "eta_p10", "eta_p50", "eta_p90"]], on="order_id")
    both = both[both["eta_p50"].notna()]
    if both.empty:
        return
    error = _seconds(both["arrived_at"], both["eta_p50"])
    above_low = _seconds(both["arrived_at"], both["eta_p10"])
    above_high = _seconds(both["arrived_at"], both["eta_p90"])
    width = above_low - above_high
    alpha = 1 - LEVEL
    score = width + 2 / alpha * (np.maximum(0.0, -above_low) + np.maximum(0.0, above_high))
    pinball = sum(np.maximum(q * gap, (q - 1) * gap) for q, gap in ((0.1, above_low), (0.5, error), (0.9, above_high)))
    for kpi, values in {
        "eta_mae_s": np.abs(error),
        "eta_bias_s": error,
        "eta_within_10_min": np.abs(error) <= 600,
        "eta_within_15_min": np.abs(error) <= 900,
        "eta_coverage": (above_low >= 0) & (above_high <= 0),
        "eta_width_s": width,
        "eta_interval_score_s": score,
        "eta_pinball_s": pinball / 3,
    }.items():
        table.add(kpi, both.assign(value=values), "value", 1)


def _seconds(later: pd.Series, earlier: pd.Series) -> Any:
    return (later - pd.to_datetime(earlier, utc=True)).dt.total_seconds().to_numpy()


def _exceptions(table: _Table, plan_stops: pd.DataFrame, stops: pd.DataFrame) -> None:
    first = stops[stops["attempt"] == 1]
    for task, column in (("failed", "p_failed"), ("late", "p_late")):
        if column not in plan_stops.columns:
            continue
        both = first.merge(plan_stops[["order_id", column]], on="order_id")
        both = both[both[column].notna()]
        if task == "late":
            both = both[both["window_end"].notna()]
        if both.empty:
            continue
        p = both[column].astype(float).clip(1e-6, 1 - 1e-6)
        y = both[task].astype(float)
        rate = float(y.mean())
        table.add(f"{task}_brier", both.assign(value=(p - y) ** 2), "value", 1)
        table.add(f"{task}_brier_skill_loss", both.assign(value=(p - y) ** 2, base=(rate - y) ** 2), "value", "base")
        table.add(f"{task}_log_loss", both.assign(value=-(y * np.log(p) + (1 - y) * np.log(1 - p))), "value", 1)
        table.add(f"{task}_predicted_over_actual", both.assign(value=p, y=y), "value", "y")


def _contacts(table: _Table, events: pd.DataFrame, stops: pd.DataFrame) -> None:
    contacts = events[events["event_type"] == "contact_received"]
    shipped = stops.drop_duplicates("order_id").assign(one=1, wismo=0)
    places = shipped.set_index("order_id")
    known = contacts.assign(
        **{column: contacts["order_id"].map(places[column]) for column in SEGMENTS.values() if column in places},
        one=0,
    )
    # a contact without a stated reason is counted as the question it usually is
    reason = known.get("contact_reason", pd.Series(WISMO_REASON, index=known.index)).fillna(WISMO_REASON)
    known["wismo"] = (reason == WISMO_REASON).astype(int)
    columns = [*SEGMENTS.values(), "wismo", "one"]
    table.add("wismo_rate", pd.concat([shipped[columns], known[columns]], ignore_index=True), "wismo", "one")
    table.add("wismo_share_of_contacts", known.assign(one=1), "wismo", "one")


def _productivity(table: _Table, events: pd.DataFrame, stops: pd.DataFrame) -> None:
    if not {"route_id", "event_time"} <= set(events.columns):
        return
    times = events.assign(event_time=pd.to_datetime(events["event_time"], utc=True))
    started = times[times["event_type"] == "route_started"].groupby("route_id")["event_time"].min()
    ended = times[times["event_type"] == "route_ended"].groupby("route_id")["event_time"].max()
    hours = (ended - started).dt.total_seconds().dropna() / 3_600
    # breaks are unpaid; one that was begun and never ended, or the reverse, cannot be measured and is not taken off
    clock = times.assign(second=(times["event_time"] - pd.Timestamp(0, tz="UTC")).dt.total_seconds())
    began, over = (
        clock[clock["event_type"] == name].groupby("route_id")["second"].agg(["sum", "count"]).reindex(hours.index)
        for name in ("break_started", "break_ended")
    )
    paused_s = (over["sum"] - began["sum"]).where(over["count"] == began["count"], 0.0).clip(lower=0.0).fillna(0.0)
    hours = hours - paused_s / 3_600
    done = stops[stops["delivered"]].groupby("route_id").size()
    places = stops.drop_duplicates("route_id").set_index("route_id")
    frame = pd.DataFrame({"hours": hours, "done": done.reindex(hours.index).fillna(0)})
    for column in ("fleet_id", "depot_id"):
        frame[column] = places[column].reindex(frame.index)
    table.add("stops_per_route_hour", frame[frame["hours"] > 0], "done", "hours")


def _messages(table: _Table, messages: pd.DataFrame, stops: pd.DataFrame) -> None:
    shipped = stops.sort_values("attempt").drop_duplicates("order_id")
    sent = messages.groupby("order_id").size()
    table.add("messages_per_order", shipped.assign(sent=shipped["order_id"].map(sent).fillna(0)), "sent", 1)
    # an interval that moves within the promise tells of no delay, where the message says which it was
    marked = messages["delay"].astype(bool) if "delay" in messages else messages["trigger"].isin(DELAY_TRIGGERS)
    delays = messages[marked]
    told = pd.to_datetime(delays["sent_at"], utc=True).groupby(delays["order_id"]).min()
    late = shipped[shipped["late"] & shipped["window_end"].notna()]
    lead = (late["window_end"] - late["order_id"].map(told.to_dict()).astype(told.dtype)).dt.total_seconds()
    table.add("informed_late_share", late.assign(informed=lead >= INFORMED_LEAD_S), "informed", 1)
    each = delays[["order_id"]].merge(shipped, on="order_id")
    table.add("false_alarm_rate", each.assign(false=~each["late"].astype(bool)), "false", 1)
