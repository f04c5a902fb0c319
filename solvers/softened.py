"""The constraints of a problem as items that can be held, priced or dropped one by one: what explanations reason over.

An item is one thing that somebody set: the end of an order's window, a vehicle's shift, one of its load limits, a ban,
a certification, a registered rule. ``build`` makes the problem in which some items hold, some are priced by a soft rule
(their excess is then what would have to give), and all others are gone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from solvers.families import REGISTRY
from solvers.problem import LARGEST, PICKUP, Load, Order, PlanningProblem, Rule, Vehicle, Window

LOAD_NAMES = ("mass_g", "volume_ml", "parcels")
FREE_PRICE = 1
"""Price of a unit of a rule that names none: relaxing it must not look free."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What it costs to let the problem's own limits give, in minor units, and who may decide it.

    Mass and volume are not for sale: the one is law, the other physics.
    """

    late_second_minor: int = 1
    overtime_second_minor: int = 1
    parcel_minor: int = 50
    stop_minor: int = 100
    metre_minor: int = 1
    ban_minor: int = 1_000


@dataclass(frozen=True, slots=True)
class Item:
    """One constraint.

    Attributes:
        key: ``window:o7``, ``shift:van-2``, ``load:van-2:parcels``, ``ban:o7:van-2``, ``rule:lez``.
        code: the reason it is known by (``time_window``, ``shift``, ``capacity``, a type of ``solvers.families``).
        rule: measures the excess while the item is priced; None: it can only hold or be dropped.
        authority: who set it; what is ``law`` is never relaxed.
    """

    key: str
    code: str
    words: str
    authority: str
    unit: str = ""
    price_minor: int = 0
    rule: Rule | None = None

    @property
    def for_sale(self) -> bool:
        """Whether it may be relaxed at all."""
        return self.rule is not None and self.authority != "law"


def items_of(problem: PlanningProblem, prices: Prices | None = None) -> dict[str, Item]:
    """Every constraint of ``problem`` that may be hard to keep, by key."""
    prices = prices or Prices()
    found: list[Item] = []
    for order in problem.orders:
        found.extend(_of_order(order, prices))
    for vehicle in problem.vehicles:
        found.extend(_of_vehicle(vehicle, problem, prices))
    for rule in problem.rules:
        kind = REGISTRY[rule.type]
        if not rule.hard or kind.data is not None:
            continue
        price = rule.price_minor or FREE_PRICE
        soft = None if kind.hard_only else replace(rule, hard=False, price_minor=price)
        words = f"{kind.words} (rule {rule.rule_id})"
        found.append(Item(f"rule:{rule.rule_id}", rule.type, words, rule.authority, kind.unit, price, soft))
    return {item.key: item for item in found}


def _soft(key: str, code: str, price: int, **more: object) -> Rule:
    return Rule(f"~{key}", code, hard=False, price_minor=price, **more)  # type: ignore[arg-type]


def _of_order(order: Order, prices: Prices) -> list[Item]:
    mine = frozenset([order.order_id])
    found = []
    if order.windows:
        key, end = f"window:{order.order_id}", max(window.end_s for window in order.windows)
        rule = _soft(key, "lateness", prices.late_second_minor, orders=mine, parameters={"end_s": end})
        words = f"the window of order {order.order_id} ends at {clock_words(end)}"
        found.append(Item(key, "time_window", words, "promise", "s", rule.price_minor, rule))
    if order.required_certifications:
        codes = ", ".join(sorted(order.required_certifications))
        words = f"order {order.order_id} needs a driver certified for {codes}"
        found.append(Item(f"certification:{order.order_id}", "certification", words, "law"))
    for vehicle_id in sorted(order.banned_vehicles):
        key = f"ban:{order.order_id}:{vehicle_id}"
        rule = _soft(key, "vehicle_forbidden", prices.ban_minor, orders=mine, vehicles=frozenset([vehicle_id]))
        words = f"vehicle {vehicle_id} may not serve order {order.order_id}"
        found.append(Item(key, "vehicle_ban", words, "policy", "order", rule.price_minor, rule))
    return found


def _of_vehicle(vehicle: Vehicle, problem: PlanningProblem, prices: Prices) -> list[Item]:
    name = vehicle.vehicle_id
    mine = frozenset([name])
    pickups = any(order.kind == PICKUP for order in problem.orders)
    found = []

    def limit(code: str, kind: str, authority: str, words: str, unit: str, price: int, **parameters: int) -> None:
        key = f"{code}:{name}"
        rule = _soft(key, kind, price, vehicles=mine, parameters=parameters)
        found.append(Item(key, code, words, authority, unit, price, rule))

    second = max(prices.overtime_second_minor, -(-vehicle.tariff.overtime_per_hour_minor // 3_600))
    limit(
        "shift",
        "latest_return",
        "contract",
        f"the shift of {name} ends at {clock_words(vehicle.end_s)}",
        "s",
        second,
        end_s=vehicle.end_s,
    )
    if vehicle.max_stops is not None:
        words = f"{name} makes at most {vehicle.max_stops} stops"
        limit("max_stops", "max_stops", "policy", words, "stop", prices.stop_minor, limit=vehicle.max_stops)
    if vehicle.max_distance_m is not None:
        words = f"{name} drives at most {vehicle.max_distance_m} m"
        metre = prices.metre_minor
        limit("max_distance", "max_distance", "contract", words, "m", metre, limit_m=vehicle.max_distance_m)
    if vehicle.max_duration_s is not None:
        words = f"a route of {name} takes at most {vehicle.max_duration_s} s"
        limit("max_duration", "max_duration", "contract", words, "s", second, limit_s=vehicle.max_duration_s)
    for dimension, most in enumerate(vehicle.capacity.amounts()):
        if sum(_amount(order, dimension) for order in problem.orders) <= most:
            continue
        label = load_name(dimension)
        key, words = f"load:{name}:{label}", f"{name} carries at most {most} {label.replace('_', ' ')}"
        priced = None
        if dimension >= 2 and not pickups:
            parameters = {"attribute": f"~{label}", "limit": most}
            priced = _soft(key, "attribute_limit", prices.parcel_minor, vehicles=mine, parameters=parameters)
        authority = "law" if dimension < 2 else "policy"
        found.append(Item(key, "capacity", words, authority, label, prices.parcel_minor if priced else 0, priced))
    return found


def load_name(dimension: int) -> str:
    """``mass_g``, ``volume_ml``, ``parcels``, or ``more[n]``."""
    return LOAD_NAMES[dimension] if dimension < 3 else f"more[{dimension - 3}]"


def _amount(order: Order, dimension: int) -> int:
    amounts = order.load.amounts()
    return amounts[dimension] if dimension < len(amounts) else 0


def clock_words(second: int) -> str:
    """``14:05``; what lies beyond midnight says the day."""
    day, rest = divmod(second, 86_400)
    text = f"{rest // 3_600:02d}:{rest % 3_600 // 60:02d}"
    return text if day == 0 else f"{text} of day {day + 1}"


def build(
    problem: PlanningProblem, items: Mapping[str, Item], hard: Collection[str], priced: Collection[str] = ()
) -> PlanningProblem:
    """The problem in which the items of ``hard`` hold, those of ``priced`` are soft, and all other items are gone."""
    hard = set(hard)
    orders = tuple(_order(order, items, hard, problem) for order in problem.orders)
    vehicles = tuple(_vehicle(vehicle, items, hard) for vehicle in problem.vehicles)
    rules = tuple(
        rule for rule in problem.rules if f"rule:{rule.rule_id}" not in items or f"rule:{rule.rule_id}" in hard
    )
    extra = tuple(item.rule for key in priced if key not in hard and (item := items[key]).rule is not None)
    return replace(problem, orders=orders, vehicles=vehicles, rules=(*rules, *extra))


def _order(order: Order, items: Mapping[str, Item], hard: set[str], problem: PlanningProblem) -> Order:
    changes: dict[str, object] = {}
    if order.windows and f"window:{order.order_id}" in items and f"window:{order.order_id}" not in hard:
        *others, last = sorted(order.windows, key=lambda window: window.end_s)
        changes["windows"] = (*others, Window(last.start_s, LARGEST))
    key = f"certification:{order.order_id}"
    if key in items and key not in hard:
        changes["required_certifications"] = frozenset()
    freed = {v for v in order.banned_vehicles if (k := f"ban:{order.order_id}:{v}") in items and k not in hard}
    if freed:
        changes["banned_vehicles"] = order.banned_vehicles - freed
    dimensions = max((len(v.capacity.amounts()) for v in problem.vehicles), default=3)
    weighed = {f"~{load_name(n)}": _amount(order, n) for n in range(2, dimensions)}
    return replace(order, attributes={**order.attributes, **weighed}, **changes)  # type: ignore[arg-type]


def _vehicle(vehicle: Vehicle, items: Mapping[str, Item], hard: set[str]) -> Vehicle:
    name = vehicle.vehicle_id
    limits = (
        ("shift", "end_s", LARGEST),
        ("max_stops", "max_stops", None),
        ("max_distance", "max_distance_m", None),
        ("max_duration", "max_duration_s", None),
    )
    changes: dict[str, object] = {
        field: free for code, field, free in limits if f"{code}:{name}" in items and f"{code}:{name}" not in hard
    }
    amounts = [
        LARGEST if (key := f"load:{name}:{load_name(n)}") in items and key not in hard else most
        for n, most in enumerate(vehicle.capacity.amounts())
    ]
    changes["capacity"] = Load(amounts[0], amounts[1], amounts[2], tuple(amounts[3:]))
    return replace(vehicle, **changes)  # type: ignore[arg-type]


def relaxed(problem: PlanningProblem, items: Mapping[str, Item], excesses: Mapping[str, int]) -> PlanningProblem:
    """``problem`` with each item of ``excesses`` given so many units: what is certified by a re-solve."""
    orders = {order.order_id: order for order in problem.orders}
    vehicles = {vehicle.vehicle_id: vehicle for vehicle in problem.vehicles}
    rules = {rule.rule_id: rule for rule in problem.rules}
    for key, excess in excesses.items():
        kind, _, name = key.partition(":")
        if kind == "window":
            order = orders[name]
            *others, last = sorted(order.windows, key=lambda window: window.end_s)
            orders[name] = replace(order, windows=(*others, Window(last.start_s, last.end_s + excess)))
        elif kind == "ban":
            order_id = next(one for one in orders if name.startswith(f"{one}:") and name[len(one) + 1 :] in vehicles)
            order = orders[order_id]
            orders[order_id] = replace(order, banned_vehicles=order.banned_vehicles - {name[len(order_id) + 1 :]})
        elif kind == "rule":
            rules[name] = _given(rules[name], excess)
        else:
            vehicle_id = name.rpartition(":")[0] if kind == "load" else name
            vehicles[vehicle_id] = _wider(vehicles[vehicle_id], kind, name.rpartition(":")[2], excess)
    return replace(
        problem, orders=tuple(orders.values()), vehicles=tuple(vehicles.values()), rules=tuple(rules.values())
    )


def _given(rule: Rule, excess: int) -> Rule:
    kind = REGISTRY[rule.type]
    if kind.relax is None:
        return replace(rule, hard=False, price_minor=rule.price_minor or FREE_PRICE)
    name, direction = kind.relax
    now = rule.parameters.get(name, kind.parameters[name].default)
    moved = int(now) + direction * excess if isinstance(now, int) else 0
    return replace(rule, parameters={**rule.parameters, name: max(0, moved)})


def _wider(vehicle: Vehicle, kind: str, label: str, excess: int) -> Vehicle:
    if kind == "shift":
        return replace(vehicle, end_s=vehicle.end_s + excess)
    if kind == "load":
        amounts = [most + excess * (load_name(n) == label) for n, most in enumerate(vehicle.capacity.amounts())]
        return replace(vehicle, capacity=Load(amounts[0], amounts[1], amounts[2], tuple(amounts[3:])))
    field = {"max_stops": "max_stops", "max_distance": "max_distance_m", "max_duration": "max_duration_s"}[kind]
    return replace(vehicle, **{field: getattr(vehicle, field) + excess})
