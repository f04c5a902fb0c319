"""What a company would see of a day: events with two clocks, late, twice, out of order and a few metres off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from domain.codes import FAILURE_REASONS, EventType
from simulation.batch import NOT_BEGUN, DayLog
from simulation.columns import coded, moments, numbered, numbered_arrow, texts
from simulation.demand import ID_DIGITS
from simulation.doors import CODE, NEVER, OUTCOMES
from simulation.setup import LOADING_S, DaySetup
from simulation.streams import Floats, Integers, normals, uniforms
from simulation.world import KM_PER_DEGREE

KINDS = tuple(one.value for one in EventType)
KIND = {name: number for number, name in enumerate(KINDS)}
ROUTE_KIND = 50
"""Added to the kind's number in the id of an event that is about a route."""
AT_DOOR = tuple(KIND[one] for one in ("arrived", "service_started", "delivered", "attempt_failed", "diverted"))
"""Events with the position of a door; those of ``AT_YARD`` have their depot's, the others none (a desk)."""
AT_YARD = (KIND["route_started"], KIND["route_ended"])
LONG_DELAY_S, LONGEST_DELAY_S = 3_600, 14_400
FAILED_CODES = frozenset(CODE[name] for name in FAILURE_REASONS)
CONCLUSION = np.array(
    [KIND["attempt_failed"] if code in FAILED_CODES else KIND[name] for code, name in enumerate(OUTCOMES)]
)
"""Event that an outcome shows as."""
_REASON = np.array([code if code in FAILED_CODES else -1 for code in range(len(OUTCOMES))])
EXCEPTION_CLASSES = [FAILURE_REASONS[name].value if name in FAILURE_REASONS else None for name in OUTCOMES]


@dataclass(frozen=True)
class Rows:
    """Events as arrays: -1 where an event is not about an order or route, ``NEVER`` where nothing was planned."""

    kind: Integers
    order: Integers
    route: Integers
    attempt: Integers
    time_s: Integers
    planned_s: Integers
    code: Integers

    @staticmethod
    def of(
        kind: Integers | int,
        count: int,
        *,
        order: Integers | int = -1,
        route: Integers | int = -1,
        attempt: Integers | int = 1,
        time_s: Integers,
        planned_s: Integers | int = NEVER,
        code: Integers | int = -1,
    ) -> Rows:
        """``count`` rows; whole numbers stand for all of them."""
        given = (kind, order, route, attempt, time_s, planned_s, code)
        return Rows(*(np.broadcast_to(np.asarray(one, dtype=np.int64), (count,)) for one in given))


def event_rows(setup: DaySetup, log: DayLog) -> Rows:
    """All events of a day, without the order in which they became known."""
    went, plan = log.went, setup.plan
    seen = {"order": log.order[went], "route": log.route[went], "attempt": log.attempt[went]}
    told, count = log.told_s[went], int(went.sum())
    on_site = went & (log.code != CODE["weather"])
    begun = log.route_start_s != NOT_BEGUN
    routes = np.flatnonzero(begun)
    load_s = log.route_start_s[log.route] - LOADING_S + (log.order * 37) % LOADING_S
    loaded = np.flatnonzero(begun[log.route] & (setup.barred_code[log.order] == 0) & (log.end_s > load_s))
    missing = np.flatnonzero(setup.barred_code[log.order] == CODE["missing"])
    offered = log.order[(setup.tender_s[log.order] < NEVER) & (log.attempt == 1)]
    refused = setup.barred_code[offered] == CODE["carrier_declined"]
    parts = [
        Rows.of(KIND["arrived"], count, time_s=log.arrive_s[went], planned_s=told, **seen),
        Rows.of(
            KIND["service_started"],
            int(on_site.sum()),
            order=log.order[on_site],
            route=log.route[on_site],
            attempt=log.attempt[on_site],
            time_s=log.start_s[on_site],
            planned_s=log.told_s[on_site],
        ),
        Rows.of(
            CONCLUSION[log.code],
            len(log.order),
            order=log.order,
            route=log.route,
            attempt=log.attempt,
            time_s=log.end_s,
            planned_s=log.told_s,
            code=_REASON[log.code],
        ),
        Rows.of(
            KIND["loaded"],
            len(loaded),
            order=log.order[loaded],
            route=log.route[loaded],
            time_s=load_s[loaded],
        ),
        Rows.of(
            KIND["load_missing"],
            len(missing),
            order=log.order[missing],
            route=log.route[missing],
            time_s=setup.barred_s[log.order[missing]],
        ),
        Rows.of(KIND["tender_sent"], len(offered), order=offered, time_s=setup.tender_s[offered]),
        Rows.of(
            np.where(refused, KIND["tender_declined"], KIND["tender_accepted"]),
            len(offered),
            order=offered,
            time_s=setup.answer_s[offered],
        ),
        Rows.of(
            KIND["route_started"],
            len(routes),
            route=routes,
            time_s=log.route_start_s[routes],
            planned_s=setup.start_s[routes],
        ),
        Rows.of(KIND["route_ended"], len(routes), route=routes, time_s=log.route_end_s[routes]),
        _contacts(setup, log),
    ]
    if log.notes:
        names, orders, route, times = zip(*log.notes, strict=True)
        parts.append(
            Rows.of(
                np.array([KIND[one] for one in names]),
                len(names),
                order=np.array(orders),
                route=np.array(route),
                time_s=np.array(times),
            )
        )
    if not len(plan.stops):
        parts = parts[-1:] if log.notes else parts[:1]
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in Rows.__dataclass_fields__))


