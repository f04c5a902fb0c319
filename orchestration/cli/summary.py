"""What ``fivefold demo`` prints for people: the plan, the day, the predictors, and where to look next."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from orchestration.cli.options import DEFAULT_HOME

KPI_LINES = (
    ("first_attempt_delivery_rate", "delivered at the first attempt", "share"),
    ("on_time_rate_original", "started inside the promised window", "share"),
    ("execution_rate", "served as planned", "share"),
    ("eta_coverage", "arrived inside the 80 % interval", "share"),
    ("eta_mae_s", "mean ETA error", "minutes"),
    ("cost_per_delivery", "cost per delivery, everything counted", "money"),
    ("stops_per_route_hour", "stops per route hour", "number"),
)
SCORE_NAMES = {"roc_auc": "AUC", "pr_auc": "PR-AUC", "ece": "ECE", "mae_s": "MAE s", "coverage_80": "80 % coverage"}


def show_demo(result: dict[str, Any], home: Path) -> None:
    """Print the result of ``fivefold demo`` to stdout."""
    from rich.console import Console

    console = Console(highlight=False)
    if result["source"] == "demo":
        _city(console, result)
    else:
        _real(console, result)
    _next(console, result, home)


def _city(console: Any, result: dict[str, Any]) -> None:
    currency = result["currency"]
    total = result["served"] + result["unserved"]
    day = f"{date.fromisoformat(result['date']):%A %d %B %Y}"
    proof = "proven by the verifier" if result["verified"] else "[red]NOT VERIFIED[/red]"
    console.print(
        f"\n[bold]The plan of {day}[/bold]: {result['served']} of {total} orders, {result['vehicles']} routes, "
        f"{result['km']:,.0f} km, {_money(result['cost_minor'], currency)}; {proof}"
    )
    _table(
        console,
        ("fleet", "routes", "stops", "km", "transport"),
        [
            (one["fleet_kind"], one["routes"], one["stops"], f"{one['km']:,.0f}", _money(one["cost_minor"], currency))
            for one in result["fleets"]
        ],
    )
    console.print("\n[bold]The day as it went[/bold]")
    for name, words, kind in KPI_LINES:
        if (value := result["kpis"].get(name)) is not None:
            console.print(f"  {words:<40} {_value(value, kind, currency):>12}")
    _told(console, result)
    if result["models"]:
        console.print("\n[bold]The predictors on outcomes they had not seen[/bold]")
        for task, scores in result["models"].items():
            found = [f"{SCORE_NAMES[name]} {scores[name]:.3g}" for name in SCORE_NAMES if name in scores]
            console.print(f"  {task:<8} {', '.join(found)}")


def _told(console: Any, result: dict[str, Any]) -> None:
    console.print("\n[bold]What was done about risks, and told[/bold]")
    for one in result["interventions"]:
        more = [
            f"{one[name]} {words}"
            for name, words in (("waiting", "wait for a dispatcher"), ("held_out", "left alone to compare"))
            if one[name]
        ]
        line = f"  {one['action'].replace('_', ' '):<40} {one['treated']:>12}"
        console.print(f"{line}  ({', '.join(more)})" if more else line, soft_wrap=True)
    console.print(f"  {'messages delivered to the local outbox':<40} {result['messages']['delivered']:>12}")


def _real(console: Any, result: dict[str, Any]) -> None:
    counts = result["ingested"]
    console.print(
        f"\n[bold]{result['source']}[/bold]: {counts['rows_read']:,} rows read, {counts['rows_landed']:,} landed, "
        f"{counts['rows_quarantined']:,} quarantined, {counts['rows_known']:,} already known"
    )
    if days := result.get("days"):
        currency = result["currency"]
        _table(
            console,
            ("date", "served", "unserved", "cost", "km", "vehicles", "verified"),
            [
                (
                    one["date"],
                    one["served"],
                    one["unserved"],
                    _money(one["cost_minor"], currency),
                    f"{one['km']:,.0f}",
                    one["vehicles"],
                    "yes" if one["verified"] else "NO",
                )
                for one in days
            ],
        )
        reasons = Counter(one["reason"] for left in result["unserved"].values() for one in left)
        for reason, count in reasons.most_common():
            console.print(f"  unserved: {count} × {reason.replace('_', ' ')}")
    if evaluation := result.get("evaluation"):
        from orchestration.cli.evaluate import show_scores

        show_scores(console, result["source"], evaluation)


def _next(console: Any, result: dict[str, Any], home: Path) -> None:
    days, pages = result.get("days") or [], list((result.get("reports") or {}).values())
    console.print("\n[bold]Look at it[/bold]")
    if page := result.get("report") or (pages[0] if pages else None):
        more = f"  (and {len(days) - 1} more beside it)" if len(days) > 1 else ""
        console.print(f"  page of the planned day  {Path(page).as_uri()}{more}", soft_wrap=True)
    if table := result.get("plan") or (days[0]["plan"] if days else None):
        console.print(f"  plan as a table          {table}", soft_wrap=True)
    if result["source"] == "demo":
        console.print(f"  what customers were told {result['outbox']}", soft_wrap=True)
        console.print(f"  assets in the Dagster UI {_ui_command(home)}", soft_wrap=True)
    console.print(f"  took {result['seconds']:.0f} s", soft_wrap=True)


def _ui_command(home: Path) -> str:
    if home == Path(DEFAULT_HOME).resolve() and Path("Makefile").is_file():
        return "make ui"
    return shlex.join([sys.argv[0], "--home", str(home), "ui"])


def _table(console: Any, header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(header):
        table.add_column(name, justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(f"{one:,}" if isinstance(one, int) else str(one) for one in row))
    console.print(table)


def _money(minor: float, currency: str) -> str:
    return f"{minor / 100:,.2f} {currency}"


def _value(value: float, kind: str, currency: str) -> str:
    if kind == "share":
        return f"{100 * value:.1f} %"
    if kind == "minutes":
        return f"{value / 60:.1f} min"
    return _money(value, currency) if kind == "money" else f"{value:.1f}"
