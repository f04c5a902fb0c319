"""The fabric benchmark on one small world: arms meet the same orders, statics are judged and not assumed."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from benchmarks import fabric_arms as arms
from benchmarks.fabric import numbers, summary
from benchmarks.fabric_day import Answers, Driver
from benchmarks.fabric_world import FIRST_DAY, World, account, interval, rough_city
from benchmarks.statics import dearer, judged, shares_of, stricter
from benchmarks.touches import RULES, day_of, exponent
from domain.errors import InputError
from models.parameters import Beliefs


@pytest.fixture(scope="module")
def world():
    return World.of(rough_city(4, 50))


@pytest.mark.slow
def test_every_arm_plans_orders_once_and_the_day_is_charged_by_the_same_rules(world):
    problem, known = world.problem(FIRST_DAY), world.city.orders_for(FIRST_DAY)
    usual = {"captive": 0.6, "carrier": 0.3, "gig": 0.1}
    made = {
        "fabric": arms.fabric(world, problem, Beliefs()),
        "silos": arms.silos(world, problem, usual),
        "cheapest": arms.cheapest(world, problem, {"captive": 25, "carrier": 25, "gig": 4}),
    }
    for parts in made.values():
        frame = world.frame(FIRST_DAY, *parts)
        assert frame["order_id"].is_unique and frame["order_id"].isin(known["order_id"]).all()
        found = account(world.city.play_day(FIRST_DAY, frame), known)
        assert found.delivered + found.unserved <= len(known) and found.cost_minor > 0
    ((part, plan),) = made["fabric"]
    frame = world.frame(FIRST_DAY, (part, plan))
    driver = Driver(world, FIRST_DAY, part, plan, Beliefs())
    played = driver.drive(world.city.live_day(FIRST_DAY, frame))
    assert account(played, known).delivered > 0 and driver.state.clock_s > 0


@pytest.mark.slow
def test_statics_of_one_world_move_as_they_must(world):
    problem = world.problem(FIRST_DAY)
    # gig still pays at four times its price in this world; at eight times it does not, however long the search
    gig = shares_of(world, [dearer(problem, "gig", one) for one in (0.2, 1.0, 8.0)], "gig", 40)
    own = shares_of(world, [stricter(problem, one) for one in (0, 20_000)], "captive", 40)
    assert gig[0] >= gig[1] >= gig[2] and gig[0] > gig[2] and own[1] >= own[0]


def test_a_curve_that_turns_is_said_to():
    up, down = [0.1 * n for n in range(11)], [1 - 0.1 * n for n in range(11)]
    assert all(one["holds"] for one in judged({"gig_price": [down], "demand": [up], "on_time": [up]}).values())
    turned = judged({"gig_price": [up], "demand": [[*up[:5], 0.1, *up[6:]]], "on_time": [[0.5] * 11]})
    assert not any(one["holds"] for one in turned.values()) and turned["demand"]["against"] == pytest.approx(0.3)


def test_differences_are_paired_and_their_intervals_are_over_worlds():
    names = ("event", "daily", "silos", "cheapest", "oracle")
    worlds = []
    for seed in range(8):
        cost = {name: 100.0 * (1 + seed) + 10 * n for n, name in enumerate(names)}
        cost["oracle"] = cost["event"] - 10
        worlds.append({"arms": {name: {"per_delivery_minor": one} for name, one in cost.items()}})
    found = summary(worlds)
    # worlds differ by hundreds, arms by tens: paired, the interval is a point
    assert found["event_minus"]["daily"] == {"mean": -10.0, "low": -10.0, "high": -10.0}
    assert found["oracle_gap_closed"]["share"] == 0.5
    mean, low, high = interval([1.0, 2.0, 3.0])
    assert low < mean == 2.0 < high


def test_answers_of_hours_and_routes_are_believed_by_the_names_that_are_read():
    answers = Answers()
    known = pd.Timestamp("2026-03-03", tz="UTC")
    common = {"zone": None, "event_time": known, "known_at": known}
    answers.rows = [{**common, "success": n % 4 > 0, "fleet": "gig", "hour": 9, "price": 9} for n in range(80)]
    answers.rows += [{**common, "success": False, "fleet": "gig", "hour": 15, "price": 8} for _ in range(80)]
    answers.rows += [{**common, "success": True, "fleet": "carrier", "hour": None, "price": None} for _ in range(40)]
    beliefs = answers.beliefs(date(2026, 3, 4))
    assert beliefs.acceptance("gig", hour=15) < beliefs.acceptance("gig") < beliefs.acceptance("gig", hour=9)
    assert beliefs.acceptance("gig", price=8) < beliefs.acceptance("gig", price=9)
    assert beliefs.acceptance("carrier") > 0.9 and beliefs.acceptance("nobody") is None


def test_seeds_and_exponents():
    assert numbers("1-3,7") == [1, 2, 3, 7]
    with pytest.raises(InputError, match="neither"):
        numbers("one")


def test_the_exponent_of_counts_holds_days_of_none_and_is_unknown_without_any():
    linear = exponent([100, 1_000], [3, 30])
    assert linear["exponent"] == pytest.approx(1.0, abs=0.01) and linear["low"] < 1.0 < linear["high"]
    assert exponent([100, 1_000], [5, 5])["exponent"] == pytest.approx(0, abs=0.01)
    assert exponent([100, 1_000], [0, 0])["exponent"] is None and exponent([100, 100], [1, 2])["exponent"] is None
    # drawn from a known law, most small days without any: the interval holds it, twice as many days narrow it
    generator = np.random.default_rng(3)
    orders = np.repeat([100, 300, 1_000, 3_000], 40)
    counts = generator.poisson(0.002 * orders**0.9)
    whole, half = exponent(orders, counts), exponent(orders[::4], counts[::4])
    assert (counts == 0).sum() > 40 and whole["low"] < 0.9 < whole["high"]
    assert whole["high"] - whole["low"] < half["high"] - half["low"]


def test_a_day_of_touches_is_the_same_day_under_every_rule():
    row = day_of(World.of(rough_city(1, 60)), 0)
    assert set(row["touches"]) == set(RULES) and row["orders"] > 30
    assert row["touches"]["authority"] <= row["touches"]["every"] >= row["touches"]["attention"]
