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
        service_s=rng.integers(60, 900, count), driver_id=[f"dr{n % 5}" for n in range(count)],
        vehicle_id=[f"v{n % 4}" for n in range(count)], fleet_id="captive",
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


@pytest.mark.parametrize("store", ["folder", "database"])
def test_the_same_values_go_to_mlflow(tmp_path, call, monkeypatch, store):
    mlflow = pytest.importorskip("mlflow", reason="needs the extra `tracking`")
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "")
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")
    place = str(tmp_path / "runs") if store == "folder" else f"sqlite:///{tmp_path / 'runs.db'}"
    monkeypatch.setenv("FIVEFOLD_MLFLOW", place)
    build(tmp_path)
    told = call("train", "made", "--task", "failed")[1]["tasks"]["failed"]
    (run,) = mlflow.search_runs(experiment_names=["fivefold/made/failed"], output_format="list")
    assert run.data.metrics == pytest.approx({k: v for k, v in told["metrics"].items() if v is not None})
    assert run.data.tags["model_version"] == told["version"]


def test_a_tracking_server_that_does_not_take_it_is_one_line(tmp_path, call, monkeypatch):
    pytest.importorskip("mlflow", reason="needs the extra `tracking`")
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    monkeypatch.setenv("FIVEFOLD_MLFLOW", "nonsense://nowhere")
    build(tmp_path)
    code, told = call("train", "made", "--task", "failed")
    assert code == 2 and "FIVEFOLD_MLFLOW=nonsense://nowhere" in told["error"]
    assert "is registered" in told["error"]


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


TUNED = """
name: small
title: rows with a risk that a number tells
licence: made up
timezone: UTC
inputs:
  rows: {path: rows.csv}
tables:
  orders:
    input: rows
    columns:
      order_id: id
      service_date: cast(day as date)
      kind: "'delivery'"
      customer_id: customer
      mass_g: {value: grams, unit: g}
      event_time: cast(day as timestamp)
      ingest_time: cast(day as timestamp)
  delivery_events:
    input: rows
    columns:
      event_id: id || '-e'
      service_date: cast(day as date)
      event_type: "case when cast(failed as integer) > 0 then 'attempt_failed' else 'delivered' end"
      order_id: id
      stop_id: id || '-1'
      attempt: "1"
      event_time: cast(day as timestamp) + interval 20 hour
      ingest_time: cast(day as timestamp) + interval 20 hour
evaluation:
  - name: failed
    task: failed
    features: {numbers: [mass_g]}
    entities: [customer_id]
    split: {train_until: 2026-02-20}
"""


def small_source(folder, flip_after=None):
    """600 orders that fail where they are heavy; after ``flip_after`` every label says the opposite."""
    rng = np.random.default_rng(1)
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 70, 600)), unit="D")
    grams = rng.integers(100, 9_000, 600)
    failed = (rng.random(600) < 1 / (1 + np.exp(4 - grams / 1_500))).astype(int)
    if flip_after is not None:
        failed = np.where(days > flip_after, 1 - failed, failed)
    folder.mkdir(parents=True)
    pd.DataFrame(
        {"id": [f"o{n}" for n in range(600)], "day": days.strftime("%Y-%m-%d"), "grams": grams,
         "customer": [f"c{n}" for n in rng.integers(0, 40, 600)], "failed": failed}
    ).to_csv(folder / "rows.csv", index=False)  # fmt: skip
    (folder / "small.yml").write_text(TUNED)
    return folder


def test_tuning_searches_with_optuna_and_training_reads_what_it_found(tmp_path, call, monkeypatch):
    pytest.importorskip("optuna", reason="needs the extra `tuning`")
    from orchestration.learning import _tuned

    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")

    def tune(folder):
        code, told = call("tune", str(folder / "small.yml"), "--data", str(folder), "--trials", "4")
        assert code == 0, told
        return told

    told = tune(small_source(tmp_path / "one"))
    assert told["trials"] == 4 and told["best"] <= told["default"], "the first trial is what is used without a search"
    assert {"learning_rate", "num_leaves", "min_data_in_leaf"} <= set(told["parameters"])
    assert _tuned(tmp_path, "small", "failed") == told["parameters"]
    # labels after train_until play no role: the search ends with the same parameters
    again = tune(small_source(tmp_path / "two", flip_after=pd.Timestamp("2026-02-20")))
    assert again["parameters"] == told["parameters"] and again["best"] == told["best"]


def test_tuning_without_its_extra_says_what_to_install(tmp_path, call, monkeypatch):
    import sys

    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    monkeypatch.setitem(sys.modules, "optuna", None)
    folder = small_source(tmp_path / "one")
    code, told = call("tune", str(folder / "small.yml"), "--data", str(folder), "--trials", "1")
    assert code == 2 and "fivefold[tuning]" in told["error"]


def test_the_signal_catalogue_is_a_page_made_by_the_command(tmp_path, call, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    folder, page = small_source(tmp_path / "one"), tmp_path / "signals.md"
    code, told = call("signals", str(folder / "small.yml"), "--data", str(folder), "--docs", str(page))
    assert code == 0, told
    assert {"without order", "without calendar", "without history of customer_id"} <= {
        one["family"] for one in told["families"]
    }
    text = page.read_text()
    assert "| family | small failed |" in text
    order = next(line for line in text.splitlines() if line.startswith("| order |"))
    assert float(order.split("|")[2]) > 5, "weight is what tells"
    code, told = call("signals", "changshu", "scms", "--data", str(folder))
    assert code == 2 and "one source" in told["error"]
