"""When customers are at home and how often an attempt at their door fails: persistent, concentrated, by hour.

Half of the customers practically never fail; the rates of the others follow a Beta law. A Beta law with a sum of
parameters s makes a failure persistent: P(fail | failed before) is about (a + 1) / (s + 1) for a mean a / s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.schema import Scenario
from simulation.streams import Floats, Integers, uniforms

HABITS = ("steady", "worker", "evening_out", "school_run", "business")
HOURS = 30
"""Hours after local midnight that tables cover; a route may run past midnight."""
SAFE_RATE = 0.003
"""Rate of those who practically never fail."""


@dataclass(frozen=True)
class Rates:
    """Hidden traits, one entry a customer: ``log_odds`` of absence without hour, ``trouble`` the other failures."""

    rate: Floats
    log_odds: Floats
    trouble: Floats
    habit: Integers
    strength: Floats


def habit_table(weekday: int) -> Floats:
    """Log odds of absence added by habit (rows) and local hour, for a weekday (0 is Monday). Declared assumptions."""
    hours = np.arange(HOURS)
    table = np.zeros((len(HABITS), HOURS))
    weekend = weekday >= 5
    if not weekend:
        table[1] = np.where((hours >= 9) & (hours < 17), 0.7, -0.3)
        table[3] = np.where(np.isin(hours, (8, 15, 16)), 1.2, -0.3)
        table[4] = np.where((hours >= 8) & (hours < 17), -0.6, np.where(hours == 17, 0.6, 2.6))
    else:
        table[1] = -0.3
        table[4] = 2.0
    table[2] = np.where(hours >= 17, 1.3, np.where(hours < 10, -0.9, 0.0))
    # everybody: a little harder early, clearly harder late (Changshu: 4.3, 3.5-4.0, then 11 % in the last slots)
    table[:4] += np.where(
        hours < 9, 0.1, np.select([hours >= 19, hours == 18, hours == 17, hours == 16], [1.5, 1.2, 0.7, 0.15], 0.0)
    )
    return table


def logit(p: Floats) -> Floats:
    """ln(p / (1 - p))."""
    return np.log(p) - np.log1p(-p)


def expit(x: Floats) -> Floats:
    """The inverse of ``logit``."""
    return 1 / (1 + np.exp(-x))


def draw_rates(scenario: Scenario, business: np.ndarray) -> Rates:
    """Rates, habits and their strength of all customers.

    The mean over customers and the usual hours is ``failed_share``; ``signal`` 0 gives everybody the same.
    """
    law, seed, signal, count = scenario.customers, scenario.seed, scenario.signal, scenario.customers.count
    chance = uniforms(seed, "customer", "rate", keys=count)
    if law.planted_bad_share > 0:
        step = max(1, round(1 / law.planted_bad_share))
        bad = np.arange(count) % step == 0
        rest = (law.failed_share - bad.mean() * law.planted_bad_rate) / max(1e-9, 1 - bad.mean())
        rate = np.where(bad, law.planted_bad_rate, np.clip(rest, 0.001, 1))
    else:
        rate = _concentrated(chance, law.failed_share, law.never_fail_share, law.concentration)
    rate = np.clip(signal * rate + (1 - signal) * law.failed_share, 1e-4, 0.9)
    mixed = uniforms(seed, "customer", "habit", keys=count)
    habit = np.where(business, 4, np.searchsorted([0.4, 0.72, 0.87, 1.0], mixed)).astype(np.int64)
    strength = np.full(count, law.habit_strength * signal)
    absent = np.clip(rate * law.absent_share, 1e-5, 0.95)
    log_odds = logit(absent)
    return Rates(
        rate=rate,
        log_odds=log_odds + _shift(log_odds, habit, strength, absent.mean()),
        # refusals, locked gates and damage follow the customer to the half and chance to the other
        trouble=np.clip((rate + rate.mean()) / 2 * (1 - law.absent_share), 0, 0.9),
        habit=habit,
        strength=strength,
    )


def _concentrated(chance: Floats, mean: float, safe_share: float, concentration: float) -> Floats:
    """Beta quantiles for those above ``safe_share``, scaled to the overall ``mean``."""
    from scipy.special import betaincinv

    if not 0 < mean < 1:
        return np.full(chance.shape, mean)
    rest = max(1 - safe_share, 1e-9)
    own = min(0.9, max(SAFE_RATE, (mean - safe_share * min(SAFE_RATE, mean)) / rest))
    place = np.clip((chance - safe_share) / rest, 1e-9, 1 - 1e-9)
    drawn = betaincinv(own * concentration, (1 - own) * concentration, place)
    return np.where(chance < safe_share, min(SAFE_RATE, mean), drawn)


def _shift(log_odds: Floats, habit: Integers, strength: Floats, wanted: float) -> float:
    """What brings the mean over weekdays' working hours to ``wanted``; bisection on up to 20,000 customers."""
    few = slice(0, 20_000)
    hours = habit_table(1)[:, 8:19]
    own = log_odds[few, None] + strength[few, None] * hours[habit[few]]
    low, high = -4.0, 4.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(own + middle).mean() < wanted else (low, middle)
    return (low + high) / 2
