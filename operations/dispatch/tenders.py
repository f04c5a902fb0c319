"""Tender waterfalls: who is asked, in which order, for how long, so that nothing is asked too late.

An order is offered to one fleet after another while there is time for an answer and a next one; with the last chance
it is offered to all that are left at once. After its latest dispatch time it is not offered any more: it is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from operations.dispatch.rules import fleet_barred
from operations.state.day import Offer
from operations.state.fold import DayState
from solvers.problem import Order


@dataclass(frozen=True, slots=True)
class Ask:
    """One offer to make: what it costs if accepted, and until when it stands."""

    fleet_id: str
    price_minor: int
    expires_s: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an order's tenders stand: an acceptance, open offers, fleets that said no or nothing."""

    accepted: str
    open_until_s: int
    asked: frozenset[str]


def standing(state: DayState, order_id: str) -> Standing:
    """The tenders of an order; of two acceptances the earlier holds."""
    accepted, until, asked = "", 0, set[str]()
    ours = [state.tenders[name] for name in state.tenders_of.get(order_id, ())]
    for one in sorted(ours, key=lambda tender: (tender.answered_s, tender.tender_id)):
        asked.add(one.fleet_id)
        if one.status == "accepted" and not accepted:
            accepted = one.fleet_id
        if one.status == "open" and one.expires_s > state.clock_s:
            until = max(until, one.expires_s)
    return Standing(accepted, until, frozenset(asked))


def candidates(state: DayState, order: Order, asked: frozenset[str] = frozenset()) -> list[tuple[Offer, int]]:
    """Offers that could still bring an order in time, with their prices, the cheapest first.

    Asking costs nothing but time, and everyone is asked in the end: exchanging two neighbours of a waterfall shows that
    its expected cost is least when prices rise, whatever the acceptances are.
    """
    found = []
    for offer in state.day.offers:
        latest = state.day.latest_dispatch_s(order, offer)
        if offer.fleet_id in asked or state.clock_s > latest or _busy(state, offer):
            continue
        if fleet_barred(state.day, offer.fleet_id, order):
            continue
        price = state.day.tender_minor(offer, order, max(state.clock_s, 0))
        if price < order.penalty_minor or not order.penalty_minor:
            found.append((offer, price))
    return sorted(found, key=lambda one: (one[1], -one[0].accept_p, one[0].fleet_id))


def _busy(state: DayState, offer: Offer) -> bool:
    """Whether a fleet has all that it can have at once."""
    if offer.most is None:
        return False
    ours = [one for one in state.tenders.values() if one.fleet_id == offer.fleet_id]
    return sum(one.status in ("open", "accepted") for one in ours) >= offer.most


def next_asks(state: DayState, order: Order) -> list[Ask]:
    """Whom to ask now; empty while an answer is awaited, when it was accepted, or when nobody is left to ask."""
    now = standing(state, order.order_id)
    if now.accepted or now.open_until_s:
        return []
    options = candidates(state, order, now.asked)
    if not options:
        return []
    clock = state.clock_s
    first, price = options[0]
    latest = state.day.latest_dispatch_s(order, first)
    # is there time for this one's answer and for another's after it?
    later = [(offer, state.day.latest_dispatch_s(order, offer)) for offer, _ in options[1:]]
    time_for_next = any(clock + first.answer_s < end for _, end in later)
    if time_for_next or len(options) == 1:
        return [Ask(first.fleet_id, price, min(clock + first.answer_s, max(clock + 1, latest)))]
    return [
        Ask(
            offer.fleet_id,
            asked,
            min(clock + offer.answer_s, max(clock + 1, state.day.latest_dispatch_s(order, offer))),
        )
        for offer, asked in options
    ]


def expected_minor(state: DayState, order: Order) -> int | None:
    """Expected cost of the waterfall: prices by acceptance, the penalty where nobody accepts; None: nobody to ask."""
    options = candidates(state, order, standing(state, order.order_id).asked)
    if not options:
        return None
    asked, clock = [], state.clock_s
    for offer, price in options:
        if clock <= state.day.latest_dispatch_s(order, offer):
            asked.append((offer, price))
            clock += offer.answer_s
    return waterfall_minor(asked, order.penalty_minor)


def waterfall_minor(asked: Sequence[tuple[Offer, int]], penalty_minor: int) -> int:
    """Expected cost of asking one after another at these prices; the penalty where nobody accepts."""
    cost, left = 0.0, 1.0
    for offer, price in asked:
        cost += left * offer.accept_p * price
        left *= 1 - offer.accept_p
    return int(cost + left * penalty_minor + 0.5)
