"""Which driver is at fault? Diagnostic questions about each driver, asked of data; findings ranked by what they cost.

A question compares a figure of the newest days with the days before, for all stops and for every segment, and is
answered by a test that knows how many questions were asked (Benjamini, Hochberg 1995). So one bad zone is found
though the whole hides it, and a quiet week stays quiet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

ROUTING, DISPATCH, EXCEPTIONS, COMMUNICATION, LEARNING = (
    "routing", "dispatch", "exceptions", "communication", "learning",
)  # fmt: skip
DRIVERS = (ROUTING, DISPATCH, EXCEPTIONS, COMMUNICATION, LEARNING)
FALSE_DISCOVERIES, FALSE_DISCOVERIES_IN_SEGMENTS = 0.04, 0.01
AREA_RESOLUTION = 7
FEWEST_CLUSTERS = 4
FEWEST_IN_SEGMENT = 20


@dataclass(frozen=True, slots=True)
class Question:
    """A diagnostic question: of which driver, in which column of ``facts``, and how a unit of it is worth in money.

    ``worse``: 1 if higher is worse, -1 if lower is. ``least``: what it must have moved by to be worth telling.
    ``segments``: columns to look into; ``explained_by``: questions whose finding in the same segment explains this one.
    """

    code: str
    driver: str
    text: str
    column: str
    worse: int = 1
    least: float = 0.0
    minor_per_unit: float = 1.0
    segments: tuple[str, ...] = ("depot", "fleet", "area", "zone", "tenant")
    explained_by: tuple[str, ...] = ()


QUESTIONS = (
    Question(
        "travel_times_hold", ROUTING, "Do legs take the time that the plan believes (log ratio)?", "travel_log_ratio",
        least=0.08, minor_per_unit=700,
    ),
    Question(
        "service_times_hold", ROUTING, "Do doors take as long as the plan believes (log ratio)?", "service_log_ratio",
        least=0.12, minor_per_unit=300,
    ),
    Question(
        "carriers_come", DISPATCH, "Are offers taken and routes driven by those who promised to?", "not_driven",
        least=0.02, minor_per_unit=1_720, segments=("fleet", "depot"),
    ),
    Question(
        "routes_are_full", DISPATCH, "How much of the paid capacity is used (share of the limit left empty)?",
        "empty_share", least=0.08, minor_per_unit=500, segments=("fleet", "depot"),
    ),
    Question(
        "failures_are_foreseen", EXCEPTIONS, "Do as many attempts fail as were predicted (excess share)?",
        "failed_excess", least=0.012, minor_per_unit=1_720, explained_by=("carriers_come",),
    ),
    Question(
        "addresses_are_good", EXCEPTIONS, "Do attempts fail for addresses, access or identity more than before?",
        "bad_address", least=0.012, minor_per_unit=1_720,
    ),
    Question(
        "messages_arrive", COMMUNICATION, "Are customers told what they should be told (share not told)?", "not_told",
        least=0.05, minor_per_unit=150,
    ),
    Question(
        "customers_need_not_ask", COMMUNICATION, "How many stops are asked after (contacts a stop)?", "contacts",
        least=0.03, minor_per_unit=450, explained_by=("failures_are_foreseen", "messages_arrive", "carriers_come"),
    ),
    Question(
        "history_is_fresh", LEARNING, "How old is the newest outcome that decisions use (days)?", "outcome_age_days",
        least=0.5, minor_per_unit=60, segments=("depot", "fleet"),
    ),
    Question(
        "predictions_are_calibrated", LEARNING, "Does the serving model rank and size risks as it did (loss)?",
        "model_loss", least=0.05, minor_per_unit=250,
        explained_by=("failures_are_foreseen", "addresses_are_good", "carriers_come"),
    ),
)  # fmt: skip
"""Questions of all drivers. ``facts`` has one row a stop; a column it lacks leaves its question unanswered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A question, where it was asked, and what came out. ``cost_minor``: what the difference costs a day."""

    question: Question
    segment_kind: str
    segment: str
    before: float
    now: float
    p_value: float
    threshold: float
    cost_minor: float
    fault: bool

    def row(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "question": self.question.code,
            "driver": self.question.driver,
            "text": self.question.text,
            "segment_kind": self.segment_kind,
            "segment": self.segment,
            "before": round(self.before, 5),
            "value": round(self.now, 5),
            "threshold": round(self.threshold, 5),
            "p_value": float(f"{self.p_value:.3g}"),
            "cost_minor_per_day": round(self.cost_minor),
            "verdict": "fault" if self.fault else "fine",
        }


def answers(facts: pd.DataFrame, first_new: Any, questions: Sequence[Question] = QUESTIONS) -> list[Answer]:
    """Every question asked of all stops and of each segment of 20 new stops or more.

    ``facts``: one row a stop: service_date, route_id (stops of a route hang together), the segments, and the questions'
    columns (NaN where a question does not apply). Dates before ``first_new`` are the time of comparison.
    """
    new = (facts["service_date"] >= first_new).to_numpy()
    days = max(1, facts.loc[new, "service_date"].nunique())
    asked: list[Answer] = []
    for question in questions:
        if question.column not in facts.columns:
            continue
        values = facts[question.column].to_numpy(dtype=float, na_value=np.nan)
        for kind in ("all", *question.segments):
            codes, names = (np.zeros(len(facts), dtype=int), ["all"]) if kind == "all" else pd.factorize(facts[kind])
            for number, name in enumerate(names):
                where = (codes == number) & np.isfinite(values)
                if (where & new).sum() < FEWEST_IN_SEGMENT or (where & ~new).sum() < FEWEST_IN_SEGMENT:
                    continue
                found = _compare(values, facts["route_id"], where & ~new, where & new)
                if found is None:
                    continue
                before, now, p = found
                p = p if question.worse > 0 else 1 - p
                rise = (now - before) * question.worse
                cost = rise * question.minor_per_unit * float((where & new).sum()) / days
                limit = before + question.worse * question.least
                asked.append(Answer(question, kind, str(name), before, now, p, limit, cost, False))
    return _judged(asked)


def _compare(values: Any, route: pd.Series, old: Any, new: Any) -> tuple[float, float, float] | None:
    """Means before and now, and the p-value of no rise: Welch's test on routes, whose stops share a day and a mood."""
    from scipy.stats import t as student

    parts = []
    for where in (old, new):
        codes, names = pd.factorize(route[where])
        if len(names) < FEWEST_CLUSTERS:
            return None
        size = np.bincount(codes).astype(float)
        total = np.bincount(codes, weights=values[where])
        mean = float(total.sum() / size.sum())
        # variance of a ratio of sums over routes
        left = total - mean * size
        variance = float((left**2).sum() / size.sum() ** 2 * len(names) / (len(names) - 1))
        parts.append((mean, max(variance, 1e-9), len(names)))
    (before, v0, n0), (now, v1, n1) = parts
    spread = v0 + v1
    freedom = spread**2 / (v0**2 / (n0 - 1) + v1**2 / (n1 - 1))
    return before, now, float(student.sf((now - before) / np.sqrt(spread), freedom))


