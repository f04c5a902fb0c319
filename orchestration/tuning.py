"""Search of LightGBM parameters (Optuna), on the past of a source alone."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from domain.errors import InputError
from orchestration.evaluation import decision_rows, end_of_day, spec_of
from orchestration.ingestion.mapping import Mapping
from orchestration.lake import Lake

TUNED = ("learning_rate", "num_leaves", "min_data_in_leaf", "feature_fraction", "bagging_fraction", "lambda_l2")


def tune_source(lake: Lake, mapping: Mapping, home: Path, trials: int, train_until: date | None) -> dict[str, Any]:
    """Best parameters by loss on the newest fifth of what is before ``train_until``; written below ``home``.

    Raises:
        InputError: the extra is not installed, or the mapping declares no evaluation.
    """
    try:
        import optuna
    except ImportError as error:
        raise InputError("tuning needs its extra: pip install 'fivefold[tuning]'") from error
    from models.catalogue import Trial

    if not mapping.evaluation:
        raise InputError(f"sources/{mapping.name}.yml declares no evaluation")
    task = mapping.evaluation[0]
    until = train_until or task.split.train_until
    rows = decision_rows(lake, mapping, task)
    trial = Trial.of(
        rows, spec_of(mapping, task), task.task != "eta", None if until is None else end_of_day(until, mapping)
    )

    def objective(one: Any) -> float:
        return trial.loss(
            {
                "learning_rate": one.suggest_float("learning_rate", 0.01, 0.15, log=True),
                "num_leaves": one.suggest_int("num_leaves", 4, 63, log=True),
                "min_data_in_leaf": one.suggest_int("min_data_in_leaf", 20, 400, log=True),
                "feature_fraction": one.suggest_float("feature_fraction", 0.1, 1.0),
                "bagging_fraction": one.suggest_float("bagging_fraction", 0.5, 1.0),
                "lambda_l2": one.suggest_float("lambda_l2", 0.1, 50.0, log=True),
            }
        )

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=17))
    study.enqueue_trial(trial.defaults(TUNED))
    study.optimize(objective, n_trials=trials)
    path = home / "models" / mapping.name / f"tuned-{task.task}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(study.best_params, sort_keys=True, indent=1), encoding="utf-8")
    return {
        "source": mapping.name,
        "task": task.task,
        "loss": "log loss" if task.task != "eta" else "mean absolute error, s",
        "default": trial.loss({}),
        "best": float(study.best_value),
        "trials": trials,
        "parameters": study.best_params,
        "file": str(path),
    }
