"""What people teach: dispatchers' overrides as proposed rules with the plan cost of adopting them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from domain import tables
from domain.errors import InputError
from operations.overrides import FEWEST, Proposal, concerned, overrides_of, proposals
from orchestration.lake import Lake
from orchestration.planning.build import build_problem, plannable
from orchestration.planning.inputs import day_inputs, known, service_dates
from solvers import SolveSettings, plan
from solvers.families.rows import rule_from_row


def proposed(
    lake: Lake, source: str, service_date: date | None = None, *, fewest: int = FEWEST, iterations: int = 150
) -> dict[str, Any]:
    """Overrides of a source, the rules they propose, and what each would cost on a plan of ``service_date``.

    The cost is that of the same search, by iterations, with and without the rule on the newest date that has orders.

    Raises:
        InputError: the source has no service date to price a proposal on.
    """
    overrides, found = repeated(lake, source, fewest)
    result: dict[str, Any] = {"source": source, "overrides": overrides, "proposals": []}
    if not found:
        return result
    dates = service_dates(lake, source)
    if not dates:
        raise InputError(f"source {source!r} has no service date to price a proposal on")
    day = service_date or dates[-1]
    costs = plan_costs(lake, source, day, found, iterations)
    result["priced_on"] = day
    result["proposals"] = [{**one.row(), **cost} for one, cost in zip(found, costs, strict=True)]
    return result


def repeated(lake: Lake, source: str, fewest: int = FEWEST) -> tuple[int, list[Proposal]]:
    """How many overrides there are, and the rules that they repeat."""
    decisions = lake.query(
        "select * from operation.dispatch_decisions where source = ? order by decided_at, decision_id", [source]
    )
    overrides = overrides_of(decisions)
    orders = lake.query(
        """
        select order_id, customer_id, zone_id, tenant_id from raw.orders where source = ?
        qualify row_number() over (partition by order_id order by ingest_time desc, file_id desc) = 1
        """,
        [source],
    )
    return len(overrides), proposals(overrides.merge(orders, on="order_id", how="left"), fewest)


def adopt(
    lake: Lake, source: str, name: str, by: str, *, at: datetime | None = None, hard: bool = False, fewest: int = FEWEST
) -> dict[str, Any]:
    """Make a proposed rule one that holds for every plan made from ``at`` (now) on; the row that was written.

    Raises:
        InputError: there is no such proposal.
    """
    _, found = repeated(lake, source, fewest)
    one = next((one for one in found if one.name == name), None)
    if one is None:
        there = ", ".join(one.name for one in found) or f"none: nothing was repeated {fewest} times"
        raise InputError(f"source {source!r} has no proposed rule {name!r}; there are {there}")
    return _write(lake, source, one.constraint(hard), f"adopted by {by}", at, retracted=False)


def withdraw(lake: Lake, source: str, name: str, by: str, *, at: datetime | None = None) -> dict[str, Any]:
    """Take an adopted rule back for plans made from ``at`` (now) on.

    Raises:
        InputError: no such rule is in force.
    """
    moment = pd.Timestamp(at or datetime.now(UTC))
    rows = known(lake, tables.CONSTRAINTS, source, moment.to_pydatetime(), lake.snapshot_id())
    rows = rows[rows["constraint_id"] == name]
    if rows.empty:
        raise InputError(f"source {source!r} has no rule {name!r} in force at {moment}")
    return _write(lake, source, rows.iloc[0].to_dict(), f"withdrawn by {by}", at, retracted=True)


def _write(
    lake: Lake, source: str, constraint: dict[str, Any], why: str, at: datetime | None, *, retracted: bool
) -> dict[str, Any]:
    moment = pd.Timestamp(at or datetime.now(UTC))
    row = {
        **constraint,
        "source": source,
        "file_id": why,
        "event_time": moment,
        "ingest_time": moment,
        "retracted": retracted,
    }
    lake.append(tables.CONSTRAINTS, pd.DataFrame([row]).reindex(columns=list(tables.CONSTRAINTS.column_names)))
    return row


def plan_costs(
    lake: Lake, source: str, day: date, found: list[Proposal], iterations: int
) -> list[dict[str, int | None]]:
    """Cost of the day's plan as it is, and more of it under each proposal as a hard rule; None: nobody concerned."""
    inputs, _ = plannable(day_inputs(lake, source, day))
    problem = build_problem(inputs)
    settings = SolveSettings(seconds=60.0, seed=0, iterations=iterations)
    base = plan(problem, settings).cost_minor
    rows = inputs.orders.to_dict("records")
    costs: list[dict[str, int | None]] = []
    for one in found:
        names = concerned(one, rows)
        row = one.constraint()
        rule = rule_from_row(
            {
                "rule_id": row["constraint_id"],
                "type": row["type"],
                "orders": names,
                "vehicles": [],
                "parameters": row["parameters"],
                "hardness": "hard",
                "price_minor": 0,
                "authority": row["authority"],
            }
        )
        under = plan(replace(problem, rules=(*problem.rules, rule)), settings).cost_minor if names else None
        costs.append(
            {
                "orders_concerned": len(names),
                "plan_cost_minor": base,
                "adopting_costs_minor": None if under is None else under - base,
            }
        )
    return costs
