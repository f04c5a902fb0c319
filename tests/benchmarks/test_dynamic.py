"""The dynamic problem is the published one, its referee lets nothing through, and the policies keep its rules."""

import json
import os
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.waves import EPOCH_S, Day, DispatchRefusedError, departure_s, draw, read_instance
from domain.errors import InputError
from solvers.waves import Conditional, OneByOne, Pool, everything, only_must_go
from solvers.waves.policies import can_wait, leaves
from solvers.waves.pool import left_of
from solvers.waves.search import Answer, Begin, Task, driving_s, route, route_strings
from solvers.waves.wave import Requests


def text_of(customers=12, seed=5, capacity=10, until=14):
    """A small city in the ORTEC layout: windows begin from 9:00 and before ``until``, the depot closes at 18:00."""
    generator = np.random.default_rng(seed)
    spots = generator.integers(0, 2_000, size=(customers + 1, 2))
    travel = np.abs(spots[:, None] - spots[None]).sum(axis=2) + generator.integers(1, 60, size=(customers + 1,) * 2)
    np.fill_diagonal(travel, 0)
    starts = 3_600 * generator.integers(9, until, size=customers)
    rows = ["NAME : small", f"DIMENSION : {customers + 1}", f"CAPACITY : {capacity}", "EDGE_WEIGHT_SECTION"]
    rows += ["\t".join(map(str, row)) for row in travel]
    rows += ["DEMAND_SECTION", "1 0", *(f"{n + 2} {generator.integers(1, 5)}" for n in range(customers))]
    rows += ["DEPOT_SECTION", "1", "-1", "SERVICE_TIME_SECTION", "1 0", *(f"{n + 2} 120" for n in range(customers))]
    rows += ["TIME_WINDOW_SECTION", "1 0 64800", *(f"{n + 2} {s} {s + 5_400}" for n, s in enumerate(starts)), "EOF"]
    return "\n".join(rows)


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    path = tmp_path_factory.mktemp("instances") / "ORTEC-small.txt"
    path.write_text(text_of())
    return read_instance(path)


@pytest.fixture(scope="module")
def pool(instance):
    with Pool(instance.travel_s, size=2) as one:
        yield one


def alone(day):
    """Every open request on a route of its own: always allowed."""
    return [[int(n)] for n in day.see().numbers]


def test_days_are_drawn_by_the_published_rules(instance):
    day, seed = Day(instance, 42), 42
    generator = np.random.default_rng(seed)
    expected = []
    for epoch in range(instance.first_epoch, instance.last_epoch + 1):
        place, window, demand, service = (generator.integers(12, size=100) + 1 for _ in range(4))
        for p, w, d, s in zip(place, window, demand, service, strict=True):
            begin = max(epoch * 3600 + 3600 + instance.travel_s[0, p], instance.early_s[w])
            if begin <= instance.late_s[w] and begin + instance.service_s[s] + instance.travel_s[p, 0] <= 64_800:
                expected.append((p, instance.early_s[w], instance.late_s[w], instance.service_s[s], instance.demand[d]))
        while not day.over and day.epoch == epoch:
            day.dispatch(alone(day))
    fields = ("place", "early_s", "late_s", "service_s", "demand")
    assert [tuple(row) for row in np.stack([getattr(day.all, n) for n in fields], axis=1)] == expected
    assert (instance.first_epoch, instance.last_epoch) == (8, 12)


def test_a_request_must_go_when_the_next_wave_is_too_late(instance):
    day = Day(instance, 1)
    seen = day.see()
    for n, must in enumerate(seen.must_go):
        leaving = departure_s(day.epoch) + EPOCH_S
        begin = max(leaving + instance.travel_s[0, day.all.place[n]], day.all.early_s[n])
        back = begin + day.all.service_s[n] + instance.travel_s[day.all.place[n], 0]
        assert must == (begin > day.all.late_s[n] or back > 64_800)
    while day.epoch < instance.last_epoch:
        day.dispatch(alone(day))
    assert day.see().must_go.all()


def too_heavy(day):
    order = np.argsort(day.all.late_s, kind="stable")
    return [list(map(int, order[:40])), *([int(n)] for n in order[40:])]


