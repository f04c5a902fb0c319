"""Overrides by dispatchers as facts, and the rules that their repetition proposes. Nothing is adopted by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

FEWEST = 10
"""Repetitions from which a pattern is proposed as a rule."""
PURITY = 0.8
"""Least share of a scope's overrides that say the same: people who disagree propose nothing."""
SAID = re.compile(r"^override by (?P<by>[^:;]+): (?P<reason>[^;]+)")
SCOPES = ("customer_id", "zone_id", "tenant_id")
"""Narrowest first: what holds for a customer is not proposed for the zone."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rule that people keep making by hand: for whom, what, why, how often, and what the overrides cost so far."""

    scope: str
    value: str
    allowed: str
    reason: str
    times: int
    people: int
    cost_minor: int
    orders: tuple[str, ...]

    @property
    def name(self) -> str:
        """By which it is adopted and taken back."""
        return f"proposed-{self.scope.removesuffix('_id')}-{self.value}-{self.allowed}"

    def constraint(self, hard: bool = False) -> dict[str, Any]:
        """The row of ``raw.constraint_instances`` that adopts it: a preference, of the lowest authority.

        Soft at the price that people paid for it; ``hard``: to be obeyed at any price.
        """
        return {
            "constraint_id": self.name,
            "type": "vehicle_only",
            **{scope: self.value if scope == self.scope else None for scope in SCOPES},
            "parameters": json.dumps({"allowed": [self.allowed]}),
            "hardness": "hard" if hard else "soft",
            "price_minor": 0 if hard else max(100, self.cost_minor // self.times),
            "authority": "preference",
        }

    def row(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "name": self.name,
            "scope": self.scope,
            "value": self.value,
            "allowed": self.allowed,
            "reason": self.reason,
            "times": self.times,
            "people": self.people,
            "override_cost_minor": self.cost_minor,
            "constraint": self.constraint(),
        }


def overrides_of(decisions: pd.DataFrame) -> pd.DataFrame:
    """Overrides among dispatch decisions: who, why, what instead, and what it cost beside the best alternative.

    ``decisions``: rows of ``operation.dispatch_decisions`` (decision_id, order_id, vehicle_id, fleet_id, kind,
    price_minor, why, alternatives). Proposals that were refused or dropped moved nothing and are left out.
    """
    rows = []
    for one in decisions.to_dict("records"):
        said = SAID.match(str(one["why"] or ""))
        if said is None or one["kind"] in ("refuse", "drop", "reject"):
            continue
        best = _best(one.get("alternatives"))
        rows.append(
            {
                "decision_id": one["decision_id"],
                "order_id": one["order_id"],
                "by": said["by"].strip(),
                "reason": " ".join(said["reason"].lower().split()),
                "allowed": _first(one["vehicle_id"], one["fleet_id"]) or "leave",
                "cost_minor": 0 if best is None else int(one["price_minor"]) - best,
            }
        )
    names = ["decision_id", "order_id", "by", "reason", "allowed", "cost_minor"]
    return pd.DataFrame(rows, columns=names)


def _first(*values: Any) -> str:
    return next((str(one) for one in values if isinstance(one, str) and one), "")


def _best(alternatives: Any) -> int | None:
    if not isinstance(alternatives, str):
        return None
    try:
        prices = [one.get("price_minor", one.get("net_minor")) for one in json.loads(alternatives)]
    except (ValueError, AttributeError, TypeError):
        return None
    known = [int(one) for one in prices if isinstance(one, int | float)]
    return min(known) if known else None


def proposals(overrides: pd.DataFrame, fewest: int = FEWEST) -> list[Proposal]:
    """Rules that the overrides repeat at least ``fewest`` times, the most frequent first.

    ``overrides``: as ``overrides_of`` gives them, with customer_id, zone_id and tenant_id of their orders. An override
    speaks for the narrowest scope only.
    """
    left, found = overrides[overrides["allowed"] != "leave"], []
    for scope in SCOPES:
        if scope not in left.columns or left.empty:
            continue
        everyone = left[scope].value_counts().to_dict()
        taken: list[Any] = []
        for (value, allowed, reason), part in left.groupby([scope, "allowed", "reason"], sort=True):
            if len(part) < fewest or len(part) < PURITY * everyone[value]:
                continue
            taken += list(part.index)
            found.append(
                Proposal(
                    scope,
                    str(value),
                    str(allowed),
                    str(reason),
                    len(part),
                    int(part["by"].nunique()),
                    int(part["cost_minor"].sum()),
                    tuple(str(one) for one in part["order_id"]),
                )
            )
        left = left.drop(index=taken)
    return sorted(found, key=lambda one: (-one.times, one.scope, one.value))


def concerned(proposal: Proposal, orders: Iterable[dict[str, Any]]) -> list[str]:
    """Orders of a day that the rule would hold for."""
    return [str(one["order_id"]) for one in orders if str(one.get(proposal.scope)) == proposal.value]
