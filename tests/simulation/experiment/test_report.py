"""The command, small: results on stdout, the page by itself, a document's marked section, and its mistakes."""

import json

import pytest
from click.testing import CliRunner

from orchestration.cli import main
from simulation.experiment import runner

DAYS = 2


@pytest.fixture
def quick(monkeypatch):
    """Worlds that are drawn instead of played: the command around them is the real one."""
    import numpy as np

    def drawn(arm, seed, settings):
        random = np.random.default_rng((seed, arm.mask, arm.shared))
        orders = [100.0] * settings.days
        names = (
            "transport_minor", "failure_minor", "late_minor", "contact_minor", "message_minor", "intervention_minor",
            "first_delivered", "concluded", "failed", "not_loaded", "bound", "on_time", "late", "contacts",
            "informed_late", "told_late", "false_alarms", "cascades", "told", "covered", "told_width_s", "rescued",
            "treated", "messages", "predicted", "cheaper_elsewhere", "cheaper_elsewhere_minor",
        )  # fmt: skip
        sums = {name: random.uniform(1, 50, settings.days).tolist() for name in names}
        cost = (50_000 - 2_000 * arm.mask.bit_count() + random.normal(0, 50, settings.days)).tolist()
        sums |= {"orders": orders, "cost_minor": cost}
        return {"arm": arm.name, "mask": arm.mask, "shared": arm.shared, "seed": seed, "sums": sums, "cpu_s": 0.1}

    monkeypatch.setattr(runner, "run_job", drawn)


def call(*arguments):
    return CliRunner().invoke(main, ["experiment", "compounding", *arguments])


@pytest.mark.usefixtures("quick")
def test_the_command_prints_one_object_and_writes_a_page(tmp_path, capfd):
    docs = tmp_path / "page.md"
    docs.write_text("# A\n<!-- results: begin -->STALE<!-- results: end -->\nz\n")
    arguments = ["--home", str(tmp_path), "--seeds", "6", "--days", str(DAYS), "--workers", "1", "--no-sensitivity"]
    with pytest.raises(SystemExit) as done:
        main(["experiment", "compounding", *arguments, "--docs", str(docs), "--json"])
    assert done.value.code == 0
    result = json.loads(capfd.readouterr().out)
    assert result["arms"] == 33 and result["worlds"] == 6 and result["planted_recovered"] == 3
    for name in ("all_minus_none", "S"):
        assert result[name]["low"] <= result[name]["value"] <= result[name]["high"]
    assert result["all_minus_none"]["low"] < 100 < result["all_minus_none"]["high"]
    page = (tmp_path / "experiments" / "compounding" / "report.html").read_text()
    assert page.count("<svg") == 4 and "<script" not in page
    assert 'href="http' not in page and "src=" not in page and "url(http" not in page
    text = docs.read_text()
    assert "STALE" not in text and text.startswith("# A\n") and text.endswith("z\n") and "| routing |" in text
    assert (tmp_path / "page" / "whole.svg").read_text().startswith("<svg")


@pytest.mark.usefixtures("quick")
def test_what_is_there_is_analysed_and_what_cannot_be_is_said(tmp_path):
    home = ["--home", str(tmp_path), "--days", "2", "--workers", "1", "--no-sensitivity"]
    nothing = call(*home, "--report-only")
    assert nothing.exit_code == 2 and "no world with these settings" in nothing.output
    assert call(*home, "--seeds", "1").exit_code == 0
    some = call(*home, "--seeds", "9", "--report-only")
    assert some.exit_code == 0 and "1 worlds" in some.output and "Fewer than five worlds" in some.output
    (tmp_path / "experiments" / "compounding" / "registration.sha256").write_text("abc\n")
    other = call(*home, "--seeds", "1")
    assert other.exit_code == 2 and "begun under another registration" in other.output


def test_a_page_without_marks_is_refused(tmp_path):
    from domain.errors import InputError
    from simulation.experiment.markdown import put_into

    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(InputError, match="marks"):
        put_into({}, page, "x")
