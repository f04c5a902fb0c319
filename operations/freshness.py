"""How old the newest outcome is that a decision of the day knew: what "learns within minutes" means, measured."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.codes import CONCLUDING_EVENTS
from operations.decide import Decision
from operations.state import Event

TARGET_MIN = 15.0
"""Age that 95 of 100 decisions must not exceed."""
KEPT = 20_000


@dataclass
class OutcomeAges:
    """Fed with a day's events in the order in which they were taken, each with the decisions made at it.

    An outcome counts from when it happened (``at_s``), not from when its report came: a late scan makes decisions old.
    Decisions before the day's first outcome rest on the days before, by the learned parameters, and are counted apart.
    """

    newest_s: int | None = None
    before_first: int = 0
    ages_s: deque[int] = field(default_factory=lambda: deque(maxlen=KEPT))

    def see(self, event: Event, decisions: Sequence[Decision]) -> None:
        """An event and the decisions that followed from it."""
        if event.kind in CONCLUDING_EVENTS:
            self.newest_s = event.at_s if self.newest_s is None else max(self.newest_s, event.at_s)
        for _ in decisions:
            if self.newest_s is None:
                self.before_first += 1
            else:
                self.ages_s.append(max(0, event.seen_s - self.newest_s))

    def quantile_min(self, share: float) -> float | None:
        """Age in minutes that ``share`` of the decisions do not exceed; None without a decision."""
        if not self.ages_s:
            return None
        ordered = sorted(self.ages_s)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 60, 2)

    def summary(self) -> dict[str, float | int | None]:
        """As the page and the metadata of the batch show it."""
        return {
            "decisions": len(self.ages_s),
            "before_the_first_outcome": self.before_first,
            "newest_outcome_age_min_p95": self.quantile_min(0.95),
            "target_min": TARGET_MIN,
        }
