"""Rests of a driver while a sequence is timed: as late as each policy allows, or while there is waiting anyway.

Greedy placement: a rest is taken before a leg that would break a limit, on the leg where it is longer than the limit
itself, and whenever the driver has to wait for as long as a rest takes. What it yields is proven by ``solvers.proof``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from solvers.plan import Break

NO = -1


@dataclass(frozen=True, slots=True)
class BreakPolicy:
    """A rest of ``rest_s`` is due.

    ``driving``: after at most ``limit_s`` of driving since the last rest as long. ``duty``: after at most ``limit_s``
    of anything. ``window``: once, beginning from ``start_s`` to ``end_s``, unless the route is over by ``end_s``.
    """

    counts: str
    rest_s: int
    limit_s: int = 0
    start_s: int = 0
    end_s: int = 0


@dataclass
class Rests:
    """The state of every policy while a route is run through."""

    policies: tuple[BreakPolicy, ...]
    start_s: int
    taken: list[Break] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.driven = [0] * len(self.policies)
        self.rested_at = [self.start_s] * len(self.policies)
        self.done = [False] * len(self.policies)

    def copy(self) -> Rests:
        """The same driver from here on, apart."""
        other = Rests(self.policies, self.start_s)
        other.become(self)
        return other

    def become(self, other: Rests) -> None:
        """Take over what another has come to."""
        self.taken = list(other.taken)
        self.driven, self.rested_at, self.done = list(other.driven), list(other.rested_at), list(other.done)

    def undisturbed(self, clock: int, leg: int, service_s: int) -> bool:
        """Whether no rest falls due before or on a leg that leads to a service."""
        until = clock + leg + service_s
        for number, policy in enumerate(self.policies):
            if policy.counts == "driving":
                if self.driven[number] + leg > policy.limit_s:
                    return False
            elif policy.counts == "duty":
                if until - self.rested_at[number] > policy.limit_s:
                    return False
            elif not self.done[number] and (clock >= policy.start_s or until > policy.end_s):
                return False
        return True

    def drove(self, seconds: int) -> None:
        """So much was driven, whatever was due."""
        for number, policy in enumerate(self.policies):
            if policy.counts == "driving":
                self.driven[number] += seconds

    def rest(self, at: int, seconds: int, position: int) -> int:
        """Rest from ``at``; every policy that this rest is long enough for begins anew."""
        end = at + seconds
        self.taken.append(Break(position, at, end))
        for number, policy in enumerate(self.policies):
            if policy.rest_s <= seconds:
                self.driven[number] = 0
                self.rested_at[number] = end
                if policy.counts == "window" and policy.start_s <= at <= policy.end_s:
                    self.done[number] = True
        return end

    def drive(self, clock: int, leg: int, position: int, service_s: int) -> int:
        """Arrival after a leg of ``leg`` seconds that leads to a service of ``service_s``; -1 where no rest fits."""
        if self.undisturbed(clock, leg, service_s):
            self.drove(leg)
            return clock + leg
        if self.overworked(clock):
            return NO
        clock = self._window_rests(clock, leg + service_s, position)
        if clock < 0:
            return NO
        rest = 0
        for number, policy in enumerate(self.policies):
            if policy.counts == "driving" and self.driven[number] + leg > policy.limit_s and self.driven[number] > 0:
                rest = max(rest, policy.rest_s)
            if policy.counts == "duty" and clock + leg + service_s - self.rested_at[number] > policy.limit_s:
                if leg + service_s > policy.limit_s:
                    return NO
                rest = max(rest, policy.rest_s)
        if rest:
            clock = self.rest(clock, rest, position)
        return self._long_leg(clock, leg, position)

    def _window_rests(self, clock: int, ahead: int, position: int) -> int:
        for number, policy in enumerate(self.policies):
            if policy.counts != "window" or self.done[number]:
                continue
            if clock > policy.end_s:
                return NO
            # now, where its time has come; sooner or later, where the next stop would end after it has passed
            if clock >= policy.start_s or clock + ahead > policy.end_s:
                clock = self.rest(max(clock, policy.start_s), policy.rest_s, position)
        return clock

    def _long_leg(self, clock: int, leg: int, position: int) -> int:
        """Drive; rest on the way as often as the leg is longer than a driving limit."""
        left = leg
        while True:
            room = min(
                (p.limit_s - self.driven[n] for n, p in enumerate(self.policies) if p.counts == "driving"),
                default=left,
            )
            step = min(left, room)
            clock += step
            left -= step
            for number, policy in enumerate(self.policies):
                if policy.counts == "driving":
                    self.driven[number] += step
            if left <= 0:
                return clock
            due = [
                p.rest_s for n, p in enumerate(self.policies) if p.counts == "driving" and self.driven[n] >= p.limit_s
            ]
            if not due or min(p.limit_s for p in self.policies if p.counts == "driving") <= 0:
                return NO
            clock = self.rest(clock, max(due), position)

    def wait(self, clock: int, until: int, position: int) -> int:
        """Arrival when the driver has to wait for ``until``: a rest that fits into the wait costs nothing."""
        if until <= clock:
            return clock
        for number, policy in sorted(enumerate(self.policies), key=lambda one: -one[1].rest_s):
            if until - clock < policy.rest_s:
                continue
            if policy.counts == "window":
                start = max(clock, policy.start_s)
                if not self.done[number] and start <= policy.end_s and start + policy.rest_s <= until:
                    clock = self.rest(start, policy.rest_s, position)
            elif self.driven[number] > 0 or clock > self.rested_at[number]:
                clock = self.rest(clock, policy.rest_s, position)
        return clock

    def overworked(self, clock: int) -> bool:
        """Whether somebody who works on at ``clock`` has been on duty for too long."""
        return any(
            policy.counts == "duty" and clock - self.rested_at[number] > policy.limit_s
            for number, policy in enumerate(self.policies)
        )

    def finish(self, end_s: int) -> bool:
        """Whether every due rest was taken when the route is over at ``end_s``."""
        return not self.overworked(end_s) and all(
            self.done[number] or end_s <= policy.end_s
            for number, policy in enumerate(self.policies)
            if policy.counts == "window"
        )
