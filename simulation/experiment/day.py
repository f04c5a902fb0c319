"""A day of an arm: planned from belief, played against the hidden truth, accounted for, learned from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.codes import FAILURE_REASONS, ControlMode
from operations.interventions import soft_labels
from operations.interventions.policy import Policy, Spent
from simulation.batch import DayLog
from simulation.demand import DayOrders, draw_orders
from simulation.doors import CODE, NEVER
from simulation.experiment import kernels
from simulation.experiment.arms import Arm
from simulation.experiment.belief import Belief, Seen, great_circle_km
from simulation.experiment.evening import Evening, intervene, risk_of, tell
from simulation.experiment.planning import (
    DayPlan,
    Known,
    arrays_of,
    frame_of,
    known_of,
    loaded,
    make_plan,
    route_id,
    without,
)
from simulation.experiment.running import Operation, changed_moves
from simulation.experiment.settings import Settings
from simulation.invoices import route_quantities
from simulation.live import LiveDay
from simulation.play import DayResult
from simulation.records import KIND
from simulation.setup import DaySetup
from simulation.world import World

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
FAILED = np.array(sorted(CODE[name] for name in FAILURE_REASONS))
LOST_BEHIND = np.array([CODE[name] for name in ("ran_out_of_time", "previous_stop_overrun", "breakdown",
                                                "driver_unavailable")])  # fmt: skip
DOOR_CODES = np.array([CODE[n] for n in FAILURE_REASONS if n not in (
    "weather", "missing", "ran_out_of_time", "carrier_declined", "driver_unavailable", "breakdown")])  # fmt: skip
CHEAPER_MINOR = 100.0
MOVES = ("move_to_other_fleet", "tender_to_gig")
INFORMED_S = 1_800


@dataclass
class Operator:
    """What an arm carries from day to day."""

    arm: Arm
    belief: Belief
    policy: Policy
    spent: Spent = field(default_factory=Spent)


def run_day(world: World, day: Any, operator: Operator, settings: Settings) -> dict[str, float]:
    """Plan, play and account for a day; learn from it where the arm learns. Returns sums (see ``accounts``)."""
    arm, belief = operator.arm, operator.belief
    orders = draw_orders(world, day)
    known = known_of(world, orders)
    plan = make_plan(known, belief, world, arm, settings)
    _only_loaded(known, plan)
    decided = (orders.origin - timedelta(hours=6)).to_pydatetime()
    evening = Evening(risk=risk_of(known, plan, belief, arm))
    if arm.on("exceptions"):
        operator.spent = intervene(
            evening, known, plan, belief, arm, settings, operator.policy, operator.spent, decided
        )
    if arm.on("communication"):
        tell(evening, known, plan, belief, arm, decided)
    desk, result = _play(world, known, plan, belief, arm, settings, evening, decided)
    counts = accounts(world, orders, known, plan, evening, desk, result, settings)
    counts.update(_unused(known, belief, world, plan, settings))
    if arm.on("learning"):
        learn(world, orders, known, belief, arm, evening, result)
    return counts


def _only_loaded(known: Known, plan: DayPlan) -> None:
    """What does not fit when vans are loaded stays in the depot, in every arm."""
    for row, kept in enumerate(loaded(known, plan)):
        gone = np.setdiff1d(plan.sequence(row), kept)
        plan.begin[gone] = np.nan
        plan.routes[row, : len(kept)] = kept
        plan.lengths[row] = len(kept)


def _play(
    world: World,
    known: Known,
    plan: DayPlan,
    belief: Belief,
    arm: Arm,
    settings: Settings,
    evening: Evening,
    decided: datetime,
) -> tuple[Operation, DayResult]:
    live = LiveDay(world, known.day, frame_of(known, plan, world), evening.actions)
    if arm.on("orchestration"):
        plan = _after_answers(world, known, plan, live, decided)
    desk = Operation(world, known, plan, belief, arm, settings, evening)
    busy = arm.on("orchestration") or desk.watches
    for event in live:
        if busy:
            for alternatives in desk.handle(live.view, event):
                for actions in alternatives:
                    refused = [one.action for one in live.decide(actions)]
                    desk.moved += sum(
                        len(one.order_ids) for one in actions if one not in refused and one.action in MOVES
                    )
                    if not refused:
                        break
    return desk, live.result()


def _after_answers(world: World, known: Known, plan: DayPlan, live: LiveDay, decided: datetime) -> DayPlan:
    """Carriers answer in the evening; the orders of a declined route go where they cost least."""
    at = decided + timedelta(hours=2)
    names = {event.route_id for event in live.until(at) if event.event_type == "tender_declined"}
    ids = [world.drivers[one].vehicle_id for one in known.vehicle]
    rows = [row for row, name in enumerate(ids) if route_id(known, name) in names]
    if not rows:
        return plan
    homeless = np.concatenate([plan.sequence(row) for row in rows])
    allowed = plan.arrays.allowed.copy()
    allowed[homeless] = True
    # couriers answer for themselves, order by order; what was not planned stays where it is
    allowed[homeless, 2] = False
    allowed[np.isnan(plan.begin)] = False
    moved = without(DayPlan(**{**plan.__dict__, "arrays": plan.arrays._replace(allowed=allowed)}), rows)
    refused = live.decide(changed_moves(plan, moved, known, ids, at))
    return plan if refused else moved


def _unused(known: Known, belief: Belief, world: World, plan: DayPlan, settings: Settings) -> dict[str, float]:
    """Orders that another fleet's free capacity would have served for less, by the plan's own belief."""
    arrays, _ = arrays_of(known, belief, world, Arm(0), settings)
    arrays = arrays._replace(starts=plan.arrays.starts)
    found, saved = kernels.cheaper_elsewhere(arrays, plan.routes, plan.lengths, CHEAPER_MINOR)
    return {"cheaper_elsewhere": float(found), "cheaper_elsewhere_minor": float(saved)}


def _codes(world: World, orders: DayOrders, log: DayLog, setup: DaySetup) -> tuple[Ints, Bools]:
    """Outcome of every order; -1 never left the depot. Who lacks the certificate may not hand over (law)."""
    code = np.full(len(orders), -1, dtype=np.int64)
    code[log.order] = log.code
    driver = setup.plan.driver[log.route]
    certified = np.array([one.certified_until_day is not None for one in world.drivers])
    barred = log.went & orders.certified[log.order] & ~certified[driver] & (log.code == 0)
    code[log.order[barred]] = CODE["payment_or_id_missing"]
    illegal = np.zeros(len(orders), dtype=bool)
    illegal[log.order[barred]] = True
    return code, illegal


def accounts(
    world: World,
    orders: DayOrders,
    known: Known,
    plan: DayPlan,
    evening: Evening,
    desk: Operation,
    result: DayResult,
    settings: Settings,
) -> dict[str, float]:
    """Sums of a day from which every KPI is made: money in minor units, and counts."""
    log, setup = result.log, result.setup
    code, _ = _codes(world, orders, log, setup)
    transport = _transport(setup, log)
    start = np.full(len(orders), NEVER, dtype=np.int64)
    start[log.order[log.went]] = log.start_s[log.went]
    failed = np.isin(code, FAILED) | (code < 0)
    attempted = np.zeros(len(orders), dtype=bool)
    attempted[log.order[log.went]] = True
    served = (code == 0) | (code == CODE["diverted"])
    late = orders.windowed & attempted & (start > orders.window_end_s)
    rows = result.rows
    contacted = np.zeros(len(orders), dtype=np.int64)
    if rows is not None:
        asked = rows.order[rows.kind == KIND["contact_received"]]
        np.add.at(contacted, asked, 1)
    informed = sum(1 for one, at in desk.told_late.items() if late[one] and at <= orders.window_end_s[one] - INFORMED_S)
    told = [(number, span) for number, span in evening.interval.items() if attempted[number]]
    covered = sum(low <= start[number] <= high for number, (low, high) in told)
    money = {
        "transport_minor": transport,
        "failure_minor": float(settings.failure_minor * failed.sum()),
        "late_minor": float(settings.late_minor * late.sum()),
        "contact_minor": float(settings.contact_minor * contacted[~failed].sum()),
        "message_minor": float(settings.message_minor * (evening.messages + desk.messages)),
        "intervention_minor": float(
            evening.intervention_minor + settings.rescheduled_minor * (code == CODE["rescheduled"]).sum()
        ),
    }
    return {
        "orders": float(len(orders)),
        "cost_minor": sum(money.values()),
        **money,
        "first_delivered": float(served.sum()),
        "concluded": float((code != CODE["rescheduled"]).sum()),
        "failed": float(failed.sum()),
        "not_loaded": float((code < 0).sum()),
        "bound": float((orders.windowed & (code != CODE["rescheduled"])).sum()),
        "on_time": float((orders.windowed & attempted & ~late).sum()),
        "late": float(late.sum()),
        "contacts": float(contacted.sum()),
        "informed_late": float(informed),
        "told_late": float(len(desk.told_late)),
        "false_alarms": float(sum(1 for one in desk.told_late if not late[one])),
        "cascades": float(np.isin(code, LOST_BEHIND).sum() + late.sum()),
        "told": float(len(told)),
        "covered": float(covered),
        "told_width_s": float(sum(high - low for _, (low, high) in told)),
        "rescued": float(desk.moved),
        "treated": float(sum(one.assigned == "treated" for _, one in evening.choices)),
        "messages": float(evening.messages + desk.messages),
        "predicted": float(evening.risk[attempted].sum()),
    }


def _transport(setup: DaySetup, log: DayLog) -> float:
    """The sum of the day's invoices."""
    fleets = setup.world.scenario.fleets
    fleet = np.array([setup.world.drivers[one].fleet for one in setup.plan.vehicle.tolist()], dtype=np.int64)
    total = 0
    for component, amounts in route_quantities(setup, log).items():
        unit = np.array([one.tariff.get(component, 0) for one in fleets], dtype=np.int64)[fleet]
        total += int(np.floor(np.round(amounts, 3) * unit + 0.5).sum())
    return float(total)


