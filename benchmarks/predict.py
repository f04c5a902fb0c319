"""``fivefold bench predict``: how fast predictions are made, learned from and trained, on one core."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from orchestration.cli.options import fivefold_command

TARGETS = {
    "events_per_s": 5_000,
    "batch_rows_per_s": 100_000,
    "replay_features_per_s": 300_000,
    "train_1m_s": 60.0,
    "peak_mb": 4_096,
}
HOME_NUMBERS = tuple(f"x{n}" for n in range(12))
ENTITIES = ("zone", "customer>zone", "driver")


def _rows(count: int, seed: int = 1) -> pd.DataFrame:
    """Synthetic decisions of a year with their outcomes eight hours later."""
    rng = np.random.default_rng(seed)
    customer = rng.zipf(1.4, count) % 50_000
    times = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(
        np.sort(rng.integers(0, 365 * 86_400, count)), unit="s"
    )
    habit = rng.beta(0.6, 9, 50_000)
    frame = pd.DataFrame({name: rng.normal(size=count) for name in HOME_NUMBERS})
    chance = np.clip(habit[customer] + 0.02 * (frame["x0"].to_numpy() > 1), 0, 1)
    return frame.assign(
        customer=customer.astype(str),
        zone=(customer % 300).astype(str),
        driver=rng.integers(0, 400, count).astype(str),
        decision_time=times,
        label_time=times + pd.Timedelta(hours=8),
        label=(rng.random(count) < chance).astype(float),
    )


def _cpu(function: Any) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def _replay(rows: pd.DataFrame) -> tuple[float, pd.DataFrame]:
    from models.state import replay

    replay(rows[:1_000], ENTITIES)  # compiles
    spent, features = _cpu(lambda: replay(rows, ENTITIES))
    return features.size / spent, features


def _events(rows: pd.DataFrame, boosters: list[Any], count: int, batch: int, eta: bool) -> float:
    """Decisions and outcomes a second through the whole path: state, score, interval, learn."""
    from models.eta_online import EtaLayer
    from models.online import OnlineLayer
    from models.scorer import Decision, Ended, Outcome, Scorer
    from models.state import ASK, END, LATE_END, LEARN, EntityState, entity_values, seconds, timeline

    rows = rows[-count:].reset_index(drop=True)
    keys = list(zip(*entity_values(rows, ENTITIES), strict=True))
    numbers = rows[list(HOME_NUMBERS)].to_numpy()
    label = rows["label"].to_numpy() * (900.0 if eta else 1.0)
    decided = seconds(rows["decision_time"])
    # an ETA is told of ends as they come, as in the evaluation: its bounds are judged before labels mature
    kinds, who, times = timeline(decided, seconds(rows["label_time"]), decided + label if eta else None)
    events: list[Any] = []
    for kind, n, at in zip(kinds.tolist(), who.tolist(), times.tolist(), strict=True):
        if kind == ASK:
            events.append(Decision(str(n), at, keys[n], tuple(numbers[n].tolist())))
        elif kind == LEARN:
            events.append(Outcome(str(n), at, float(label[n])))
        elif eta and kind in (END, LATE_END):
            events.append(Ended(str(n), at))
    state = EntityState(ENTITIES)
    layer: Any = EtaLayer([300.0, 600.0, 900.0]) if eta else OnlineLayer(["weekly"], 9, 0.06)
    scorer = Scorer(state, boosters, layer, "bench", len(HOME_NUMBERS), ends=eta)
    scorer.process(events[:2_000])
    # ends are told beside the decisions and outcomes that are counted
    counted = sum(not isinstance(one, Ended) for one in events[2_000:])

    def run() -> None:
        for start in range(2_000, len(events), batch):
            scorer.process(events[start : start + batch])

    spent, _ = _cpu(run)
    return counted / spent


def _river(rows: pd.DataFrame, count: int) -> float:
    """The peer: River's scaler and logistic regression, predicting and learning the same rows without any state."""
    from river import linear_model, preprocessing

    model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    features = rows[list(HOME_NUMBERS)][:count].to_dict("records")
    labels = rows["label"][:count].tolist()

    def run() -> None:
        for x, y in zip(features, labels, strict=True):
            model.predict_proba_one(x)
            model.learn_one(x, y > 0.5)

    spent, _ = _cpu(run)
    return 2 * count / spent


def measure(rows_count: int, event_count: int, batch: int) -> dict[str, Any]:
    """Every figure, in CPU seconds of this process."""
    from models.training import Model, fit, fit_bag, parameters_for

    rows = _rows(rows_count)
    replay_rate, features = _replay(rows)
    matrix = np.column_stack([rows[list(HOME_NUMBERS)].to_numpy(), features.to_numpy()])
    y = rows["label"].to_numpy()
    start = time.perf_counter()
    booster = fit_bag(matrix, y, [], parameters_for("binary", len(y)) | {"num_threads": 1}, 100).boosters[0]
    train_s = time.perf_counter() - start
    names = (*HOME_NUMBERS, *features.columns)
    model = Model("failed", names, {}, {"p": booster}, {}, len(y))
    frame = pd.DataFrame(matrix[:200_000], columns=list(names))
    spent, _ = _cpu(lambda: model.predict(frame))
    quantiles = [
        fit(matrix[:50_000], y[:50_000] * 900 + matrix[:50_000, 1], [], parameters_for("quantile", 50_000, q), 100)
        for q in (0.05, 0.1, 0.5, 0.9, 0.95)
    ]
    result = {
        "events_per_s": _events(rows, [booster], event_count, batch, eta=False),
        "eta_events_per_s": _events(rows, quantiles, event_count, batch, eta=True),
        "batch_rows_per_s": len(frame) / spent,
        "replay_features_per_s": replay_rate,
        "train_1m_s": train_s * 1e6 / rows_count,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "river_logistic_events_per_s": _river(rows, 20_000),
        "rows": rows_count,
        "features": len(names),
        "events_a_batch": batch,
        "targets": TARGETS,
    }
    return {key: round(value, 1) if isinstance(value, float) else value for key, value in result.items()}


@fivefold_command(
    "Events a second through state, score, interval and learning; batch scores, replay and training beside River.",
    example="fivefold bench predict --json\nfivefold bench predict --rows 100000",
)
def command(rows: int, events: int, batch: int, home: Path) -> Any:
    result = measure(rows, events, batch)

    def show() -> None:
        for key, value in result.items():
            if key != "targets":
                target = f"   (target {TARGETS[key]:,})" if key in TARGETS else ""
                click.echo(f"{key:>28}  {value:>14,}{target}")

    return result, show


command = click.option("--rows", default=1_000_000, show_default=True, type=click.IntRange(60_000), help="Rows.")(
    command
)
command = click.option("--events", default=20_000, show_default=True, type=click.IntRange(3_000), help="Decisions.")(
    command
)
command = click.option("--batch", default=256, show_default=True, type=click.IntRange(1), help="Events a micro-batch.")(
    command
)
