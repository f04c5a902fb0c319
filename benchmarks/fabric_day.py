"""A day of the twin re-decided event by event: what became known goes into ``decide``, decisions go back as actions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

from benchmarks.fabric_world import GIG, LATE_MINOR_PER_MIN, World
from models.parameters import ACCEPTANCE, ACCEPTANCE_LEVELS, ACCEPTANCE_PRIOR, Beliefs, share_parameters
from operations.decide import Decision, decide
from operations.dispatch.acceptance import PRICE_LEVEL, accept_p, price_band
from operations.dispatch.standing import carried
from operations.state import Approvals, Day, DayState, Event, Offer, Prices, fold, start
from operations.state.events import APPROVED, ROUTE_SET, STANDING_ACCEPTED, STANDING_USED
from operations.state.standing import OFFERED, StandingAnswer
from solvers import PlanningProblem
from solvers.contracts import Contract, Rule, Version
from solvers.plan import Plan

NO_SHOW_BACK_S, NO_SHOW_BACK_BP = 4_500, 7_500
"""Three of four drivers who do not come are replaced, in 75 minutes on average: what the company has seen."""
REPAIR_S = 4_500
LOADED_IN = re.compile(r"order (\S+) is already loaded in (\S+)")
LOOKS_S = 120
"""After how long a dispatcher answers."""
TAKEN = frozenset(
    {
        *("route_started", "arrived", "service_started", "departed", "delivered", "attempt_failed", "loaded"),
        *("partially_delivered", "diverted", "vehicle_fault", "route_ended", "returned_to_depot", "cancelled"),
        "load_missing",
    }
)
"""Kinds of events that mean the same in the twin and in the state."""


class Driver:
    """``decide`` of the twin's day over ``operations.decide``; what the world refuses is taken back."""

    def __init__(
        self, world: World, day: date, problem: PlanningProblem, plan: Plan, beliefs: Beliefs,
        approvals: Approvals | None = None, before: DayState | None = None, playbook: Sequence[StandingAnswer] = (),
    ) -> None:  # fmt: skip
        """``approvals``: what a person is asked, who says yes to all of it after a while, and for good where that is
        offered; None: nobody is. ``before``: the last day, whose standing answers go on; ``playbook``: what stands on
        the first."""
        planned = {one.vehicle_id: len(one.visits) for one in plan.routes}
        vehicles = tuple(
            # couriers are asked order by order, and take no more than they were asked for
            replace(one, max_stops=planned[one.vehicle_id]) if one.fleet_id == GIG else one
            for one in problem.vehicles
            if one.vehicle_id in planned or one.fleet_id != GIG
        )
        served = {visit.order_id for route in plan.routes for visit in route.visits}
        # what the night left for another day stays there: the twin knows no other place for it
        orders = tuple(one for one in problem.orders if one.order_id in served)
        free = sum(one.fleet_id == GIG and one.vehicle_id not in planned for one in problem.vehicles)
        standing, said = (tuple(playbook), ()) if before is None else carried(before)
        prices = Prices(late_minor_per_min=LATE_MINOR_PER_MIN)
        self.day = Day(
            day, replace(problem, orders=orders, vehicles=vehicles), plan, _offers(world, day, beliefs, free), prices,
            approvals=approvals or Approvals(), standing=standing, said=said,
        )  # fmt: skip
        self.asked = approvals is not None
        self.state = start(self.day)
        self.midnight = datetime.combine(day, datetime.min.time(), world.zone)
        self.route_of = {one.vehicle_id: f"r-{day}-{one.vehicle_id}" for one in plan.routes}
        self.number = self.decisions = self.refused = self.said = self.words = self.news = 0
        self.learned: Event | None = None
        self.spent: dict[str, dict[str, int]] = {"person": {}, "standing": {}, "unasked": {}}
        """Whose word what was carried out had -> event that called for it -> minor units."""
        self.live: Any = None

    def drive(self, live: Any) -> Any:
        """Play the day."""
        self.live = live
        for event in live:
            for own in self._events(event):
                if self.asked:
                    self._answer(own.seen_s)
                self._take(own)
        return live.result()

    def _seconds(self, moment: datetime) -> int:
        return int((moment - self.midnight).total_seconds())

    def _events(self, event: Any) -> Iterable[Event]:
        self.number += 1
        at_s, seen_s = self._seconds(event.event_time), self._seconds(event.ingest_time)
        name, order, vehicle = event.event_id, event.order_id or "", event.vehicle_id or ""
        if event.event_type == "driver_no_show":
            facts = {"back_s": at_s + NO_SHOW_BACK_S, "back_bp": NO_SHOW_BACK_BP}
            yield Event(name, event.event_type, at_s, max(at_s, seen_s), vehicle_id=vehicle, facts=facts)
        elif event.event_type == "vehicle_fault" and self._goes_on(event.route_id, vehicle):
            yield Event(
                name, event.event_type, at_s, max(at_s, seen_s), vehicle_id=vehicle, facts={"back_s": at_s + REPAIR_S}
            )
        elif event.event_type in TAKEN:
            yield Event(name, event.event_type, at_s, max(at_s, seen_s), order, vehicle, event.fleet_id or "")
        elif event.event_type == "tender_declined" and not order and vehicle:
            # a carrier that declines a route: nobody drives it
            yield Event(name, event.event_type, at_s, max(at_s, seen_s), vehicle_id=vehicle)
        elif event.event_type in ("tender_accepted", "tender_declined", "tender_expired") and order:
            ours = [self.state.tenders[one] for one in self.state.tenders_of.get(order, ())]
            # an answer may become known long after it was given
            asked = next((one for one in ours if one.sent_s <= at_s <= one.expires_s), None)
            if asked is not None:
                seen = max(at_s, seen_s)
                yield Event(name, event.event_type, at_s, seen, order, fleet_id=GIG, tender_id=asked.tender_id)
            elif event.event_type == "tender_declined":
                # a courier who was planned for an order says no
                holder = self.state.vehicle_of(order) or ""
                yield Event(name, event.event_type, at_s, max(at_s, seen_s), order, holder, GIG)

    def _goes_on(self, route: str, vehicle: str) -> bool:
        """Call the driver: asked to hand over to itself, a van that will go on says that its goods are loaded."""
        from simulation import Action

        loaded = self.live.view.open_orders(route)[-1:]
        if not loaded:
            return False
        asked = Action("move_to_other_fleet", self.live.view.now, loaded, vehicle_id=vehicle)
        return any("already loaded" in one.reason for one in self.live.decide([asked]))

    def _take(self, event: Event) -> None:
        before = fold(self.state, event)
        done: list[Event] = []
        self.learned = None
        for decision in decide(before, event):
            self.decisions += 1
            if self._act(decision, before):
                done += decision.events
                self._spend(event, decision)
            else:
                self.refused += 1
            if self.learned is not None:
                break  # what else was decided did not know that: it is decided again
        self.state = fold(before, *done)
        if self.learned is not None:
            self._take(self.learned)

    def _learn(self, state: DayState, kind: str, order: str = "", vehicle: str = "", back_s: int = 0) -> None:
        """What the world answers is news: who has the goods, or that a van goes on."""
        self.news += 1
        clock = state.clock_s
        facts = {"back_s": clock + back_s} if back_s else {}
        self.learned = Event(f"answer-{self.news}", kind, clock, clock, order, vehicle, facts=facts)

    def _spend(self, event: Event, decision: Decision) -> None:
        if decision.kind in ("assign", "tender", "leave"):
            stood = any(one.kind == STANDING_USED for one in decision.events)
            own = self.spent["standing" if stood else "person" if event.kind == APPROVED else "unasked"]
            own[event.event_id] = own.get(event.event_id, 0) + decision.price_minor

    def _answer(self, now_s: int) -> None:
        """A dispatcher who looks at what is new after ``LOOKS_S`` and says yes to it."""
        waiting = [one for one in self.state.proposals.values() if one.status == "open" and one.items]
        due = sorted((one.proposed_s + LOOKS_S, one.proposal_id) for one in waiting)
        for at_s, name in due:
            if at_s <= now_s:
                self._say(APPROVED, max(at_s, self.state.clock_s), proposal=name, standing="yes")
        for name in sorted(n for n, one in self.state.standing.answers.items() if one.status == OFFERED):
            self.words += 1
            self._say(STANDING_ACCEPTED, self.state.clock_s, standing=name)

    def _say(self, kind: str, at_s: int, **facts: str) -> None:
        self.said += 1
        self._take(Event(f"dispatcher-{self.said}", kind, at_s, at_s, facts={**facts, "by": "dispatcher"}))

    def _act(self, decision: Decision, state: DayState) -> bool:
        """Carry a decision out in the world; whether the world could."""
        from simulation import Action

        now = self.midnight + timedelta(seconds=max(state.clock_s, -86_400))
        now = max(now, self.live.view.now)
        if decision.kind == "lost" and self._goes_on(self.route_of.get(decision.vehicle_id, ""), decision.vehicle_id):
            self._learn(state, "vehicle_fault", vehicle=decision.vehicle_id, back_s=REPAIR_S)
            return False
        if decision.kind == "assign":
            sequence = next(
                json.loads(str(one.facts["orders"]))
                for one in decision.events
                if one.kind == ROUTE_SET and one.vehicle_id == decision.vehicle_id
            )
            moved = Action("move_to_other_fleet", now, decision.order_ids, vehicle_id=decision.vehicle_id)
            if refused := self.live.decide([moved]):
                has = LOADED_IN.match(refused[0].reason)
                if has and has[2] not in self.day.vehicles:
                    self._learn(state, "loaded", has[1], has[2])
                return False
            self._sequence(decision.vehicle_id, sequence, now)
            return True
        if decision.kind == "resequence":
            sequence = next(json.loads(str(one.facts["orders"])) for one in decision.events if one.kind == ROUTE_SET)
            return self._sequence(decision.vehicle_id, sequence, now)
        if decision.kind == "tender":
            price = decision.price_minor
            return not self.live.decide([Action("tender_to_gig", now, decision.order_ids, price_minor=price)])
        if decision.kind == "leave":
            self.live.decide([Action("defer_zone", now, decision.order_ids)])
        return True

    def _sequence(self, vehicle: str, wanted: list[str], now: datetime) -> bool:
        from simulation import Action

        route = next((r for r in self.live.view.routes() if r.endswith(f"-{vehicle}")), self.route_of.get(vehicle, ""))
        place = {name: number for number, name in enumerate(wanted)}
        queued = self.live.view.open_orders(route)
        # whom the driver has taken up already is open but not in the queue any more
        for skip in (0, 1):
            rest = sorted(queued[skip:], key=lambda one: place.get(one, len(place)))
            if rest and not self.live.decide([Action("resequence", now, tuple(rest), route_id=route)]):
                return True
        return False


