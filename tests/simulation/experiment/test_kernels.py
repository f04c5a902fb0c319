"""The compiled planner against plain arithmetic, brute force and the tariffs of the product."""

from itertools import permutations

import numpy as np
import pytest

from simulation.experiment import kernels
from solvers.problem import Tariff
from solvers.tariffs import route_cost_minor

TARIFF = Tariff(per_route_minor=2_000, per_stop_minor=40, per_km_minor=28, per_hour_minor=2_600,
                overtime_per_hour_minor=1_300, overtime_after_s=8 * 3_600)  # fmt: skip
LATE_HOUR, LATE_ONCE, UNSERVED = 600.0, 1_500.0, 50_000.0


def a_day(seed, orders=7, vehicles=2, fleets=1):
    random = np.random.default_rng(seed)
    place = random.uniform(0, 8_000, (orders + 1, 2))
    metres = np.rint(np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1)))
    opens = random.choice([8, 10, 12, 14], orders) * 3_600.0
    return kernels.Arrays(
        seconds=np.rint(metres / 8) + 30 * (1 - np.eye(orders + 1)),
        metres=metres,
        hour_factor=np.ones(30),
        door_s=random.integers(60, 900, orders).astype(float),
        opens=opens,
        closes=opens + 2 * 3_600.0,
        bound=random.random(orders) < 0.6,
        loads=np.column_stack([random.integers(1, 4, orders), np.full(orders, 10), np.full(orders, 10)]),
        needs=random.random(orders) < 0.2,
        risk_minor=random.uniform(0, 90, (orders, 30)),
        allowed=np.ones((orders, fleets), dtype=bool),
        turned_down=np.zeros((orders, fleets)),
        fleet=np.zeros(vehicles, dtype=np.int64),
        starts=np.full(vehicles, 8 * 3_600),
        limits=np.full(vehicles, 20 * 3_600),
        certified=np.arange(vehicles) == 0,
        capacity=np.tile([[12, 10_000, 10_000]], (vehicles, 1)),
        prices=np.array([[2_000, 40, 28, 2_600, 1_300, 1.0]] * fleets),
        knobs=np.array([LATE_HOUR, LATE_ONCE, UNSERVED, 8 * 3_600.0]),
    )


def plain_cost(day, sequence, vehicle):
    """What a route costs, from scratch."""
    if not len(sequence):
        return 0.0
    place, clock, metres, cost = len(day.door_s), float(day.starts[vehicle]), 0.0, 0.0
    for order in sequence:
        clock += day.seconds[place, order]
        metres += day.metres[place, order]
        begin = max(clock, day.opens[order])
        late = begin - day.closes[order]
        if begin > day.limits[vehicle]:
            cost += UNSERVED
        elif late > 0 and day.bound[order]:
            cost += LATE_ONCE + LATE_HOUR * late / 3_600
        cost += day.risk_minor[order, int(begin // 3_600)]
        clock, place = begin + day.door_s[order], order
    depot = len(day.door_s)
    clock, metres = clock + day.seconds[place, depot], metres + day.metres[place, depot]
    duration = round(clock - day.starts[vehicle])
    paid = route_cost_minor(TARIFF, stops=len(sequence), parcels=0, distance_m=round(metres), duration_s=duration)
    return cost + paid


def solve(day, iterations=400, seed=0):
    vehicles, most = len(day.fleet), len(day.door_s) + 2
    routes, lengths = np.zeros((vehicles, most), dtype=np.int64), np.zeros(vehicles, dtype=np.int64)
    near = np.argsort(day.seconds[:-1, :-1], axis=1, kind="stable")[:, 1:]
    cost = kernels.improve(day, routes, lengths, np.ascontiguousarray(near), iterations, 5, seed)
    return cost, [routes[row, : lengths[row]].tolist() for row in range(vehicles)]


@pytest.mark.parametrize("seed", range(5))
def test_a_route_costs_what_the_tariff_of_the_product_says(seed):
    day = a_day(seed)
    sequence = np.random.default_rng(seed).permutation(7).astype(np.int64)
    for length in (0, 1, 4, 7):
        found = kernels.route_cost(day, sequence, length, 0)
        # the product rounds each component of an invoice to the minor unit
        assert found == pytest.approx(plain_cost(day, sequence[:length], 0), abs=2.0)


@pytest.mark.parametrize("seed", range(8))
def test_plans_keep_the_hard_rules_and_add_up(seed):
    day = a_day(seed, orders=16, vehicles=3)
    cost, routes = solve(day, iterations=100)
    served = [order for route in routes for order in route]
    assert len(served) == len(set(served))
    for vehicle, route in enumerate(routes):
        assert (day.loads[route].sum(axis=0) <= day.capacity[vehicle]).all()
        assert day.certified[vehicle] or not day.needs[route].any()
    whole = sum(plain_cost(day, route, vehicle) for vehicle, route in enumerate(routes))
    assert cost == pytest.approx(whole + UNSERVED * (16 - len(served)), abs=3 * 3)


@pytest.mark.parametrize("seed", range(4))
def test_the_best_of_all_sequences_is_found(seed):
    day = a_day(seed, orders=6, vehicles=1)
    day = day._replace(capacity=np.array([[99, 10_000, 10_000]]))
    cost, _ = solve(day)
    best = min(plain_cost(day, one, 0) for one in permutations(range(6)))
    assert cost == pytest.approx(best, abs=3.0)


def test_the_same_seed_gives_the_same_plan():
    day = a_day(3, orders=20, vehicles=3)
    assert solve(day, 60, seed=4) == solve(day, 60, seed=4)


def test_a_fleet_that_may_not_have_an_order_does_not_get_it():
    day = a_day(1, orders=10, vehicles=2, fleets=2)._replace(
        fleet=np.array([0, 1]), needs=np.zeros(10, dtype=bool), allowed=np.array([[n < 5, n >= 5] for n in range(10)])
    )
    _, routes = solve(day, 50)
    assert set(routes[0]) <= set(range(5)) and set(routes[1]) <= set(range(5, 10))


def test_cheaper_capacity_elsewhere_is_counted_only_where_it_is():
    cheap = a_day(2, orders=8, vehicles=2, fleets=2)._replace(
        fleet=np.array([0, 1]), needs=np.zeros(8, dtype=bool), bound=np.zeros(8, dtype=bool),
        capacity=np.tile([[99, 10_000, 10_000]], (2, 1)), risk_minor=np.zeros((8, 30)),
    )  # fmt: skip
    prices = cheap.prices.copy()
    prices[1] = [0, 5_000, 0, 0, 0, 1.0]
    dear = cheap._replace(prices=prices)
    routes, lengths = np.zeros((2, 12), dtype=np.int64), np.array([4, 4])
    routes[0, :4], routes[1, :4] = range(4), range(4, 8)
    found, saved = kernels.cheaper_elsewhere(dear, routes, lengths, 100.0)
    assert found == 4 and saved > 4 * 3_000
    assert kernels.cheaper_elsewhere(dear, routes, np.array([4, 0]), 100.0)[0] == 0
