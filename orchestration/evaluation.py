"""Evaluate a source: rows of the lake by its mapping, then ``models``. No source has code of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from domain.errors import InputError, MappingError
from models.protocol import Spec
from orchestration.ingestion.mapping import EvaluationTask, Mapping
from orchestration.lake import Lake
from orchestration.planning.inputs import CONCLUDING

DEFAULT_SHARE = 0.7


def evaluation_home(home: Path, mapping: Mapping, folder: Path) -> Path:
    """The workspace of an evaluation: one for each state of a source's files and mapping.

    Another folder (``--data``) must not correct the rows of the first, and a changed mapping must be read anew.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    stamp = [(str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    content = json.dumps([str(folder.resolve()), stamp, mapping.model_dump(mode="json")], sort_keys=True)
    return home / "evaluations" / f"{mapping.name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


@contextmanager
def loaded(home: Path, mapping: Mapping, folder: Path) -> Iterator[tuple[Lake, dict[str, Any]]]:
    """A lake that holds exactly the files of ``folder``, and the account of loading them."""
    from orchestration.ingestion import ingest

    place = evaluation_home(home, mapping, folder)
    with Lake.open(place) as lake:
        report = ingest(lake, mapping, folder).summary()
        yield lake, {key: value for key, value in report.items() if key not in {"tables", "stale_dates"}}


def decision_rows(lake: Lake, mapping: Mapping, task: EvaluationTask) -> pd.DataFrame:
    """One row an order (and milestone): decision_time, label, label_time, ended_time, features and entities.

    Orders as their first version said; a column of ``available`` is empty at earlier milestones.

    Raises:
        InputError: the source has no outcomes, or an attribute or column that the mapping names is in no row.
    """
    frame = lake.query(
        f"""
        with orders as (
            select * from raw.orders where source = ?
            qualify row_number() over (partition by order_id order by ingest_time, file_id) = 1
        ), events as (
            select * from raw.delivery_events where source = ?
            qualify row_number() over (partition by event_id order by ingest_time desc, file_id desc) = 1
        ), outcomes as (
            select order_id, any_value(driver_id) as driver_id, any_value(vehicle_id) as vehicle_id,
                any_value(route_id) as route_id, any_value(fleet_id) as fleet_id,
                max(case when event_type = 'attempt_failed' then 1.0 else 0.0 end) as failed,
                min(event_time) filter (where event_type in {CONCLUDING}) as concluded_at,
                min(ingest_time) filter (where event_type in {CONCLUDING}) as ended_time
            from events where not retracted and order_id is not null group by order_id
        )
        select orders.* exclude (retracted, file_id), outcomes.* exclude (order_id)
        from orders join outcomes using (order_id)
        where outcomes.ended_time is not null and not orders.retracted
        order by orders.ingest_time, order_id
        """,
        [mapping.name, mapping.name],
    )
    if frame.empty:
        raise InputError(f"source {mapping.name!r} has no outcomes to learn from")
    frame = _with_attributes(frame.assign(entity=frame["order_id"]), task)
    if task.where is not None:
        name, _, value = task.where.partition("=")
        frame = frame[frame[name.strip()].astype(str) == value.strip()].reset_index(drop=True)
    if task.task == "eta":
        return _eta_rows(lake, mapping, task, frame)
    frame["decision_time"] = _decision(frame, task)
    frame["duration_s"] = (frame["concluded_at"] - frame["decision_time"]).dt.total_seconds()
    concluded = frame["concluded_at"].dt.tz_convert(mapping.timezone)
    frame["concluded_hour"] = concluded.dt.hour + concluded.dt.minute / 60.0
    frame["label_time"] = frame["ended_time"]
    if task.task == "failed":
        frame["label"] = frame["failed"]
        return frame
    known = frame["window_end"].notna()
    frame["promised_time"] = frame["window_end"]
    frame["label"] = np.where(known, (frame["concluded_at"] > frame["window_end"]).astype(float), np.nan)
    # a late one shows as soon as the promise has passed, one in time when it is there
    on_time = frame["concluded_at"] <= frame["window_end"]
    frame["label_time"] = frame["ended_time"].where(on_time, frame["window_end"])
    # how long before the promise ended: known when the label is, 0 of a late one
    slack = (frame["window_end"] - frame["concluded_at"]).dt.total_seconds()
    frame["slack_s"] = slack.clip(lower=0.0).where(known)
    # early labels are the ones in time: models learn from none before the promise has passed and all have shown
    frame["mature_time"] = frame[["label_time", "window_end"]].max(axis=1)
    return frame


def _decision(frame: pd.DataFrame, task: EvaluationTask) -> pd.Series:
    """When the decision is made: as the order becomes known, or later as the mapping says."""
    if task.decide is None:
        return frame["ingest_time"]
    if task.decide.at not in frame.columns or not pd.api.types.is_datetime64_any_dtype(frame[task.decide.at]):
        raise MappingError(f"evaluation {task.name!r}: decide.at: {task.decide.at!r} is no timestamp of the orders")
    moment = frame[task.decide.at] + pd.Timedelta(hours=task.decide.hours)
    return pd.concat([moment, frame["ingest_time"]], axis=1).max(axis=1)


def _milestones(task: EvaluationTask) -> dict[str, str]:
    if task.milestones:
        return dict(task.milestones)
    if task.from_event is None:
        raise MappingError(f"evaluation {task.name!r}: an ETA needs milestones or from_event")
    return {task.from_event: task.from_event}


def _eta_rows(lake: Lake, mapping: Mapping, task: EvaluationTask, frame: pd.DataFrame) -> pd.DataFrame:
    """One row an order and milestone; times of earlier milestones as elapsed seconds."""
    names = _milestones(task)
    times = _event_times(lake, mapping, {**names, "_to": task.to_event or "arrived"})
    frame = frame.merge(times, on="order_id", how="inner")
    order = list(names)
    parts = []
    for number, name in enumerate(order):
        part = frame.assign(
            milestone=name,
            decision_time=frame[f"known_{name}"],
            label=(frame["at__to"] - frame[f"at_{name}"]).dt.total_seconds(),
            label_time=frame["known__to"],
            ended_time=frame["known__to"],
        )
        for earlier in order:
            since = (frame[f"at_{name}"] - frame[f"at_{earlier}"]).dt.total_seconds()
            part[f"since_{earlier}_s"] = since if order.index(earlier) < number else np.nan
        for column, first in task.available.items():
            if first not in names:
                raise MappingError(f"evaluation {task.name!r}: available.{column}: there is no milestone {first!r}")
            if order.index(first) > number:
                part[column] = None
        parts.append(part[part["decision_time"].notna() & part["label"].notna() & (part["label"] >= 0)])
    rows = pd.concat(parts, ignore_index=True)
    if rows.empty:
        raise InputError(f"source {mapping.name!r}: no order has both {order[0]} and {task.to_event or 'arrived'}")
    return rows


def _event_times(lake: Lake, mapping: Mapping, events: dict[str, str]) -> pd.DataFrame:
    """When each event happened and became known, per order: columns ``at_<name>`` and ``known_<name>``."""
    parts, parameters = [], []
    for name, event in events.items():
        kind, _, suffix = event.partition("@")
        condition = "event_type = ?" + (" and ends_with(stop_id, ?)" if suffix else "")
        for column, clock in (("at", "event_time"), ("known", "ingest_time")):
            parts.append(f'min({clock}) filter (where {condition}) as "{column}_{name}"')
            parameters += [kind, f"-{suffix}"] if suffix else [kind]
    return lake.query(
        f"""
        with events as (
            select * from raw.delivery_events where source = ?
            qualify row_number() over (partition by event_id order by ingest_time desc, file_id desc) = 1
        )
        select order_id, {", ".join(parts)} from events
        where not retracted and order_id is not null group by order_id
        """,
        [mapping.name, *parameters],
    )


def _names(task: EvaluationTask) -> list[str]:
    entities = [column for one in task.entities for column in one.partition(">")[0].split("*")]
    named = (task.plan, task.scale, task.load, task.where.partition("=")[0].strip() if task.where else None)
    more = [*task.outcomes, *task.segments, *task.cluster, *(one for one in named if one)]
    folds = [task.split.folds_by] if task.split.folds_by else []
    return [*task.features.numbers, *task.features.categories, *entities, *more, *folds]


def _with_attributes(frame: pd.DataFrame, task: EvaluationTask) -> pd.DataFrame:
    wanted = list(dict.fromkeys(name for name in _names(task) if name.startswith("attributes.")))
    if not wanted:
        return frame
    parsed = [json.loads(text) if isinstance(text, str) else {} for text in frame["attributes"]]
    found: dict[str, Any] = {}
    for name in wanted:
        key = name.removeprefix("attributes.")
        values = [one.get(key) for one in parsed]
        if not any(key in one for one in parsed[:1000]):
            raise InputError(f"attribute {key!r} is in no row")
        found[name] = pd.Series(values, index=frame.index, dtype=object)
    return frame.assign(**found)


def spec_of(mapping: Mapping, task: EvaluationTask) -> Spec:
    """The task as ``models`` sees it."""
    since = tuple(f"since_{name}_s" for name in _milestones(task)) if task.task == "eta" else ()
    return Spec(
        numbers=(*task.features.numbers, *since),
        categories=task.features.categories,
        entities=task.entities,
        outcomes=task.outcomes,
        segments=task.segments,
        cluster=task.cluster,
        timezone=mapping.timezone,
        plan=task.plan,
        scale=task.scale,
        load=task.load,
        cold_start=task.cold_start,
        half_lives_days=task.half_lives_days,
        recency_days=task.recency_days,
        refit_days=task.refit_days,
    )


def evaluate_source(
    lake: Lake, mapping: Mapping, train_until: date | None = None, predictions: Path | None = None
) -> dict[str, Any]:
    """Scores of the first evaluation task of a mapping.

    Raises:
        InputError: the mapping declares no task, or the split leaves nothing.
    """
    from models.eta_evaluation import evaluate_eta
    from models.evaluation import evaluate_binary

    if not mapping.evaluation:
        raise InputError(f"sources/{mapping.name}.yml declares no evaluation")
    task = mapping.evaluation[0]
    rows = decision_rows(lake, mapping, task)
    spec = spec_of(mapping, task)
    note: dict[str, Any] = {}
    if task.task == "eta":
        if task.split.folds_by is not None:
            if train_until is not None:
                note = {"note": f"--train-until is not used: sources/{mapping.name}.yml leaves one fold out"}
            result, scored = evaluate_eta(rows, spec, fold=rows[task.split.folds_by])
        else:
            until = _until(rows, train_until or task.split.train_until, mapping)
            result, scored = evaluate_eta(rows, spec, train_until=until)
    else:
        until = _until(rows, train_until or task.split.train_until, mapping)
        result, scored = evaluate_binary(rows, spec, until)
    from models.availability import planted_canary

    result["leak_canary"] = planted_canary(rows, [*spec.numbers, *spec.categories])
    if predictions is not None:
        _write(scored, predictions)
        note["predictions"] = str(predictions)
    if task.task != "eta" or task.split.folds_by is None:
        note["train_until"] = until.date().isoformat()
    head = {"source": mapping.name, "task": task.task, "name": task.name, "lake_snapshot": lake.snapshot_id()}
    return {**head, **note, **_finite(result)}


def _write(scored: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        scored.to_parquet(path, index=False)
    else:
        scored.to_csv(path, index=False)


def _finite(value: Any) -> Any:
    """The same tree with NaN and infinities as None: JSON has neither."""
    if isinstance(value, dict):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value


def _until(rows: pd.DataFrame, day: date | None, mapping: Mapping) -> pd.Timestamp:
    """The end of the last day to learn from; where nobody names one, the day by which 70 % were decided."""
    if day is None:
        moment = rows["decision_time"].quantile(DEFAULT_SHARE).tz_convert(mapping.timezone)
        day = moment.date()
    return end_of_day(day, mapping)


def end_of_day(day: date, mapping: Mapping) -> pd.Timestamp:
    """The last second of a day in the source's zone."""
    return pd.Timestamp(day).tz_localize(mapping.timezone) + pd.Timedelta(days=1) - pd.Timedelta(seconds=1)
