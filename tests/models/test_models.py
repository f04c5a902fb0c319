"""Nothing is known before its time; scores equal known answers; damaged models do not serve."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InputError, ModelError
from models.availability import check_available, check_canaries, planted_canary
from models.eta_evaluation import evaluate_eta
from models.eta_online import EtaLayer
from models.evaluation import evaluate_binary
from models.metrics import ece, pr_auc, roc_auc
from models.online import OnlineLayer
from models.protocol import Spec
from models.registry import Registry
from models.state import EntityState, entity_values, replay, seconds
from models.training import Bag, train


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


ENTITIES = ["zone_id", "customer_id>zone_id", "customer_id*zone_id>customer_id"]


def live_replay(rows, entities, order=None):
    """Score as a service would: questions and outcomes one by one, by the clocks alone."""
    state, out = EntityState(entities), np.empty((len(rows), len(EntityState(entities).names)))
    keys = list(zip(*entity_values(rows, entities), strict=True))
    decision, known = seconds(rows["decision_time"]), seconds(rows["label_time"])
    events = [(t, 1, n) for n, t in enumerate(decision)] + [(t, 2, n) for n, t in enumerate(decision)]
    events += [(t, 0, n) for n, t in enumerate(known) if np.isfinite(t)]
    for at, kind, n in sorted(events):
        load = float(rows["mass_g"].iloc[n])
        if kind == 1:
            state.open(keys[n], at, load)
        elif kind == 2:
            out[n] = state.features(keys[n], at)
        else:
            state.close(keys[n], load)
            state.learn(keys[n], [rows["label"].iloc[n]], at)
    return out, state


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.floats(0.1, 200))
def test_replay_equals_live_scoring_bit_for_bit(seed, count, hours):
    rows = rows_of(count, seed)
    rows["label_time"] = rows["decision_time"] + pd.Timedelta(hours=hours)
    rows["zone_id"] = (rows["customer_id"].astype(int) % 7).astype(str)
    rows.loc[rows.index % 5 == 0, "customer_id"] = None
    live, _ = live_replay(rows, ENTITIES)
    batch = replay(rows, ENTITIES, load="mass_g").to_numpy()
    assert np.array_equal(batch, live, equal_nan=True)


def test_a_late_outcome_weighs_as_if_it_had_come_in_time():
    def state_after(order):
        state = EntityState(["customer_id"])
        for day, outcome in order:
            state.learn(("anna",), [outcome], day * 86_400.0)
        return state.features(("anna",), 40 * 86_400.0)

    in_time, late = state_after([(1, 1.0), (9, 0.0), (30, 0.0)]), state_after([(9, 0.0), (30, 0.0), (1, 1.0)])
    np.testing.assert_allclose(in_time, late)


def test_decay_and_shrinking_equal_the_formula():
    state = EntityState(["customer_id"], half_lives_days=(10.0,), prior_weight=4.0)
    state.learn(("anna",), [1.0], 0.0)
    state.learn(("bo",), [0.0], 0.0)
    features = dict(zip(state.names, state.features(("anna",), 10 * 86_400.0), strict=True))
    prior = 0.5  # one failure of two, both faded alike
    assert features["customer_id__rate_10d"] == pytest.approx((0.5 * 1 + 4 * prior) / (0.5 + 4))
    assert features["customer_id__rate"] == pytest.approx((1 + 4 * prior) / (1 + 4))
    unseen = dict(zip(state.names, state.features(("cem",), 0.0), strict=True))
    assert unseen["customer_id__rate"] == pytest.approx(prior)
    assert unseen["customer_id__count"] == 0


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


def spec(**more):
    return Spec(**{"numbers": ("mass_g",), "entities": ("customer_id",), **more})


UNTIL = pd.Timestamp("2026-02-15", tz="UTC")


def test_history_beats_no_history_and_the_loop_is_reported():
    rows = rows_of(2_500).assign(entity=[f"o{n}" for n in range(2_500)])
    result, scored = evaluate_binary(rows, spec(), UNTIL)
    assert result["roc_auc"] > result["baselines"]["no_history"]["roc_auc"] + 0.1
    assert result["ece"] < 0.05
    assert len(scored) == result["n_test"]
    assert set(result["by_month"]) == set(result["loop_gap_by_month"]) == {"2026-02", "2026-03"}
    assert pr_auc(scored["label"].to_numpy(), scored["prediction"].to_numpy()) == result["pr_auc"]
    assert (scored["as_of"] > UNTIL).all()
    assert scored["model_version"].str.match(r"\d{4}-\d\d-\d\d-[0-9a-f]{10}").all()


def test_labels_of_the_future_change_no_prediction():
    """Flip every outcome known after a day: no prediction made before that day may move."""
    rows, day = rows_of(1_800), pd.Timestamp("2026-03-10", tz="UTC")
    flipped = rows.assign(label=rows["label"].where(rows["label_time"] <= day, 1 - rows["label"]))
    before, after = (evaluate_binary(one, spec(), UNTIL)[1] for one in (rows, flipped))
    early = before["as_of"] <= day
    assert early.sum() > 200
    assert np.array_equal(before["prediction"][early], after["prediction"][early])


def test_a_planted_column_is_refused():
    rows = rows_of(2_500)
    with pytest.raises(InputError, match=r"'receipt'.*after the fact"):
        evaluate_binary(rows.assign(receipt=rows["label"] * 3 + 1), spec(numbers=("receipt",)), UNTIL)
    with pytest.raises(InputError, match="known only after the decision"):
        late = {"mass_g": rows["label_time"]}
        evaluate_binary(rows, spec(known_at=late), UNTIL)


def test_a_split_with_nothing_on_one_side_says_what_the_data_cover():
    with pytest.raises(InputError, match="2026-01-01 to 2026-03-31"):
        evaluate_binary(rows_of(500), spec(), pd.Timestamp("2030-01-01", tz="UTC"))


@pytest.mark.parametrize("damage", ["unseen", "nan", "infinite", "never known", "skew", "silent days"])
def test_bad_input_is_scored_all_the_same(damage):
    rows = rows_of(1_500)
    late = rows["decision_time"] > UNTIL
    if damage == "unseen":
        rows.loc[late, "customer_id"] = [f"new{n}" for n in range(late.sum())]
    elif damage == "nan":
        rows["mass_g"] = rows["mass_g"].astype(float).where(rows.index % 2 == 0)
        rows.loc[rows.index % 3 == 0, "customer_id"] = None
    elif damage == "infinite":
        rows["mass_g"] = rows["mass_g"].astype(float).where(rows.index % 2 == 0, np.inf)
        rows.loc[rows.index % 50 == 0, "label"] = np.inf
    elif damage == "never known":
        rows.loc[rows.index % 4 == 0, "label_time"] = pd.NaT
    elif damage == "skew":
        rows.loc[rows.index % 4 == 0, "label_time"] -= pd.Timedelta(days=3)
    else:
        rows = rows[~rows["decision_time"].dt.day.between(3, 12)]
    result, scored = evaluate_binary(rows, spec(), UNTIL)
    assert result["n_test"] > 100
    assert scored["prediction"].between(0, 1).all()


def eta_rows(count=800, seed=0):
    rng = np.random.default_rng(seed)
    times = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(
        np.sort(rng.integers(0, 60 * 86_400, count)), unit="s"
    )
    distance = rng.uniform(1_000, 20_000, count)
    label = distance / 8 + rng.gamma(2, 200, count)
    return pd.DataFrame(
        {
            "entity": [f"o{n}" for n in range(count)],
            "distance_m": distance,
            "city": rng.choice(["a", "b", "c"], count),
            "decision_time": times,
            "label": label,
            "label_time": times + pd.to_timedelta(label, unit="s"),
        }
    )


ETA = Spec(numbers=("distance_m",), segments=("city",))


def test_eta_intervals_cover_in_every_split():
    rows = eta_rows(1_400)
    result, scored = evaluate_eta(rows, ETA, train_until=UNTIL)
    assert abs(result["coverage_80"] - 0.8) < 0.06
    assert abs(result["coverage_90"] - 0.9) < 0.05
    assert result["mae_s"] < 400
    assert set(result["coverage"]["by_group"]["city"]) == {"a", "b", "c"}
    quantiles = scored[["p05_s", "p10_s", "p50_s", "p90_s", "p95_s"]].to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    folds, _ = evaluate_eta(rows, ETA, fold=rows["city"])
    assert folds["n_test"] == len(rows)


def test_an_eta_learns_nothing_from_labels_that_have_not_matured():
    rows = eta_rows()
    last = rows["decision_time"] > rows["decision_time"].max() - pd.Timedelta(days=1)
    changed = rows.assign(label=rows["label"].where(~last, 9e4))
    before, after = (evaluate_eta(one, ETA, train_until=UNTIL)[1] for one in (rows, changed))
    earlier = before["as_of"] <= rows["decision_time"].max() - pd.Timedelta(days=1)
    assert np.array_equal(before["p90_s"][earlier], after["p90_s"][earlier])


def test_the_mixture_follows_the_better_expert_and_its_state_is_put_back():
    rng = np.random.default_rng(1)
    layer = OnlineLayer(["good", "bad"], 1, 0.3, first_weight=0.4)
    assert layer.mixture.weights["good"] == pytest.approx(0.4)
    for n in range(600):
        chance = rng.uniform(0.05, 0.6)
        p, said = np.array([chance, 1 - chance]), np.empty(layer.slots)
        x = np.array([chance])
        _, raw = layer.predict(p, x, n * 3_600.0, said)
        layer.learn(said, x, float(rng.random() < chance), raw, n * 3_600.0)
    assert layer.mixture.weights["good"] > 3 * layer.mixture.weights["bad"]
    again = OnlineLayer.restored(json.loads(json.dumps(layer.state())))
    p, x = np.array([0.2, 0.5]), np.array([0.1])
    assert layer.predict(p, x, 9e6, np.empty(6)) == again.predict(p, x, 9e6, np.empty(6))
    for one in (layer, again):  # what the weights return to is part of the state
        one.learn(said, x, 1.0, raw, 9e6)
    assert layer.mixture.weights == again.mixture.weights


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


def test_few_rows_get_several_boosters_that_are_kept_and_averaged(tmp_path):
    rows, registry = rows_of(1_000), Registry(tmp_path)
    model = train("failed", rows, rows["label"], ["mass_g"], rounds=30)
    assert len(model.boosters) == 5 and len({one.model_to_string() for one in model.boosters.values()}) == 5
    version = registry.save(model, source="s", as_of="2026-04-01", lake_snapshot=1, metrics={})
    again = registry.load("failed", "s", version)
    said = model.predict(rows)["probability"].to_numpy()
    assert np.array_equal(again.predict(rows)["probability"], said)
    each = np.array([Bag([one]).predict(rows[["mass_g"]].to_numpy()) for one in model.boosters.values()])
    assert np.allclose(np.log(said / (1 - said)), np.log(each / (1 - each)).mean(axis=0))
    # log loss is convex in the log odds: the mean is never worse than the boosters are on average
    y = rows["label"].to_numpy()
    loss = [-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) for p in (said, *each)]
    assert loss[0] <= np.mean(loss[1:]) + 1e-12
    assert model.factors(rows[:3]) == again.factors(rows[:3])


def test_nothing_to_learn_is_said():
    rows = rows_of(500)
    with pytest.raises(ModelError, match="nothing to learn"):
        train("failed", rows, rows["label"] * 0, ["mass_g"])
    with pytest.raises(ModelError, match="200 are needed"):
        train("failed", rows[:50], rows["label"][:50], ["mass_g"])


def test_a_rare_outcome_in_a_category_is_no_leak_and_a_category_that_tells_is():
    rng = np.random.default_rng(0)
    rows = rows_of(2_000).assign(label=(rng.random(2_000) < 0.02).astype(float))
    rows["kind"] = rng.choice(["a", "b", "c"], 2_000)
    check_canaries(rows, ["kind"])
    rows["receipt"] = np.where(rows["label"] > 0, rng.choice(["x", "y"], 2_000), "z")
    with pytest.raises(InputError, match=r"'receipt' alone tells"):
        check_canaries(rows, ["receipt"])


def test_a_planted_canary_is_refused_both_ways():
    told = planted_canary(rows_of(600), ["mass_g"])
    assert all(one.startswith("refused") for one in told.values()), told
    few = planted_canary(rows_of(600).assign(label=0.0), ["mass_g"])
    assert few["tells_the_outcome"].startswith("not tried")


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_label_that_is_always_the_same_before_the_split_is_said(value):
    rows = rows_of(800)
    early = rows["decision_time"] <= UNTIL
    with pytest.raises(InputError, match="every label before 2026-02-15 is"):
        evaluate_binary(rows.assign(label=rows["label"].where(~early, value)), spec(), UNTIL)


@pytest.mark.parametrize("damage", ["nan", "infinite", "never known", "skew", "unseen", "no history"])
def test_an_eta_is_scored_whatever_the_rows_hold(damage):
    rows = eta_rows(600).assign(driver=[f"d{n % 9}" for n in range(600)])
    entities = () if damage == "no history" else ("driver",)
    if damage == "nan":
        rows.loc[rows.index % 5 == 0, "distance_m"] = np.nan
        rows.loc[rows.index % 7 == 0, "driver"] = None
    elif damage == "infinite":
        rows.loc[rows.index % 5 == 0, "distance_m"] = np.inf
        rows.loc[rows.index % 40 == 0, "label"] = np.inf
    elif damage == "never known":
        rows.loc[rows.index % 6 == 0, "label_time"] = pd.NaT
    elif damage == "skew":
        rows.loc[rows.index % 6 == 0, "label_time"] -= pd.Timedelta(days=2)
    elif damage == "unseen":
        rows.loc[rows.index >= 400, "driver"] = [f"new{n}" for n in range(200)]
    result, scored = evaluate_eta(rows, Spec(("distance_m",), entities=entities), pd.Timestamp("2026-02-05", tz="UTC"))
    q = scored[["p05_s", "p10_s", "p50_s", "p90_s", "p95_s"]].to_numpy()
    assert np.isfinite(q).all() and (np.diff(q, axis=1) >= 0).all() and (q >= 0).all()
    assert result["n_test"] == len(scored) > 100
    assert 0.6 < result["coverage_80"] < 0.95


def test_a_model_of_another_format_is_refused_and_the_champion_before_serves(tmp_path):
    rows, registry = rows_of(1_000), Registry(tmp_path)
    versions = []
    for count in (900, 1_000):
        model = train("failed", rows[:count], rows["label"][:count], ["mass_g"])
        versions.append(registry.save(model, source="s", as_of="2026-04-01", lake_snapshot=count, metrics={}))
        registry.promote("failed", "s", versions[-1])
    path = next((tmp_path / "s" / "failed" / versions[1]).glob("*.json"))
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"format": 999}))
    with pytest.raises(ModelError):
        registry.load("failed", "s", versions[1])
    assert registry.champion("failed", "s")[0] == versions[0]


def test_a_group_unlike_the_others_is_learned_of_before_its_labels_mature():
    """One city is faster than the two that trained: its lower bounds are judged when they pass, not at maturity."""
    rng = np.random.default_rng(3)
    rows = eta_rows(2_400, seed=2)
    day = pd.Timestamp("2026-01-05 07:00", tz="UTC")
    rows["decision_time"] = day + pd.to_timedelta(np.sort(rng.integers(0, 6 * 3_600, len(rows))), unit="s")
    rows["label"] = rows["label"] * np.where(rows["city"] == "c", 0.75, 1.0) * rng.lognormal(0, 0.25, len(rows))
    rows["label_time"] = rows["decision_time"] + pd.to_timedelta(rows["label"], unit="s")
    _, scored = evaluate_eta(rows, Spec(("distance_m",)), fold=rows["city"])
    own = scored[scored["fold"] == "c"]

    def covered(prefix):
        return own["label"].between(own[f"{prefix}p10_s"], own[f"{prefix}p90_s"]).mean()

    assert abs(covered("") - 0.8) < abs(covered("arm_without_learning_") - 0.8) - 0.02
    assert abs(covered("") - 0.8) < 0.06


def test_a_bound_moves_towards_its_share_and_keeps_its_bits():
    layer, raw = EtaLayer([600.0]), np.array([100.0, 200.0, 500.0, 900.0, 1_200.0])
    for number in range(400):
        layer.judge(1, raw, below=number % 4 == 0)  # a quarter ends below the 10 % bound
        layer.judge(3, raw, below=True)
    moved, _ = layer.predict(raw)
    assert moved[1] < 200.0 and moved[3] < 900.0
    assert np.array_equal(EtaLayer.restored(layer.state()).predict(raw)[0], moved)
