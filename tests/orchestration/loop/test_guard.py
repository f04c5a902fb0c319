"""Challengers in the shadow: proven better on later outcomes, they serve; a champion proven worse goes back."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from domain import tables
from models.registry import Registry
from models.training import train
from orchestration.lake import Lake
from orchestration.learning import NUMBERS
from orchestration.loop.guard import drift_report, shadow

START = datetime(2026, 3, 2, 19, tzinfo=UTC)
FEATURES = NUMBERS["failed"]


def stops(days, a_day=60, seed=0):
    """Stops whose failure the first feature decides."""
    rng = np.random.default_rng(seed)
    n = days * a_day
    frame = pd.DataFrame(rng.random((n, len(FEATURES))), columns=list(FEATURES))
    when = pd.to_datetime([START + timedelta(days=one // a_day) for one in range(n)])
    fails = rng.random(n) < 0.6 * (frame[FEATURES[0]] > 0.8)
    place = {"source": "shop", "order_id": [f"o{one}" for one in range(n)], "zone_id": "z", "depot_id": "d"}
    frame = frame.assign(**place, as_of=when, service_date=[one.date() for one in when])
    return frame, fails.astype(float)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """Marts of 24 days, a registry with a champion that learned noise and a challenger that learned the truth."""
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    frame, y = stops(24)
    known = frame["as_of"] + timedelta(hours=20)
    told = np.where(y > 0, "failed", "delivered")
    outcomes = frame[["source", "order_id"]].assign(attempt=1, label_time=known, outcome=told)
    registry = Registry(tmp_path / "models")
    first = (frame["as_of"] <= START + timedelta(days=9)).to_numpy()
    noise = pd.Series(np.random.default_rng(1).permutation(y[first].to_numpy()), index=y[first].index)
    versions = []
    for labels in (noise, y[first]):
        model = train("failed", frame[first], labels, FEATURES, (), rounds=20)
        as_of = (START + timedelta(days=10)).isoformat()
        scores = {"rate": float(y.mean()), "roc_auc": 0.5}
        versions.append(registry.save(model, source="shop", as_of=as_of, lake_snapshot=1, metrics=scores))
    with Lake.open(tmp_path) as lake:

        def write(connection):
            connection.execute("create schema if not exists marts")
            for name, rows in (("feat_exception", frame), ("fct_outcomes", outcomes)):
                connection.register("rows", rows)
                connection.execute(f"create table marts.{name} as select * from rows")

        lake.write(write)
        event = {"event_id": "e", "service_date": date(2026, 3, 26), "event_type": "delivered", "retracted": False}
        moment = pd.Timestamp(known.max())
        rows = pd.DataFrame([{**event, "source": "shop", "file_id": "f", "event_time": moment, "ingest_time": moment}])
        lake.append(tables.DELIVERY_EVENTS, rows)
        yield lake, tmp_path, registry, versions


def test_a_challenger_that_is_proven_better_serves_only_when_that_is_asked_for(workspace):
    lake, home, registry, (noise, truth) = workspace
    registry.promote("failed", "shop", noise)
    registry.challenge("failed", "shop", truth, {"promote": False})
    (one,) = shadow(lake, home, "shop")
    assert (one["kind"], one["verdict"], one["done"]) == ("challenger", "better", False)
    assert one["rows"] >= 500
    assert registry.champions("failed", "shop") == [noise]
    assert shadow(lake, home, "shop", promote=True)[0]["done"]
    assert registry.champions("failed", "shop") == [noise, truth]


def test_a_champion_that_is_proven_worse_is_rolled_back(workspace):
    lake, home, registry, (noise, truth) = workspace
    registry.promote("failed", "shop", truth)
    registry.promote("failed", "shop", noise)
    (one,) = shadow(lake, home, "shop", roll_back=True)
    assert (one["kind"], one["verdict"], one["done"]) == ("rollback", "champion is worse", True)
    assert registry.champions("failed", "shop") == [truth]


def test_a_quiet_town_has_no_alarm(town):
    found = drift_report(town, "town", pd.Timestamp("2026-03-08T06:00Z").to_pydatetime())
    assert found["alarms"] == []
