"""What a service date asks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from domain.errors import InputError
from simulation.columns import coded, moments, numbered, numbered_arrow
from simulation.conditions import Conditions, conditions_of, local
from simulation.streams import Floats, Integers, normals, uniforms, whole
from simulation.world import BUILDINGS, KM_PER_DEGREE, World, pick

ID_DIGITS = 6
MOST_ORDERS = 999_999
OPEN_FROM_S, OPEN_UNTIL_S = 8 * 3_600, 20 * 3_600
"""The promise of an order without a window of its own."""
STANDARD_S, STANDARD_PARCEL_S = 40, 38
"""The company's standard time at a door, and a parcel: what planning is told (Amazon's means: 75, 117, 156 s)."""


@dataclass(frozen=True)
class DayOrders:
    """Orders of a date as arrays, one entry each; seconds count from the date's local midnight.

    ``lat``/``lon`` are where the address book says; the door is elsewhere where ``wrong_address``.
    """

    day: date
    origin: pd.Timestamp
    customer: Integers
    tenant: Integers
    depot: Integers
    quarter: Integers
    city: Integers
    zone: Integers
    lat: Floats
    lon: Floats
    window_start_s: Integers
    window_end_s: Integers
    windowed: npt.NDArray[np.bool_]
    service_s: Integers
    parcels: Integers
    mass_g: Integers
    volume_ml: Integers
    certified: npt.NDArray[np.bool_]
    wrong_address: npt.NDArray[np.bool_]
    created_s: Integers
    known_s: Integers

    def __len__(self) -> int:
        return len(self.customer)

    @cached_property
    def prefix(self) -> str:
        """What the ids of this date begin with."""
        return f"o{self.day:%Y%m%d}-"

    @cached_property
    def start(self) -> datetime:
        """Local midnight (UTC)."""
        return self.origin.to_pydatetime()

    def order_ids(self) -> pa.Array:
        """Arrow array of the ids."""
        return numbered_arrow(self.prefix, np.arange(len(self)), ID_DIGITS)

    def numbers_of(self, ids: object) -> Integers:
        """Numbers of order ids (any text column), -1 where an id is not of this date."""
        import pyarrow.compute as pc

        column = pa.array(ids, type=pa.large_string())
        own = pc.and_(
            pc.starts_with(column, self.prefix), pc.equal(pc.utf8_length(column), len(self.prefix) + ID_DIGITS)
        )
        digits = pc.utf8_slice_codeunits(column, len(self.prefix))
        valid = pc.fill_null(pc.and_(own, pc.match_substring_regex(digits, "^[0-9]+$")), fill_value=False)
        numbers = pc.cast(pc.if_else(valid, digits, "-1"), pa.int64()).to_numpy(zero_copy_only=False)
        return np.where(numbers < len(self), numbers, -1)


def draw_orders(world: World, day: date) -> DayOrders:
    """Orders of ``day``. The n-th order of a date is the same however many follow it."""
    scenario, today = world.scenario, conditions_of(world, day)
    seed, people = scenario.seed, world.customers
    count = _count(world, day, today)

    def chance(name: str) -> Floats:
        return uniforms(seed, "order", name, day, keys=count)

    who = np.searchsorted(people.cumulative_appetite, chance("customer")).clip(0, people.count - 1)
    who = _with_companions(who, chance("companion") < scenario.demand.companion_share)
    tenant = _tenants(world, who, chance("tenant"))
    mix = scenario.demand.tenants
    windowed = chance("windowed") < np.array([one.window_share for one in mix])[tenant]
    start = np.full(count, OPEN_FROM_S, dtype=np.int64)
    end = np.full(count, OPEN_UNTIL_S, dtype=np.int64)
    slot_chance = chance("slot")
    for number, one in enumerate(mix):
        mine = np.flatnonzero(windowed & (tenant == number))
        slot = pick([s.weight for s in one.slots], slot_chance[mine])
        start[mine] = np.array([s.start for s in one.slots])[slot] * 3_600
        end[mine] = np.array([s.end for s in one.slots])[slot] * 3_600
    parcels = _parcels(chance("parcels"), np.array([one.parcels_mean for one in mix])[tenant])
    law = scenario.demand
    mass = np.array([one.parcel_g for one in mix])[tenant] * _sizes(seed, "mass", day, parcels, law.mass_spread)
    volume = np.array([one.parcel_ml for one in mix])[tenant] * _sizes(seed, "volume", day, parcels, law.volume_spread)
    # in a null world a wrong address is of the order, not of the customer: history tells nothing
    lasting = uniforms(seed, "wrong lasts", keys=who) < scenario.signal
    once = chance("wrong once") < scenario.customers.wrong_address_share
    wrong = np.where(lasting, people.wrong_address[who], once) | (
        (today.corrupted_share > 0) & (uniforms(seed, "corrupted", keys=who) < today.corrupted_share)
    )
    lat, lon = _told_places(world, who, wrong)
    created = -whole(seed, "order", "created", day, keys=count, low=6 * 3_600, high=40 * 3_600)
    return DayOrders(
        day=day,
        origin=local(day, 0, scenario.timezone),
        customer=who,
        tenant=tenant,
        depot=people.depot[who],
        quarter=people.quarter[who],
        city=people.city[who],
        zone=world.zone_of[who],
        lat=lat,
        lon=lon,
        window_start_s=start,
        window_end_s=end,
        windowed=windowed,
        service_s=STANDARD_S + STANDARD_PARCEL_S * parcels,
        parcels=parcels,
        mass_g=np.maximum(50, mass).astype(np.int64).clip(max=400_000),
        volume_ml=np.maximum(100, volume).astype(np.int64).clip(max=2_000_000),
        certified=chance("certified") < np.array([one.certified_share for one in mix])[tenant],
        wrong_address=wrong,
        created_s=created,
        known_s=created + whole(seed, "order", "known", day, keys=count, low=5, high=600),
    )


def _with_companions(who: Integers, companion: npt.NDArray[np.bool_]) -> Integers:
    """Customers where a companion is for the customer of the order before it (the first order has none before)."""
    place = np.where(companion, 0, np.arange(len(who)))
    return who[np.maximum.accumulate(place)]


def _parcels(chance: Floats, mean: Floats) -> Integers:
    """Parcels an order by the geometric law, 1 or more (Amazon: 66 % one, 21 % two, 7 % three; mean 1.6)."""
    more = 1 - 1 / mean
    drawn = np.log1p(-chance) / np.log(np.maximum(more, 1e-12))
    return 1 + np.minimum(np.floor(drawn), 40).astype(np.int64)


def _sizes(seed: int, name: str, day: date, parcels: Integers, spread: float) -> Floats:
    """The sum of a log-normal size for each parcel of each order, median 1; few orders have many parcels."""
    total = np.zeros(len(parcels))
    for number in range(int(parcels.max(initial=0))):
        which = np.flatnonzero(parcels > number)
        total[which] += np.exp(spread * normals(seed, name, day, number, keys=which))
    return total


def _count(world: World, day: date, today: Conditions) -> int:
    law = world.scenario.demand
    season = 1 + law.season_share * np.cos(2 * np.pi * (day.timetuple().tm_yday - 345) / 365)
    mean = law.orders_per_day * law.weekday[day.weekday()] * season * today.demand_factor
    bell = normals(world.scenario.seed, "demand", day, keys=2)
    count = round(float(mean * np.exp(law.day_spread * bell[0]) + np.sqrt(mean) * bell[1]))
    if count > MOST_ORDERS:
        raise InputError(f"scenario: {count:,} orders on {day}; a day holds at most {MOST_ORDERS:,}")
    return max(1, count)


def _tenants(world: World, who: Integers, chance: Floats) -> Integers:
    """A shipper for each order; businesses order from those with a high business share."""
    mix = world.scenario.demand.tenants
    weight = np.array([one.weight for one in mix])
    business = np.array([one.business_share for one in mix])
    private = pick(np.maximum(weight * (1 - business), 1e-12), chance)
    trade = pick(np.maximum(weight * business, 1e-12), chance)
    return np.where(world.customers.business[who], trade, private)


def _told_places(world: World, who: Integers, wrong: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """The address book's positions: a wrong one is up to two kilometres off, always in the same direction."""
    people, seed = world.customers, world.scenario.seed
    angle = 2 * np.pi * uniforms(seed, "wrong angle", keys=who)
    km = np.where(wrong, 0.3 + 1.7 * uniforms(seed, "wrong km", keys=who), 0.0)
    per_lon = world.places.km_per_lon[people.city[who]]
    return (
        np.round(people.lat[who] + km * np.sin(angle) / KM_PER_DEGREE, 6),
        np.round(people.lon[who] + km * np.cos(angle) / per_lon, 6),
    )


