"""What was done about a planned date's risks and told to its customers, for the page of the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from orchestration.lake import Lake
from orchestration.report.cards import Card

STATES = {
    "waiting": "waits for a dispatcher",
    "asked": "customer asked",
    "held": "left alone to compare",
    "to_do": "to do",
    "in_force": "done",
    "undone": "taken back",
}
"""States of ``operation.interventions`` as people read them; others are shown as they are."""


@dataclass(frozen=True)
class DayActions:
    """Cards, and what was done by order in words; both empty where nobody has acted on the date."""

    cards: list[Card]
    by_order: dict[str, str]


def day_actions(lake: Lake, source: str, service_date: date) -> DayActions:
    """Read what was decided, done and told."""
    key = [source, service_date]
    rows = lake.query(
        "select order_id, action, assigned, state from operation.interventions "
        "where source = ? and service_date = ? and assigned != 'none' and action is not null "
        "order by order_id, net_value_minor desc, intervention_id",
        key,
    )
    told = lake.query(
        "select count(distinct order_id) filter (where state = 'delivered') as told, "
        "count(distinct order_id) filter (where state = 'pending') as waiting "
        "from operation.notifications where source = ? and service_date = ?",
        key,
    ).iloc[0]
    if rows.empty and not told["told"] and not told["waiting"]:
        return DayActions([], {})
    by_order: dict[str, list[str]] = {}
    for row in rows.itertuples():
        words = f"{str(row.action).replace('_', ' ')}: {STATES.get(str(row.state), str(row.state))}"
        by_order.setdefault(str(row.order_id), []).append(words)
    treated, waiting = rows["assigned"] == "treated", rows["state"] == "waiting"
    cards = [
        ("Acted on", f"{int((treated & ~waiting).sum()):,}", "risks, where it is worth more than it costs"),
        ("Wait for a dispatcher", f"{int((treated & waiting).sum()):,}", "fivefold interventions list"),
        ("Left alone", f"{int((rows['assigned'] == 'holdout').sum()):,}", "drawn, to measure what acting brings"),
        ("Told", f"{int(told['told']):,}", f"customers; {int(told['waiting']):,} messages wait to go"),
    ]
    return DayActions(
        [{"title": title, "value": value, "note": note} for title, value, note in cards],
        {name: "; ".join(words) for name, words in by_order.items()},
    )
