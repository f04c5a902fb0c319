"""Pickup-and-delivery days: the referee and the checker let nothing through, and no dispatcher loses an order."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.pickup_check import check
from benchmarks.pickup_days import APPROACH_S, Order, PickupDay, Play, RefusedError, pieces_of, read_day
from benchmarks.pickups import moment_of, prices_of
from domain.errors import InputError, PlanningError
from orchestration.cli import main
from solvers.pickups import Greedy, Pieces, Roads, Searching
from solvers.pickups.routes import cheapest, cost_of, insert, take_out


def day_of(seed=1, orders=14, places=5, vehicles=2, ports=1, capacity=16):
    """A small day: some orders are larger than a vehicle, every factory has one port."""
    generator = np.random.default_rng(seed)
    spots = generator.integers(0, 40_000, size=(places, 2))
    metres = np.abs(spots[:, None] - spots[None]).sum(axis=2)
    made = []
    for n in range(orders):
        pick, drop = generator.choice(places, 2, replace=False)
        items = (4,) * 5 + (1,) if n % 6 == 5 else tuple(generator.choice([4, 2, 1], generator.integers(1, 4)).tolist())
        created = int(generator.integers(0, 6 * 3_600))
        made.append(Order(f"o{n}", items, created, created + 4 * 3_600, int(pick), int(drop)))
    start = tuple(generator.integers(0, places, vehicles).tolist())
    return PickupDay("small", tuple(made), (capacity,) * vehicles, start, (ports,) * places, metres // 12, metres)


def roads_of(day):
    return Roads(day.seconds, day.metres, APPROACH_S)


def play_by(day, dispatcher):
    play = Play(day)
    for _ in play.moments():
        play.instruct(dispatcher.decide(moment_of(play)))
    return play


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("arm", [Greedy, lambda r, p: Searching(r, p, iterations=20, seconds=1e9)])
def test_no_order_is_lost_and_the_checker_finds_nothing(seed, arm):
    day = day_of(seed)
    play = play_by(day, arm(roads_of(day), prices_of(day)))
    assert check(day, play.visits) == []
    assert len(play.delivered) == len(play.pieces) > len(day.orders)  # some were split


def test_a_day_is_decided_alike_twice_when_iterations_bound_it():
    day = day_of(2)
    plays = [play_by(day, Searching(roads_of(day), prices_of(day), iterations=20, seconds=1e9)) for _ in range(2)]
    assert plays[0].visits == plays[1].visits


def test_search_is_not_later_and_not_longer_than_greedy_over_some_days():
    greedy, search = [], []
    for seed in range(6):
        day = day_of(seed, orders=20, ports=2)
        greedy.append(play_by(day, Greedy(roads_of(day), prices_of(day))))
        search.append(play_by(day, Searching(roads_of(day), prices_of(day), iterations=40, seconds=1e9)))
    assert sum(one.late_s() for one in search) <= sum(one.late_s() for one in greedy)
    assert sum(one.driven_m() for one in search) < sum(one.driven_m() for one in greedy)


def test_an_order_is_split_only_where_no_vehicle_could_carry_it():
    whole, large = (Order(name, items, 0, 1, 0, 1) for name, items in (("w", (4, 4, 4, 4)), ("l", (4, 4, 4, 4, 1))))
    # into as few as hold it, about equal
    assert [(one.order, one.size) for one in pieces_of([whole, large], 16)] == [(0, 16), (1, 9), (1, 8)]
    # item by item the equal parts would be 7 and 5: then one is filled after the other
    tight = Order("t", (3, 3, 2, 2, 2), 0, 1, 0, 1)
    assert [one.size for one in pieces_of([tight], 6)] == [6, 6]


def begun(day):
    """A play at its first moment with two known orders."""
    play = Play(day)
    moments = play.moments()
    while len(play.open_pieces()) < 2:
        next(moments)
    return play, moments


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (lambda a, b, p: [(a.pick, [], [0]), (b.pick, [], [1]), (a.drop, [0], []), (b.drop, [1], [])], "not on top"),
        (lambda a, b, p: [(a.pick, [], [0, 0]), (a.drop, [0], [])], "picked up twice"),
        (lambda a, b, p: [(a.pick, [], [0])], "stays on board"),
        (lambda a, b, p: [(a.drop, [], [0]), (a.drop, [0], [])], "does not lie"),
        (lambda a, b, p: [(a.pick, [], [0]), (b.pick, [0], [])], "is not for place"),
        (lambda a, b, p: [(a.pick, [], [p]), (a.drop, [p], [])], "is not known"),
    ],
)
def test_the_referee_refuses(plan, message):
    a, b = Order("a", (4,), 0, 9_000, 0, 1), Order("b", (4,), 0, 9_000, 2, 3)
    c = Order("c", (4,), 40_000, 60_000, 0, 1)
    play, _ = begun(replace(day_of(), orders=(a, b, c)))
    with pytest.raises(RefusedError, match=message):
        play.instruct([plan(a, b, 2), []])
    assert not play.vans[0].plan


def test_the_referee_refuses_too_much_and_a_bound_vehicle_arrives_where_it_was_bound():
    a, b = Order("a", (4, 4, 4), 0, 9_000, 0, 1), Order("b", (4, 4), 0, 9_000, 0, 1)
    day = replace(day_of(), orders=(a, b), start=(4, 4))
    play, _ = begun(day)
    with pytest.raises(RefusedError, match="20 quarters"):
        play.instruct([[(0, [], [0, 1]), (1, [1, 0], [])], []])
    play.instruct([[(0, [], [0]), (1, [0], [])], []])
    arrival = play.vans[0].plan[0].arrive_s
    play.instruct([[], [(0, [], [0]), (1, [0], [])]])  # all it was to do is taken away
    bound = play.vans[0].plan[0]
    assert (bound.place, bound.arrive_s, bound.on) == (0, arrival, [])


@pytest.mark.parametrize(
    ("break_", "message"),
    [
        (lambda log: log[0].pop(), "lost|stay on board"),
        (lambda log: log[0][-1].__setattr__("arrive_s", 1), "faster than the road"),
        (lambda log: log[0][0].__setattr__("leave_s", log[0][0].leave_s - 60), "last what it must"),
        (lambda log: [one.__setattr__("off", one.off[::-1]) for one in log[0] if len(one.off) > 1], "not on top"),
        (lambda log: log[1].append(log[0][0]), "twice|faster|ports"),
    ],
)
def test_the_checker_finds_what_was_broken(break_, message):
    day = day_of(3, orders=24, vehicles=2)
    log = play_by(day, Greedy(roads_of(day), prices_of(day))).visits
    break_(log)
    assert any(re.search(message, text) for text in check(day, log))


def test_the_cheapest_place_is_the_best_of_all_that_keep_the_stack():
    generator = np.random.default_rng(5)
    seconds = generator.integers(300, 5_000, size=(6, 6))
    np.fill_diagonal(seconds, 0)
    w = np.array([1_000.0, 1.0, 1_800.0, 3.0])
    for _ in range(30):
        picks = generator.integers(0, 3, 5)
        drops = generator.integers(3, 6, 5)
        due = generator.integers(4_000, 30_000, 5)
        x = np.stack([picks, drops, np.full(5, 3), np.full(5, 180), np.full(5, 180), due], axis=1).astype(np.int64)
        vehicle, tables = np.array([1, 600, 0, 9, 0]), (seconds, seconds, 1_800, x, w)
        route, count = np.zeros(20, dtype=np.int64), 0
        for piece in range(5):
            total, first, second = cheapest(*tables, vehicle, route, count, piece, 1e18)
            costs = []
            for i in range(count + 1):
                for j in range(i, count + 1):
                    trial = route.copy()
                    size = insert(trial, count, piece, i, j)
                    if stacked(trial[:size], x, 9):
                        costs.append(cost_of(*tables, vehicle, trial, size, 0))
            assert total == pytest.approx(min(costs))
            count = insert(route, count, piece, first, second)
            assert cost_of(*tables, vehicle, route, count, 0) == pytest.approx(total)
        assert take_out(route, count, 2) == 8 and stacked(route[:8], x, 9)


def stacked(route, x, capacity):
    stack = []
    for action in route.tolist():
        if action > 0:
            stack.append(action - 1)
            if sum(x[n, 2] for n in stack) > capacity:
                return False
        elif not stack or stack.pop() != -action - 1:
            return False
    return not stack


def test_what_cannot_be_planned_is_refused():
    one = np.array([0])
    with pytest.raises(PlanningError, match="equal squares"):
        Roads(np.zeros((2, 3)), np.zeros((2, 3)), 0)
    play, _ = begun(day_of())
    moment = moment_of(play)
    with pytest.raises(PlanningError, match="split it first"):
        replace(moment, pieces=Pieces(one, one, one + 1, one + 99, one, one, one))
    with pytest.raises(PlanningError, match="on board"):
        replace(moment, vehicles=replace(moment.vehicles, aboard=((77,), ())))


FILES = {
    "factory_info.csv": "factory_id,longitude,latitude,port_num\na,1,1,6\nb,1,1,6\n",
    "route_info.csv": "route_code,start_factory_id,end_factory_id,distance,time\n1,a,b,10.5,900\n2,b,a,10.5,900\n",
    "instance_1/vehicle_info_1.csv": "car_num,capacity,operation_time,gps_id\nV_1,15,24,G_1\n",
    "instance_1/2_1.csv": (
        "order_id,q_standard,q_small,q_box,demand,creation_time,committed_completion_time,load_time,unload_time,"
        "pickup_id,delivery_id\n1,1,1,1,1.75,00:03:48,04:03:48,420,420,a,b\n2,16,0,0,16,23:00:00,03:00:00,1,1,b,a\n"
    ),
}


@pytest.fixture
def root(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("instance_1/2_1.csv", "00:03:48", "25:00:00", "row 2: creation_time: '25:00:00' is not a time of day"),
        ("instance_1/2_1.csv", "1,1,1,1,1.75", "1,x,1,1,1.75", "row 2: q_standard: 'x' is not a whole number"),
        ("instance_1/2_1.csv", "16,0,0", "0,0,0", "row 3: q_standard, q_small, q_box: the order has no goods"),
        ("instance_1/2_1.csv", "420,a,b", "420,a,z", "row 2: delivery_id: factory 'z' is not in factory_info.csv"),
        ("route_info.csv", "2,b,a,10.5,900\n", "", "1 pairs of factories have no road"),
        ("route_info.csv", "10.5,900\n2", "far,900\n2", "row 2: distance: 'far' is not a number"),
        ("factory_info.csv", "a,1,1,6", "a,1,1,0", "row 2: port_num: 0 is less than 1"),
        ("instance_1/vehicle_info_1.csv", "capacity", "room", "column 'capacity' is missing"),
    ],
)
def test_a_bad_file_is_refused_by_name(root, file, old, new, message):
    path = root / file
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=message):
        read_day(root / "instance_1")


def test_the_command_prints_one_object(root, capfd):
    CliRunner().invoke(main, ["bench", "pickups", "--instances", str(root), "--iterations", "5", "--json"])
    found = json.loads(capfd.readouterr().out)
    assert found["lost"] == 0 and found["broken"] == []
    assert {row["day"] for row in found["days"]} == {"2_1"}
    assert CliRunner().invoke(main, ["bench", "pickups", "--instances", str(root / "no")]).exit_code == 2
