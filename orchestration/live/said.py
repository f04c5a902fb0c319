"""What people said about sorts of matters, as rows of ``operation.dispatch_answers``: from a day, or from a command."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from operations.state.events import Fact

TABLE = "operation.dispatch_answers"


def answer_row(
    answer_id: str,
    source: str,
    service_date: date,
    said: str,
    facts: Mapping[str, Fact],
    moment: datetime,
    currency: str,
) -> dict[str, Any]:
    """The row of one word.

    Args:
        said: of a matter yes or no; of a standing answer what has become of it.
        facts: as the events ``said`` and ``standing`` have them (``StandingAnswer.facts``).
    """
    until = facts.get("until")
    return {
        "answer_id": answer_id,
        "source": source,
        "service_date": service_date,
        "said": said,
        "standing_id": facts.get("standing"),
        "cause": facts["cause"],
        "fleet_id": facts["fleet"] or None,
        "kind": facts["what"],
        "price_minor": facts.get("limit_minor", facts.get("price_minor")),
        "currency": currency,
        "a_day": facts.get("a_day"),
        "late_s": facts.get("late_s"),
        "valid_until": date.fromisoformat(str(until)) if until else None,
        "said_by": facts["by"],
        "why": facts["reason"] or None,
        "said_at": moment,
        "as_of": moment,
        "lake_snapshot": None,
    }
