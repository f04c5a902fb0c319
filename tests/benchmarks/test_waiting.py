"""The bench of orders that may wait: the same day for every arm, the same again, nothing beyond its last chance."""

from dataclasses import replace

from benchmarks.fabric_world import World, rough_city
from benchmarks.waiting import ARMS, Street, case_of, history, summary

SLACK_S = 3 * 3_600


def test_a_small_day_is_played_to_its_end_by_every_rule_and_twice_the_same():
    case = case_of(World.of(rough_city(1, 40)), 1, SLACK_S)
    expected = history(case, 1, SLACK_S)
    arms = {name: Street(case, replace(expected, policy=name), 1).play() for name in ARMS}
    waiting, again = arms["futures"], Street(case, expected, 1).play()
    assert waiting.held > 0 == arms["at_once"].held
    # by the fixed rule every order that comes with time to spare waits
    assert arms["last_chance"].held >= waiting.held
    for played in arms.values():
        assert played.beyond_latest == 0 and played.cost_minor > 0
        assert played.delivered + played.left == len(case.day.problem.orders) + len(case.arriving)
    assert (again.cost_minor, again.held, again.by_tender) == (waiting.cost_minor, waiting.held, waiting.by_tender)


def test_differences_are_paired_over_worlds():
    counts = dict.fromkeys(("delivered", "left", "by_tender", "held", "beyond_latest", "late_min"), 1)
    rows = [
        {"seed": n, "of_the_day": 10}
        | {
            name: {**counts, "cost_minor": 1_000 * (n + 1) * share, "decisions_s": [0.01]}
            for name, share in (("futures", 8), ("at_once", 10), ("last_chance", 8))
        }
        for n in range(5)
    ]
    found = summary(rows)
    assert found["percent"]["at_once"] == {"mean": -20.0, "low": -20.0, "high": -20.0}
    assert found["percent"]["last_chance"]["mean"] == 0 and found["futures"]["decision_p95_ms"] == 10.0
