"""Evaluate a source: rows of the lake by its mapping, then ``models.evaluation``. No source has code of its own."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from domain.errors import InputError
from orchestration.ingestion.mapping import EvaluationTask, Mapping
from orchestration.lake import Lake

CONCLUDED = ("delivered", "attempt_failed")


def decision_rows(lake: Lake, mapping: Mapping, task: EvaluationTask) -> pd.DataFrame:
    """One row an order: decision_time, label, label_time, features and entities, as the first version said."""
    frame = lake.query(
        """
        with orders as (
            select * from raw.orders where source = ?
            qualify row_number() over (partition by order_id order by ingest_time, file_id) = 1
        ), events as (
            select * from raw.delivery_events where source = ?
            qualify row_number() over (partition by event_id order by ingest_time desc, file_id desc) = 1
        ), outcomes as (
            select order_id, any_value(driver_id) as driver_id,
                min(event_time) filter (where event_type = ?) as from_time,
                min(event_time) filter (where event_type = ?) as to_time,
                max(case when event_type = 'attempt_failed' then 1.0 else 0.0 end) as failed,
                min(event_time) filter (where event_type in ('delivered', 'attempt_failed')) as concluded_at,
                min(ingest_time) filter (where event_type in ('delivered', 'attempt_failed')) as label_time
            from events where not retracted and order_id is not null group by order_id
        )
        select orders.*, outcomes.* exclude (order_id), orders.ingest_time as decision_time
        from orders join outcomes using (order_id) where outcomes.label_time is not null
        order by decision_time, order_id
        """,
        [mapping.name, mapping.name, task.from_event or "loaded", task.to_event or "arrived"],
    )
    if frame.empty:
        raise InputError(f"source {mapping.name!r} has no outcomes to learn from")
    frame = _with_attributes(frame, task)
    if task.task == "failed":
        frame["label"] = frame["failed"]
    elif task.task == "late":
        known = frame["window_end"].notna()
        frame["label"] = np.where(known, (frame["concluded_at"] > frame["window_end"]).astype(float), np.nan)
    else:
        frame["label"] = (frame["to_time"] - frame["from_time"]).dt.total_seconds()
        frame["decision_time"] = frame["from_time"].fillna(frame["decision_time"])
    return frame


def _with_attributes(frame: pd.DataFrame, task: EvaluationTask) -> pd.DataFrame:
    wanted = [
        name
        for name in (*task.features.numbers, *task.features.categories, *task.entities)
        if name.startswith("attributes.")
    ]
    if not wanted:
        return frame
    parsed = [json.loads(text) if isinstance(text, str) else {} for text in frame["attributes"]]
    for name in wanted:
        key = name.removeprefix("attributes.")
        if not any(key in one for one in parsed[:1000]):
            raise InputError(f"attribute {key!r} is in no row")
        frame[name] = pd.Series([one.get(key) for one in parsed], index=frame.index, dtype=object)
    return frame


def held_out(values: pd.Series, share: float) -> pd.Series:
    """True for about ``share`` of the distinct values, chosen by their hash: the same on every machine."""
    chosen = {
        value: int(hashlib.sha256(str(value).encode()).hexdigest()[:8], 16) / 16**8 < share
        for value in values.dropna().unique()
    }
    return values.map(chosen).fillna(False).astype(bool)


def evaluate_source(
    lake: Lake, mapping: Mapping, train_until: date | None = None, predictions: Path | None = None
) -> dict[str, Any]:
    """Scores of the first evaluation task of a mapping.

    Raises:
        InputError: the mapping declares no task, or the split leaves nothing.
    """
    from models.evaluation import evaluate_binary, evaluate_eta

    if not mapping.evaluation:
        raise InputError(f"sources/{mapping.name}.yml declares no evaluation")
    task = mapping.evaluation[0]
    rows = decision_rows(lake, mapping, task)
    numbers, categories = list(task.features.numbers), list(task.features.categories)
    if task.task == "eta":
        test = (
            held_out(rows[task.split.holdout_by], task.split.share)
            if task.split.holdout_by
            else (rows["decision_time"] > _end_of(train_until or task.split.train_until, mapping))
        )
        result, scored = evaluate_eta(rows, numbers, categories, test)
    else:
        until = _end_of(train_until or task.split.train_until, mapping)
        result, scored = evaluate_binary(rows, numbers, categories, task.entities, until)
    if predictions is not None:
        scored.to_csv(predictions, index=False)
        result["predictions"] = str(predictions)
    return {"source": mapping.name, "task": task.task, "name": task.name, "lake_snapshot": lake.snapshot_id(), **result}


def _end_of(day: date | None, mapping: Mapping) -> pd.Timestamp:
    if day is None:
        raise InputError(f"give --train-until: sources/{mapping.name}.yml declares no date to train until")
    return pd.Timestamp(day).tz_localize(mapping.timezone) + pd.Timedelta(days=1) - pd.Timedelta(seconds=1)