def orders_frame(world: World, orders: DayOrders) -> pd.DataFrame:
    """The orders in the columns of ``raw.orders``."""
    people, scenario = world.customers, world.scenario
    count = len(orders)
    building = people.building[orders.customer]
    attributes = [f'{{"building":"{one}"}}' for one in BUILDINGS]
    return pd.DataFrame(
        {
            "order_id": pd.array(orders.order_ids(), dtype="str"),
            "service_date": np.full(count, orders.day, dtype=object),
            "kind": coded(["delivery"], np.zeros(count, dtype=np.int64)),
            "tenant_id": coded([one.name for one in scenario.demand.tenants], orders.tenant),
            "customer_id": numbered("c", orders.customer, ID_DIGITS),
            "address_id": numbered("a", orders.customer, ID_DIGITS),
            "depot_id": coded([f"depot-{n}" for n in range(len(world.places.depot_city))], orders.depot),
            "zone_id": coded(world.zone_ids, orders.zone),
            "lat": orders.lat,
            "lon": orders.lon,
            "window_start": moments(orders.origin, orders.window_start_s),
            "window_end": moments(orders.origin, orders.window_end_s),
            "service_s": orders.service_s,
            "mass_g": orders.mass_g,
            "volume_ml": orders.volume_ml,
            "parcels": orders.parcels,
            "required_certifications": coded(["age_check"], np.where(orders.certified, 0, -1)),
            "attributes": coded(attributes, building),
            "event_time": moments(orders.origin, orders.created_s),
            "ingest_time": moments(orders.origin, orders.known_s),
            "retracted": np.zeros(count, dtype=bool),
        }
    )
