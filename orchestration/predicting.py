"""Predictions of service dates: by the champions and, for dates that are past, by models that knew nothing later.

A champion serves a date if it was fitted on what was known at the date's cut-off. For an older date it would repeat
what it was told: there the version of that week serves, fitted anew on what was known then where none is registered.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path

import pandas as pd

from domain import tables
from domain.errors import InputError, ModelError
from models.registry import Registry
from models.training import Model, train
from orchestration.entity_state import READ_BY_HEADS, replayed, with_state
from orchestration.lake import Lake
from orchestration.learning import CATEGORIES, CLASSES, FEWEST_POSITIVES, INPUTS, MARTS
from orchestration.loop.outcomes import outcomes_at
from orchestration.planning.inputs import depot_timezone

WEEKLY_FIT = time(5)
Served = tuple[str, Model]
"""A version and its model."""


def predict_days(lake: Lake, home: Path, source: str, first: date, last: date) -> pd.DataFrame:
    """Predictions of all tasks for the stops of a range of service dates, written in place of those of the dates.

    Tasks without a champion are left out; so is the arrival of dates before the first registered model of it, since
    its error needs the plan that was promised.
    """
    registry = Registry(home / "models")
    champions = {task: registry.champion(task, source) for task in MARTS}
    zone = _zone(lake, source)

    def model_of(task: str, moment: datetime) -> Served | None:
        champion = champions[task]
        if champion is None or registry.as_of(task, source, champion[0]) <= moment:
            return champion
        return model_at(lake, registry, source, task, moment.astimezone(zone))

    return _write(lake, source, first, last, None, model_of)


def predict_as_of(lake: Lake, home: Path, source: str, day: date, moment: datetime) -> pd.DataFrame:
    """Predictions of a date by the models of ``moment``, whoever is the champion now, of the orders known then."""
    registry = Registry(home / "models")
    return _write(lake, source, day, day, moment, lambda task, _: model_at(lake, registry, source, task, moment))


def _zone(lake: Lake, source: str) -> tzinfo:
    """Time zone of a source's weeks: its depot's, UTC where it has none."""
    try:
        return depot_timezone(lake, source)
    except InputError:
        return UTC


def _write(
    lake: Lake,
    source: str,
    first: date,
    last: date,
    until: datetime | None,
    model_of: Callable[[str, datetime], Served | None],
) -> pd.DataFrame:
    snapshot, frames = lake.snapshot_id(), []
    state: pd.DataFrame | None = None  # the marts are of the same stops, as of the same moments
    for task, mart in MARTS.items():
        rows = lake.query(
            f"select * from marts.{mart} where source = ? and service_date between ? and ? "
            "and (? is null or as_of <= ?) order by order_id",
            [source, first, last, until, until],
        )
        for served, own in _by_model(task, rows, model_of):
            if state is None or not set(own["order_id"]) <= set(state["order_id"]):
                state = with_state(lake, source, rows)[["order_id", *READ_BY_HEADS]]
            frames.append(_told(task, *served, own.merge(state, on="order_id", how="left"), snapshot))
    names = list(tables.PREDICTIONS.column_names)
    predictions = pd.concat(frames, ignore_index=True).reindex(columns=names) if frames else pd.DataFrame(columns=names)
    dates = [stamp.date() for stamp in pd.date_range(first, last)]
    lake.replace(tables.PREDICTIONS, {"source": [source], "service_date": dates}, predictions)
    return predictions


def _by_model(
    task: str, rows: pd.DataFrame, model_of: Callable[[str, datetime], Served | None]
) -> list[tuple[Served, pd.DataFrame]]:
    """Rows by the model that serves their date, by what its first order's cut-off allows: one batch a model."""
    serving: dict[str, Served] = {}
    versions: dict[date, str] = {}
    for day, cut_off in rows.groupby("service_date")["as_of"].min().items():
        found = model_of(task, cut_off.to_pydatetime())
        if found is not None:
            versions[day] = found[0]
            serving.setdefault(found[0], found)
    version = rows["service_date"].map(versions)
    return [(served, rows[version == name].reset_index(drop=True)) for name, served in sorted(serving.items())]


def _told(task: str, version: str, model: Model, rows: pd.DataFrame, snapshot: int) -> pd.DataFrame:
    said = rows[["source", "order_id", "service_date", "as_of"]].join(model.predict(rows))
    factors = [json.dumps([[name, round(share, 4)] for name, share in one]) for one in model.factors(rows)]
    return said.assign(task=task, model_version=version, factors=factors, lake_snapshot=snapshot)


def model_at(lake: Lake, registry: Registry, source: str, task: str, moment: datetime) -> Served | None:
    """The newest registered version of the week of ``moment`` that knew nothing after it; else the week's own fit.

    Where a week's fit had too little to learn from, an older version serves on.
    """
    known = [
        (datetime.fromisoformat(one.description["as_of"]), one.version)
        for one in registry.entries()
        if one.task == task and one.description["source"] == source
    ]
    before = sorted(one for one in known if one[0] <= moment)
    if not before or before[-1][0] < weekly_fit(moment):
        # an older one would make the answer depend on which weeks happened to be backfilled before this one
        fitted = _fit_at(lake, registry, source, task, weekly_fit(moment))
        if fitted is not None:
            return fitted
    return (before[-1][1], registry.load(task, source, before[-1][1])) if before else None


def weekly_fit(moment: datetime) -> datetime:
    """When the weekly job fitted last before ``moment``: a Monday morning in its zone."""
    fitted = datetime.combine((moment - timedelta(days=moment.weekday())).date(), WEEKLY_FIT, moment.tzinfo or UTC)
    return fitted if fitted <= moment else fitted - timedelta(days=7)


def _fit_at(lake: Lake, registry: Registry, source: str, task: str, fitted: datetime) -> Served | None:
    """A model of what was known at ``fitted``, registered. None where there was too little to learn from."""
    if task == "eta":
        return None  # an error of arrival needs the plan that was promised: only registered versions know it
    visits = outcomes_at(lake, source, fitted).visits
    visits = visits[visits["attempt"] == 1]
    if task == "late":
        label = (visits["started_at"].fillna(visits["concluded_at"]) > visits["window_end"]).astype(float)
    elif task == "failed":
        label = visits["failed"].astype(float)
    else:
        label = (visits["exception_class"] == task).astype(float)
    features = lake.query(
        f"select * from marts.{MARTS[task]} where source = ? and as_of <= ? order by as_of, order_id",
        [source, fitted],
    )
    rows = replayed(lake, source, features.merge(visits[["order_id"]].assign(label=label), on="order_id"))
    if rows.empty or (task in CLASSES and rows["label"].sum() < FEWEST_POSITIVES):
        return None
    try:
        age = (rows["as_of"].max() - rows["as_of"]).dt.total_seconds().to_numpy() / 86_400
        model = train(task, rows, rows["label"], INPUTS[task], CATEGORIES, age_days=age)
    except ModelError:
        return None
    version = registry.save(model, source=source, as_of=fitted.isoformat(), lake_snapshot=0, metrics={})
    return version, model
