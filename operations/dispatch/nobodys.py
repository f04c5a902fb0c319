"""Open orders that are nobody's: which of them need a decision, and which wait for what may come."""

from __future__ import annotations

from operations.dispatch.approval import waiting_orders
from operations.dispatch.repair import stranded
from operations.dispatch.tenders import standing
from operations.state.entities import OrderState
from operations.state.fold import DayState
from solvers.problem import Order


def tendered(state: DayState) -> list[str]:
    """Orders on no vehicle that a fleet has accepted or is asked for."""
    return [one.order_id for one in stranded(state) if _tendered(state, one)]


def nobodys(state: DayState) -> list[Order]:
    """Stranded orders that neither wait for a person nor for an answer, and that no fleet has accepted."""
    waiting = waiting_orders(state)
    return [one for one in stranded(state) if one.order_id not in waiting and not _tendered(state, one)]


def held(state: DayState) -> list[OrderState]:
    """Those of them that wait for what may come, those that must go first first."""
    found = [state.orders[one.order_id] for one in nobodys(state)]
    return sorted(
        (one for one in found if one.held_until_s > state.clock_s), key=lambda one: (one.held_until_s, one.order_id)
    )


def unplaced(state: DayState) -> list[str]:
    """The rest of them: nobody will serve these as things stand."""
    return [one.order_id for one in nobodys(state) if state.orders[one.order_id].held_until_s <= state.clock_s]


def _tendered(state: DayState, order: Order) -> bool:
    found = standing(state, order.order_id)
    return bool(found.accepted or found.open_until_s)
