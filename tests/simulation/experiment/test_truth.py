"""Benefits come from the hidden truth and from nothing else; what decides does not see it."""

import ast
from dataclasses import replace

import pytest

from simulation.experiment import registration
from simulation.experiment.arms import Arm
from simulation.experiment.settings import Settings
from simulation.scenario import SCENARIOS

TINY = Settings(seeds=1, days=3, orders=90, burn_in=4, iterations=20)
HIDDEN = {
    "wrong_address", "quarter", "conditions", "log_odds", "threshold", "strength", "habit", "rate", "trouble", "crews",
    "pace_", "service_factor", "answer", "appetite", "fault_s", "dead_s", "no_show", "declines_route", "truth",
    "_day", "_door", "service_s_", "would_miss", "familiarity",
}  # fmt: skip
NONE = Arm(0)
ROUTING, ORCHESTRATION, EXCEPTIONS, COMMUNICATION, LEARNING = (Arm(1 << bit) for bit in range(5))


def totals(arm, settings):
    from simulation.experiment.worlds import run_arm

    return {name: sum(values) for name, values in run_arm(arm, 900, settings)["sums"].items()}


@pytest.mark.parametrize("module", ["belief", "kernels", "planning", "evening", "running"])
def test_what_decides_reads_no_hidden_attribute(module):
    tree = ast.parse((registration.FOLDER / f"{module}.py").read_text(encoding="utf-8"))
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not read & HIDDEN
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module is not None}
    forbidden = {"simulation.truth", "simulation.doors", "simulation.habits", "simulation.conditions",
                 "simulation.oracle", "simulation.live_state", "simulation.live_motion"}  # fmt: skip
    assert not imported & forbidden


def test_messages_that_move_nobody_change_nothing_but_their_price():
    silent = replace(TINY, effects=(("message_contact_factor", 1.0), ("message_log_odds", 0.0)))
    none, told = totals(NONE, silent), totals(COMMUNICATION, silent)
    for name in ("failed", "late", "contacts", "transport_minor", "failure_minor"):
        assert told[name] == none[name], name
    assert told["cost_minor"] - none["cost_minor"] == pytest.approx(told["message_minor"])
    assert told["messages"] > 0


def test_messages_that_bring_everybody_home_are_seen():
    loud = replace(TINY, effects=(("message_log_odds", -9.0),))
    none, told = totals(NONE, loud), totals(COMMUNICATION, loud)
    assert told["failed"] < none["failed"]
    assert told["transport_minor"] != none["transport_minor"], "a delivery takes another time than a failure"


def test_vans_that_break_down_are_rescued_by_orchestration(tmp_path):
    text = (SCENARIOS / "compounding.yml").read_text().replace("breakdown_share: 0.01", "breakdown_share: 0.6")
    path = tmp_path / "breaks.yml"
    path.write_text(text)
    broken = replace(TINY, scenario=str(path), shifts=False, orders=200)
    none, whole = totals(NONE, broken), totals(ORCHESTRATION, broken)
    assert whole["rescued"] > 0
    assert whole["failed"] < none["failed"]


def test_learning_that_is_off_leaves_belief_as_it_was():
    import copy

    from simulation.experiment.day import Operator, run_day
    from simulation.experiment.evening import policy_of
    from simulation.experiment.worlds import city_and_belief

    city, learned = city_and_belief(TINY, 900)
    for arm, moves in ((NONE, False), (LEARNING, True)):
        belief = copy.deepcopy(learned)
        run_day(city.world, TINY.first_day, Operator(arm, belief, policy_of(TINY, 900)), TINY)
        moved = bool((belief.zone.value() != learned.zone.value()).any())
        assert moved is moves
        assert bool(belief.risk.attempts.sum() != learned.risk.attempts.sum()) is moves


def test_orders_put_off_the_evening_before_are_no_sign_of_a_running_route():
    """Whoever is asked agrees to another day: those answers come before midnight, when no van has left."""
    willing = replace(
        TINY, orders=150, effects=(("confirm_log_odds", 0.0), ("fix_address_share", 0.0), ("reschedule_share", 1.0))
    )
    whole = totals(Arm(31), willing)
    assert whole["treated"] > 0 and whole["concluded"] <= whole["orders"]
