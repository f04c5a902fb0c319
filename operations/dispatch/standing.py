"""What is answered without asking: which standing answers cover what an event calls for, and which are offered.

A standing answer is a person's, for one sort of matters up to a price. It never covers what nobody may say yes to in
advance: a kind of decision that is not among those of the day, an order somebody has said no to, what follows from a
person's answer, a cause that is being asked about, more causes than its number of a day, what may break a rule that the
law, a contract or a promise has set, what serves somebody later than promised by more than the answer and the day allow
(nothing, where they do not say).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from operations.dispatch.approval import Cause, joins, rejected_choices
from operations.dispatch.decisions import reach
from operations.state.events import PEOPLE, Event
from operations.state.fold import DayState
from operations.state.proposals import OPEN, ProposalState
from operations.state.standing import OFFERED, Said, Sort, StandingAnswer

RENEW_DAYS = 7
"""One that is used in its last week is offered anew."""
KEPT = 20
"""Answers to a sort that the next day begins with."""
Key = tuple[str, str, bool]
"""Event that is the cause, kind of decision, and whether somebody would be served later than promised."""


@dataclass
class Matter:
    """What a cause calls for of one kind; what serves somebody later than promised is one of its own (``late_s``: the
    most)."""

    cause: Cause
    kind: str
    late_s: int = 0
    orders: list[str] = field(default_factory=list)
    price_minor: int = 0
    beyond: str = ""
    """Which rule of others than the dispatcher something of it may break."""

    @property
    def sort(self) -> Sort:
        return Sort(self.cause.kind, self.cause.fleet_id, self.kind)


@dataclass(frozen=True)
class Cover:
    """Standing answers by what they cover, what all of that costs, and whether one has come to its limit."""

    by: Mapping[Key, StandingAnswer] = field(default_factory=dict)
    price_minor: int = 0
    over: bool = False


NOTHING = Cover()


def cover(state: DayState, event: Event, matters: Mapping[Key, Matter], *, dear: bool) -> Cover:
    """What standing answers cover of ``matters`` that would be asked about: where all is ``dear``, or for their kind.

    A cause that one of them has answered is asked about once it is dearer, whatever else it costs.
    """
    rule = state.day.approvals
    if rule.standing_after is None or event.kind in PEOPLE:
        return NOTHING
    found, price, over = dict[Key, StandingAnswer](), 0, False
    for key, matter in sorted(matters.items(), key=lambda one: one[0][2]):
        sort, known = matter.sort, state.standing
        spent = known.spent_minor(matter.cause.event_id, sort)
        # one limit for all of a cause: what is late comes on top of what is not
        beside = matters[key[0], key[1], False].price_minor if (key[0], key[1], False) in found else 0
        asked = dear or spent > 0 or matter.kind in rule.kinds
        answers = [
            one
            for one in known.covering(sort, state.day.service_date)
            if spent + beside + matter.price_minor <= limit_minor(state, one)
            and matter.late_s <= late_limit_s(state, one)
            and len(known.causes(one.sort) | {matter.cause.event_id}) <= one.a_day
        ]
        if (
            asked
            and answers
            and not any(one.beyond for one in matters.values() if (one.cause, one.kind) == (matter.cause, matter.kind))
            and matter.kind in rule.standing_kinds
            and not joins(state, matter.cause.event_id)
            and not any(rejected_choices(state, one) for one in matter.orders)
        ):
            found[key], price = answers[0], price + matter.price_minor
        else:
            over |= spent > 0 and not matter.late_s
    return Cover(found, price, over)


def limit_minor(state: DayState, answer: StandingAnswer) -> int:
    """What a standing answer may spend on one cause today."""
    most = state.day.approvals.standing_most_minor
    return answer.limit_minor if most is None else min(most, answer.limit_minor)


def late_limit_s(state: DayState, answer: StandingAnswer) -> int:
    """How much later than promised a standing answer may serve somebody today."""
    return min(answer.late_s, state.day.approvals.standing_late_s)


def in_words(answer: StandingAnswer, currency: str) -> str:
    """Whose word it is, for how long and how much."""
    limit = reach(answer.limit_minor, answer.late_s, currency)
    return f"standing answer of {answer.by or 'a person'} until {answer.until}, up to {limit} ({answer.sort.name})"


def said_of(proposal: ProposalState, kind: str) -> Said:
    """What a yes says about what a proposal holds of a kind."""
    own = [one for one in proposal.open_items if one.kind == kind]
    late = max((one.late_s for one in own), default=0)
    return Said(Sort(proposal.cause, proposal.fleet_id, kind), True, sum(one.price_minor for one in own), late)


def offer(state: DayState, sort: Sort) -> StandingAnswer | None:
    """The standing answer that people's answers to a sort suggest; None: too few alike, or they suggest no new one.

    Where the answers alike were about several fleets, or causes that come to the same, it is for all of that.
    """
    rule = state.day.approvals
    if rule.standing_after is None or sort.kind not in rule.standing_kinds or not sort.cause:
        return None
    wide = state.standing.alike(sort.widest)[-rule.standing_after :]
    if len(wide) == rule.standing_after and len({one.sort for one in wide}) > 1:
        return _suggested(state, sort.widest, wide)
    return _suggested(state, sort, state.standing.alike(sort)[-rule.standing_after :])


def _suggested(state: DayState, sort: Sort, alike: Sequence[Said]) -> StandingAnswer | None:
    """A standing answer for a sort after these answers, where nothing that goes so far stands or is offered."""
    rule, known = state.day.approvals, state.standing
    if len(alike) < (rule.standing_after or 0):
        return None
    limit = max(one.price_minor for one in alike) * rule.standing_band_bp // 10_000
    if rule.standing_most_minor is not None:
        limit = min(limit, rule.standing_most_minor)
    late = min(max(one.late_s for one in alike) * rule.standing_band_bp // 10_000, rule.standing_late_s)
    there = [*known.covering(sort, state.day.service_date), known.offered(sort), known.offered(sort.widest)]
    if any(one is not None and one.limit_minor >= limit and one.late_s >= late for one in there):
        return None
    return _offered(state, sort, limit, len(alike), late)


def would_offer(state: DayState, proposal: ProposalState) -> list[StandingAnswer]:
    """What a yes to a proposal would suggest to let stand."""
    if proposal.status != OPEN or not proposal.cause:
        return []
    new = [said_of(proposal, kind) for kind in sorted({one.kind for one in proposal.open_items})]
    after = replace(state, standing=replace(state.standing, said=(*state.standing.said, *new)))
    return [found for one in new if (found := offer(after, one.sort)) is not None]


def renewal(state: DayState, answer: StandingAnswer) -> StandingAnswer | None:
    """The same for longer, where it ends soon and nothing of the kind is offered or in force."""
    known, today = state.standing, state.day.service_date
    if answer.until - today > timedelta(days=RENEW_DAYS) or known.offered(answer.sort) is not None:
        return None
    newest = known.in_force(answer.sort, today)
    if newest is None or newest.until > answer.until:
        return None
    return _offered(state, answer.sort, answer.limit_minor, answer.after, answer.late_s)


def _offered(state: DayState, sort: Sort, limit: int, after: int, late: int) -> StandingAnswer:
    rule, today = state.day.approvals, state.day.service_date
    number = sum(one.startswith(f"{sort.name}@{today}") for one in state.standing.answers) + 1
    until = today + timedelta(days=rule.standing_days)
    name = f"{sort.name}@{today}/{number}"
    return StandingAnswer(name, sort, limit, rule.standing_a_day, until, OFFERED, after=after, late_s=late)


def carried(state: DayState) -> tuple[tuple[StandingAnswer, ...], tuple[Said, ...]]:
    """What the next day begins with: standing answers that go on, and the newest answers to each sort."""
    known, tomorrow = state.standing, state.day.service_date + timedelta(days=1)
    sorts = sorted({one.sort for one in known.answers.values()} | {one.sort for one in known.said})
    going = [one for sort in sorts if (one := known.in_force(sort, tomorrow)) is not None]
    kept = {n for sort in sorts for n in [n for n, one in enumerate(known.said) if one.sort == sort][-KEPT:]}
    return tuple(going), tuple(one for n, one in enumerate(known.said) if n in kept)
