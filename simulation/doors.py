"""What would happen at each door of a date: drawn before anyone decides, so every policy meets the same customers.

The engines compare numbers of these tables and add seconds; no draw is made while a day is played.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.codes import FAILURE_REASONS
from simulation.conditions import conditions_of
from simulation.demand import DayOrders
from simulation.habits import expit, habit_table, logit
from simulation.schema_shocks import HabitChange
from simulation.streams import Floats, Integers, normals, uniforms, whole
from simulation.world import SERVICE_FACTOR, World, pick

OUTCOMES = ("delivered", *FAILURE_REASONS, "cancelled", "rescheduled", "diverted")
CODE = {name: number for number, name in enumerate(OUTCOMES)}
"""Outcome of an attempt as a small number: 0 is delivered."""
NEVER = 10**9
"""A second of the day that does not come."""
DOOR_S, DOOR_PARCEL_S = 15.0, 34.0
"""Median seconds at a house's door, and a parcel; with the buildings' mix 56, 92, 131 s as Amazon's stops."""
AWAY_LOG_ODDS = 3.5
OWN_PRESENCE_SHARE = 0.15
"""Orders that meet another member of the household than the customer's other orders of the day (Changshu: two of three
parcels share the fate of a failed one of the same day)."""
WRONG_ADDRESS_FAILS = 0.5
"""Share of attempts at a wrong address that fail; the others cost search time."""
OVERRUN_SHARE = 0.015
"""Stops that take several times as long as they should (a queue at a reception, a hard unloading)."""
TROUBLES = ("refused", "access_denied", "payment_or_id_missing", "damaged", "missing", "outside_area")
TROUBLE_WEIGHTS = np.array(
    [
        [0.50, 0.12, 0.16, 0.08, 0.12, 0.02],
        [0.36, 0.32, 0.14, 0.06, 0.10, 0.02],
        [0.24, 0.50, 0.10, 0.05, 0.10, 0.01],
        [0.44, 0.24, 0.14, 0.06, 0.11, 0.01],
        [0.50, 0.14, 0.18, 0.06, 0.11, 0.01],
    ]
)
"""Mix of other failures by building type (rows as ``world.BUILDINGS``). Declared assumptions."""


@dataclass(frozen=True)
class Doors:
    """One entry an order; seconds count from local midnight, ``NEVER`` where something does not happen.

    An attempt at hour h that starts ``late_h`` hours after its window meets an absent recipient when
    ``log_odds + strength * table[habit, h] + late_log_odds * late_h > threshold``.
    """

    log_odds: Floats
    strength: Floats
    habit: Integers
    threshold: Floats
    business: npt.NDArray[np.bool_]
    trouble: Integers
    closed: npt.NDArray[np.bool_]
    service_s: Floats
    failed_s: Integers
    search_s: Floats
    leg_noise: Floats
    cancelled_s: Integers
    would_miss: npt.NDArray[np.bool_]
    answers: npt.NDArray[np.bool_]
    answers_call: npt.NDArray[np.bool_]
    agrees_reschedule: npt.NDArray[np.bool_]
    agrees_locker: npt.NDArray[np.bool_]
    agrees_safe_place: npt.NDArray[np.bool_]
    fixable: npt.NDArray[np.bool_]
    reply_s: Integers
    contact_s: Integers
    late_contact_s: Integers
    failure_contact_s: Integers
    """After a failure, seconds until the customer calls; ``NEVER`` where they do not."""
    contact_chance: Floats
    late_contact_chance: Floats
    table: Floats

    def absence_probability(self, hours: Integers, late_h: Floats | float, late_log_odds: float) -> Floats:
        """True probability of absence of each order at local ``hours`` (one an order)."""
        own = self.log_odds + self.strength * self.table[self.habit, hours] + late_log_odds * late_h
        return expit(own)


