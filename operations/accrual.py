"""Postings of one service date from what a company has: plan, outcomes, invoices, contacts, messages, interventions.

The cost of a route is shared by its stops to the minor unit. The share of a failed attempt is not transport but
failure (``wasted_attempt``), that of a later attempt ``redelivery``; returns and refunds are priced by ``CostRates``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from domain.errors import InputError
from operations.ledger import POSTING_COLUMNS, CostKind, Stage, allocate, post


@dataclass(frozen=True, slots=True)
class CostRates:
    """Declared prices of what no invoice says, minor units; inputs with a source, never results.

    ``failed_delivery_minor`` (17.20 USD, Loqate, Fixing Failed Deliveries, 2021) is used by planning only, where the
    cost of a failure is not known yet; the ledger counts the parts.
    """

    contact_minor: int = 450
    message_minor: int = 6
    return_minor: int = 250
    refund_minor: int = 0
    failed_delivery_minor: int = 1_720

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if getattr(self, name) < 0:
                raise InputError(f"cost rates: {name} must not be negative, is {getattr(self, name)}")


def _rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Rows as named tuples, untyped: their columns are checked by who made the frame."""
    return iter(frame.itertuples())


def _text(value: Any) -> str | None:
    return None if value is None or pd.isna(value) else str(value)


def day_postings(
    service_date: date,
    source: str,
    currency: str,
    *,
    orders: pd.DataFrame,
    outcomes: pd.DataFrame,
    planned_routes: pd.DataFrame | None = None,
    plan_stops: pd.DataFrame | None = None,
    accrued_routes: pd.DataFrame | None = None,
    invoices: pd.DataFrame | None = None,
    contacts: pd.DataFrame | None = None,
    messages: pd.DataFrame | None = None,
    interventions: pd.DataFrame | None = None,
    adjustments: pd.DataFrame | None = None,
    rates: CostRates | None = None,
) -> pd.DataFrame:
    """Postings (``ledger.POSTING_COLUMNS``) of everything a service date costs.

    Args:
        service_date, source, currency: of every posting.
        orders: ``order_id``, ``tenant_id``, ``depot_id`` of the date's orders (unique).
        outcomes: concluded attempts (``marts.fct_outcomes``): ``order_id``, ``attempt``, ``outcome``, ``route_id``,
            ``fleet_id``, ``depot_id``.
        planned_routes, plan_stops: ``plan.routes`` (``route_id``, ``fleet_id``, ``depot_id``, ``vehicle_id``,
            ``cost_minor``) and ``plan.plan_stops`` (``route_id``, ``order_id``): the estimate.
        accrued_routes: ``route_id``, ``amount_minor``: what routes that ran cost by contract
            (``tariffs.price_day``).
        invoices: invoice lines: ``fleet_id``, ``route_id`` (null: of the whole fleet), ``component``,
            ``amount_minor``.
        contacts: ``event_id``, ``order_id``. messages: ``message_id``, ``order_id``, ``cost_minor`` (null: the rate).
            interventions: ``intervention_id``, ``order_id``, ``action``, ``cost_minor``.
        adjustments: penalties and shortfall fees: ``adjustment_id``, ``fleet_id``, ``kind``, ``component``,
            ``amount_minor``, optionally ``order_id`` and ``stage`` (accrued by default).
        rates: prices of contacts, messages, returns and refunds.

    Returns:
        Postings in the order estimate, accrual, invoice; empty if nothing was planned and nothing happened.

    Raises:
        InputError: an order is there twice.
    """
    rates = rates or CostRates()
    if orders["order_id"].duplicated().any():
        raise InputError(f"orders: {orders.loc[orders['order_id'].duplicated(), 'order_id'].iloc[0]!r} is there twice")
    book = _Book(service_date, source, currency, orders)
    rows: list[dict[str, Any]] = []
    if planned_routes is not None and not planned_routes.empty and plan_stops is not None:
        rows += book.planned(planned_routes, plan_stops)
    rows += book.ran(outcomes, accrued_routes, invoices, planned=list(rows))
    rows += book.failures(outcomes, rates)
    for frame, kind, key, rate in (
        (contacts, CostKind.CONTACT, "event_id", rates.contact_minor),
        (messages, CostKind.MESSAGE, "message_id", rates.message_minor),
        (interventions, CostKind.INTERVENTION, "intervention_id", 0),
    ):
        if frame is not None and not frame.empty:
            rows += book.things(frame, kind, key, rate)
    if adjustments is not None and not adjustments.empty:
        rows += book.adjusted(adjustments)
    return pd.DataFrame(rows, columns=list(POSTING_COLUMNS)).astype({"amount_minor": "int64"})


