"""State of entities in the lake: the same bits by every door, and past scores derived again."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from domain import tables
from models.registry import Registry
from models.state import entity_values, seconds
from models.training import train
from orchestration.entity_state import (
    FEATURES,
    advance,
    fresh_state,
    outcome_rows,
    replayed,
    snapshot_days,
    state_at,
    with_state,
)
from orchestration.lake import Lake
from orchestration.learning import INPUTS, training_rows
from orchestration.predicting import predict_days
from tests.orchestration.test_model_doors import frames

SHOWN = [*dict.fromkeys(name for names in FEATURES.values() for name in names)]


def build(lake: Lake, until: pd.Timestamp | None = None) -> pd.DataFrame:
    """Marts of a made-up source; ``until``: outcomes known by then only."""
    features, outcomes = frames(2_000)
    rng = np.random.default_rng(1)
    features = features.assign(
        customer_id=[f"c{n}" for n in rng.integers(0, 90, 2_000)], tenant_id=[f"t{n % 2}" for n in range(2_000)],
        window_start_hour=rng.choice([9.0, 13.0, np.nan], 2_000),
    )  # fmt: skip
    features.loc[features.index % 11 == 0, "customer_id"] = None
    # some outcomes come a week late, some claim to have been known before they were asked for
    outcomes.loc[outcomes.index % 13 == 0, "label_time"] += pd.Timedelta(days=7)
    outcomes.loc[outcomes.index % 17 == 0, "label_time"] -= pd.Timedelta(days=3)
    outcomes.loc[outcomes.index % 19 == 0, "arrival_error_s"] = np.nan
    early = features["as_of"] <= features["as_of"].min() + pd.Timedelta(days=13)
    features, outcomes = features[early], outcomes[early]
    if until is not None:
        outcomes = outcomes[outcomes["label_time"] <= until]

    def write(connection):
        connection.execute("create schema if not exists marts")
        for name, frame in (("feat_exception", features), ("feat_eta", features), ("fct_outcomes", outcomes)):
            connection.register("rows", frame)
            connection.execute(f"create or replace table marts.{name} as select * from rows")
            connection.unregister("rows")

    lake.write(write)
    return features


@pytest.fixture
def lake(tmp_path, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    with Lake.open(tmp_path) as one:
        yield one


def states(lake: Lake) -> pd.DataFrame:
    return lake.query(
        "select service_date, entity, entity_value, numbers, as_of from prediction.entity_states "
        "order by service_date, entity, entity_value"
    )


def test_snapshots_of_days_equal_those_of_a_range_and_a_date_made_again(lake):
    features = build(lake)
    days = sorted(set(features["service_date"]))
    for day in days[:5]:
        snapshot_days(lake, "made", day, day)
    one_by_one = states(lake)
    snapshot_days(lake, "made", days[0], days[4])
    pd.testing.assert_frame_equal(states(lake), one_by_one)
    snapshot_days(lake, "made", days[3], days[3])
    pd.testing.assert_frame_equal(states(lake), one_by_one)
    assert one_by_one.groupby("service_date").size().max() < fresh_state()._table.size, "only what changed is kept"
    state, moment = state_at(lake, "made", features["as_of"].max().to_pydatetime())
    assert moment.date() == days[4] and len(state.to_arrays()["table"]) > 100


@pytest.mark.parametrize("kept", [0, 4])
def test_scoring_from_a_snapshot_gives_the_bits_of_the_replay_that_trains(lake, kept):
    features = build(lake)
    days = sorted(set(features["service_date"]))
    for day in days[:kept]:
        snapshot_days(lake, "made", day, day)
    rows = lake.query("select * from marts.feat_exception order by as_of, order_id")
    rows = rows[rows["as_of"].dt.date <= days[6]].reset_index(drop=True)
    live, batch = with_state(lake, "made", rows), replayed(lake, "made", rows)
    assert live[SHOWN].notna().any(axis=0).sum() > 20
    assert np.array_equal(live[SHOWN].to_numpy(), batch[SHOWN].to_numpy(), equal_nan=True)


def test_a_past_score_is_derived_again_to_the_bit_when_more_is_known(lake, tmp_path):
    features = build(lake)
    days = sorted(set(features["service_date"]))
    past = days[9]
    cut = features.loc[features["service_date"] == past, "as_of"].min()
    build(lake, until=cut)
    rows = training_rows(lake, "made", "failed", cut.to_pydatetime())
    model = train("failed", rows, rows["label"], INPUTS["failed"])
    registry = Registry(tmp_path / "models")
    version = registry.save(model, source="made", as_of=cut.isoformat(), lake_snapshot=1, metrics={})
    registry.promote("failed", "made", version)
    snapshot_days(lake, "made", days[0], past)
    told = predict_days(lake, tmp_path, "made", past, past)
    build(lake)  # weeks later: all outcomes are in
    snapshot_days(lake, "made", days[10], days[-1])
    again = predict_days(lake, tmp_path, "made", past, past)
    assert len(told) > 5
    pd.testing.assert_frame_equal(
        told.drop(columns="lake_snapshot"), again.drop(columns="lake_snapshot"), check_exact=True
    )
    later = predict_days(lake, tmp_path, "made", past + timedelta(days=3), past + timedelta(days=3))
    used = set(model.boosters["p"].feature_name())
    assert len(later) and len(used) == len(INPUTS["failed"])


def test_an_outcome_told_again_or_taken_back_is_learned_once(lake):
    features = build(lake)
    days = sorted(set(features["service_date"]))
    cuts = features.groupby("service_date")["as_of"].min()
    for day in days[:6]:
        snapshot_days(lake, "made", day, day)
    past = with_state(lake, "made", (asked := _asked(lake, days[5])))
    told = lake.query(
        "select o.order_id from marts.fct_outcomes o join marts.feat_exception f using (source, order_id) "
        "where o.attempt = 1 and greatest(o.label_time, f.as_of) < ? order by o.label_time, o.order_id limit 3",
        [cuts[days[2]]],
    )["order_id"].tolist()
    again = cuts[days[5]] + pd.Timedelta(hours=2)

    def correct(connection):
        flipped = "case when outcome = 'failed' then 'delivered' else 'failed' end"
        connection.execute(
            f"update marts.fct_outcomes set outcome = {flipped}, label_time = ? where order_id in (?, ?)",
            [again, *told[:2]],
        )
        connection.execute("delete from marts.fct_outcomes where order_id = ?", [told[2]])

    lake.write(correct)
    taken_back = {
        "event_id": "e", "event_type": "delivered", "order_id": told[2], "attempt": 1, "event_time": again,
        "ingest_time": again, "retracted": True, "source": "made", "file_id": "f", "service_date": days[0],
    }  # fmt: skip
    lake.append(tables.DELIVERY_EVENTS, pd.DataFrame([taken_back]))
    snapshot_days(lake, "made", days[6], days[6])
    snapshot_days(lake, "made", days[7], days[7])
    at = cuts[days[7]].to_pydatetime()
    state, moment = state_at(lake, "made", at)
    assert moment == at
    whole, rows = fresh_state(), outcome_rows(lake, "made", None, at)
    advance(whole, rows)
    assert set(told[:2]) <= set(rows["order_id"]) and told[2] not in set(rows["order_id"])
    for keys in zip(*entity_values(rows, whole.entities), strict=True):
        now = seconds(pd.Series([at]))[0]
        assert np.array_equal(state.features(keys, now), whole.features(keys, now), equal_nan=True)
    # scores of before it was told again are what they were; later ones are those of the replay
    pd.testing.assert_frame_equal(with_state(lake, "made", asked), past, check_exact=True)
    later = _asked(lake, days[7])
    live, batch = with_state(lake, "made", later), replayed(lake, "made", later)
    assert np.array_equal(live[SHOWN].to_numpy(), batch[SHOWN].to_numpy(), equal_nan=True)
    noted = lake.query("select order_id, count(*) as n from prediction.entity_outcomes group by 1")
    assert noted.set_index("order_id")["n"].loc[told].tolist() == [2, 2, 1]


def _asked(lake: Lake, day: object) -> pd.DataFrame:
    return lake.query("select * from marts.feat_exception where service_date = ? order by as_of, order_id", [day])
