"""What could be done about one late order of a plan, with what each change costs and how far it brings the risk down.

Every change is a sequence of the plan that the exact evaluator accepts, so that no rule of authority law (nor any other
hard one) is broken. The chance of being late after it follows from the predicted one: the arrival's error is normal
with the spread of the predicted quantiles, and the predicted chance says where in it the promise ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any

from domain.codes import InterventionAction as Action
from solvers.evaluator import Evaluation, Evaluator
from solvers.problem import Order, PlanningProblem, Vehicle

NORMAL = NormalDist()
SURE = 0.001
SLACK_S = 1_800
SLACK_MINOR = 150
"""What a promise that is made wider costs: a weaker service, told before it hurts. Declared."""
DEFER_MINOR = 400
"""What an order costs that is brought a day later, told the evening before. Declared."""
MOST_VEHICLES, MOST_PLACES = 4, 12
LATE_RULE = "late-risk"
"""The plan's own price of lateness; here every order's lateness is weighed, so it is left out."""


@dataclass(frozen=True, slots=True)
class Move:
    """One change that would help an order.

    Attributes:
        sequences: vehicle -> its new sequence, of every vehicle that changes.
        plan_delta_minor: what the plan costs more, and what the others' chances of being late are worth.
        efficacy: share of the order's risk that is gone by the plan's own times.
        arguments: what else the action needs (``slack_s``, ``zone_id``, ``order_ids``).
    """

    action: Action
    order_id: str
    sequences: Mapping[str, tuple[str, ...]]
    plan_delta_minor: int
    efficacy: float
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Rerouter:
    """Changes of one plan, each weighed against the plan as it is."""

    def __init__(
        self,
        problem: PlanningProblem,
        sequences: Mapping[str, Sequence[str]],
        p_late: Mapping[str, float],
        spread_s: Mapping[str, int],
        *,
        late_minor: int,
        gig_fleets: frozenset[str] = frozenset(),
        zones: Mapping[str, str] | None = None,
    ) -> None:
        """``p_late``: predicted for the plan as it is; ``spread_s``: standard deviation of each arrival."""
        rules = tuple(one for one in problem.rules if one.rule_id != LATE_RULE)
        self.evaluator = Evaluator(replace(problem, rules=rules))
        self.sequences = {name: tuple(ids) for name, ids in sequences.items() if ids}
        self.p_late, self.spread_s, self.late_minor = p_late, spread_s, late_minor
        self.gig, self.zones = gig_fleets, zones or {}
        self._now = {name: self._evaluate(name, ids) for name, ids in self.sequences.items()}
        self._begins = {
            order: begin
            for name, ids in self.sequences.items()
            if (found := self._now[name]) is not None
            for order, begin in zip(ids, found.timing.services, strict=True)
        }

    def moves(self, order_id: str) -> list[Move]:
        """All changes that bring the order's risk down, at most one an action: the one that is worth most."""
        vehicle_id = next((name for name, ids in self.sequences.items() if order_id in ids), None)
        if vehicle_id is None or self._now[vehicle_id] is None or "" in self.sequences[vehicle_id]:
            return []
        found = [
            self._best(Action.PULL_FORWARD, order_id, self._forward(vehicle_id, order_id)),
            self._best(Action.RESEQUENCE, order_id, self._others_back(vehicle_id, order_id)),
            self._best(Action.MOVE_TO_OTHER_FLEET, order_id, self._elsewhere(vehicle_id, order_id, gig=False)),
            self._best(Action.TENDER_TO_GIG, order_id, self._elsewhere(vehicle_id, order_id, gig=True)),
            self._best(Action.SPLIT_ROUTE, order_id, self._split(vehicle_id, order_id)),
            self._best(Action.SWAP_DRIVER_OR_VEHICLE, order_id, self._swap(vehicle_id)),
            self._slack(order_id),
            self._defer(vehicle_id, order_id),
        ]
        return [one for one in found if one is not None]

    def chance(self, order_id: str, begin_s: int, longer_s: int = 0) -> float:
        """Chance of being late with service at ``begin_s`` and a promise that is ``longer_s`` longer."""
        windows = self.evaluator.orders[order_id].windows
        if not windows:
            return 0.0
        spread = max(60, self.spread_s.get(order_id, 900))
        p = self.p_late.get(order_id)
        if p is None:
            margin = max(one.end_s for one in windows) + longer_s - begin_s
            return 1 - NORMAL.cdf(margin / spread)
        told = NORMAL.inv_cdf(1 - min(max(p, SURE), 1 - SURE))
        return 1 - NORMAL.cdf(told + (self._begins[order_id] - begin_s + longer_s) / spread)

    def _evaluate(self, vehicle_id: str, ids: Sequence[str]) -> Evaluation | None:
        vehicle = self.evaluator.vehicles[vehicle_id]
        stops: list[Order | None] = [None if one == "" else self.evaluator.orders[one] for one in ids]
        return self.evaluator.evaluate(vehicle, stops)

    def _best(self, action: Action, order_id: str, changes: Iterator[dict[str, tuple[str, ...]]]) -> Move | None:
        """The change with the greatest worth to the plan, None where none brings the risk down."""
        best, most = None, float("-inf")
        before = self.chance(order_id, self._begins[order_id])
        for change in changes:
            weighed = self._weigh(change, order_id)
            if weighed is None:
                continue
            delta, after = weighed
            worth = (before - after) * self.late_minor - delta
            if after < before and worth > most:
                most = worth
                best = Move(action, order_id, change, delta, 1 - after / max(before, 1e-9))
        return best

    def _weigh(self, change: Mapping[str, Sequence[str]], order_id: str) -> tuple[int, float] | None:
        """What a change costs the plan and the others, and the order's chance after it; None: it breaks a rule."""
        cost, others, after = 0, 0.0, 1.0
        for vehicle_id, ids in change.items():
            now = self._now.get(vehicle_id)
            found = self._evaluate(vehicle_id, ids)
            if found is None:
                return None
            cost += found.cost - (now.cost if now is not None else 0)
            for name, begin in zip(ids, found.timing.services, strict=True):
                chance = self.chance(name, begin)
                if name == order_id:
                    after = chance
                else:
                    others += chance - self.chance(name, self._begins[name])
        return cost + round(others * self.late_minor), after

    def _forward(self, vehicle_id: str, order_id: str) -> Iterator[dict[str, tuple[str, ...]]]:
        ids = self.sequences[vehicle_id]
        at = ids.index(order_id)
        rest = (*ids[:at], *ids[at + 1 :])
        for place in range(max(0, at - MOST_PLACES), at):
            yield {vehicle_id: (*rest[:place], order_id, *rest[place:])}

    def _others_back(self, vehicle_id: str, order_id: str) -> Iterator[dict[str, tuple[str, ...]]]:
        """One or two stops before it are served right after it."""
        ids = self.sequences[vehicle_id]
        at = ids.index(order_id)
        for size in (1, 2):
            for first in range(max(0, at - MOST_PLACES), at - size + 1):
                moved, rest = ids[first : first + size], (*ids[:first], *ids[first + size :])
                behind = rest.index(order_id) + 1
                yield {vehicle_id: (*rest[:behind], *moved, *rest[behind:])}

    def _elsewhere(self, vehicle_id: str, order_id: str, *, gig: bool) -> Iterator[dict[str, tuple[str, ...]]]:
        own, order = self.evaluator.vehicles[vehicle_id], self.evaluator.orders[order_id]
        left = tuple(one for one in self.sequences[vehicle_id] if one != order_id)
        others = [
            one
            for one in self.evaluator.vehicles.values()
            if one.fleet_id != own.fleet_id and one.depot_id == own.depot_id and (one.fleet_id in self.gig) == gig
        ]
        for other in self._near(others, order):
            ids = self.sequences.get(other.vehicle_id, ())
            if "" in ids:
                continue
            for place in range(min(len(ids), MOST_PLACES) + 1):
                yield {vehicle_id: left, other.vehicle_id: (*ids[:place], order_id, *ids[place:])}

    def _near(self, vehicles: Sequence[Vehicle], order: Order) -> list[Vehicle]:
        """Those that pass nearest, and one of each fleet that has nothing to do."""
        idle: dict[str, Vehicle] = {}
        busy = []
        for one in vehicles:
            ids = [name for name in self.sequences.get(one.vehicle_id, ()) if name]
            if not ids:
                idle.setdefault(one.fleet_id, one)
                continue
            places = [self.evaluator.orders[name].location for name in ids]
            seconds = self.evaluator.problem.travel_of(one).duration_s[places, order.location].min()
            busy.append((int(seconds), one.vehicle_id, one))
        return [one for _, _, one in sorted(busy, key=lambda row: row[:2])[:MOST_VEHICLES]] + list(idle.values())

    def _idle(self, own: Vehicle) -> list[Vehicle]:
        found: dict[str, Vehicle] = {}
        for one in self.evaluator.vehicles.values():
            if one.depot_id == own.depot_id and one.vehicle_id not in self.sequences and one.fleet_id not in self.gig:
                found.setdefault(one.fleet_id, one)
        return list(found.values())

    def _split(self, vehicle_id: str, order_id: str) -> Iterator[dict[str, tuple[str, ...]]]:
        ids = self.sequences[vehicle_id]
        at = ids.index(order_id)
        for other in self._idle(self.evaluator.vehicles[vehicle_id]):
            for first in {at, max(1, at // 2), max(1, at - 2)} - {0}:
                yield {vehicle_id: ids[:first], other.vehicle_id: ids[first:]}

    def _swap(self, vehicle_id: str) -> Iterator[dict[str, tuple[str, ...]]]:
        for other in self._idle(self.evaluator.vehicles[vehicle_id]):
            yield {vehicle_id: (), other.vehicle_id: self.sequences[vehicle_id]}

    def _slack(self, order_id: str) -> Move | None:
        begin = self._begins[order_id]
        before, after = self.chance(order_id, begin), self.chance(order_id, begin, SLACK_S)
        if not self.evaluator.orders[order_id].windows or after >= before:
            return None
        return Move(Action.ADD_SLACK, order_id, {}, SLACK_MINOR, 1 - after / before, {"slack_s": SLACK_S})

    def _defer(self, vehicle_id: str, order_id: str) -> Move | None:
        """Its zone's stops of this route a day later: what is left gains time; the work is not saved, but moved."""
        zone, ids = self.zones.get(order_id), self.sequences[vehicle_id]
        gone = [one for one in ids if zone and self.zones.get(one) == zone]
        left = tuple(one for one in ids if one not in gone)
        if not gone:
            return None
        found = self._evaluate(vehicle_id, left)
        if found is None:
            return None
        before = sum(self.chance(one, self._begins[one]) for one in ids if one != order_id)
        after = sum(self.chance(one, begin) for one, begin in zip(left, found.timing.services, strict=True))
        delta = DEFER_MINOR * len(gone) - round((before - after) * self.late_minor)
        return Move(
            Action.DEFER_ZONE, order_id, {vehicle_id: left}, delta, 1.0, {"zone_id": zone, "order_ids": gone, "days": 1}
        )