def seen_of(world: World, orders: DayOrders, known: Known, result: DayResult) -> tuple[Seen, Ints]:
    """What the day's events showed of attempted stops, and the order of each row."""
    log, setup = result.log, result.setup
    code, illegal = _codes(world, orders, log, setup)
    rows = np.flatnonzero(log.went & (log.attempt == 1))
    rows = rows[np.lexsort((log.arrive_s[rows], log.route[rows]))]
    order, route = log.order[rows], log.route[rows]
    first = np.concatenate([[True], route[1:] != route[:-1]]) if len(rows) else np.zeros(0, dtype=bool)
    left = np.where(first, log.route_start_s[route], np.roll(log.end_s[rows], 1))
    lat0 = np.where(first, known.depot_lat, np.roll(orders.lat[order], 1))
    lon0 = np.where(first, known.depot_lon, np.roll(orders.lon[order], 1))
    fleet = np.array([one.fleet for one in world.drivers], dtype=np.int64)[setup.plan.driver[route]]
    keep = ~illegal[order]
    seen = Seen(
        order=order,
        customer=orders.customer[order],
        zone=orders.zone[order],
        building=known.building[order],
        tenant=orders.tenant[order],
        fleet=fleet,
        km=great_circle_km(lat0, lon0, orders.lat[order], orders.lon[order]),
        left_hour=np.clip(left // 3_600, 0, 29),
        leg_s=(log.arrive_s[rows] - left).astype(float),
        standard_s=orders.service_s[order].astype(float),
        door_s=(log.end_s[rows] - log.start_s[rows]).astype(float),
        begin_s=log.start_s[rows].astype(float),
        hour=np.clip(log.start_s[rows] // 3_600, 0, 29),
        weekend=known.day.weekday() >= 5,
        delivered=code[order] == 0,
        failed=np.isin(code[order], DOOR_CODES) & keep,
    )
    return seen, order


def learn(
    world: World, orders: DayOrders, known: Known, belief: Belief, arm: Arm, evening: Evening, result: DayResult
) -> None:
    """Every outcome moves belief: times, risks (soft labels where something was done), answers, efficacy."""
    seen, order = seen_of(world, orders, known, result)
    if not len(order):
        return
    belief.learn_times(seen)
    chosen = dict(evening.choices)
    treated = {n for n, one in chosen.items() if one.assigned == "treated"}
    failed_by = dict(zip(order.tolist(), seen.failed.tolist(), strict=True))
    for number, one in chosen.items():
        if number in failed_by and one.option is not None:
            action = one.option.action
            belief.efficacy[action] = belief.efficacy[action].learned(
                treated=one.assigned == "treated", failed=bool(failed_by[number])
            )
    label = seen.failed.astype(float)
    if arm.shared:
        risk = evening.risk[order]
        is_treated = np.array([n in treated for n in order.tolist()], dtype=bool)
        efficacy = np.array(
            [belief.efficacy[chosen[n].option.action].mean if n in treated else 0.0 for n in order.tolist()]  # type: ignore[union-attr]
        )
        label = soft_labels(seen.failed, is_treated, risk, efficacy)
    belief.risk.learn(seen, label)
    begin = dict(zip(order.tolist(), seen.begin_s.tolist(), strict=True))
    for number, (group, low, high) in evening.raw.items():
        if number in begin:
            belief.interval.learn(group, max(low - begin[number], begin[number] - high))
    _learn_answers(world, known, belief, result)


def _learn_answers(world: World, known: Known, belief: Belief, result: DayResult) -> None:
    """Whole routes and single orders: who said yes."""
    rows, plan = result.rows, result.setup.plan
    if rows is None:
        return
    routes = []
    for kind, no in (("tender_accepted", False), ("tender_declined", True)):
        for route in rows.route[(rows.kind == KIND[kind]) & (rows.order < 0)].tolist():
            fleet = world.drivers[int(plan.vehicle[route])].fleet
            if world.scenario.fleets[fleet].control_mode is ControlMode.TENDERED_ROUTE:
                routes.append((fleet, no))
    single = rows.order >= 0
    yes = rows.order[single & (rows.kind == KIND["tender_accepted"])]
    no = rows.order[single & (rows.kind == KIND["tender_declined"])]
    asked = np.concatenate([yes, no])
    km = great_circle_km(known.depot_lat, known.depot_lon, known.lat[asked], known.lon[asked])
    belief.learn_offers(routes, km, np.arange(len(asked)) >= len(yes))
