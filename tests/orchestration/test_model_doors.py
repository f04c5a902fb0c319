"""Train, promote, roll back, tune, signals: the doors of the models, on marts of a made-up source."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from orchestration.cli import main
from orchestration.lake import Lake
from orchestration.learning import NUMBERS

ROWS = 1_200


def frames(count=ROWS, sign=1.0, seed=0):
    """Features with a risk that ``customer_failure_rate`` tells, and what came of each stop."""
    rng = np.random.default_rng(seed)
    at = pd.Timestamp("2026-01-01 18:00", tz="UTC") + pd.to_timedelta(np.sort(rng.integers(0, 60, count)), unit="D")
    features = pd.DataFrame({name: rng.normal(size=count) for name in sorted({*NUMBERS["failed"], *NUMBERS["eta"]})})
    ids = {"source": "made", "order_id": [f"o{n:05d}" for n in range(count)]}
    features = features.assign(
        **ids,
        as_of=at,
        service_date=at.date,
        zone_id=[f"z{n % 3}" for n in range(count)],
        depot_id="d1",
        lat=0.0,
        lon=0.0,
    )
    failed = rng.random(count) < 1 / (1 + np.exp(2 - sign * 1.5 * features["customer_failure_rate"]))
    outcomes = pd.DataFrame(ids).assign(
        attempt=1, outcome=np.where(failed, "failed", "delivered"),
        exception_class=np.where(failed, "customer_unavailable", None), late=rng.random(count) < 0.1,
        label_time=at + pd.Timedelta(hours=24), arrival_error_s=rng.normal(0, 300, count),
    )  # fmt: skip
    return features, outcomes


def build(home, **how):
    features, outcomes = frames(**how)

    def write(connection):
        connection.execute("create schema if not exists marts")
        for name, frame in (("feat_exception", features), ("feat_eta", features), ("fct_outcomes", outcomes)):
            connection.register("rows", frame)
            connection.execute(f"create or replace table marts.{name} as select * from rows")
            connection.unregister("rows")

    with Lake.open(home) as lake:
        lake.write(write)


@pytest.fixture
def call(tmp_path, capfd):
    def one(*words):
        code = CliRunner().invoke(main, ["--home", str(tmp_path), *words, "--json"]).exit_code
        return code, json.loads(capfd.readouterr().out)

    return one


def roles(call):
    return {one["version"]: one["role"] for one in call("models", "list")[1]["models"]}


def test_a_champion_a_refused_batch_and_the_way_back(tmp_path, call, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    code, told = call("train", "made", "--task", "failed")
    assert code != 0 and "the marts are not built" in told["error"]

    build(tmp_path)
    first = call("train", "made", "--task", "failed")[1]["tasks"]["failed"]
    assert first["promoted"] and first["metrics"]["roc_auc"] > 0.7
    assert roles(call) == {first["version"]: "champion"}

    build(tmp_path, sign=-1.0)  # every label of the batch says the opposite
    second = call("train", "made", "--task", "failed")[1]["tasks"]["failed"]
    assert not second["promoted"] and "AUC falls" in " ".join(second["verdict"]["reasons"])
    assert roles(call) == {first["version"]: "champion", second["version"]: "challenger"}

    assert call("models", "promote", "failed", second["version"], "--source", "made")[0] == 0
    assert roles(call)[second["version"]] == "champion"
    assert call("models", "roll-back", "failed", "--source", "made")[1]["champion"] == first["version"]
    assert roles(call)[first["version"]] == "champion"
    code, told = call("models", "promote", "failed", "2026-01-01-none", "--source", "made")
    assert code != 0 and "there is no model" in told["error"]


def test_the_same_values_go_to_mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="needs the extra `tracking`")
    from orchestration.learning import _track

    where = f"sqlite:///{tmp_path / 'runs.db'}"
    monkeypatch.setenv("FIVEFOLD_MLFLOW", where)
    try:
        _track("failed", "made", "2026-01-01-abc", {"roc_auc": 0.7, "pr_auc": None})
    except Exception as error:  # the skinny package has no database store
        if "sqlalchemy" not in str(error).lower():
            raise
        monkeypatch.setenv("FIVEFOLD_MLFLOW", str(tmp_path / "runs"))
        _track("failed", "made", "2026-01-01-abc", {"roc_auc": 0.7, "pr_auc": None})
    runs = mlflow.search_runs(experiment_names=["fivefold/made/failed"], output_format="list")
    assert runs[0].data.metrics == {"roc_auc": 0.7} and runs[0].data.tags["model_version"] == "2026-01-01-abc"


def test_tuning_and_the_signal_catalogue_look_at_the_past_alone():
    from models.catalogue import Trial, catalogue
    from models.protocol import Spec

    features, outcomes = frames(600)
    rows = features.assign(
        entity=features["order_id"], decision_time=features["as_of"], label_time=outcomes["label_time"],
        label=(outcomes["outcome"] == "failed").astype(float),
    )  # fmt: skip
    spec = Spec(("customer_failure_rate", "mass_g"), entities=("zone_id",))
    until = pd.Timestamp("2026-02-10", tz="UTC")
    trial = Trial.of(rows, spec, True, until)
    later = rows.assign(label=rows["label"].where(rows["decision_time"] <= until, 1 - rows["label"]))
    assert trial.loss({"num_leaves": 6}) == Trial.of(later, spec, True, until).loss({"num_leaves": 6})
    families = {one["family"]: one for one in catalogue(rows, spec, True, until)}
    assert (
        families["without order"]["cost_in_log_loss"]
        > 0.02
        > families["without history of zone_id"]["cost_in_log_loss"]
    )
    assert "days old" in families["without history of zone_id"]["fresh"]