def draw_doors(world: World, orders: DayOrders) -> Doors:
    """Door truth of a date. The draws of an order depend on its number alone."""
    scenario, people, who = world.scenario, world.customers, orders.customer
    seed, day, count = scenario.seed, orders.day, len(orders)
    law, effects, today = scenario.customers, scenario.effects, conditions_of(world, day)

    def chance(name: str) -> Floats:
        return uniforms(seed, name, day, keys=count)

    habit, log_odds = _habits(world, orders, today.habit_changes)
    year, week, _ = day.isocalendar()
    away = uniforms(seed, "away", year, week, keys=who) < law.away_share * scenario.signal
    log_odds = np.where(away, np.maximum(log_odds, AWAY_LOG_ODDS), log_odds)
    # one door, one presence: orders of a customer on one day meet the same person, or nobody, but for a few
    alone = chance("alone") < 1 - scenario.signal * (1 - OWN_PRESENCE_SHARE)
    threshold = logit(np.where(alone, chance("presence alone"), uniforms(seed, "presence", day, keys=who)))
    table = habit_table(day.weekday())
    middle = ((orders.window_start_s + orders.window_end_s) // 7_200).astype(np.int64)
    strength = people.strength[who]
    contact, late_contact, failure_contact, contact_chance, late_chance = _contacts(world, orders)
    building = people.building[who]
    overrun = np.where(chance("overrun") < OVERRUN_SHARE, 3 + 4 * chance("overrun size"), 1.0)
    service = (DOOR_S + DOOR_PARCEL_S * orders.parcels) * np.exp(
        law.service_noise * normals(seed, "service", day, keys=count)
    )
    service *= overrun
    service *= people.service_factor[who] * (1 + scenario.signal * (SERVICE_FACTOR[building] - 1))
    house = building == 0
    safe = np.where(house, effects.safe_place_house_share, effects.safe_place_other_share)
    trouble = _troubles(world, orders)
    fix = np.where(trouble == CODE["access_denied"], effects.fix_access_share, effects.fix_address_share)
    cancel = chance("cancelled") < law.cancelled_share
    return Doors(
        log_odds=log_odds,
        strength=strength,
        habit=habit,
        threshold=threshold,
        business=people.business[who],
        trouble=trouble,
        closed=chance("closed") < today.closed_share,
        service_s=np.asarray(service, dtype=np.float64),
        failed_s=np.clip(150 * np.exp(0.55 * normals(seed, "failed time", day, keys=count)), 40, 900).astype(np.int64),
        search_s=20 * np.exp(0.6 * normals(seed, "search", day, keys=count)) + 240.0 * orders.wrong_address,
        leg_noise=np.exp(_leg_spread(world, orders) * normals(seed, "leg", day, keys=count)),
        cancelled_s=np.where(cancel, whole(seed, "cancel time", day, keys=count, low=-10_000, high=16 * 3_600), NEVER),
        would_miss=log_odds + strength * table[habit, middle] > threshold,
        answers=chance("answer") < people.answer[who],
        answers_call=chance("call") < effects.call_answer_share,
        agrees_reschedule=chance("agree") < effects.reschedule_share,
        agrees_locker=chance("locker") < effects.locker_consent_share,
        agrees_safe_place=chance("safe place") < safe,
        fixable=chance("fix") < fix,
        reply_s=whole(seed, "reply", day, keys=count, low=120, high=2_400),
        contact_s=contact,
        late_contact_s=late_contact,
        failure_contact_s=failure_contact,
        contact_chance=contact_chance,
        late_contact_chance=late_chance,
        table=table,
    )


def _leg_spread(world: World, orders: DayOrders) -> Floats:
    today = conditions_of(world, orders.day)
    heavy = 1 + 0.5 * (today.rain_mm[:, 8:19].mean(axis=1) > 4)  # very heavy rain: half again the spread
    own = np.array([one.traffic.leg_spread for one in world.scenario.cities]) * heavy
    return np.asarray(own[orders.city])


def _habits(world: World, orders: DayOrders, changes: tuple[tuple[int, HabitChange], ...]) -> tuple[Integers, Floats]:
    people, who = world.customers, orders.customer
    habit, log_odds = people.habit[who], people.log_odds[who]
    names = np.array(world.scenario.quarter_names())
    for number, change in changes:
        hit = uniforms(world.scenario.seed, "habit change", number, keys=who) < change.share
        if change.zones:
            hit &= np.isin(names[orders.quarter], change.zones)
        habit = np.where(hit & (habit < 4), (habit + 1) % 4, habit)
        log_odds = np.where(hit, log_odds + change.log_odds, log_odds)
    return habit, log_odds


def _troubles(world: World, orders: DayOrders) -> Integers:
    """Code of what else would go wrong at the door, 0 where nothing would; it does not depend on the hour."""
    seed, day, count, who = world.scenario.seed, orders.day, len(orders), orders.customer
    mixed = uniforms(seed, "trouble kind", day, keys=count)
    kind = np.zeros(count, dtype=np.int64)
    codes = np.array([CODE[one] for one in TROUBLES])
    building = world.customers.building[who]
    for number, weights in enumerate(TROUBLE_WEIGHTS):
        mine = building == number
        kind[mine] = codes[pick(weights, mixed[mine])]
    happens = uniforms(seed, "trouble", day, keys=count) < world.customers.trouble[who]
    found = np.where(happens, kind, 0)
    lost = orders.wrong_address & (uniforms(seed, "lost", day, keys=count) < WRONG_ADDRESS_FAILS)
    return np.where(lost, CODE["address_wrong"], found)


def _contacts(world: World, orders: DayOrders) -> tuple[Integers, Integers, Integers, Floats, Floats]:
    """When each customer would ask, if still waiting then; and their draws over the chance, below 1 where they do."""
    seed, day, count, law = world.scenario.seed, orders.day, len(orders), world.scenario.customers
    own = world.customers.contact[orders.customer]
    fraction = uniforms(seed, "contact time", day, keys=count)
    asks = orders.window_start_s + (fraction * (orders.window_end_s - orders.window_start_s)).astype(np.int64)
    late = orders.window_end_s + 1_800 + (fraction * 3_600).astype(np.int64)
    after = 600 + (fraction * 4 * 3_600).astype(np.int64)
    tiny = 1e-12
    anyway = uniforms(seed, "contact", day, keys=count) / np.maximum(np.minimum(0.9, law.contact_anyway * own), tiny)
    when_late = uniforms(seed, "contact late", day, keys=count) / np.maximum(
        np.minimum(0.9, law.contact_when_late * own), tiny
    )
    calls = uniforms(seed, "contact failed", day, keys=count) < np.minimum(0.9, law.contact_after_failure * own)
    return asks, late, np.where(calls, after, NEVER), anyway, when_late
