"""Lines of contracts as the ledger takes them: what routes that ran cost, and what a month adjusts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from operations.ledger import CostKind
from solvers.contracts import Line

KINDS = {
    "minimum_volume": CostKind.SHORTFALL,
    "sla_penalty": CostKind.PENALTY,
    "volume_tier": CostKind.TRANSPORT,
    "fuel_index": CostKind.TRANSPORT,
}
"""Unit of a monthly line -> what it is in the split of cost."""


def accrued_routes(lines: Iterable[Line]) -> pd.DataFrame:
    """``route_id``, ``amount_minor``: the ``accrued_routes`` of ``accrual.day_postings``."""
    found: dict[str, int] = {}
    for line in lines:
        if line.route_id:
            found[line.route_id] = found.get(line.route_id, 0) + line.amount_minor
    return pd.DataFrame(sorted(found.items()), columns=["route_id", "amount_minor"])


def adjustments(lines: Iterable[Line], fleet_id: str) -> pd.DataFrame:
    """One row a line of the month, no route's: the ``adjustments`` of ``accrual.day_postings``."""
    rows: list[dict[str, Any]] = [
        {
            "adjustment_id": f"{line.contract_id}/{line.rule_id}/{line.service_date:%Y-%m}",
            "fleet_id": fleet_id,
            "kind": str(KINDS[line.unit]),
            "component": line.rule_id,
            "amount_minor": line.amount_minor,
        }
        for line in lines
        if not line.route_id
    ]
    return pd.DataFrame(rows, columns=["adjustment_id", "fleet_id", "kind", "component", "amount_minor"])
