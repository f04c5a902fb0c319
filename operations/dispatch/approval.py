"""Which decisions wait for a person, which orders wait with them, and what people have said no to."""

from __future__ import annotations

from operations.state.fold import DayState
from operations.state.proposals import OPEN
from solvers.problem import Order

HOUR_S = 3_600
DEARER_BP = 11_000
"""What was approved is still done when it has become a tenth dearer; beyond that it is proposed again."""


def waits_until(state: DayState, kind: str, dear: bool, order: Order) -> int | None:
    """Until when a decision waits for a person; None: it does not wait. ``dear``: its event calls for much money.

    Never beyond the moment the order must leave: an answer that comes too late helps nobody. Once that has passed, only
    what would be given up waits.
    """
    rule = state.day.approvals
    if kind not in rule.kinds and not dear:
        return None
    clock = state.clock_s
    last = state.day.latest_dispatch_s(order)
    until_s = clock + rule.answer_s if kind == "leave" else min(clock + rule.answer_s, last)
    if until_s <= clock:
        return None
    if rule.most_per_hour is not None:
        recent = sum(one.proposed_s > clock - HOUR_S for one in state.proposals.values() if one.items)
        if recent >= rule.most_per_hour:
            return None
    return until_s


def waiting_orders(state: DayState) -> frozenset[str]:
    """Orders that an open proposal is about."""
    return frozenset(item.order_id for one in state.proposals.values() if one.status == OPEN for item in one.open_items)


def agreed_minor(state: DayState, order_id: str) -> int | None:
    """What a person has agreed to spend on an order, or let pass; None: nobody was asked about it, or said otherwise.

    What follows from the same matter (a fleet that declines, a place that is gone) is covered by that answer.
    """
    prices = [
        item.price_minor
        for one in state.proposals.values()
        if one.status in ("approved", "closed")
        for item in one.open_items
        if item.order_id == order_id
    ]
    return max(prices, default=None)


def still_agreed(agreed_minor: int, price_minor: int) -> bool:
    """Whether a price is within what was agreed to: a tenth more at most, or one unit of money."""
    return price_minor <= max(agreed_minor + 100, agreed_minor * DEARER_BP // 10_000)


def rejected_choices(state: DayState, order_id: str) -> frozenset[str]:
    """What people have said no to for an order, in the words of ``Item.what``."""
    return frozenset(
        item.what
        for one in state.proposals.values()
        if one.status == "rejected"
        for item in one.items
        if item.order_id == order_id
    )