def _offers(world: World, day: date, beliefs: Beliefs, free: int) -> tuple[Offer, ...]:
    tariff = world.reference["tariff_rules"]
    own = tariff[tariff["fleet_id"] == GIG].set_index("component")["amount_minor"]
    rules = tuple(
        Rule(name, "add", unit, int(own.get(name, 0))) for name, unit in (("per_stop", "stop"), ("per_km", "km"))
    )
    contract = Contract("gig", GIG, "EUR", (Version(day, day, rules),))
    return (Offer(GIG, contract, max(0.05, accept_p(beliefs, GIG)), answer_s=600, lead_s=1_500, most=free),)


@dataclass
class Answers:
    """What fleets answered so far, and what is believed of them for it."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def learn(self, day: date, problem: PlanningProblem, frame: pd.DataFrame, events: pd.DataFrame) -> None:
        """Take a day's answers in: couriers by order, carriers by route."""
        orders = {one.order_id: one for one in problem.orders}
        planned = dict(zip(frame["order_id"], frame["fleet_id"], strict=True))
        known = pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=1)
        for row in events[events["event_type"].isin(["tender_accepted", "tender_declined"])].itertuples():
            said: dict[str, Any] = {
                "success": row.event_type == "tender_accepted",
                **dict.fromkeys(("zone", "hour", "price")),
            }
            if isinstance(row.order_id, str) and planned.get(row.order_id) == GIG:
                order = orders[row.order_id]
                said |= {"fleet": GIG, "hour": (order.windows[0].start_s if order.windows else 36_000) // 3_600}
                said |= {"price": price_band(problem, order, GIG)}
            elif not isinstance(row.order_id, str) and isinstance(row.fleet_id, str):
                said |= {"fleet": row.fleet_id}
            else:
                continue
            self.rows.append({**said, "event_time": known, "known_at": known})

    def beliefs(self, day: date) -> Beliefs:
        """Of all answers before ``day``."""
        if not self.rows:
            return Beliefs()
        as_of = pd.Timestamp(day, tz="UTC")
        # hours and bands stay whole numbers beside answers that have none: parameters are named by them
        trials = pd.DataFrame(self.rows).astype({"hour": "Int64", "price": "Int64"})
        levels = (*ACCEPTANCE_LEVELS, PRICE_LEVEL)
        return Beliefs.of(share_parameters(ACCEPTANCE, trials, as_of, levels, ACCEPTANCE_PRIOR))