def _contacts(setup: DaySetup, log: DayLog) -> Rows:
    """Customers who ask: while they wait, when it is late, after a failure. A message in time makes fewer ask."""
    doors, order, end = setup.doors, log.order, log.end_s
    times = []
    for asks, chance in (
        (doors.contact_s[order], doors.contact_chance[order]),
        (doors.late_contact_s[order], doors.late_contact_chance[order]),
    ):
        limit = np.ones(len(order))
        if setup.actions is not None:
            told = np.array([setup.actions.message_s[one] for one in order.tolist()], dtype=np.int64)
            limit = np.where(told <= asks, setup.world.scenario.effects.message_contact_factor, 1.0)
        times.append(np.where((chance < limit) & (end > asks), asks, NEVER))
    failed = CONCLUSION[log.code] == KIND["attempt_failed"]
    after = doors.failure_contact_s[order]
    times.append(np.where(failed & (after < NEVER), end + after, NEVER))
    stacked, numbers = np.concatenate(times), np.tile(order, 3)
    attempts = np.tile(log.attempt, 3)
    happened = (stacked < NEVER) & (attempts == 1)
    return Rows.of(KIND["contact_received"], int(happened.sum()), order=numbers[happened], time_s=stacked[happened])


def event_numbers(setup: DaySetup, rows: Rows) -> tuple[Integers, Integers]:
    """Two numbers an event: its own (part of its id), and the one its scan draws use, by what it is about.

    All conclusions of an attempt share their draws, so that a decision which turns a failure into a success moves no
    other draw.
    """
    entity = np.where(
        rows.order >= 0, rows.order, setup.plan.vehicle[np.maximum(rows.route, 0)] if len(setup.plan.vehicle) else 0
    )
    kind = np.where(rows.order >= 0, rows.kind, rows.kind + ROUTE_KIND)
    concluding = np.isin(rows.kind, (KIND["attempt_failed"], KIND["diverted"])) & (rows.order >= 0)
    base = (kind * 10 + rows.attempt) * 1_000_000 + entity
    ordered = np.lexsort((rows.time_s, base))
    changes = np.concatenate([[True], base[ordered][1:] != base[ordered][:-1]]) if len(base) else np.zeros(0, bool)
    place = np.arange(len(base))
    serial = np.empty(len(base), dtype=np.int64)
    serial[ordered] = place - np.maximum.accumulate(np.where(changes, place, 0)) if len(base) else serial
    scan_kind = np.where(concluding, KIND["delivered"], kind)
    return base * 10 + serial % 10, ((scan_kind * 10 + rows.attempt) * 1_000_000 + entity) * 10 + serial % 10


def scans_of(setup: DaySetup, scan: Integers) -> tuple[Integers, np.ndarray]:
    """Seconds until each event is known (within a minute, or for a few within hours), and whether it is sent twice."""
    law = setup.world.scenario.recording
    share = law.late_share
    twice = uniforms(setup.world.scenario.seed, "scanned twice", setup.orders.day, keys=scan) < law.duplicate_share
    chance = uniforms(setup.world.scenario.seed, "scan", setup.orders.day, keys=scan)
    slow = LONG_DELAY_S + chance / max(share, 1e-12) * (LONGEST_DELAY_S - LONG_DELAY_S)
    quick = 1 + (chance - share) / max(1 - share, 1e-12) * 59
    return np.where(chance < share, slow, quick).astype(np.int64), twice


def events_frame(setup: DaySetup, rows: Rows) -> pd.DataFrame:
    """The day's events in the columns of ``raw.delivery_events``, in the order in which they became known."""
    numbers, scans = event_numbers(setup, rows)
    delay, twice = scans_of(setup, scans)
    known = rows.time_s + delay
    again = np.flatnonzero(twice)  # the same row to the letter, as a hand-held sends it again
    which = np.concatenate([np.arange(len(known)), again])
    known = known[which]
    in_time = np.lexsort((numbers[which], known))
    which, known = which[in_time], known[in_time]
    return _frame(setup, rows, numbers, scans, which, known)