def _judged(asked: list[Answer]) -> list[Answer]:
    """Which differences are faults: significant among all that were asked, and large enough to matter.

    Questions about all stops are few and a family of their own; those about segments are many.
    """
    significant: set[int] = set()
    for whole, rate in ((True, FALSE_DISCOVERIES), (False, FALSE_DISCOVERIES_IN_SEGMENTS)):
        family = [number for number, one in enumerate(asked) if (one.segment_kind == "all") == whole]
        family.sort(key=lambda number: asked[number].p_value)
        passed = 0
        for rank, number in enumerate(family, start=1):
            if asked[number].p_value <= rate * rank / len(family):
                passed = rank
        significant |= set(family[:passed])
    return [
        replace(one, fault=number in significant and (one.now - one.before) * one.question.worse >= one.question.least)
        for number, one in enumerate(asked)
    ]


def findings(asked: list[Answer]) -> list[Answer]:
    """Faults, the dearest first; what another finding explains is left out, and of one fault seen in several segments
    the one that shows it best stands for all.
    """
    faults = [one for one in asked if one.fault]
    seen = {one.question.code for one in faults}
    kept = [one for one in faults if not seen & set(one.question.explained_by)]
    best: dict[str, Answer] = {}
    for one in kept:
        other = best.get(one.question.code)
        if other is None or one.p_value < other.p_value:
            best[one.question.code] = one
    return sorted(best.values(), key=lambda one: (-one.cost_minor, one.p_value))


def area_of(zone: object) -> str:
    """The H3 cell of 5 km2 that a zone lies in; of a zone of another kind, the zone itself."""
    import h3

    name = str(zone)
    if not h3.is_valid_cell(name) or h3.get_resolution(name) <= AREA_RESOLUTION:
        return name
    return str(h3.cell_to_parent(name, AREA_RESOLUTION))


def by_driver(asked: list[Answer]) -> dict[str, str]:
    """A verdict a driver: fine, fault, or unanswered."""
    faulty = {one.question.driver for one in findings(asked)}
    known = {one.question.driver for one in asked}
    return {one: "fault" if one in faulty else "fine" if one in known else "unanswered" for one in DRIVERS}