def late_visits(day):
    order = np.argsort(-day.all.early_s, kind="stable")
    return [[int(order[0]), int(order[-1])], *([int(n)] for n in order[1:-1])]


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        (lambda day: [*alone(day), [0]], "twice"),
        (lambda day: [*alone(day), []], "visits nothing"),
        (lambda day: [*alone(day), [10_000]], "no request 10000"),
        (lambda day: [[-1]], "no request -1"),
        (too_heavy, "carries|too late"),
        (late_visits, "too late"),
    ],
)
def test_the_referee_refuses_and_the_day_is_as_it_was(instance, routes, message):
    day = Day(instance, 3)
    with pytest.raises(DispatchRefusedError, match=message):
        day.dispatch(routes(day))
    assert day.cost_s == 0 and day.epoch == instance.first_epoch and not day.gone.any()


def test_what_must_go_cannot_stay_and_what_is_gone_cannot_go_again(instance):
    day = Day(instance, 3)
    while not day.see().must_go.any():
        day.dispatch([])
    with pytest.raises(DispatchRefusedError, match="must go"):
        day.dispatch([])
    day.dispatch(alone(day))
    with pytest.raises(DispatchRefusedError, match="dispatched before"):
        day.dispatch([[0]])


def test_an_overloaded_route_is_refused(tmp_path):
    path = tmp_path / "one.txt"
    path.write_text(text_of(capacity=4))
    day = Day(read_instance(path), 3)
    same = np.flatnonzero(day.all.early_s == day.all.early_s[0])
    near = [int(n) for n in same if day.all.place[n] == day.all.place[same[0]]]
    heavy = next(n for n in range(1, len(near) + 1) if day.all.demand[near[:n]].sum() > 4)
    others = [route for route in alone(day) if route[0] not in near[:heavy]]
    with pytest.raises(DispatchRefusedError, match="carries"):
        day.dispatch([near[:heavy], *others])


def test_every_policy_keeps_the_rules_to_the_end_of_the_day(instance, pool):
    from benchmarks.dynamic import play

    policies = {
        "greedy": lambda wave, sampler, pool, seconds, seed: everything(wave, pool, seconds, seed),
        "lazy": lambda wave, sampler, pool, seconds, seed: only_must_go(wave, pool, seconds, seed),
        "futures": Conditional(scenario_s=0.05, fewest=2, most=4, rounds=2),
    }
    costs = {}
    for name, policy in policies.items():
        day, longest = play(instance, 7, policy, 0.6, pool)
        assert day.over and day.gone.all()
        assert longest < 3.0
        costs[name] = day.cost_s
    assert costs["lazy"] > costs["futures"]


def test_without_processes_a_day_is_timed_by_the_processor(instance):
    from benchmarks.dynamic import play

    pool = OneByOne(instance.travel_s)
    begun = time.process_time()
    day, longest = play(instance, 7, Conditional(scenario_s=0.05, fewest=2, most=4, rounds=2), 0.5, pool)
    assert day.gone.all() and longest < 0.8
    epochs = instance.last_epoch - instance.first_epoch + 1
    assert time.process_time() - begun < 2 * 0.8 * epochs


def test_drawing_futures_never_touches_the_day(instance):
    from benchmarks.dynamic import sampler_of

    first, second = Day(instance, 9), Day(instance, 9)
    sampler_of(instance, first.epoch)(np.random.default_rng(0), 1)
    first.dispatch(alone(first))
    second.dispatch(alone(second))
    assert np.array_equal(first.all.place, second.all.place)


def line_task(late=10_000, step=3_600, now=False, later=False, close=20_000):
    """Two requests on a line: 100 s and 200 s from the depot."""
    travel = np.array([[0, 100, 200], [100, 0, 100], [200, 100, 0]])
    zeros = np.zeros(2, dtype=np.int64)
    requests = Requests(np.array([1, 2]), zeros, np.full(2, late), np.full(2, 60), np.ones(2, dtype=np.int64), zeros)
    flags = np.array([now, False]), np.array([False, later])
    return travel, Task(requests, *flags, 10, close, step, 0.2, 1, 10)


