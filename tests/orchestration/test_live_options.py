"""By which rules a live day begins: options, settings, and a day that keeps its own."""

from dataclasses import fields, replace

import click
import pytest
from click.testing import CliRunner

from domain.errors import InputError
from operations.state import Approvals, Coming
from orchestration.cli.day_rules import with_day_rules
from orchestration.cli.dispatch import command as dispatch
from orchestration.live.begin import day_folder
from orchestration.live.dayfile import write_day
from orchestration.live.rules import SETTINGS, DayRules, day_rules, kept_or_refused
from tests.operations.days import DATE, make_day


def test_what_is_said_reaches_the_command_by_name_and_what_is_not_said_does_not():
    seen = []

    @click.command()
    @with_day_rules
    def command(given):
        seen.append(given)

    for words in ("", "--approve leave --approve tender --approve-above 2500 --approve-per-hour 12 --waiting at_once"):
        assert CliRunner().invoke(command, words.split()).exit_code == 0
    for wrong in ("--approve teleport", "--waiting forever", "--approve-above -1"):
        assert CliRunner().invoke(command, wrong.split()).exit_code == 2
    said = {"kinds": ("leave", "tender"), "above_minor": 2_500, "most_per_hour": 12, "waiting": "at_once"}
    assert seen == [{}, said]
    assert day_rules(seen[0], {}) == DayRules()
    assert day_rules(said, {}) == DayRules(Approvals(("leave", "tender"), 2_500, most_per_hour=12), "at_once")


def test_options_go_before_settings_and_settings_before_what_is_usual():
    assert {one.name for one in fields(Approvals)} | {"waiting"} == set(SETTINGS)  # every rule has its setting
    settings = {
        "FIVEFOLD_APPROVE": "leave, assign",
        "FIVEFOLD_APPROVE_SECONDS": "90",
        "FIVEFOLD_WAITING": "last_chance",
    }
    assert day_rules({}, settings) == DayRules(Approvals(("leave", "assign"), answer_s=90), "last_chance")
    assert day_rules({"answer_s": 30, "waiting": "futures"}, settings).approvals.answer_s == 30
    for name, value, words in (
        ("FIVEFOLD_APPROVE_ABOVE", "much", "FIVEFOLD_APPROVE_ABOVE must be a whole number"),
        ("FIVEFOLD_APPROVE", "teleport", "no decision 'teleport'"),
        ("FIVEFOLD_APPROVE_SECONDS", "0", "answer_s must be above 0"),
        ("FIVEFOLD_WAITING", "forever", "no policy 'forever'"),
    ):
        with pytest.raises(InputError, match=words) as error:
            day_rules({}, {name: value})
        assert "FIVEFOLD_" in str(error.value)


def test_rules_become_the_days_and_a_day_that_has_begun_keeps_its_own():
    day = replace(make_day(orders=4, vans=1, iterations=20), coming=Coming((0.0,) * 24, ()))
    begun = DayRules(Approvals(("leave",)), "at_once").of(day)
    assert begun.approvals.kinds == ("leave",) and begun.coming.policy == "at_once"
    assert DayRules(waiting="at_once").of(replace(day, coming=None)).coming is None
    kept_or_refused(begun, {})
    kept_or_refused(begun, {"kinds": ("leave",), "waiting": "at_once"})
    kept_or_refused(
        replace(begun, coming=None), {"waiting": "futures"}
    )  # nothing is known of what comes: nothing waits
    with pytest.raises(InputError, match=r"\(kinds: leave\).*leave --approve\.\.\. out"):
        kept_or_refused(begun, {"kinds": ("assign",)})
    with pytest.raises(InputError, match=r"\(waiting: at_once\).*leave --waiting out"):
        kept_or_refused(begun, {"waiting": "futures"})


def test_a_micro_batch_refuses_other_rules_than_its_day_began_with(tmp_path, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    write_day(day_folder(tmp_path, "demo", DATE), make_day(orders=4, vans=1, iterations=20))
    words = ["demo", DATE.isoformat(), "--home", str(tmp_path)]
    assert CliRunner().invoke(dispatch, words).exit_code == 0
    other = CliRunner().invoke(dispatch, [*words, "--approve", "leave"])
    assert other.exit_code == 2 and "began with other rules (kinds: none)" in other.output
    monkeypatch.setenv("FIVEFOLD_APPROVE", "leave")  # of days that begin: this one goes on
    assert CliRunner().invoke(dispatch, words).exit_code == 0
