"""``fivefold bench adaptation``: a shipper's own beliefs beside pooled ones: two that differ, and a new one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pandas as pd

from benchmarks.all import lines
from orchestration.cli.options import fivefold_command

LEARN_DAYS, DAYS = 28, 70
CELLS = ("part_of_day", "weekend", "windowed")
TENANTS = (
    {"name": "grocer", "weight": 0.4, "window_share": 0.95, "business_share": 0.0,
     "slots": [{"start": 16, "end": 20}, {"start": 18, "end": 20}]},
    {"name": "supplier", "weight": 0.4, "window_share": 0.5, "business_share": 0.9,
     "slots": [{"start": 8, "end": 12}, {"start": 12, "end": 16}]},
    {"name": "newcomer", "weight": 0.2, "window_share": 0.4, "business_share": 0.3},
)  # fmt: skip


def rows_of(asked: Any) -> pd.DataFrame:
    """Visits with the cells of the model."""
    visits = asked.visits
    local = visits["window_start"].dt.tz_convert("Europe/Amsterdam")
    length = (visits["window_end"] - visits["window_start"]).dt.total_seconds() / 3_600
    return visits.assign(
        part_of_day=(local.dt.hour // 4).astype(str),
        weekend=(asked.day.weekday() >= 5),
        windowed=length <= 4,
        day=asked.day,
        building=visits["attributes"].astype(str),
    )


def run(seed: int, orders: int, days: int = DAYS) -> pd.DataFrame:
    """What each level said of every order, prequentially; the newcomer's orders begin after ``LEARN_DAYS``."""
    from models.adaptation import TwoLevel
    from orchestration.loop.twin import FIRST, TwinDays
    from simulation import load_scenario, scenario_from

    base = load_scenario().scaled(orders).model_dump(mode="json") | {"seed": seed}
    base["demand"]["tenants"] = list(TENANTS)
    world, model, parts = TwinDays(scenario_from(base)), TwoLevel(CELLS), []
    for number in range(days):
        asked, _ = world.day(FIRST + timedelta(days=number))
        rows = rows_of(asked)
        if number < LEARN_DAYS:
            rows = rows[rows["tenant_id"] != "newcomer"].reset_index(drop=True)
        event = rows["absent"].to_numpy(float)
        if number >= 14:
            said = model.predict(rows)
            parts.append(said.assign(tenant_id=rows["tenant_id"], day=asked.day, number=number, y=event))
        model.learn(rows, event)
    return pd.concat(parts, ignore_index=True)


def _change(rows: pd.DataFrame, arm: str) -> dict[str, float]:
    """Relative change of log loss beside pooled, below 0 is better, days resampled."""
    from models.promotion import paired_bootstrap, row_losses

    y = rows["y"].to_numpy(float)
    ours, theirs = (row_losses(y, rows[name].to_numpy(float), True) for name in (arm, "pooled"))
    found = paired_bootstrap(ours - theirs, rows["day"].astype(str).to_numpy(object))
    return dict(zip(("estimate", "low", "high"), (value / float(theirs.mean()) for value in found), strict=True))


@fivefold_command(
    "Two shippers that differ and a new one, in the twin: log loss of absence by adapted beliefs beside pooled ones, "
    "every order predicted before its outcome is learned.",
    example="fivefold bench adaptation --json\nfivefold bench adaptation --orders 300 --days 56",
)
def command(orders: int, days: int, seeds: int, home: Path) -> Any:
    frames = [run(seed, orders, days).assign(seed=seed) for seed in range(1, seeds + 1)]
    rows = pd.concat(frames, ignore_index=True)
    rows["day"] = rows["day"].astype(str) + "|" + rows["seed"].astype(str)
    settled = rows[rows["number"] >= LEARN_DAYS]
    result: dict[str, Any] = {"orders_per_day": orders, "days": days, "worlds": seeds}
    for one in ("grocer", "supplier"):
        own = settled[settled["tenant_id"] == one]
        result[one] = {
            "orders": len(own),
            "rate": float(own["y"].mean()),
            "shipper_level": _change(own, "tenant"),
            "both_levels": _change(own, "customer"),
            "mixed": _change(own, "mixed"),
        }
    new = rows[rows["tenant_id"] == "newcomer"]
    weeks = (new["number"] - LEARN_DAYS) // 7
    by_week = {f"week {week + 1}": _change(part, "mixed")["estimate"] for week, part in new.groupby(weeks)}
    result["newcomer"] = {
        "orders": len(new),
        "mixed": _change(new, "mixed"),
        "by_week": by_week,
        "worst_so_far": float(max(_change(new[weeks <= week], "mixed")["estimate"] for week in sorted(set(weeks)))),
        "target_worst_so_far": 0.02,
    }
    result["each_shipper_better_than_pooled"] = all(result[one]["mixed"]["high"] < 0 for one in ("grocer", "supplier"))
    result["newcomer_never_worse_by_more_than_2_percent"] = bool(result["newcomer"]["worst_so_far"] <= 0.02)

    def show() -> None:
        for line in lines(result):
            click.echo(line)

    return result, show


command = click.option("--orders", default=500, show_default=True, type=click.IntRange(50, 5_000), help="A day.")(
    command
)
command = click.option("--days", default=DAYS, show_default=True, type=click.IntRange(35, 365), help="Of a world.")(
    command
)
command = click.option("--seeds", default=1, show_default=True, type=click.IntRange(1, 20), help="Worlds.")(command)
