"""``fivefold verify``: a plan proven against its problem."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@fivefold_command(
    "Prove PLAN against PROBLEM with code that no engine uses: every rule, unit and sum; price what soft rules are "
    "exceeded by; give each stop's arrival and its chance to be inside the window. PLAN is our plan JSON, JSON with "
    "routes of order ids, or a VRPLIB .sol; PROBLEM is any file that fivefold solve reads. --explain adds why orders "
    "are unserved, what would let them in, and what binds each route. Exit code 1 where a rule is broken.",
    example="fivefold verify plan.json problem.json\nfivefold verify plan.json problem.json --explain --json",
)
def command(plan: Path, problem: Path, explain: bool, seconds: float, home: Any) -> Any:
    from dataclasses import asdict

    from solvers.contradictions import contradictions
    from solvers.formats import read
    from solvers.formats.given import read_plan
    from solvers.judgement import judge

    instance = read(problem)
    given = read_plan(plan, instance.problem)
    found = judge(instance.problem, given)
    result: dict[str, Any] = {
        "valid": found.valid,
        "cost_minor": found.cost_minor,
        "transport_minor": given.transport_minor,
        "failure_minor": given.failure_minor,
        "penalty_minor": given.penalty_minor,
        "rule_minor": given.rule_minor,
        "served": given.served,
        "violations": [asdict(one) for one in found.violations],
        "soft": [asdict(one) for one in found.charges if not one.hard],
        "contradictions": [asdict(one) for one in contradictions(instance.problem)],
        "stops": [asdict(one) for one in found.stops],
    }
    if explain:
        result |= _reasons(instance.problem, given, seconds, found.valid)

    def show() -> None:
        click.secho("valid" if found.valid else "not valid", fg="green" if found.valid else "red", bold=True)
        for key in ("cost_minor", "transport_minor", "failure_minor", "penalty_minor", "rule_minor", "served"):
            click.echo(f"{key:>16}  {result[key]}")
        for one in found.violations:
            click.secho(f"{'broken':>16}  {one}", fg="red")
        for charge in found.charges:
            if not charge.hard:
                click.echo(f"{'soft':>16}  rule {charge.rule_id}: {charge.units} over, {charge.charged_minor} minor")
        for word in contradictions(instance.problem):
            click.echo(f"{word.severity:>16}  {word}")
        for stop in found.stops:
            chance = "" if stop.p_in_window is None else f", in its window with {stop.p_in_window:.0%}"
            click.echo(f"{stop.vehicle_id:>16}  {_clock(stop.arrival_s)} {stop.order_id}{chance}")
        for one in result.get("unserved", []):
            click.echo(f"{'unserved':>16}  {one['order_id']}: {'; '.join(one['conflict']) or one['explanation']}")
            for way in one["relaxations"]:
                click.echo(f"{'':>16}    {way['price_minor']} minor ({way['authority']}): {way['what']}")
        for route in result.get("routes", []):
            click.echo(f"{route['vehicle_id']:>16}  bound by: {', '.join(route['binding']) or 'nothing'}")

    if not found.valid:  # after the object is printed
        click.get_current_context().call_on_close(lambda: sys.exit(1))
    return result, show


def _clock(second: int) -> str:
    from solvers.softened import clock_words

    return clock_words(second)


def _reasons(problem: Any, plan: Any, seconds: float, valid: bool) -> dict[str, Any]:
    from dataclasses import asdict, replace

    from solvers.conflicts import with_conflicts
    from solvers.explainer import explain
    from solvers.route_reasons import explain_routes

    unserved = [asdict(one) for one in plan.unserved]
    if valid:  # a plan that breaks rules is no state to reason from
        told = with_conflicts(problem, replace(plan, unserved=explain(problem, plan)), seconds=seconds)
        unserved = [asdict(one) for one in told.unserved]
    routes = explain_routes(problem, plan)
    return {"unserved": unserved, "routes": [{**asdict(one), "binding": one.binding} for one in routes]}


command = click.argument("plan", type=FILE)(command)
command = click.argument("problem", type=FILE)(command)
command = click.option("--explain", is_flag=True, help="Reasons for unserved orders and routes.")(command)
command = click.option("--seconds", default=20.0, show_default=True, help="Time for --explain.")(command)