def test_a_route_waits_only_when_a_later_start_is_in_time():
    travel, task = line_task()
    assert can_wait([0, 1], task, travel)
    assert not can_wait([0, 1], line_task(late=3_700)[1], travel)
    assert not can_wait([0, 1], line_task(close=3_900)[1], travel)


@pytest.mark.parametrize(
    ("flags", "idle_goes", "goes"),
    [({}, False, False), ({}, True, True), ({"now": True}, False, True), ({"later": True}, True, False)],
)
def test_what_leaves_in_a_future(flags, idle_goes, goes):
    travel, task = line_task(**flags)
    assert leaves(Answer([[0, 1]], 400), task, travel, 2, idle_goes).tolist() == [goes, goes]


def test_what_must_leave_never_rides_with_what_must_wait():
    travel, task = line_task(now=True, later=True)
    assert sorted(route(travel, task).routes) == [[0], [1]]
    assert sorted(map(sorted, route(travel, line_task()[1]).routes)) == [[0, 1]]
    assert driving_s(travel, np.array([1, 2]), [0, 1]) == 400


def random_task(seed, size=30):
    """Requests of every kind on a plane; some could only be served by the first wave."""
    generator = np.random.default_rng(seed)
    spots = generator.integers(0, 1_500, size=(size + 1, 2))
    travel = np.abs(spots[:, None] - spots[None]).sum(axis=2) + generator.integers(1, 60, size=(size + 1,) * 2)
    np.fill_diagonal(travel, 0)
    early = generator.integers(0, 9_000, size)
    late = np.maximum(early, 3_600 + travel[0, 1:]) + generator.integers(0, 3_000, size)
    place, service = np.arange(1, size + 1), generator.integers(0, 300, size)
    release = np.where(generator.random(size) < 0.3, 3_600, 0)
    requests = Requests(place, early, late, service, generator.integers(1, 5, size), release)
    now = (release == 0) & (generator.random(size) < 0.3)
    return travel, Task(requests, now, release > 0, 14, 30_000, 3_600, 0.1, seed, 10)


@pytest.mark.parametrize("seed", range(6))
def test_routes_by_strings_keep_every_rule_and_are_shorter_than_insertion(seed):
    travel, task = random_task(seed)
    answer, requests = route_strings(travel, task), task.requests
    assert sorted(n for one in answer.routes for n in one) == list(range(len(requests)))
    for visits, waits in zip(answer.routes, answer.waits, strict=True):
        assert not (task.now[visits].any() and task.later[visits].any())
        assert waits == task.later[visits].any()
        clock, place = task.step_s * waits, 0
        for n in visits:
            clock = max(clock + travel[place, requests.place[n]], requests.early_s[n])
            assert clock <= requests.late_s[n]
            clock, place = clock + requests.service_s[n], requests.place[n]
        assert clock + travel[place, 0] <= task.close_s and requests.demand[visits].sum() <= task.capacity
    assert answer.cost_s == sum(driving_s(travel, requests.place, one) for one in answer.routes)
    assert answer.cost_s <= route_strings(travel, replace(task, seconds=1e-6)).cost_s


def test_a_request_that_nobody_can_serve_leaves_no_routes():
    travel, task = line_task(late=50)
    assert route_strings(travel, task).routes is None


def test_a_route_leaves_when_the_last_of_its_requests_is_released():
    travel, task = line_task()
    later = replace(task.requests, release_s=np.array([0, 7_200]))
    assert sorted(map(sorted, route(travel, replace(task, requests=later)).routes)) == [[0, 1]]
    # the first could not wait so long, or must leave now
    due = replace(later, late_s=np.array([7_299, 10_000]))
    assert sorted(route(travel, replace(task, requests=due)).routes) == [[0], [1]]
    now = np.array([True, False])
    assert sorted(route(travel, replace(task, requests=later, now=now)).routes) == [[0], [1]]


