"""A carrier's invoice held against what the contract says, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from solvers.contracts.pricing import Line

STATUSES = ("agreed", "amount_differs", "not_owed", "asked_twice", "not_asked")


@dataclass(frozen=True, slots=True)
class Asked:
    """One line of a carrier's invoice; ``number`` is its row in the file."""

    number: int
    service_date: date
    rule_id: str
    route_id: str
    order_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one line. ``difference_minor`` is asked less owed; ``number`` None: not on the invoice."""

    status: str
    number: int | None
    service_date: date
    rule_id: str
    route_id: str
    order_id: str
    asked_minor: int
    owed_minor: int
    difference_minor: int
    reason: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """All findings in the order of the invoice, then what it does not ask for."""

    findings: tuple[Finding, ...]
    asked_minor: int
    owed_minor: int

    @property
    def difference_minor(self) -> int:
        return self.asked_minor - self.owed_minor

    @property
    def agreed(self) -> bool:
        return all(one.status == "agreed" for one in self.findings)

    def counts(self) -> dict[str, int]:
        """Findings of each status."""
        return {status: sum(one.status == status for one in self.findings) for status in STATUSES}


def reconcile(asked: Sequence[Asked], owed: Sequence[Line]) -> Reconciliation:
    """Match each asked line to an owed one of the same date, rule, route and order; the rest is named.

    The differences of the findings add up to the difference of the totals.
    """
    open_: dict[tuple[date, str, str, str], list[Line]] = {}
    known: set[tuple[date, str, str, str]] = set()
    routes = {line.route_id for line in owed}
    rules = {line.rule_id for line in owed}
    for line in owed:
        key = (line.service_date, line.rule_id, line.route_id, line.order_id)
        open_.setdefault(key, []).append(line)
        known.add(key)
    findings = []
    for one in asked:
        key = (one.service_date, one.rule_id, one.route_id, one.order_id)
        waiting = open_.get(key, [])
        if waiting:
            # of several owed lines of one key, the one that asks the same is the one that is meant
            same = next((n for n, line in enumerate(waiting) if line.amount_minor == one.amount_minor), 0)
            due = waiting.pop(same).amount_minor
            status = "agreed" if due == one.amount_minor else "amount_differs"
            reason = "" if status == "agreed" else f"the contract says {due / 100:.2f}"
            findings.append(_finding(status, one, due, reason))
        elif key in known:
            findings.append(_finding("asked_twice", one, 0, "the same is asked for above"))
        else:
            findings.append(_finding("not_owed", one, 0, _why(one, routes, rules)))
    for lines in open_.values():
        findings += [
            Finding(
                "not_asked",
                None,
                line.service_date,
                line.rule_id,
                line.route_id,
                line.order_id,
                0,
                line.amount_minor,
                -line.amount_minor,
                "owed by contract, not on the invoice",
            )
            for line in lines
        ]
    return Reconciliation(
        tuple(findings), sum(one.amount_minor for one in asked), sum(line.amount_minor for line in owed)
    )


def _finding(status: str, one: Asked, due: int, reason: str) -> Finding:
    return Finding(
        status,
        one.number,
        one.service_date,
        one.rule_id,
        one.route_id,
        one.order_id,
        one.amount_minor,
        due,
        one.amount_minor - due,
        reason,
    )


def _why(one: Asked, routes: set[str], rules: set[str]) -> str:
    if one.route_id and one.route_id not in routes:
        return f"no route {one.route_id[:60]!r} ran"
    if one.rule_id not in rules:
        return f"rule {one.rule_id[:60]!r} charges nothing in this work"
    return "the rule does not apply to this stop or date"
