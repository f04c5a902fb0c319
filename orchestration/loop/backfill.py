"""The whole loop again for past dates: features, parameters, predictions and plans as they could have been made then.

Every stage reads only what was known at the date's cut-off, models are those registered by then (else fitted on what
was known at the last weekly fit before), and plans are searched by iterations, not by time. So the same dates give the
same bits later, whatever came since; digests of each stage prove it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from domain import tables
from domain.errors import InputError
from orchestration.lake import Lake
from orchestration.loop.parameters import learn_day
from orchestration.planning import plan_day, publish
from orchestration.planning.inputs import depot_timezone, planning_as_of
from orchestration.predicting import predict_as_of

STAGES = ("features", "parameters", "predictions", "plans")
NOT_OF_THE_RESULT = {"lake_snapshot", "solver_s"}
"""What differs between two runs of the same: the snapshot's number and the seconds the search took."""
FEATURES = ("feat_exception", "feat_eta")
PLAN_TABLES = (tables.PLANS, tables.ROUTES, tables.PLAN_STOPS, tables.UNSERVED_ORDERS, tables.PARAMETER_USES)


def digest(frame: pd.DataFrame) -> str:
    """A hash of a frame's values, whatever the order of its rows and columns; to the last bit of every number."""
    names = sorted(set(frame.columns) - NOT_OF_THE_RESULT)
    lines = []
    columns = []
    for name in names:
        values = frame[name]
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            columns.append([None if pd.isna(one) else int(one.value) for one in values.dt.tz_convert(UTC)])
        elif pd.api.types.is_float_dtype(values.dtype):
            columns.append([None if np.isnan(one) else float(one).hex() for one in values.to_numpy(float)])
        else:
            columns.append([None if pd.isna(one) else str(one) for one in values])
    lines = sorted(repr(one) for one in zip(*columns, strict=True))
    return hashlib.sha256("\n".join([repr(names), *lines]).encode()).hexdigest()


def backfill(
    lake: Lake,
    source: str,
    first: date,
    last: date,
    *,
    stages: Sequence[str] = STAGES,
    iterations: int = 200,
    seed: int = 0,
    write_plans: bool = False,
    progress: Callable[[str], None] | None = None,
) -> dict[str, dict[str, str]]:
    """Materialise ``stages`` of the dates again; digests by date and stage.

    Features, parameters and predictions replace what the lake holds of the dates (they are what it should hold); plans
    are published only with ``write_plans``: a day that ran keeps the plan it ran by.

    Raises:
        InputError: dates the wrong way round, or a stage that does not exist.
    """
    if first > last:
        raise InputError(f"the first date {first} is after the last, {last}")
    if unknown := [one for one in stages if one not in STAGES]:
        raise InputError(f"there is no stage {unknown[0]!r}; there are {', '.join(STAGES)}")
    say = progress or (lambda _: None)
    zone = depot_timezone(lake, source)
    if "features" in stages:
        from orchestration.transform.run import build_features

        say("features")
        build_features(lake, first, last)
    found: dict[str, dict[str, str]] = {}
    day = first
    while day <= last:
        moment = planning_as_of(lake, source, day, zone)
        own = found[day.isoformat()] = {}
        if "features" in stages:
            own["features"] = _features_digest(lake, source, day, moment)
        if "parameters" in stages:
            say(f"{day}: parameters")
            own["parameters"] = digest(learn_day(lake, source, day, moment))
        if "predictions" in stages:
            say(f"{day}: predictions")
            own["predictions"] = digest(predict_as_of(lake, lake.home, source, day, moment))
        if "plans" in stages:
            say(f"{day}: plan")
            planned = plan_day(lake, source, day, iterations=iterations, seconds=60.0, seed=seed, as_of=moment)
            if write_plans:
                publish(lake, planned)
            parts = [digest(planned.frames[one.qualified_name]) for one in PLAN_TABLES]
            own["plans"] = hashlib.sha256("".join(parts).encode()).hexdigest()
        day += timedelta(days=1)
    return found


def _features_digest(lake: Lake, source: str, day: date, moment: datetime) -> str:
    """Features of the orders that were known at the cut-off."""
    parts = [
        digest(
            lake.query(
                f"select * from marts.{mart} where source = ? and service_date = ? and as_of <= ?",
                [source, day, moment],
            )
        )
        for mart in FEATURES
    ]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def remembered(home: Path, source: str) -> dict[str, dict[str, str]]:
    """Digests of earlier backfills of a source, by date and stage."""
    place = home / "backfills" / f"{source}.json"
    return dict(json.loads(place.read_text(encoding="utf-8"))) if place.is_file() else {}


def remember(home: Path, source: str, found: dict[str, dict[str, str]]) -> None:
    """Keep the digests of dates that had none; those that are there are what later runs are compared with."""
    known = remembered(home, source)
    for day, own in found.items():
        known[day] = {**own, **known.get(day, {})}
    place = home / "backfills" / f"{source}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_suffix(".tmp")
    draft.write_text(json.dumps(known, sort_keys=True, indent=1), encoding="utf-8")
    draft.replace(place)


def differences(found: dict[str, dict[str, str]], before: dict[str, dict[str, str]]) -> list[str]:
    """Dates and stages whose bits are not those of before."""
    return [
        f"{day}: {stage}"
        for day, own in sorted(found.items())
        for stage, value in own.items()
        if before.get(day, {}).get(stage, value) != value
    ]
