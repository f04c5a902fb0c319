"""``fivefold evaluate`` on a source nobody has seen: declared in YAML alone."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from models.metrics import binary_scores
from orchestration.cli import main

MAPPING = """
name: acme
title: A made-up source
licence: none
timezone: Europe/Paris
inputs:
  rows: {path: rows.csv}
tables:
  orders:
    input: rows
    columns:
      order_id: id
      service_date: cast(strptime(day, '%Y-%m-%d') as date)
      kind: "'delivery'"
      customer_id: customer
      mass_g: {value: grams, unit: g}
      attributes: "json_object('planted', planted)"
      event_time: strptime(day, '%Y-%m-%d') + interval 6 hour
      ingest_time: strptime(day, '%Y-%m-%d') + interval 6 hour
  delivery_events:
    input: rows
    columns:
      event_id: id || '-e'
      service_date: cast(strptime(day, '%Y-%m-%d') as date)
      event_type: "case when cast(failed as integer) > 0 then 'attempt_failed' else 'delivered' end"
      order_id: id
      stop_id: id || '-1'
      attempt: "1"
      event_time: strptime(day, '%Y-%m-%d') + interval 15 hour
      ingest_time: strptime(day, '%Y-%m-%d') + interval 18 hour
evaluation:
  - name: failed
    task: failed
    features: {numbers: [mass_gPLANTED]}
    entities: [customer_id]
"""


def write(folder, seed=0, planted=False, count=700):
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    who = rng.integers(0, 30, count)
    failed = (rng.random(count) < rng.beta(0.6, 2.5, 30)[who]).astype(int)
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 80, count)), unit="D")
    frame = pd.DataFrame(
        {
            "id": [f"o{n}" for n in range(count)],
            "day": days.strftime("%Y-%m-%d"),
            "customer": [f"c{w}" for w in who],
            "grams": rng.integers(100, 9_000, count),
            "failed": failed,
            "planted": failed * 2 + 1,
        }
    )
    frame.to_csv(folder / "rows.csv", index=False)
    path = folder / "acme.yml"
    path.write_text(MAPPING.replace("PLANTED", ", attributes.planted" if planted else ""))
    return path, frame


def run(path, folder, home, *more):
    command = ["--home", str(home), "evaluate", str(path), "--data", str(folder), "--json", *map(str, more)]
    return CliRunner().invoke(main, command)


@pytest.mark.slow
def test_scores_can_be_recomputed_from_the_rows_and_folders_do_not_mix(tmp_path, capfd):
    path, truth = write(tmp_path / "one")
    other, later = write(tmp_path / "two", seed=5)
    for mapping, folder, frame in ((path, "one", truth), (other, "two", later)):
        out = tmp_path / f"{folder}.csv"
        done = run(mapping, tmp_path / folder, tmp_path / "home", "--predictions", out, "--train-until", "2026-02-20")
        assert done.exit_code == 0, done.output
        result = json.loads(capfd.readouterr().out)
        assert {"roc_auc", "pr_auc", "ece", "brier", "recall_at_10", "log_loss"} <= set(result)
        assert {"live_history_weekly_refit", "frozen_model_frozen_state", "no_history"} <= set(result["baselines"])
        assert set(result["by_month"]) == set(result["loop_gap_by_month"])
        scored = pd.read_csv(out)
        assert {"entity", "as_of", "prediction", "label", "label_time", "model_version"} <= set(scored)
        joined = scored.merge(frame, left_on="entity", right_on="id")
        assert len(joined) == len(scored) == (frame["day"] > "2026-02-20").sum()
        assert (joined["label"] == joined["failed"]).all()
        again = binary_scores(joined["failed"].to_numpy(float), joined["prediction"].to_numpy())
        assert again["pr_auc"] == pytest.approx(result["pr_auc"])


@pytest.mark.slow
def test_a_source_that_names_no_split_is_cut_at_seven_tenths(tmp_path, capfd):
    path, _ = write(tmp_path / "one")
    done = run(path, tmp_path / "one", tmp_path / "home", "--plots", tmp_path / "plots")
    assert done.exit_code == 0, done.output
    result = json.loads(capfd.readouterr().out)
    assert result["n_test"] / (result["n_test"] + result["n_train"]) == pytest.approx(0.3, abs=0.05)
    assert {one.name for one in (tmp_path / "plots").iterdir()} == {
        "acme-reliability.png",
        "acme-loop-curves.png",
        "acme-cold-start.png",
    }


@pytest.mark.slow
def test_a_leak_and_a_split_without_a_past_are_one_line(tmp_path, capfd):
    path, _ = write(tmp_path / "one", planted=True)
    done = run(path, tmp_path / "one", tmp_path / "home")
    assert done.exit_code == 2
    assert "attributes.planted" in json.loads(capfd.readouterr().out)["error"]
    done = run(path, tmp_path / "one", tmp_path / "home", "--train-until", "2031-01-01")
    assert done.exit_code == 2
    assert "the data run from 2026-01-01" in json.loads(capfd.readouterr().out)["error"]


@pytest.mark.slow
def test_the_asset_shows_arms_bootstrap_cold_start_pictures_and_a_refused_leak(tmp_path, monkeypatch):
    import dagster as dg

    from orchestration.assets.common import Workspace
    from orchestration.assets.learning import prediction_evaluation
    from orchestration.ingestion import ingest, load_mapping
    from orchestration.lake import Lake

    path, _ = write(tmp_path / "one")
    home = tmp_path / "home"
    for name, value in (("HOME", home), ("SOURCE", path), ("CATALOG", "sqlite")):
        monkeypatch.setenv(f"FIVEFOLD_{name}", str(value))
    with Lake.open(home) as lake:
        ingest(lake, load_mapping(str(path)), tmp_path / "one")
    result = dg.materialize(
        [prediction_evaluation], instance=dg.DagsterInstance.ephemeral(), resources={"workspace": Workspace()}
    )
    told = result.asset_materializations_for_node("prediction_evaluation")[0].metadata
    assert {"arms", "paired bootstrap", "cold start", "reliability", "loop curves", "roc_auc"} <= set(told)
    bootstrap = told["paired bootstrap"].value
    assert "live_history_weekly_refit" in bootstrap and "frozen_model_frozen_state" in bootstrap
    assert "data:image/png" in told["reliability"].value
    checks = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert checks["leaks_are_refused"].passed
    assert "only after the decision" in checks["leaks_are_refused"].metadata["known_at"].value
    assert checks["not_worse_than_frozen"].passed
