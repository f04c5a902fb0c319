"""Trajectories of a source (its predictors on real outcomes) and of the twin (the loop in a world that drifts)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from domain.errors import InputError
from models.trajectory import trajectory
from orchestration.ingestion.mapping import Mapping
from orchestration.lake import Lake

BURN_IN_DAYS, WEEKS, ORDERS = 28, 12, 300
DRIFT = (
    {"kind": "habit_change", "week": 2, "share": 0.25, "log_odds": 0.7},
    {"kind": "roadworks", "week": 4, "speed_factor": 0.85},
    {"kind": "habit_change", "week": 6, "share": 0.25, "log_odds": 0.7},
    {"kind": "roadworks", "week": 8, "speed_factor": 0.85},
    {"kind": "address_corruption", "week": 9, "share": 0.03},
)
"""A world that drifts: each shift stays, so what was learned at the start is worth less every month."""


def of_source(lake: Lake, mapping: Mapping, place: Path) -> dict[str, Any]:
    """The full loop beside the model and state frozen at the end of training, on the source's test decisions.

    Scored rows are kept in ``place`` (the evaluation's own workspace, one for each state of the files).

    Raises:
        InputError: the source declares no evaluation of a probability.
    """
    from orchestration.evaluation import evaluate_source

    if not mapping.evaluation or mapping.evaluation[0].task == "eta":
        raise InputError(f"sources/{mapping.name}.yml declares no evaluation of a probability over time")
    scored = place / "scored.parquet"
    if not scored.is_file():
        draft = place / "draft.parquet"
        evaluate_source(lake, mapping, predictions=draft)
        draft.replace(scored)
    rows = pd.read_parquet(scored)
    found = trajectory(
        rows["as_of"],
        rows["label"].to_numpy(float),
        rows["prediction"].to_numpy(float),
        rows["arm_frozen_history"].to_numpy(float),
        timezone=mapping.timezone,
    )
    return {"source": mapping.name, "task": mapping.evaluation[0].task, **found}


def of_twin(
    weeks: int = WEEKS, orders: int = ORDERS, seed: int = 7, drift: bool = True, progress: Any = None
) -> dict[str, Any]:
    """Failed attempts and travel times: the loop that learns every day beside its copy of the end of burn-in."""
    from models.drift import Monitor
    from models.loop import LoopModel, watch
    from orchestration.loop.twin import FIRST, TwinDays
    from simulation import load_scenario, scenario_from

    base = load_scenario().scaled(orders).model_dump(mode="json") | {"seed": seed}
    if drift:
        base["shocks"] = [
            {key: value for key, value in one.items() if key != "week"}
            | {"first_day": (FIRST + timedelta(days=BURN_IN_DAYS + 7 * int(str(one["week"])))).isoformat()}
            for one in DRIFT
            if int(str(one["week"])) < weeks
        ]
    model, monitor = LoopModel(), Monitor()
    control: LoopModel | None = None
    failed, travel, alarms_seen = [], [], 0
    for number, (asked, _) in enumerate(TwinDays(scenario_from(base)).days(BURN_IN_DAYS + 7 * weeks)):
        alarms, sizes = [], {}
        if number >= 14:
            said = model.forecast(asked)
            alarms, sizes = watch(monitor, asked, said)
        if number == BURN_IN_DAYS:
            control = model.frozen()
        if control is not None:
            alarms_seen += len(alarms)
            other = control.forecast(asked)
            failed.append(_failed(asked, said, other))
            travel.append(_travel(asked, said, other))
        model.days.append(asked)
        model.react(alarms, sizes)
        if not alarms:
            model.refit()
        if progress and number % 7 == 0:
            progress(f"day {number} of {BURN_IN_DAYS + 7 * weeks}")
    parts = {}
    for name, frames, binary in (("failed", failed, True), ("travel", travel, False)):
        rows = pd.concat(frames, ignore_index=True)
        parts[name] = trajectory(
            rows["when"],
            *(rows[column].to_numpy(float) for column in ("y", "learning", "frozen")),
            binary=binary,
            fewest=50 if binary else 10,
        )
    return {
        "source": "twin", "drift": drift, "orders_per_day": orders, "seed": seed, "alarms": alarms_seen,
        "task": "failed", **parts["failed"], "travel": parts["travel"],
    }  # fmt: skip


def _chance(said: Any) -> Any:
    return np.clip(1 - (1 - said.p_absent) * (1 - said.p_other) * (1 - said.p_own_fault), 1e-4, 1 - 1e-4)


def _failed(asked: Any, said: Any, other: Any) -> pd.DataFrame:
    visits = asked.visits
    return pd.DataFrame(
        {
            "when": visits["concluded_at"],
            "y": visits["failed"].astype(float),
            "learning": _chance(said),
            "frozen": _chance(other),
        }
    )


def _travel(asked: Any, said: Any, other: Any) -> pd.DataFrame:
    legs = asked.legs.assign(learning=said.leg_s, frozen=other.leg_s)
    legs = legs[legs["actual_s"] < legs["base_s"] * 5]
    # planned arrivals are wrong by what a route's legs are wrong by in sum
    routes = legs.groupby("route_id").agg(
        when=("arrived_at", "max"), y=("actual_s", "sum"), learning=("learning", "sum"), frozen=("frozen", "sum")
    )
    return routes.reset_index(drop=True)
