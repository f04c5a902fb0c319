"""``fivefold invoice``: what a contract says is owed, and a carrier's invoice held against it."""

from __future__ import annotations

import calendar
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

LINE_COLUMNS = (
    "service_date",
    "rule_id",
    "route_id",
    "order_id",
    "unit",
    "quantity_milli",
    "unit_price_minor",
    "amount_minor",
)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
SHOWN = 20
EXIT_DIFFERS = 1
"""What a script sees where an invoice does not agree; 2: a file or an option is wrong."""


@click.option("--contract", "contract_file", type=FILE, required=True, help="The contract (YAML).")
@click.option("--routes", type=FILE, required=True, help="CSV of what ran: service_date, route_id, distance_m, ...")
@click.option("--stops", type=FILE, required=True, help="CSV of its stops: service_date, route_id, order_id, ...")
@click.option(
    "--check",
    type=FILE,
    default=None,
    help="CSV of the carrier's invoice, to be held against the contract: service_date, rule_id, route_id, order_id, "
    "amount_minor (or amount: 40.00).",
)
@click.option("--column", "columns", metavar="OURS=THEIRS", multiple=True, help="What the invoice calls a column.")
@click.option("--rule", "rules", metavar="OURS=THEIRS", multiple=True, help="What the invoice calls a rule.")
@click.option("--fuel-index", type=int, default=None, help="Published index of the month, in hundredths.")
@click.option("--open-month", is_flag=True, help="The month is not over: leave out what is settled at its end.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Write the lines owed.")
@fivefold_command(
    "Price what ran by contract; with --check, reconcile a carrier's invoice line by line: the exit code is 0 where it "
    "agrees, 1 where it does not, 2 where a file or an option is wrong.",
    example=(
        "fivefold invoice --contract acme.yml --routes routes.csv --stops stops.csv --out owed.csv\n"
        "fivefold invoice --contract acme.yml --routes routes.csv --stops stops.csv --check asked.csv --json"
    ),
)
def command(
    home: Path,
    contract_file: Path,
    routes: Path,
    stops: Path,
    check: Path | None,
    columns: tuple[str, ...],
    rules: tuple[str, ...],
    fuel_index: int | None,
    open_month: bool,
    out: Path | None,
) -> Any:
    from domain.errors import InputError
    from orchestration.invoices import load_asked, load_contract, load_work, write_rows
    from solvers.contracts import reconcile, total_minor

    contract = load_contract(contract_file)
    called, words = _pairs("--column", columns), _pairs("--rule", rules)
    if strange := sorted(
        set(words) - (known := {one.rule_id for v in contract.versions for one in (*v.rules, *v.monthly)})
    ):
        raise InputError(f"--rule: the contract has no rule {strange[0]!r}; it has {', '.join(sorted(known))}")
    owed = _owed(contract, load_work(routes, stops), fuel_index, open_month)
    if out is not None:
        write_rows(out, LINE_COLUMNS, owed, getattr)
    result: dict[str, Any] = {
        "contract_id": contract.contract_id,
        "fleet_id": contract.fleet_id,
        "currency": contract.currency,
        "owed_minor": total_minor(owed),
        "lines": len(owed),
        "by_rule": _by_rule(owed),
    }
    if check is None:
        return result, lambda: _show(result)
    found = reconcile(load_asked(check, called, words), owed)
    result |= {
        "asked_minor": found.asked_minor,
        "difference_minor": found.difference_minor,
        "agreed": found.agreed,
        "counts": found.counts(),
        "findings": [asdict(one) for one in found.findings if one.status != "agreed"],
    }
    if not found.agreed:  # after the object is printed
        click.get_current_context().call_on_close(lambda: sys.exit(EXIT_DIFFERS))
    return result, lambda: _show(result)


def _pairs(option: str, given: tuple[str, ...]) -> dict[str, str]:
    from domain.errors import InputError

    found: dict[str, str] = {}
    for one in given:
        ours, equals, theirs = one.partition("=")
        if not (ours and equals and theirs) or ours in found:
            raise InputError(f"{option} {one}: must be OURS=THEIRS, each of ours once")
        found[ours] = theirs
    return found


def _owed(contract: Any, days: Any, fuel_index: int | None, open_month: bool) -> list[Any]:
    from domain.errors import InputError
    from solvers.contracts import ContractError, price_day, settle

    lines = []
    for year, month in sorted({(day.year, day.month) for day in days}):
        own = {day: routes for day, routes in days.items() if (day.year, day.month) == (year, month)}
        if open_month:
            lines += [line for day in sorted(own) for line in price_day(contract, day, own[day])]
        else:
            closing = date(year, month, calendar.monthrange(year, month)[1])
            try:
                lines += settle(contract, own, closing=closing, fuel_index=fuel_index)
            except ContractError as error:
                if fuel_index is None and "fuel index" in str(error):
                    raise InputError(
                        f"{error}: add --fuel-index, or --open-month to leave out what is settled at the month's end"
                    ) from None
                raise
    return lines


def _by_rule(lines: list[Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in lines:
        found[line.rule_id] = found.get(line.rule_id, 0) + line.amount_minor
    return found


def _show(result: dict[str, Any]) -> None:
    from operations.dispatch.decisions import money

    def cash(minor: int) -> str:
        return money(minor, result["currency"])

    click.echo(f"{result['contract_id']} of {result['fleet_id']}")
    for name in ("owed", "asked", "difference"):
        if f"{name}_minor" in result:
            lines = f" ({result['lines']} lines)" if name == "owed" else ""
            click.echo(f"{cash(result[f'{name}_minor']):>18}  {name}{lines}")
    for rule, amount in result["by_rule"].items():
        click.echo(f"{cash(amount):>18}    owed by {rule}")
    for status, count in result.get("counts", {}).items():
        click.echo(f"{count:>18}  {'line' if count == 1 else 'lines'} {status.replace('_', ' ')}")
    findings = result.get("findings", [])
    for one in findings[:SHOWN]:
        row = f"row {one['number']}" if one["number"] else "not on the invoice"
        about = " ".join(str(one[name]) for name in ("service_date", "rule_id", "route_id", "order_id") if one[name])
        click.echo(
            f"  {row}: {about}: asked {cash(one['asked_minor'])}, owed {cash(one['owed_minor'])}: {one['reason']}"
        )
    if len(findings) > SHOWN:
        click.echo(f"  and {len(findings) - SHOWN} more; all of them with --json")
    if "agreed" in result:
        click.echo("agreed" if result["agreed"] else "not agreed")