def _frame(
    setup: DaySetup, rows: Rows, numbers: Integers, scans: Integers, which: Integers, known: Integers
) -> pd.DataFrame:
    orders, plan, world = setup.orders, setup.plan, setup.world
    order, route, code = rows.order[which], rows.route[which], rows.code[which]
    lat, lon = _places(setup, rows, scans, which)
    ids = orders.order_ids()
    fleets = [one.fleet_id for one in world.scenario.fleets]
    by_route = np.array([world.drivers[one].fleet for one in plan.vehicle.tolist()], dtype=np.int64)
    vehicles = [world.drivers[one].vehicle_id for one in plan.vehicle.tolist()]
    depots = [f"depot-{one}" for one in range(len(world.places.depot_city))]
    at = np.maximum(route, 0)
    absent = route < 0
    depot = np.where(absent, orders.depot[np.maximum(order, 0)], plan.depot[at] if len(plan.depot) else -1)
    fleet = np.where(absent, -1, by_route[at] if len(by_route) else -1)
    attempts = np.where(order >= 0, rows.attempt[which], 0)
    return pd.DataFrame(
        {
            "event_id": numbered(f"e{orders.day:%Y%m%d}-", numbers[which], 10),
            "service_date": np.full(len(which), orders.day, dtype=object),
            "event_type": coded(KINDS, rows.kind[which]),
            "order_id": texts(ids, order),
            "stop_id": _stop_ids(setup, order, rows.attempt[which]),
            "attempt": pd.arrays.IntegerArray(attempts.astype(np.int64), order < 0),
            "route_id": texts(pa.array(plan.route_ids, type=pa.large_string()), route),
            "depot_id": coded(depots, depot),
            "fleet_id": coded(fleets, fleet),
            "vehicle_id": coded(vehicles, route),
            "driver_id": coded(list(plan.driver_ids), route),
            "exception_class": coded(EXCEPTION_CLASSES, code),
            "failure_reason": coded(OUTCOMES, code),
            "planned_time": moments(orders.origin, rows.planned_s[which], rows.planned_s[which] == NEVER),
            "lat": lat,
            "lon": lon,
            "event_time": moments(orders.origin, rows.time_s[which]),
            "ingest_time": moments(orders.origin, known),
            "retracted": np.zeros(len(which), dtype=bool),
        }
    )


def _stop_ids(setup: DaySetup, order: Integers, attempt: Integers) -> pd.api.extensions.ExtensionArray:
    """``<order>-<attempt>``, null where an event is not about an order."""
    count = len(setup.orders)
    every = np.arange(count)
    most = int(attempt.max(initial=1))
    prefix = setup.orders.prefix
    ids = pa.concat_arrays([numbered_arrow(prefix, every, ID_DIGITS, f"-{one}") for one in range(1, most + 1)])
    return texts(ids, np.where(order >= 0, order + (attempt - 1) * count, -1))


def _places(setup: DaySetup, rows: Rows, scans: Integers, which: Integers) -> tuple[Floats, Floats]:
    """Where the hand-held was: at the door give or take some metres, at the depot, or unknown (a desk)."""
    places, order, route = setup.world.places, rows.order[which], rows.route[which]
    door = (order >= 0) & np.isin(rows.kind[which], AT_DOOR)
    yard = (order < 0) & np.isin(rows.kind[which], AT_YARD)
    lat, lon = np.full(len(which), np.nan), np.full(len(which), np.nan)
    if door.any():
        lat[door], lon[door] = gps_of(setup, order[door], scans[which][door])
    if yard.any():
        depot = setup.plan.depot[route[yard]]
        lat[yard], lon[yard] = np.round(places.depot_lat[depot], 6), np.round(places.depot_lon[depot], 6)
    return lat, lon


def gps_of(setup: DaySetup, order: Integers, scans: Integers) -> tuple[Floats, Floats]:
    """Where the hand-held says it is at the doors of ``order``, a few metres off; one draw a scan."""
    orders, places, law = setup.orders, setup.world.places, setup.world.scenario.recording
    seed, day = setup.world.scenario.seed, orders.day
    north, east = (law.gps_noise_m / 1_000 * normals(seed, "gps", side, day, keys=scans) for side in (0, 1))
    return (
        np.round(orders.lat[order] + north / KM_PER_DEGREE, 6),
        np.round(orders.lon[order] + east / places.km_per_lon[orders.city[order]], 6),
    )
