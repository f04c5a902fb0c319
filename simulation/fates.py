"""What a date holds for crews: pace, faults, no-shows, declined offers. Drawn by driver or order, not by plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from domain.codes import ControlMode, TariffComponent
from simulation.conditions import conditions_of
from simulation.demand import DayOrders
from simulation.doors import CODE, NEVER, Doors
from simulation.habits import expit
from simulation.streams import Floats, Integers, normals, uniforms, whole
from simulation.world import KM_PER_DEGREE, World

FRAILTY_SPREAD = 0.8
"""Log spread of breakdown hazards between vehicles of a fleet. Declared."""
REPAIRED_SHARE = 0.6
"""Faults that cost time only; the others end the route."""
REPLACED_SHARE = 0.75
"""No-shows for whom somebody else comes, an hour or so later."""
TENDER_EVENING_S = -6 * 3_600
"""Whole routes are offered at 18:00 the evening before; single orders half an hour before the courier starts."""
TENDER_LEAD_S = 1_800


@dataclass(frozen=True)
class Crews:
    """One entry a driver with the vehicle of the same number. Seconds from local midnight."""

    pace: Floats
    service_pace: Floats
    fault_s: Integers
    fault_delay_s: Integers
    fault_ends: npt.NDArray[np.bool_]
    no_show: npt.NDArray[np.bool_]
    replaced_s: Integers
    """Delay until somebody else comes, ``NEVER`` if nobody does."""
    declines_route: npt.NDArray[np.bool_]
    starts_s: Integers
    limit_s: Integers
    break_s: Integers


def draw_crews(world: World, day: date) -> Crews:
    """Fates of all drivers and vehicles on ``day``."""
    scenario, today, count = world.scenario, conditions_of(world, day), len(world.drivers)
    seed = scenario.seed
    fleet = np.array([one.fleet for one in world.drivers], dtype=np.int64)
    fleets = scenario.fleets

    def chance(name: str) -> Floats:
        return uniforms(seed, name, day, keys=count)

    def own(values: list[float]) -> Floats:
        return np.asarray(values, dtype=np.float64)[fleet]

    depot_city = world.places.depot_city[np.array([one.depot for one in world.drivers], dtype=np.int64)]
    spread = np.array([one.traffic.day_spread for one in scenario.cities])[depot_city]
    skill = np.array([one.pace for one in world.drivers]) * today.fleet_pace[fleet]
    mood = np.exp(spread * normals(seed, "mood", day, keys=count))
    tendered = np.array([one.control_mode is ControlMode.TENDERED_ROUTE for one in fleets])[fleet]
    starts = own([one.starts * 3_600 for one in fleets]).astype(np.int64)
    ends = own([one.ends * 3_600 + one.overtime_limit_s for one in fleets]).astype(np.int64)
    faulty = chance("fault") < own([one.breakdown_share for one in fleets]) * _frailty(world)
    fault = whole(seed, "fault time", day, keys=count, low=9 * 3_600, high=17 * 3_600)
    replaced = whole(seed, "replaced", day, keys=count, low=2_700, high=6_300)
    return Crews(
        pace=skill * mood,
        service_pace=_service_pace(world, day, fleet),
        fault_s=np.where(faulty, fault, NEVER),
        fault_delay_s=whole(seed, "fault delay", day, keys=count, low=1_800, high=7_200),
        fault_ends=chance("fault end") >= REPAIRED_SHARE,
        no_show=chance("no show") < own([one.no_show_share for one in fleets]),
        replaced_s=np.where(chance("replacement") < REPLACED_SHARE, replaced, NEVER),
        declines_route=tendered & (chance("decline") < today.fleet_decline[fleet]),
        starts_s=starts,
        limit_s=ends,
        break_s=own([one.break_s for one in fleets]).astype(np.int64),
    )


def _frailty(world: World) -> Floats:
    """Each vehicle's hazard over its fleet's mean, which stays 1: old vans break down again."""
    spread = FRAILTY_SPREAD * world.scenario.signal
    return np.exp(spread * normals(world.scenario.seed, "frailty", keys=len(world.drivers)) - spread**2 / 2)


def _service_pace(world: World, day: date, fleet: Integers) -> Floats:
    """Factor on time at the door: the driver's own, the day's, and the fleet's pace to the half."""
    scenario, count = world.scenario, len(world.drivers)
    lasting = normals(scenario.seed, "service skill", keys=count)
    passing = normals(scenario.seed, "service mood", day, keys=count)
    own, daily, pace = (
        np.array([getattr(one, name) for one in scenario.fleets])[fleet]
        for name in ("service_spread", "service_day_spread", "pace")
    )
    pace = 1 + scenario.signal * (np.sqrt(pace * conditions_of(world, day).fleet_pace[fleet]) - 1)
    return np.asarray(pace * np.exp(scenario.signal * own * lasting + daily * passing))


