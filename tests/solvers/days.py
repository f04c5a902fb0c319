"""Seeded days with every attribute that rules speak of, and a rule of any type with fitting parameters."""

import random
from dataclasses import replace

import numpy as np

from solvers import Depot, Load, Order, PlanningProblem, Tariff, Travel, Vehicle, Window
from solvers.families import REGISTRY
from solvers.problem import Rule

ZONES = ("north", "south", "old_town")
GOODS = ("dry", "frozen", "adr")
HOUR = 3_600


def travel(rng, points, timed=False):
    places = np.array(points, float)
    metres = np.rint(np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))).astype(np.int64)
    seconds = metres // 8
    if not timed:
        return Travel(metres, seconds)
    table = np.stack([seconds, seconds * 2, seconds * 3 // 2, seconds])
    return Travel(metres, seconds, (0, 4 * HOUR, 6 * HOUR, 9 * HOUR), table, smooth=rng.random() < 0.5)


def _order(rng, n, count, paired):
    start = rng.randrange(0, 8 * HOUR)
    return Order(
        f"o{n}",
        n + 1,
        "d" if rng.random() < 0.8 else "",
        rng.randrange(0, 900),
        (Window(start, start + rng.randrange(HOUR, 6 * HOUR)),) if rng.random() < 0.4 else (),
        Load(1_000 * rng.randrange(1, 30), 10, rng.randrange(1, 4)),
        penalty_minor=100_000,
        failure_cost_minor={"": 30},
        attributes={
            "zone": rng.choice(ZONES),
            "goods": rng.choice([*GOODS, ("dry", "frozen")]),
            "usual_driver": rng.choice(["anna", "ben"]),
            **{name: rng.randrange(1, 9) for name in NUMBERS if rng.random() < 0.5},
            **{name: rng.choice([("a",), ("a", "b"), ("c",)]) for name in CODES if rng.random() < 0.5},
            "length_mm": rng.randrange(300, 1_200),
            "charge_w": 20_000 if rng.random() < 0.1 else 0,
            "eta_spread_s": rng.randrange(0, 300),
        },
    )


NUMBERS = (
    "height_mm", "width_mm", "gross_mass_kg", "axle_load_kg", "emission_class", "crew", "cash_minor", "value_minor",
    "hazard_points", "amount", "attempts", "temperature_min", "temperature_max", "age_check", "lift_kg",
    "parking_mm", "tunnel_class", "max_value_minor", "grid", "pallets",
)  # fmt: skip
CODES = (
    "equipment", "permits", "proof", "skills", "vehicle_class", "powertrain", "access_codes", "unload_side", "handling",
)  # fmt: skip


def day(seed, count=12, vans=3, timed=False, pairs=True):
    """A feasible-enough day: attributes of every family, a few pairs, two depots, two trips."""
    rng = random.Random(seed)
    points = [(5_000, 5_000), *((rng.randrange(10_000), rng.randrange(10_000)) for _ in range(count)), (2_000, 8_000)]
    orders = [_order(rng, n, count, pairs) for n in range(count)]
    if pairs and count > 5:
        for n in (0, 2):
            orders[n] = replace(
                orders[n],
                kind="pickup",
                pickup_of=f"o{n + 1}",
                load=orders[n + 1].load,
                depot_id=orders[n + 1].depot_id,
            )
    vehicles = tuple(
        Vehicle(
            f"v{n}",
            "ab"[n % 2],
            "d",
            rng.choice([0, HOUR]),
            14 * HOUR,
            Load(400_000, 10_000, 60),
            {"adr": 9 * HOUR, "age": rng.choice([2 * HOUR, 20 * HOUR])},
            Tariff(500, 10, 5, 100, 1_800, km_steps=((8_000, 40),) if n == 1 else ()),
            driver_id=rng.choice(["anna", "ben"]),
            max_trips=2,
            reload_s=600,
            end_depot_id=rng.choice([None, "e"]),
            attributes={
                "goods": rng.choice([GOODS, ("dry",)]),
                "territory": (rng.choice(ZONES),),
                "known_zones": (rng.choice(ZONES), rng.choice(ZONES)),
                "zone_permits": (rng.choice(ZONES),),
                **{name: rng.randrange(1, 9) for name in NUMBERS},
                **{name: rng.choice([("a",), ("a", "b")]) for name in CODES},
                "vehicle_class": rng.choice(["bike", "van"]),
                "compartment_dry": 3,
                "compartment_frozen": 2,
                "compartment_adr": 9,
                "last_shift_end_s": rng.randrange(12 * HOUR, 24 * HOUR),
                "driven_week_s": 55 * HOUR,
                "driven_fortnight_s": 89 * HOUR,
                "duty_in_cycle_s": 66 * HOUR,
                "length_mm": 900,
                "wheelbase_mm": 3_000,
                "bed_start_mm": 900,
                "axle_front_max_kg": 1_350,
                "axle_rear_max_kg": 1_450,
                "axle_front_empty_kg": 1_300,
                "axle_rear_empty_kg": 1_400,
                "battery_wh": 4_000,
                "wh_per_km": 200,
                "wh_per_stop": 20,
                "start_wh": 3_500,
                "depot_charge_w": 11_000,
            },
        )
        for n in range(vans)
    )
    depots = (Depot("d", 0), Depot("e", count + 1))
    return PlanningProblem(depots, tuple(orders), vehicles, travel(rng, points, timed))


LISTS = {
    "zones": lambda rng: (rng.choice(ZONES),),
    "pairs": lambda rng: ("dry|adr", "frozen|adr"),
    "allowed": lambda rng: (rng.choice(["v0", "a", "b"]),),
    "codes": lambda rng: ("adr", "age"),
    "classes": lambda rng: ("bike",),
    "fallback": lambda rng: ("b",),
}
INTEGERS = {
    "limit_s": (0, 2 * HOUR), "limit_m": (0, 20_000), "limit": (0, 12), "limit_minor": (0, 9_000),
    "slot_s": (600, 4_000),
    "percent": (0, 100), "speed_percent": (30, 130), "driving_s": (600, 3_000), "break_s": (300, 900),
    "daily_driving_s": (600, 9_000), "window_s": (HOUR, 9 * HOUR), "work_s": (HOUR, 3 * HOUR), "above": (0, 9),
    "until": (0, 20), "already": (0, 12), "week_s": (55 * HOUR, 56 * HOUR), "fortnight_s": (89 * HOUR, 90 * HOUR),
    "cycle_s": (66 * HOUR, 70 * HOUR), "earliest_s": (0, 2 * HOUR), "latest_s": (2 * HOUR, 9 * HOUR),
    "rest_s": (9 * HOUR, 16 * HOUR), "loading_s": (600, 9_000), "tolerance_s": (0, 1_200),
    "target_permille": (500, 1_000),
    "spread_permille": (0, 200), "reserve_wh": (0, 2_000), "add_s": (0, 300), "day_s": (24 * HOUR, 24 * HOUR),
}  # fmt: skip


def rule_of(code, problem, rng, **how):
    """A rule of type ``code`` with random parameters over some orders and vehicles."""
    ids = [order.order_id for order in problem.orders]
    some = frozenset(rng.sample(ids, rng.randrange(2, len(ids))))
    parameters = {}
    for name, parameter in REGISTRY[code].parameters.items():
        if parameter.default is not None and rng.random() < 0.3:
            continue
        match parameter.kind:
            case "integer":
                low, high = INTEGERS.get(name, (0, 10 * HOUR if name.endswith("_s") else 6))
                parameters[name] = rng.randint(low, high if rng.random() < 0.7 else low + (high - low) // 8)
            case "integers":
                parameters[name] = tuple(rng.randrange(0, 5 * HOUR) for _ in range(3))
            case "texts":
                parameters[name] = LISTS[name](rng) if name in LISTS else tuple(rng.sample(ids, min(4, len(ids))))
            case "text":
                if parameter.choices:
                    parameters[name] = rng.choice(parameter.choices)
                elif parameter.default is None:
                    parameters[name] = rng.choice(["grid", "pallets", "cash_minor"])
    if parameters.get("start_s", 0) > parameters.get("end_s", 2**40):
        parameters["start_s"], parameters["end_s"] = parameters["end_s"], parameters["start_s"]
    needs_orders = code in {"same_vehicle", "different_vehicles", "all_or_none", "requires", "rides_alone", "priority"}
    return Rule(
        how.pop("rule_id", f"r-{code}"),
        code,
        some if needs_orders or rng.random() < 0.5 else frozenset(),
        frozenset(["v0", "v1"]) if rng.random() < 0.3 else frozenset(),
        frozenset("a") if rng.random() < 0.2 else frozenset(),
        parameters,
        **{"hard": REGISTRY[code].hard_only, "price_minor": rng.randrange(1, 40), **how},
    )
