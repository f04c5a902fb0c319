"""Nothing is known before its time; scores equal known answers; damaged models do not serve."""

import numpy as np
import pandas as pd
import pytest

from domain.errors import InputError, ModelError
from models.evaluation import check_available, evaluate_binary
from models.metrics import ece, pr_auc, roc_auc
from models.registry import Registry
from models.state import EntityState, replay
from models.training import train


def rows_of(count=3_000, seed=0):
    rng = np.random.default_rng(seed)
    who = rng.integers(0, 60, count)
    habit = rng.beta(0.5, 3, 60)
    times = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(
        np.sort(rng.integers(0, 90 * 86_400, count)), unit="s"
    )
    label = (rng.random(count) < habit[who]).astype(float)
    return pd.DataFrame(
        {
            "customer_id": who.astype(str),
            "mass_g": rng.integers(1, 9, count),
            "decision_time": times,
            "label_time": times + pd.Timedelta(hours=8),
            "label": label,
        }
    )


def test_replay_equals_live_scoring_bit_for_bit():
    rows = rows_of(400)
    batch = replay(rows, ["customer_id"])
    state, live = EntityState(["customer_id"]), []
    seconds = (rows[["decision_time", "label_time"]] - pd.Timestamp(0, tz="UTC")).apply(lambda c: c.dt.total_seconds())
    waiting = []
    for index, row in enumerate(rows.itertuples()):
        now = seconds["decision_time"].iloc[index]
        for known, who, label in sorted(waiting):
            if known <= now:
                state.learn((who,), label, known)
        waiting = [one for one in waiting if one[0] > now]
        live.append(state.features((row.customer_id,), now))
        waiting.append((seconds["label_time"].iloc[index], row.customer_id, row.label))
    assert np.array_equal(batch.to_numpy(), np.array(live), equal_nan=True)


def test_a_label_known_later_changes_no_feature():
    rows = rows_of(300)
    late = rows.copy()
    late.loc[late.index[-50:], "label_time"] = pd.Timestamp("2027-01-01", tz="UTC")
    late.loc[late.index[-50:], "label"] = 1.0
    cut = rows.iloc[:-50]
    pd.testing.assert_frame_equal(replay(cut, ["customer_id"]), replay(late, ["customer_id"]).iloc[:-50])


def test_metrics_have_their_known_values():
    y, p = np.array([0, 0, 1, 1.0]), np.array([0.1, 0.4, 0.35, 0.8])
    assert roc_auc(y, p) == 0.75
    assert pr_auc(y, p) == pytest.approx(0.8333333)
    assert roc_auc(np.ones(3), np.arange(3.0)) is None
    assert ece(np.array([0, 1.0] * 50), np.full(100, 0.5), bins=1) == 0.0


def test_history_beats_no_history_and_the_loop_is_reported():
    result, scored = evaluate_binary(
        rows_of(6_000), ["mass_g"], [], ["customer_id"], pd.Timestamp("2026-02-15", tz="UTC")
    )
    assert result["roc_auc"] > result["baselines"]["no_history"]["roc_auc"] + 0.1
    assert len(scored) == result["n_test"]
    assert set(result["by_month"]) == {"2026-02", "2026-03"}


def test_a_feature_known_afterwards_is_refused():
    rows = rows_of(10)
    with pytest.raises(InputError, match="only after the decision"):
        check_available(rows, ["mass_g"], {"mass_g": rows["label_time"]})
    with pytest.raises(InputError, match="not in the rows"):
        check_available(rows, ["volume"])


def test_registry_refuses_a_changed_byte_and_serves_the_champion_before(tmp_path):
    rows, registry = rows_of(1_000), Registry(tmp_path)
    versions = []
    for count in (900, 1_000):
        model = train("failed", rows[:count], rows["label"][:count], ["mass_g"])
        version = registry.save(model, source="s", as_of="2026-04-01", lake_snapshot=count, metrics={})
        registry.promote("failed", "s", version)
        versions.append(version)
    assert registry.champion("failed", "s")[0] == versions[1]
    path = tmp_path / "s" / "failed" / versions[1] / "p.txt"
    path.write_text(path.read_text().replace("split_gain", "split_Gain", 1))
    with pytest.raises(ModelError, match="not the file"):
        registry.load("failed", "s", versions[1])
    assert registry.champion("failed", "s")[0] == versions[0]
    assert registry.roll_back("failed", "s") == versions[0]


def test_nothing_to_learn_is_said():
    rows = rows_of(500)
    with pytest.raises(ModelError, match="nothing to learn"):
        train("failed", rows, rows["label"] * 0, ["mass_g"])
    with pytest.raises(ModelError, match="200 are needed"):
        train("failed", rows[:50], rows["label"][:50], ["mass_g"])