@dataclass(frozen=True)
class Offers:
    """Answers to offers of single orders, one entry an order: who would take it, and after how many seconds."""

    accepted: npt.NDArray[np.bool_]
    answer_s: Integers
    probability: Floats


def answer_offers(
    world: World, orders: DayOrders, which: Integers, fleet_number: int, price_minor: Integers | None, hour: Integers
) -> Offers:
    """Offer orders ``which`` to a fleet of couriers at ``price_minor`` (its tariff where None), at local ``hour``."""
    scenario, today = world.scenario, conditions_of(world, orders.day)
    fleet, law = scenario.fleets[fleet_number], scenario.fleets[fleet_number].acceptance
    depot = orders.depot[which]
    north = (orders.lat[which] - world.places.depot_lat[depot]) * KM_PER_DEGREE
    east = (orders.lon[which] - world.places.depot_lon[depot]) * world.places.km_per_lon[orders.city[which]]
    circuity = np.array([one.traffic.circuity for one in scenario.cities])[orders.city[which]]
    km = np.maximum(0.5, circuity * np.sqrt(north * north + east * east))
    if price_minor is None:
        per_stop = fleet.tariff.get(TariffComponent.PER_STOP, 0)
        price_minor = (per_stop + fleet.tariff.get(TariffComponent.PER_KM, 0) * km).astype(np.int64)
    rain = today.rain_mm[orders.city[which], np.clip(hour, 0, 29)]
    odds = law.slope * (price_minor - law.reservation_minor) / 100 / km * 2.0
    one = expit(odds + law.rain_per_mm * rain + law.evening * (hour >= 18))
    # asked one after another: the draw decides whether any of them takes it, and which
    drawn = uniforms(scenario.seed, "offer", orders.day, fleet.fleet_id, keys=which)
    nobody = (1 - one) ** law.offers
    decline = today.fleet_decline[fleet_number]
    any_one = (1 - nobody) * (1 - decline)
    accepted = drawn < any_one
    with np.errstate(divide="ignore", invalid="ignore"):
        asked = np.ceil(np.log1p(-np.minimum(drawn, 1 - 1e-12)) / np.log1p(-np.minimum(one, 1 - 1e-12)))
    asked = np.clip(np.nan_to_num(asked, nan=1.0), 1, law.offers).astype(np.int64)
    answer = np.where(accepted, asked, law.offers) * law.answer_s
    return Offers(accepted, answer, any_one)


@dataclass(frozen=True)
class Absences:
    """Who does not work on a date, known before it (the roster), one entry a driver."""

    absent: npt.NDArray[np.bool_]


def draw_absences(world: World, day: date) -> Absences:
    """The roster's gaps on ``day``: holidays, illness, strikes."""
    fleet = np.array([one.fleet for one in world.drivers], dtype=np.int64)
    chance = uniforms(world.scenario.seed, "rota", day, keys=len(world.drivers))
    return Absences(chance < conditions_of(world, day).fleet_absent[fleet])


def missing_parcels(doors: Doors) -> npt.NDArray[np.bool_]:
    """Orders whose parcel is not there when the van is loaded."""
    return doors.trouble == CODE["missing"]
