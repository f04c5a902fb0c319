"""``fivefold bench interventions``: what acting on risk prevents, and whether the predictor survives its own success.

Paired worlds of the twin (common random numbers): four weeks of history, then weeks with interventions. Two arms learn
from the same policy: one from soft-imputed labels, one naively from outcomes as they are. The share prevented is
estimated from the randomised holdout alone, as a company would; ``prevented_true`` is what the paired world without
interventions says of the same orders. ``risk_ratio`` is predicted over true risk of all orders in the last two weeks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import click
import numpy as np

from orchestration.cli.options import fivefold_command

TARGETS = {"risk_ratio": [0.95, 1.05], "informed_late_at_least": 0.8, "false_alarm_at_most": 0.05}
DRAWS = 10_000


def _total(worlds: Sequence[dict[str, Any]], arm: str, name: str) -> np.ndarray:
    return np.array([float(one["arms"][arm].get(name, 0)) for one in worlds])


def _share(top: np.ndarray, bottom: np.ndarray) -> float | None:
    return None if bottom.sum() == 0 else float(top.sum() / bottom.sum())


def summarise(worlds: Sequence[dict[str, Any]], seed: int = 0) -> dict[str, Any]:
    """The figures; intervals by resampling seeds (percentile bootstrap)."""

    def get(name: str, arm: str = "soft") -> np.ndarray:
        return _total(worlds, arm, name)

    def prevented(rows: np.ndarray) -> np.ndarray:
        treated = get("treated_failed")[rows].sum(-1) / np.maximum(get("treated")[rows].sum(-1), 1)
        held = get("held_failed")[rows].sum(-1) / np.maximum(get("held")[rows].sum(-1), 1)
        return 1 - treated / np.maximum(held, 1e-9)

    everyone = np.arange(len(worlds))
    drawn = prevented(np.random.default_rng(seed).integers(0, len(worlds), (DRAWS, len(worlds))))
    low, high = np.quantile(drawn, [0.025, 0.975])
    told = {name: sum(one["messages"][name] for one in worlds) for name in worlds[0]["messages"]}

    def ratio(arm: str, part: str = "") -> float | None:
        return _share(get(f"predicted{part}", arm), get(f"true{part}", arm))

    def rate(top: str, bottom: str) -> float | None:
        return told[top] / told[bottom] if told[bottom] else None

    failed, would = get("failed"), get("would_fail")
    saved = (would - failed).sum() * 1_720 - get("cost_minor").sum()
    return {
        "prevented_share": float(prevented(everyone)),
        "prevented_low": float(low),
        "prevented_high": float(high),
        "prevented_true": 1 - float(get("treated_failed").sum() / max(get("treated_would").sum(), 1)),
        "risk_ratio": ratio("soft"),
        "risk_ratio_naive": ratio("naive"),
        "risk_ratio_chosen": ratio("soft", "_chosen"),
        "risk_ratio_naive_chosen": ratio("naive", "_chosen"),
        "informed_late": rate("informed", "late"),
        "false_alarm": rate("false", "messages"),
        "informed_late_alerts": rate("alert_informed", "late"),
        "false_alarm_alerts": rate("alert_false", "alert_messages"),
        "targets": TARGETS,
        "seeds": len(worlds),
        "orders": int(get("orders").sum()),
        "treated": int(get("treated").sum()),
        "held_out": int(get("held").sum()),
        "failure_rate": _share(failed, get("orders")),
        "failure_rate_without": _share(would, get("orders")),
        "net_value_minor_per_1000_orders": round(1_000 * float(saved / max(get("orders").sum(), 1))),
        "late_orders": told["late"],
        "stops_watched": told["stops"],
        "delay_messages": told["messages"],
        "decisions_over_200_ms": rate("slow_decisions", "decisions"),
        "decision_ms": round(told["decision_us"] / max(told["decisions"], 1) / 1_000, 2),
        "actions": {
            name.removeprefix("used_"): int(_total(worlds, "soft", name).sum())
            for name in sorted({key for one in worlds for key in one["arms"]["soft"] if key.startswith("used_")})
        },
    }


def kept_world(seed: int, settings: tuple[int, int, float, int], keep: Path | None) -> dict[str, Any]:
    """A world's counts; from the folder ``keep`` if it was played there before, and kept there if not."""
    from benchmarks.intervention_worlds import run_world

    path = None if keep is None else keep / f"world-{'-'.join(map(str, settings))}-{seed}.json"
    if path is not None and path.is_file():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    counts = run_world(seed, *settings)
    plain: dict[str, Any] = json.loads(json.dumps(counts, default=float))
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".part").write_text(json.dumps(plain), encoding="utf-8")
        path.with_suffix(".part").replace(path)
    return plain


@fivefold_command(
    "Interventions in paired worlds of the twin: share prevented from the holdout, risk learned under interventions "
    "beside a naive learner, late orders informed in time beside threshold alerts.",
    example="fivefold bench interventions --json\nfivefold bench interventions --seeds 2 --weeks 4",
)
def command(
    seeds: int, weeks: int, orders: int, holdout: float, live_days: int, workers: int, keep: Path | None, home: Path
) -> Any:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    settings = (weeks, orders, holdout, live_days)
    worlds: list[dict[str, Any]] = []
    with ProcessPoolExecutor(workers) as pool:
        jobs = [pool.submit(kept_world, seed, settings, keep) for seed in range(seeds)]
        for number, job in enumerate(jobs):
            worlds.append(job.result())
            click.echo(f"world {number + 1} of {seeds}", err=True)
    result = summarise(worlds)

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>32}  {value:.4f}" if isinstance(value, float) else f"{key:>32}  {value}")

    return result, show


command = click.option("--seeds", default=20, show_default=True, help="Worlds.")(command)
command = click.option("--weeks", default=12, show_default=True, help="Weeks with interventions.")(command)
command = click.option("--orders", default=400, show_default=True, help="Orders a day.")(command)
command = click.option("--holdout", default=0.1, show_default=True, help="Share not treated, at random.")(command)
command = click.option("--live-days", default=6, show_default=True, help="Days watched a world.")(command)
command = click.option("--workers", default=2, show_default=True, help="Processes.")(command)
command = click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Folder of worlds played before with the same settings and code: a run that was stopped goes on.",
)(command)