def day_ledger(
    service_date: date, source: str, currency: str, *, basis: dict[str, Any] | None = None, **frames: Any
) -> pd.DataFrame:
    """Rows of ``operation.cost_ledger`` of one service date: ``post(day_postings(...), basis)``."""
    return post(day_postings(service_date, source, currency, **frames), basis)


class _Book:
    """Writes postings of one date; knows whose orders are whose."""

    def __init__(self, service_date: date, source: str, currency: str, orders: pd.DataFrame) -> None:
        self.service_date, self.source, self.currency = service_date, source, currency
        known = orders.set_index("order_id")
        self.tenants = known["tenant_id"].to_dict() if "tenant_id" in known else {}
        self.depots = known["depot_id"].to_dict() if "depot_id" in known else {}

    def row(self, obligation: str, kind: str, component: str, stage: str, amount: int, **scope: Any) -> dict[str, Any]:
        order_id = _text(scope.get("order_id"))
        return {
            "obligation_id": f"{self.source}/{self.service_date}/{obligation}",
            "service_date": self.service_date,
            "source": self.source,
            "depot_id": _text(scope.get("depot_id")) or _text(self.depots.get(order_id)),
            "fleet_id": _text(scope.get("fleet_id")),
            "tenant_id": _text(self.tenants.get(order_id)),
            "order_id": order_id,
            "route_id": _text(scope.get("route_id")),
            "kind": str(kind),
            "component": component,
            "stage": str(stage),
            "amount_minor": int(amount),
            "currency": self.currency,
        }

    def planned(self, routes: pd.DataFrame, stops: pd.DataFrame) -> Iterator[dict[str, Any]]:
        """Estimates: the planned cost of each route, shared by its orders."""
        carried = stops.groupby("route_id")["order_id"].apply(list).to_dict()
        for route in _rows(routes):
            own = sorted(str(one) for one in carried.get(route.route_id, []))
            parts = allocate(int(route.cost_minor), [1] * len(own)) if own else []
            for order_id, part in zip(own, parts, strict=True):
                scope = {"order_id": order_id, "fleet_id": route.fleet_id, "route_id": route.route_id}
                name = f"plan/{route.route_id}/{order_id}"
                yield self.row(name, CostKind.TRANSPORT, "route", Stage.ESTIMATED, part, **scope)

    def ran(
        self,
        outcomes: pd.DataFrame,
        accrued: pd.DataFrame | None,
        invoices: pd.DataFrame | None,
        planned: list[dict[str, Any]],
    ) -> Iterator[dict[str, Any]]:
        """Accruals and invoices of routes that ran; the estimates they replace are released to 0."""
        due = {} if accrued is None else {str(r.route_id): int(r.amount_minor) for r in _rows(accrued)}
        asked: dict[str, int] = {}
        if invoices is not None and not invoices.empty:
            whole = invoices[invoices["route_id"].isna()]
            for number, line in enumerate(_rows(whole)):
                name = f"invoice/{line.fleet_id}/{line.component}/{number}"
                kind = CostKind.SHORTFALL if "shortfall" in str(line.component) else CostKind.TRANSPORT
                scope = {"fleet_id": line.fleet_id}
                yield self.row(name, kind, str(line.component), Stage.INVOICED, int(line.amount_minor), **scope)
            by_route = invoices[invoices["route_id"].notna()].groupby("route_id")["amount_minor"].sum()
            asked = {str(route): int(amount) for route, amount in by_route.items()}
        attempts = outcomes.sort_values(["route_id", "order_id", "attempt"])
        stops = {str(route): own for route, own in attempts.groupby("route_id")}
        for route_id in sorted({*due, *asked}):
            yield from self._route(route_id, stops.get(route_id), due.get(route_id), asked.get(route_id))
        ran = {str(one) for one in outcomes["order_id"]}
        for estimate in planned:
            # what ran is owed by what happened and no longer by the plan
            if (due or asked) and estimate["order_id"] in ran:
                yield {**estimate, "stage": str(Stage.ACCRUED), "amount_minor": 0}

    def _route(
        self, route_id: str, stops: pd.DataFrame | None, due: int | None, asked: int | None
    ) -> Iterator[dict[str, Any]]:
        if stops is None:
            for stage, amount in ((Stage.ACCRUED, due), (Stage.INVOICED, asked)):
                if amount is not None:
                    yield self.row(f"route/{route_id}", CostKind.TRANSPORT, "route", stage, amount, route_id=route_id)
            return
        for stage, amount in ((Stage.ACCRUED, due), (Stage.INVOICED, asked)):
            if amount is None:
                continue
            for stop, part in zip(_rows(stops), allocate(amount, [1] * len(stops)), strict=True):
                kind, component = CostKind.TRANSPORT, "route"
                if stop.outcome == "failed":
                    kind, component = CostKind.FAILURE, "wasted_attempt"
                elif int(stop.attempt) > 1:
                    kind, component = CostKind.FAILURE, "redelivery"
                scope = {"order_id": stop.order_id, "fleet_id": stop.fleet_id, "depot_id": stop.depot_id}
                name = f"route/{route_id}/{stop.order_id}/{stop.attempt}"
                yield self.row(name, kind, component, stage, part, route_id=route_id, **scope)

    def failures(self, outcomes: pd.DataFrame, rates: CostRates) -> Iterator[dict[str, Any]]:
        """What a failed attempt costs beyond the drive: the return to the depot and the refund."""
        for stop in _rows(outcomes[outcomes["outcome"] == "failed"]):
            scope = {"order_id": stop.order_id, "fleet_id": stop.fleet_id, "depot_id": stop.depot_id}
            for component, amount in (("return", rates.return_minor), ("refund", rates.refund_minor)):
                if amount:
                    name = f"{component}/{stop.order_id}/{stop.attempt}"
                    yield self.row(name, CostKind.FAILURE, component, Stage.ACCRUED, amount, **scope)

    def things(self, frame: pd.DataFrame, kind: CostKind, key: str, rate: int) -> Iterator[dict[str, Any]]:
        """Contacts, messages, interventions: one obligation each."""
        own_cost = "cost_minor" in frame.columns
        for one in frame.to_dict("records"):
            amount = one["cost_minor"] if own_cost and not pd.isna(one["cost_minor"]) else rate
            scope = {"order_id": one.get("order_id"), "fleet_id": one.get("fleet_id")}
            component = _text(one.get("action")) or str(kind)
            yield self.row(f"{kind}/{one[key]}", kind, component, Stage.ACCRUED, int(amount), **scope)

    def adjusted(self, frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
        """Penalties, credits and shortfall fees of a contract."""
        for one in frame.to_dict("records"):
            stage = _text(one.get("stage")) or str(Stage.ACCRUED)
            scope = {"order_id": one.get("order_id"), "fleet_id": one.get("fleet_id")}
            name = f"adjustment/{one['adjustment_id']}"
            yield self.row(name, one["kind"], str(one["component"]), stage, int(one["amount_minor"]), **scope)
