"""Marts to models to predictions: what the assets of the prediction and learning groups do."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from domain import tables
from orchestration.lake import Lake

CATEGORIES: tuple[str, ...] = ()
NUMBERS = {
    "failed": (
        "customer_attempts",
        "customer_failures",
        "customer_failure_rate",
        "zone_failure_rate",
        "weekday",
        "window_start_hour",
        "window_hours",
        "mass_g",
        "volume_ml",
        "parcels",
        "forecast_precipitation_mm",
    ),
    "late": (
        "weekday",
        "window_start_hour",
        "window_hours",
        "parcels",
        "service_s",
        "zone_failure_rate",
        "forecast_precipitation_mm",
        "lat",
        "lon",
    ),
    "eta": (
        "weekday",
        "window_start_hour",
        "window_hours",
        "parcels",
        "service_s",
        "forecast_precipitation_mm",
        "depot_distance_m",
    ),
}
MARTS = {"failed": "feat_exception", "late": "feat_exception", "eta": "feat_eta"}
LABELS = {
    "failed": "case when outcome = 'failed' then 1.0 else 0.0 end",
    "late": "case when late then 1.0 else 0.0 end",
    "eta": "arrival_error_s",
}


def training_rows(lake: Lake, source: str, task: str, as_of: datetime) -> pd.DataFrame:
    """Features with labels known at ``as_of``, oldest first."""
    return lake.query(
        f"""
        select features.*, cast({LABELS[task]} as double) as label
        from marts.{MARTS[task]} as features
        join marts.fct_outcomes as outcomes using (source, order_id)
        where features.source = ? and outcomes.attempt = 1 and outcomes.label_time <= ?
        order by features.as_of, features.order_id
        """,
        [source, as_of],
    )


def train_task(lake: Lake, home: Path, source: str, task: str, as_of: datetime) -> dict[str, Any]:
    """Fit a task on what was known at ``as_of``, score it on the newest fifth, register and promote it.

    Raises:
        ModelError: too little or nothing to learn from.
    """
    from models.metrics import binary_scores, interval_scores
    from models.registry import Registry
    from models.training import train

    rows = training_rows(lake, source, task, as_of)
    cut = int(len(rows) * 0.8)
    trial = train(task, rows[:cut], rows["label"][:cut], NUMBERS[task], CATEGORIES)
    test = rows[cut:]
    guess, y = trial.predict(test), test["label"].to_numpy(float)
    if task == "eta":
        metrics: dict[str, Any] = interval_scores(y, *(guess[name].to_numpy() for name in ("p10_s", "p50_s", "p90_s")))
    else:
        metrics = dict(binary_scores(y, guess["probability"].to_numpy()))
    model = train(task, rows, rows["label"], NUMBERS[task], CATEGORIES)
    registry = Registry(home / "models")
    version = registry.save(
        model, source=source, as_of=as_of.isoformat(), lake_snapshot=lake.snapshot_id(), metrics=metrics
    )
    registry.promote(task, source, version)
    plot = {"y": y, **{name: guess[name].to_numpy() for name in guess.columns}}
    return {"version": version, "rows": len(rows), "metrics": metrics, "plot": plot}


def predict_day(lake: Lake, home: Path, source: str, first: date, last: date) -> pd.DataFrame:
    """Predictions of all tasks for the stops of a range of service dates, written to the lake."""
    from models.registry import Registry

    registry, snapshot, frames = Registry(home / "models"), lake.snapshot_id(), []
    for task, mart in MARTS.items():
        champion = registry.champion(task, source)
        if champion is None:
            continue
        version, model = champion
        rows = lake.query(
            f"select * from marts.{mart} where source = ? and service_date between ? and ? order by order_id",
            [source, first, last],
        )
        if rows.empty:
            continue
        frame = rows[["source", "order_id", "service_date", "as_of"]].join(model.predict(rows))
        frames.append(frame.assign(task=task, model_version=version, lake_snapshot=snapshot))
    empty = pd.DataFrame(columns=list(tables.PREDICTIONS.column_names))
    predictions = pd.concat(frames, ignore_index=True) if frames else empty
    dates = [stamp.date() for stamp in pd.date_range(first, last)]

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        Lake.replace_in(connection, tables.PREDICTIONS, {"source": [source], "service_date": dates}, predictions)

    lake.write(write)
    return predictions
