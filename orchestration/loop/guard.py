"""Drift of a source, shadow runs of challengers, and the champion's guard. Alarms ask; only outcomes promote."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.drift import Alarm, Monitor, feature_shifts
from orchestration.lake import Lake
from orchestration.loop.evidence import facts_at
from orchestration.loop.scorecards import newest_known

WATCHED_DAYS, NEW_DAYS = 90, 7
STREAMS = {
    "failed predictions": ("model_loss", 0.02, None),
    "travel times": ("travel_log_ratio", 0.03, None),
    "service times": ("service_log_ratio", 0.05, None),
    "carriers": ("not_driven", 0.02, 1.0),
}
"""What is watched -> column of the facts (as it is, or its distance from what was believed), least rise, scale."""
OFF_BELIEF = {"travel_log_ratio", "service_log_ratio"}
SEGMENTS = ("all", "depot", "fleet")
FEWEST_JUDGED = 500


def drift_report(lake: Lake, source: str, as_of: datetime | None = None) -> dict[str, Any]:
    """Alarms of the last weeks by stream and segment (ADWIN), and features that moved (PSI).

    The windows are replayed from the lake, so a report of a past moment is the one that could have been made then.

    Raises:
        InputError: the source has no outcomes.
    """
    moment = as_of or newest_known(lake, source)
    facts = facts_at(lake, source, moment, WATCHED_DAYS)
    facts["all"] = "all"
    monitor, alarms = Monitor(), []
    for day, rows in facts.sort_values("service_date").groupby("service_date"):
        for stream, (column, least, scale) in STREAMS.items():
            for kind in SEGMENTS:
                for segment, part in rows.groupby(kind):
                    means = part.groupby("route_id")[column].mean().dropna().to_numpy(float)
                    values = np.abs(means) if column in OFF_BELIEF else means
                    name = "all" if kind == "all" else f"{kind} {segment}"
                    found = monitor.observe(stream, name, day, values, least=least, scale=scale)
                    if found is not None:
                        alarms.append(found)
    return {
        "source": source,
        "as_of": moment,
        "alarms": [one.row() for one in alarms],
        "recent_alarms": [one.row() for one in alarms if _recent(one, moment)],
        "features": _shifts(lake, source, moment),
        "streams": len(STREAMS),
    }


def _recent(alarm: Alarm, moment: datetime) -> bool:
    return alarm.day >= (moment - timedelta(days=NEW_DAYS)).date()


def _shifts(lake: Lake, source: str, moment: datetime) -> list[dict[str, Any]]:
    """PSI of what models read: the last week beside the four before. Counters that only grow are left out."""
    from orchestration.learning import NUMBERS
    from orchestration.loop.lineage import has_marts

    if not has_marts(lake):
        return []
    since, first_new = (moment - timedelta(days=NEW_DAYS + 28)).date(), (moment - timedelta(days=NEW_DAYS)).date()
    rows = lake.query(
        "select * from marts.feat_exception where source = ? and service_date > ? and as_of <= ?",
        [source, since, moment],
    )
    names = [one for one in NUMBERS["failed"] if one not in ("customer_attempts", "customer_failures")]
    new = pd.to_datetime(rows["service_date"]).dt.date > first_new
    return feature_shifts(rows[~new], rows[new], names)


def shadow(
    lake: Lake, home: Path, source: str, *, promote: bool = False, roll_back: bool = False
) -> list[dict[str, Any]]:
    """Each task's challenger beside its champion, and its champion beside the one before, on outcomes that came since.

    The rows are those neither was trained on. With ``promote`` a challenger that is proven better serves from now on,
    with ``roll_back`` a champion that is proven worse than the one before goes; without them nothing changes.
    """
    from models.promotion import judge, should_roll_back
    from models.registry import Registry
    from orchestration.learning import TASKS, training_rows
    from orchestration.loop.lineage import has_marts

    registry, found = Registry(home / "models"), []
    if not has_marts(lake):
        return []
    for task in TASKS:
        versions = registry.champions(task, source)
        if not versions:
            continue
        challenger = registry.challenger(task, source)
        pairs = [("challenger", versions[-1], challenger[0])] if challenger else []
        pairs += [("rollback", versions[-1], versions[-2])] if len(versions) > 1 else []
        for kind, present, other in pairs:
            trained = [_trained(registry, task, source, one) for one in (present, other)]
            rows = training_rows(lake, source, task, newest_known(lake, source))
            rows = rows[rows["as_of"] > max(trained)].reset_index(drop=True)
            row: dict[str, Any] = {"task": task, "kind": kind, "champion": present, "other": other, "rows": len(rows)}
            if len(rows) < FEWEST_JUDGED:
                found.append({**row, "verdict": "too early", "done": False})
                continue
            column = "p50_s" if task == "eta" else "probability"
            ours, theirs = (
                registry.load(task, source, one).predict(rows)[column].to_numpy() for one in (present, other)
            )
            y = rows["label"].to_numpy(float)
            cluster = (rows["service_date"].astype(str) + "|" + rows["depot_id"].astype(str)).to_numpy(object)
            if kind == "challenger":
                zones = {"zone": rows["zone_id"].astype(str).to_numpy()} if "zone_id" in rows else {}
                before = registry.metrics(task, source, present)
                verdict = judge(y, ours, theirs, cluster, zones, binary=task != "eta", before=before)
            else:
                verdict = should_roll_back(y, ours, theirs, cluster, binary=task != "eta")
            act = verdict.promote and (promote if kind == "challenger" else roll_back)
            if act and kind == "challenger":
                registry.promote(task, source, other)
            elif act:
                registry.roll_back(task, source)
            word = {"challenger": "better", "rollback": "champion is worse"}[kind] if verdict.promote else "not proven"
            found.append({**row, "verdict": word, **verdict.row(), "done": bool(act)})
            if act:
                break
    return found


def _trained(registry: Any, task: str, source: str, version: str) -> pd.Timestamp:
    entry = next(
        one
        for one in registry.entries()
        if (one.task, one.version) == (task, version) and one.description["source"] == source
    )
    return pd.Timestamp(entry.description["as_of"])
