"""``fivefold invoice``: what a contract says is owed, and a carrier's invoice held against it."""

from __future__ import annotations

import calendar
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


@click.option("--contract", "contract_file", type=FILE, required=True, help="The contract (YAML).")
@click.option("--routes", type=FILE, required=True, help="CSV of what ran: service_date, route_id, distance_m, ...")
@click.option("--stops", type=FILE, required=True, help="CSV of its stops: service_date, route_id, order_id, ...")
@click.option("--check", type=FILE, default=None, help="CSV of the carrier's invoice, to be held against the contract.")
@click.option("--fuel-index", type=int, default=None, help="Published index of the month, in hundredths.")
@click.option("--open-month", is_flag=True, help="The month is not over: leave out what is settled at its end.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Write the lines owed.")
@fivefold_command(
    "Price what ran by contract; with --check, reconcile a carrier's invoice line by line.",
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
    fuel_index: int | None,
    open_month: bool,
    out: Path | None,
) -> Any:
    from orchestration.invoices import load_asked, load_contract, load_work, write_rows
    from solvers.contracts import reconcile, total_minor

    contract = load_contract(contract_file)
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
    found = reconcile(load_asked(check), owed)
    result |= {
        "asked_minor": found.asked_minor,
        "difference_minor": found.difference_minor,
        "agreed": found.agreed,
        "counts": found.counts(),
        "findings": [asdict(one) for one in found.findings if one.status != "agreed"],
    }
    return result, lambda: _show(result)


def _owed(contract: Any, days: Any, fuel_index: int | None, open_month: bool) -> list[Any]:
    from solvers.contracts import price_day, settle

    lines = []
    for year, month in sorted({(day.year, day.month) for day in days}):
        own = {day: routes for day, routes in days.items() if (day.year, day.month) == (year, month)}
        if open_month:
            lines += [line for day in sorted(own) for line in price_day(contract, day, own[day])]
        else:
            closing = date(year, month, calendar.monthrange(year, month)[1])
            lines += settle(contract, own, closing=closing, fuel_index=fuel_index)
    return lines


def _by_rule(lines: list[Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in lines:
        found[line.rule_id] = found.get(line.rule_id, 0) + line.amount_minor
    return found


def _show(result: dict[str, Any]) -> None:
    for name, value in result.items():
        if name not in ("findings", "by_rule", "counts"):
            click.echo(f"{name:>18}  {value}")
    for rule, amount in result["by_rule"].items():
        click.echo(f"{amount:>18}  {rule}")
    for status, count in result.get("counts", {}).items():
        click.echo(f"{count:>18}  {status.replace('_', ' ')}")
    findings = result.get("findings", [])
    for one in findings[:SHOWN]:
        row = f"row {one['number']}" if one["number"] else "not on the invoice"
        click.echo(
            f"  {row}: {one['service_date']} {one['rule_id']} {one['route_id']} {one['order_id']}: "
            f"asked {one['asked_minor']}, owed {one['owed_minor']}: {one['reason']}"
        )
    if len(findings) > SHOWN:
        click.echo(f"  and {len(findings) - SHOWN} more; all of them with --json")
