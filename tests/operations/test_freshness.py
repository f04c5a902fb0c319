"""The age of the newest outcome is counted from when it happened, to when a decision was made."""

from operations.freshness import OutcomeAges
from tests.operations.days import event


def test_decisions_know_outcomes_by_when_they_happened():
    ages = OutcomeAges()
    ages.see(event("a", "order_created", 100), ["one"])
    assert (ages.before_first, ages.quantile_min(0.95)) == (1, None)
    ages.see(event("b", "delivered", 600), [])
    ages.see(event("c", "arrived", 1_200), ["two", "three"])
    assert ages.quantile_min(0.5) == 10.0
    # a scan that comes late does not make the newest outcome older
    ages.see(event("d", "attempt_failed", 300), ["four"])
    assert ages.newest_s == 600
    assert ages.summary()["decisions"] == 3


def test_the_share_that_is_asked_for_is_met():
    ages = OutcomeAges()
    ages.see(event("a", "delivered", 0), [])
    for minute in range(1, 101):
        ages.see(event(f"t{minute}", "arrived", minute * 60), ["decision"])
    assert ages.quantile_min(0.95) == 96.0