@pytest.mark.parametrize("seed", range(6))
def test_waves_of_any_number_keep_every_rule(seed):
    travel, task = random_task(seed)
    release = 3_600 * np.random.default_rng(seed).integers(0, 3, len(task.requests))
    late = np.maximum(task.requests.late_s, release + travel[0, 1:])
    requests = replace(task.requests, release_s=release, late_s=late)
    task = replace(task, requests=requests, now=task.now & (release == 0), later=release > 0)
    answer = route_strings(travel, task)
    assert sorted(n for one in answer.routes for n in one) == list(range(len(requests)))
    for visits in answer.routes:
        clock, place = release[visits].max(), 0
        assert not (task.now[visits].any() and clock > 0)
        for n in visits:
            clock = max(clock + travel[place, requests.place[n]], requests.early_s[n])
            assert clock <= requests.late_s[n]
            clock, place = clock + requests.service_s[n], requests.place[n]
        assert clock + travel[place, 0] <= task.close_s and requests.demand[visits].sum() <= task.capacity


def test_a_process_that_dies_loses_its_answer_and_no_more(instance):
    task = line_task()[1]
    with Pool(line_task()[0], size=2) as pool:
        os.kill(pool.processes[0].process.pid, signal.SIGKILL)
        answers = pool.run([task] * 4, time.monotonic() + 60)
        assert sum(one is not None for one in answers) >= 3
        assert all(one is not None for one in pool.run([task] * 2, time.monotonic() + 60))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("DIMENSION : 13", "DIMENSION : many"), "DIMENSION and CAPACITY"),
        (lambda text: text.replace("1 0 64800", "1 0"), "TIME_WINDOW_SECTION: expected 13 rows of 3"),
        (lambda text: text.replace("1 0 64800", "1 zero 64800"), "is not a row of integers"),
        (lambda text: text.replace("DEMAND_SECTION", "ELSE_SECTION"), "DEMAND_SECTION: expected 13 rows"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_its_section(tmp_path, change, message):
    path = tmp_path / "wrong.txt"
    path.write_text(change(text_of()))
    with pytest.raises(InputError, match=message):
        read_instance(path)


def test_what_the_command_cannot_use_is_said_in_a_line(tmp_path):
    from benchmarks.dynamic import command

    (tmp_path / "ORTEC-small.txt").write_text(text_of())
    for arguments, message in (
        (["--instances", str(tmp_path / "none")], "does not exist"),
        (["--instances", str(tmp_path), "--seeds", "x"], "whole numbers"),
        (["--instances", str(tmp_path), "--seeds=-1"], "not negative"),
    ):
        done = CliRunner().invoke(command, arguments)
        assert done.exit_code == 2 and message in done.output


@pytest.mark.slow
def test_the_object_of_the_command(tmp_path, capfd):
    from benchmarks.dynamic import command

    (tmp_path / "ORTEC-small.txt").write_text(text_of(until=11))
    (tmp_path / "best_competition_costs.csv").write_text(
        "variant,instance,instance_seed,best_cost\ndynamic,ORTEC-small.txt,4,50000\n"
    )
    command.main(
        ["--instances", str(tmp_path), "--seeds", "4,5", "--epoch-seconds", "0.6", "--json"], standalone_mode=False
    )
    found = json.loads(capfd.readouterr().out)
    assert {"cost", "greedy_cost", "lazy_cost", "reference_cost", "per_instance"} <= found.keys()
    assert [one["reference_cost"] for one in found["per_instance"]] == [50_000, None]
    assert found["reference_cost"] == 50_000 and found["days_with_reference"] == 1
    assert found["cost_where_reference"] == found["per_instance"][0]["cost"]


def test_real_days_have_the_known_sizes():
    from tests.data import real_data

    path = real_data("vrp") / "ortec" / "ORTEC-VRPTW-ASYM-57977bd6-d1-n281-k17.txt.gz"
    instance = read_instance(path)
    generator = np.random.default_rng(473)
    assert [len(draw(instance, generator, epoch)) for epoch in range(6)] == [100, 100, 87, 84, 59, 43]


def test_what_waited_for_a_future_still_waits_in_the_next():
    travel, task = line_task()
    answer = Answer([[0, 2], [1], [3]], 0, (True, False, True))
    left = left_of(answer, replace(task, known=2))
    assert list(left.routes) == [[0], [1]] and list(left.waits) == [True, False]
    begun = route(travel, line_task(later=True)[1], Begin([[0], [1]], [False, True]))
    assert sorted(n for one in begun.routes for n in one) == [0, 1]
