"""All subjects compared: the real sets that are there, beside the scenarios that stand for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from simulation.realism.classifier import Verdict, tell_apart
from simulation.realism.compare import Marginal, Relation, marginals, relations
from simulation.realism.played import densely_visited, play_rows
from simulation.realism.real import read_real
from simulation.realism.subjects import BY_NAME, Subject
from simulation.scenario import load_scenario

PLAYED = {"stops": "parcels", "legs": "parcels", "attempts": "default", "trips": "default", "windows": "default"}
"""Which scenario stands for which set: Amazon's vans are a parcel company's."""
DAYS = {"parcels": 6, "default": 60}
NOTES = {
    "stops": "Chicago is one day of 50 vans; the twin's stations plan routes of almost equal length.",
    "legs": "Austin's kilometres and minutes are a road engine's; the twin has no road network: great circle times a "
    "constant circuity, so every leg of a length has the same circuity.",
    "attempts": "Changshu's slots are numbered; the twin's are sevenths of 8 to 20 h. Robot vans are in.",
    "trips": "Motorcycles in Nairobi against vans: each speed is over the median of its length in its own set, as "
    "levels differ; trips of the twin are its legs of a kilometre and more.",
    "windows": "Couriers of LaDe pick up, several at a time, and may come early; vans of the twin wait for the window.",
}


@dataclass(frozen=True)
class Comparison:
    """One subject: rows of both, what was measured, and whether a classifier can tell."""

    subject: Subject
    scenario: str
    real: pd.DataFrame
    twin: pd.DataFrame
    marginals: list[Marginal]
    relations: list[Relation]
    verdict: Verdict
    note: str

    def summary(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "title": self.subject.title,
            "source": self.subject.source,
            "scenario": self.scenario,
            "rows_real": len(self.real),
            "rows_twin": len(self.twin),
            "marginals": [asdict(one) for one in self.marginals],
            "relations": [asdict(one) for one in self.relations],
            "auc": self.verdict.auc,
            "auc_deviation": self.verdict.deviation,
            "gives_away": list(self.verdict.gives_away),
            "note": self.note,
        }


def compare_all(
    data: Path, scenario: str | None = None, days: int | None = None, progress: Callable[[str], None] | None = None
) -> list[Comparison]:
    """Compare every set below ``data`` with the twin; ``scenario`` instead of those in ``PLAYED``.

    Raises:
        InputError: no real set is there, a file is broken, or there is no such scenario.
    """
    tell = progress or (lambda text: None)
    tell("reading the real sets")
    real = read_real(data)
    chosen = {name: scenario or PLAYED[name] for name in real}
    twin: dict[str, pd.DataFrame] = {}
    for one in dict.fromkeys(chosen.values()):
        law, count = load_scenario(one), days or DAYS.get(one, 30)
        tell(f"playing {count} days of {one}")
        wanted = [name for name in real if chosen[name] == one]
        twin |= play_rows(law, count, [name for name in wanted if name != "attempts"])
        if "attempts" in wanted:
            twin |= play_rows(densely_visited(law, count), count, ["attempts"])
    found = []
    for name, rows in real.items():
        tell(f"telling {name} apart")
        subject = BY_NAME[name]
        found.append(
            Comparison(
                subject,
                chosen[name],
                rows,
                twin[name],
                marginals(subject, rows, twin[name]),
                relations(name, rows, twin[name]),
                tell_apart(subject, rows, twin[name]),
                NOTES[name],
            )
        )
    return found
