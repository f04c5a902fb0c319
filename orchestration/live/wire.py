"""Events as objects of JSON, as clients send them: over HTTP, in a feed, from a command."""

from __future__ import annotations

from typing import Any

from operations.decide import OURS
from operations.state import Event
from operations.state.events import INTERNAL

MOST_TEXT = 200
TEXTS = ("event_id", "kind", "order_id", "vehicle_id", "fleet_id", "tender_id", "corrects")
NUMBERS = ("at_s", "seen_s")


def event_from(row: Any) -> Event | str:
    """The event of a JSON object, or why it is none."""
    if not isinstance(row, dict):
        return "an event is an object"
    if unknown := sorted(set(row) - {*TEXTS, *NUMBERS, "facts"}):
        return f"there is no field {unknown[0][:40]!r}"
    values: dict[str, Any] = {}
    for name in TEXTS:
        value = row.get(name, "")
        if not isinstance(value, str) or len(value) > MOST_TEXT:
            return f"{name} must be a text of {MOST_TEXT} characters at most"
        values[name] = value
    for name in NUMBERS:
        value = row.get(name, row.get("at_s"))
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 10**9:
            return f"{name} must be a whole number of seconds after midnight"
        values[name] = value
    facts = row.get("facts", {})
    if not isinstance(facts, dict) or len(facts) > 40:
        return "facts must be an object of 40 fields at most"
    for name, value in facts.items():
        number = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**40
        if not number and not (isinstance(value, str) and len(value) <= MOST_TEXT):
            return f"fact {name[:40]!r} must be a whole number or a short text"
    if values["event_id"].startswith(OURS) or values["kind"] in INTERNAL:
        return "that is for the service to say"
    return Event(**values, facts=facts)
