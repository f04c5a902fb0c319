"""Marts to models to predictions: what the assets of the prediction and learning groups do."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from domain.codes import ExceptionClass
from domain.errors import InputError, LakeError, ModelError
from orchestration.entity_state import FEATURES, replayed
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
CLASSES = tuple(str(one) for one in ExceptionClass)
"""Exception classes with a head of their own, beside "failed" (any of them), "late" and "eta"."""
NUMBERS |= dict.fromkeys(CLASSES, NUMBERS["failed"])
TASKS = ("failed", "late", "eta", *CLASSES)
INPUTS = {task: (*names, *FEATURES.get(task, FEATURES["failed"])) for task, names in NUMBERS.items()}
"""What a head reads: columns of its mart, and the state of the entities at the decision."""
MARTS = {task: "feat_eta" if task == "eta" else "feat_exception" for task in TASKS}
FEWEST_POSITIVES = 30
LEAST_AUC = 0.53
"""A head whose AUC on the newest fifth is below says nothing: the class is reported as not predictable."""
LABELS = {
    **{one: f"case when exception_class = '{one}' then 1.0 else 0.0 end" for one in CLASSES},
    "failed": "case when outcome = 'failed' then 1.0 else 0.0 end",
    "late": "case when late then 1.0 else 0.0 end",
    "eta": "arrival_error_s",
}


def training_rows(lake: Lake, source: str, task: str, as_of: datetime) -> pd.DataFrame:
    """Features with labels known at ``as_of``, oldest first."""
    rows = lake.query(
        f"""
        select features.*, cast({LABELS[task]} as double) as label
        from marts.{MARTS[task]} as features
        join marts.fct_outcomes as outcomes using (source, order_id)
        where features.source = ? and outcomes.attempt = 1 and outcomes.label_time <= ?
        order by features.as_of, features.order_id
        """,
        [source, as_of],
    )
    return replayed(lake, source, rows)


def newest_outcome(lake: Lake, source: str) -> datetime:
    """When the newest outcome of a source became known.

    Raises:
        InputError: the marts are not built, or hold no outcome of it.
    """
    try:
        newest = lake.query("select max(label_time) as t from marts.fct_outcomes where source = ?", [source])["t"].iloc[
            0
        ]
    except LakeError as error:
        if not isinstance(error.__cause__, duckdb.CatalogException):
            raise
        raise InputError("the marts are not built: run `fivefold demo`, or materialise them in the UI") from error
    if pd.isna(newest):
        raise InputError(f"no outcome of source {source!r} is in the marts: materialise them for its dates first")
    moment: datetime = newest.to_pydatetime()
    return moment


def _tuned(home: Path, source: str, task: str) -> dict[str, Any]:
    """Parameters that ``fivefold tune`` found, where it ran."""
    path = home / "models" / source / f"tuned-{task}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def train_task(
    lake: Lake, home: Path, source: str, task: str, as_of: datetime, *, force: bool = False, shadow: bool = False
) -> dict[str, Any]:
    """Fit a task on what was known at ``as_of``, score it on the newest fifth, register it and ask the promotion gate.

    The first model of a task serves at once; later ones serve if the gate says so (``force``: whatever it says) and
    are kept as the challenger otherwise. ``shadow`` (a retrain that an alarm of drift asked for): kept as the
    challenger whatever the gate says; who serves is decided on outcomes that come after.

    Raises:
        ModelError: too little or nothing to learn from.
    """
    from models.metrics import binary_scores, interval_scores, reliability
    from models.registry import Registry
    from models.training import train

    rows = training_rows(lake, source, task, as_of)
    if task in CLASSES and rows["label"].sum() < FEWEST_POSITIVES:
        raise ModelError(
            f"{task}: {int(rows['label'].sum())} cases in {len(rows)} stops; "
            f"{FEWEST_POSITIVES} are needed to learn from"
        )
    cut = int(len(rows) * 0.8)
    age_days = (rows["as_of"].max() - rows["as_of"]).dt.total_seconds().to_numpy() / 86_400
    tuned = _tuned(home, source, task)
    trial = train(task, rows[:cut], rows["label"][:cut], INPUTS[task], CATEGORIES, age_days=age_days[:cut], tuned=tuned)
    test = rows[cut:]
    guess, y = trial.predict(test), test["label"].to_numpy(float)
    if task == "eta":
        metrics: dict[str, Any] = interval_scores(y, *(guess[name].to_numpy() for name in ("p10_s", "p50_s", "p90_s")))
    else:
        metrics = {**binary_scores(y, guess["probability"].to_numpy()), "rate": float(y.mean())}
    calibration = [] if task == "eta" else reliability(y, guess["probability"].to_numpy())
    if task in CLASSES and (metrics["roc_auc"] is None or metrics["roc_auc"] < LEAST_AUC):
        raise ModelError(
            f"{task}: the data cannot predict it (AUC {metrics['roc_auc'] or 0.5:.3f} on the newest fifth); "
            "no head serves"
        )
    model = train(task, rows, rows["label"], INPUTS[task], CATEGORIES, age_days=age_days, tuned=tuned)
    registry = Registry(home / "models")
    champion = registry.champion(task, source)
    version = registry.save(
        model,
        source=source,
        as_of=as_of.isoformat(),
        lake_snapshot=lake.snapshot_id(),
        metrics=metrics,
        calibration=calibration,
    )
    if champion is None or champion[0] == version:
        verdict: dict[str, Any] = {"promote": True, "reasons": ["the first model of its task"]}
    else:
        before = registry.metrics(task, source, champion[0])
        verdict = _judge(task, test, guess, champion[1], before)
    serves = champion is None or champion[0] == version or force or (verdict["promote"] and not shadow)
    if serves:
        registry.promote(task, source, version)
    else:
        registry.challenge(task, source, version, verdict)
    _track(task, source, version, metrics)
    plot = {"y": y, **{name: guess[name].to_numpy() for name in guess.columns}}
    return {
        "version": version,
        "rows": len(rows),
        "metrics": metrics,
        "promoted": bool(serves),
        "verdict": verdict,
        "plot": plot,
    }


def _judge(task: str, test: pd.DataFrame, guess: pd.DataFrame, champion: Any, before: dict[str, Any]) -> dict[str, Any]:
    """The gate's verdict on the newest fifth: the trial (which has not seen it) against the serving champion.

    The champion may have seen some of these rows when it was trained; that is to its advantage, so the gate errs on
    the side of keeping it.
    """
    from models.promotion import judge

    column = "p50_s" if task == "eta" else "probability"
    zones = test["zone_id"].astype(str).to_numpy() if "zone_id" in test.columns else None
    cluster = test["service_date"].astype(str) + "|" + test["depot_id"].astype(str)
    return judge(
        test["label"].to_numpy(float),
        champion.predict(test)[column].to_numpy(),
        guess[column].to_numpy(),
        cluster.to_numpy(object),
        {} if zones is None else {"zone": zones},
        binary=task != "eta",
        before=before,
    ).row()


def _track(task: str, source: str, version: str, metrics: dict[str, Any]) -> None:
    """The same values in MLflow, where the setting ``FIVEFOLD_MLFLOW`` names a tracking server or folder.

    Raises:
        InputError: the setting is there and the extra ``tracking`` is not, or the server does not take it.
    """
    uri = os.environ.get("FIVEFOLD_MLFLOW")
    if not uri:
        return
    try:
        import mlflow
    except ImportError as error:
        raise InputError("FIVEFOLD_MLFLOW is set: install the extra, `pip install fivefold[tracking]`") from error
    if "://" not in uri:  # a folder: MLflow keeps that store in maintenance and asks for consent
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    try:
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment(f"fivefold/{source}/{task}")
        with mlflow.start_run(run_name=version):
            mlflow.set_tags({"source": source, "task": task, "model_version": version})
            mlflow.log_metrics({name: float(value) for name, value in metrics.items() if value is not None})
    except mlflow.exceptions.MlflowException as error:
        told = str(error).splitlines()[0]
        raise InputError(f"FIVEFOLD_MLFLOW={uri}: {told}; {version} of {task} is registered, not tracked") from error
