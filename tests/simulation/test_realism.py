"""The measures of realism: known distances, a classifier that is fair, real files that are not what they should be."""

import json
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from domain.errors import InputError
from simulation import load_scenario
from simulation.realism.classifier import auc, tell_apart
from simulation.realism.compare import marginals, stops_figures
from simulation.realism.page import write_page
from simulation.realism.played import play_rows
from simulation.realism.real import read_real
from simulation.realism.report import NOTES, Comparison
from simulation.realism.subjects import BY_NAME, SUBJECTS
from tests.data import real_data


def stops(seed: int, shift: float = 0.0, count: int = 1_200) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    parcels = draw.geometric(0.6, count)
    return pd.DataFrame(
        {
            "route": [f"r{number // 60}" for number in range(count)],
            "parcels": parcels,
            "service_s": np.round(40 * parcels * np.exp(0.5 * draw.normal(size=count) + shift)),
            "volume_l": 6 * parcels * np.exp(draw.normal(size=count)),
            "windowed": draw.random(count) < 0.1,
            "stops_on_route": 60,
            "route_service_h": 3.0,
        }
    )


def test_two_samples_of_one_law_cannot_be_told_apart_and_others_can():
    subject = BY_NAME["stops"]
    same = tell_apart(subject, stops(1), stops(2))
    assert abs(same.auc - 0.5) < 0.06
    other = tell_apart(subject, stops(1), stops(2, shift=1.0))
    assert other.auc > 0.8
    assert other.gives_away[0]["feature"] == "service_s"
    assert other == tell_apart(subject, stops(1), stops(2, shift=1.0))


def test_distances_are_zero_for_the_same_rows_and_the_shift_for_a_shifted_law():
    subject, rows = BY_NAME["stops"], stops(1)
    assert all(one.wasserstein == 0 and one.ks == 0 for one in marginals(subject, rows, rows))
    moved = rows.assign(volume_l=rows["volume_l"] * np.e)
    found = {one.column: one for one in marginals(subject, rows, moved)}
    spread = np.log(rows["volume_l"]).std(ddof=0)
    assert found["volume_l"].wasserstein == pytest.approx(1 / spread, abs=0.03)


def test_auc_counts_pairs():
    draw = np.random.default_rng(3)
    label, score = draw.integers(0, 2, 60), np.round(draw.random(60), 1)
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in score[label == 1] for b in score[label == 0]]
    assert auc(label, score) == pytest.approx(np.mean(pairs))
    assert auc(np.ones(4, dtype=int), np.arange(4.0)) == 0.5


def test_the_page_shows_every_subject_and_needs_no_network(tmp_path):
    rows = play_rows(load_scenario().scaled(80), 3, [one.name for one in SUBJECTS])
    assert set(rows) == {one.name for one in SUBJECTS}
    subject = BY_NAME["stops"]
    one, two = stops(1), stops(2)
    distances, verdict = marginals(subject, one, two), tell_apart(subject, one, two)
    compared = Comparison(subject, "<b>default</b>", one, two, distances, [], verdict, NOTES["stops"])
    text = write_page([compared], tmp_path / "sub" / "page.html").read_text(encoding="utf-8")
    assert "Stops of van routes" in text
    assert "data:image/png;base64," in text
    assert "<b>default" not in text  # escaped
    assert "http" not in text.replace("https://www.w3.org", "")
    json.dumps(compared.summary())


def test_files_that_are_not_the_sets_are_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="holds none of"):
        read_real(tmp_path)
    folder = tmp_path / "sendy"
    folder.mkdir()
    (folder / "deliveries.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"deliveries\.csv: is not the sendy"):
        read_real(tmp_path)


def test_the_command_says_which_folders_it_looked_for(tmp_path):
    from orchestration.cli.realism import command

    done = CliRunner().invoke(command, ["--data", str(tmp_path), "--home", str(tmp_path)])
    assert done.exit_code == 2
    assert "amazon, changshu, lade, sendy" in done.output


def test_amazons_stops_are_read_as_the_design_page_says():
    folder = real_data("amazon").parent
    figures = stops_figures(read_real(folder)["stops"])
    assert figures["service, mean of ln s"] == pytest.approx(4.33, abs=0.01)
    assert figures["service, deviation of ln s"] == pytest.approx(0.71, abs=0.01)


def invoke(*arguments: str):
    from orchestration.cli.simulate import command

    return CliRunner().invoke(command, list(arguments))


def test_simulate_writes_tables_and_truth_apart(tmp_path, capfd):
    out = tmp_path / "lake"
    done = invoke("--days", "2", "--orders", "60", "--out", str(out), "--json", "--start", "2026-05-04")
    assert done.exit_code == 0, done.output
    result = json.loads(capfd.readouterr().out)  # --json writes to the descriptor itself
    assert 0 <= result["failed_share_of_a_door_oracle"] <= result["failed_share"] < 0.2
    orders = pd.read_parquet(out / "orders" / "2026-05-05.parquet")
    assert len(orders) > 20
    assert {path.name for path in out.iterdir()} >= {
        "orders",
        "shifts",
        "weather",
        "delivery_events",
        "invoices",
        "depots",
    }
    assert (tmp_path / "lake-truth" / "orders" / "2026-05-05.parquet").is_file()
    assert str(datetime(2026, 5, 5).date()) == str(orders["service_date"].iloc[0])
    assert (
        invoke("--days", "1", "--orders", "60", "--out", str(tmp_path / "bare"), "--no-truth", "--json").exit_code == 0
    )
    assert not (tmp_path / "bare-truth").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--scenario", "defalt"), "Did you mean 'default'"),
        (("--days", "0"), "days"),
        (("--truth", "x/lake/truth", "--out", "x/lake"), "must be apart"),
    ],
)
def test_simulate_refuses_what_cannot_be(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    done = invoke("--days", "1", "--orders", "40", *arguments)
    assert done.exit_code == 2
    assert message in done.output
    assert "Traceback" not in done.output


def test_a_scenario_file_with_a_typo_is_refused_with_its_path(tmp_path):
    path = tmp_path / "s.yml"
    path.write_text(
        "fleets:\n  - {fleet_id: a, kind: captive, control_mode: routed, name: A, drivers: -2, tariff: {}}\n"
    )
    done = invoke("--scenario", str(path), "--out", str(tmp_path / "out"))
    assert done.exit_code == 2
    assert "s.yml: fleets.0.drivers" in done.output
    assert "(is -2)" in done.output
