"""What people teach: dispatchers' overrides as proposed rules with the plan cost of adopting them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from domain.errors import InputError
from operations.overrides import FEWEST, Proposal, concerned, overrides_of, proposals
from orchestration.lake import Lake
from orchestration.planning.build import build_problem, plannable
from orchestration.planning.inputs import day_inputs, service_dates
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
    found = proposals(overrides.merge(orders, on="order_id", how="left"), fewest)
    result: dict[str, Any] = {"source": source, "overrides": len(overrides), "proposals": []}
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
