"""Readers and writers: what others' files say is what is planned, and a wrong field is named."""

import gzip
import json
import random
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.routing_check import check
from domain.errors import FivefoldError, PlanningError
from solvers import Depot, Load, Order, PlanningProblem, Tariff, Travel, Vehicle, Window, verify
from solvers.clock import arrival_s
from solvers.engines import insertion
from solvers.formats import plan_json, read
from solvers.formats.instance import FormatError
from solvers.formats.vrplib import sequences_from
from solvers.planner import SolveSettings, assemble, plan
from solvers.problem import Lock, Rule

PROBLEM_SCHEMA, PLAN_SCHEMA = (
    jsonschema.Draft202012Validator(plan_json.schemas()[f"{name}.schema.json"]) for name in ("problem", "plan")
)
SECONDS = SolveSettings(seconds=1.0, seed=1, iterations=60, workers=1)


def solved(path):
    instance = read(path)
    found = plan(instance.problem, SECONDS)
    assert verify(instance.problem, found) == []
    return instance, found


def solomon(count=12, seed=3):
    chance = random.Random(seed)
    rows = ["TINY", "", "VEHICLE", "NUMBER     CAPACITY", "  5   40", "", "CUSTOMER"]
    rows += ["CUST NO.  XCOORD. YCOORD. DEMAND READY TIME DUE DATE SERVICE TIME", "0 50 50 0 0 600 0"]
    for n in range(1, count + 1):
        ready = chance.randrange(0, 200)
        numbers = (n, chance.randrange(100), chance.randrange(100), chance.randrange(1, 12), ready, ready + 250, 10)
        rows.append(" ".join(map(str, numbers)))
    return "\n".join(rows) + "\n"


def vrplib(kind, *sections, places=8, vehicles=4, capacity=True):
    chance = random.Random(5)
    lines = [f"NAME: tiny\nTYPE: {kind}\nDIMENSION: {places}\nVEHICLES: {vehicles}\nEDGE_WEIGHT_TYPE: EUC_2D"]
    lines += ["CAPACITY: 30"] if capacity else []
    lines += ["NODE_COORD_SECTION"]
    lines += [f"{n + 1}\t{chance.randrange(90)}.5\t{chance.randrange(90)}" for n in range(places)]
    lines += ["DEMAND_SECTION", *(f"{n + 1}\t{0 if n == 0 else 5 + n % 4}" for n in range(places))]
    lines += [*sections, "DEPOT_SECTION", "1", "-1", "EOF"]
    return "\n".join(lines) + "\n"


def windows(places=8, late=900):
    return "\n".join(["TIME_WINDOW_SECTION", *(f"{n + 1}\t0\t{late}" for n in range(places))])


RELOADS = "VEHICLES_RELOAD_DEPOT_SECTION\n1\t1\n2\t1\n3\t1\n4\t1"
ALLOWED = "VEHICLES_ALLOWED_CLIENTS_SECTION\n1\t2\t3\t4\t5\n2\t2\t3\t4\t5\n3\t5\t6\t7\t8\n4\t5\t6\t7\t8"
FLEET = "CAPACITY_SECTION\n1\t30\n2\t30\n3\t60\n4\t60"
PRICES = "VEHICLES_FIXED_COST_SECTION\n1\t10\n2\t10\n3\t18\n4\t18\n"
PRICES += "VEHICLES_UNIT_DISTANCE_COST_SECTION\n1\t1\n2\t1\n3\t2\n4\t2"
PRIZES = "PRIZE_SECTION\n" + "\n".join(f"{n + 1}\t{0 if n in (0, 3) else 12 * n}" for n in range(8))
RELEASES = "RELEASE_TIME_SECTION\n" + "\n".join(f"{n + 1}\t{20 * n}" for n in range(8))
DURATION = "VEHICLES_MAX_DURATION: 400"
KINDS = {
    "VRPTW": vrplib("VRPTW", windows()),
    "MTVRPTWR": vrplib("MTVRPTWR", windows(), RELEASES, RELOADS),
    "SDVRPTW": vrplib("SDVRPTW", windows(), ALLOWED, FLEET, capacity=False).replace("NODE", DURATION + "\nNODE", 1),
    "HFVRP": vrplib("HFVRP", FLEET, PRICES, capacity=False),
    "PCVRPTW": vrplib("PCVRPTW", windows(late=260), PRIZES),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_solution_file_is_what_its_instance_file_says_by_a_checker_of_its_own(kind, tmp_path):
    path = tmp_path / "tiny.vrp"
    path.write_text(KINDS[kind])
    instance, found = solved(path)
    checked = check(path, instance.text(found))
    assert checked.broken == []
    assert checked.cost == pytest.approx(instance.cost(found) * instance.scale)
    assert set(sequences_from(instance, instance.text(found)).values().__iter__().__next__()) <= {
        *(o.order_id for o in instance.problem.orders),
        "",
    }


def test_solomon_costs_are_truncated_to_one_decimal(tmp_path):
    path = tmp_path / "tiny.txt"
    path.write_text(solomon())
    instance, found = solved(path)
    checked = check(path, instance.text(found))
    assert checked.broken == [] and checked.cost == round(10 * instance.cost(found))
    assert instance.text(found).splitlines()[-1] == f"Cost {instance.cost(found):.1f}"


def test_a_packed_file_and_an_explicit_matrix_are_read(tmp_path):
    text = "NAME: x\nTYPE: VRPTW\nDIMENSION: 3\nVEHICLES: 2\nCAPACITY: 9\nEDGE_WEIGHT_TYPE: EXPLICIT\n"
    text += "EDGE_WEIGHT_FORMAT: FULL_MATRIX\nEDGE_WEIGHT_SECTION\n0 5 9\n4 0 7\n8 6 0\nDEMAND_SECTION\n1 0\n2 4\n3 4\n"
    path = tmp_path / "x.txt.gz"
    path.write_bytes(gzip.compress((text + "DEPOT_SECTION\n1\n-1\nEOF\n").encode()))
    instance, found = solved(path)
    assert instance.cost(found) == 9 + 6 + 4 and instance.name == "x"


LI_LIM = "3 10 1\n0 0 0 0 0 500 0 0 0\n1 10 0 5 0 400 10 0 3\n2 0 10 4 0 400 10 0 4\n"
LI_LIM += "3 20 0 -5 0 400 10 1 0\n4 0 20 -4 0 400 10 2 0\n"


FULL = np.array([[0, 9, 14, 23], [9, 0, 21, 22], [14, 21, 0, 25], [23, 22, 25, 0]])
HALVES = {
    "LOWER_ROW": "9\n14 21\n23 22 25",
    "UPPER_ROW": "9 14 23\n21 22\n25",
    "LOWER_DIAG_ROW": "0 9 0 14\n21 0 23 22 25 0",
    "UPPER_DIAG_ROW": "0 9 14 23\n0 21 22\n0 25\n0",
    "UPPER_COL": "9\n14 21\n23 22 25",
    "LOWER_DIAG_COL": "0 9 14 23\n0 21 22\n0 25\n0",
}


def half(form):
    return (
        f"NAME: h\nTYPE: CVRP\nDIMENSION: 4\nCAPACITY: 9\nEDGE_WEIGHT_TYPE: EXPLICIT\nEDGE_WEIGHT_FORMAT: {form}\n"
        f"EDGE_WEIGHT_SECTION\n{HALVES[form]}\nDEMAND_SECTION\n1 0\n2 3\n3 3\n4 3\nDEPOT_SECTION\n1\n-1\nEOF\n"
    )


@pytest.mark.parametrize("form", HALVES)
def test_halves_of_a_matrix_are_read_whole(form, tmp_path):
    path = tmp_path / "h.vrp"
    path.write_text(half(form))
    assert (read(path).problem.travel.distance_m == FULL).all()
    path.write_text(half(form).replace("25", "", 1))
    with pytest.raises(FormatError, match="EDGE_WEIGHT_SECTION"):
        read(path)


@pytest.mark.parametrize(("kind", "metres"), [("EUC_2D", 1), ("FLOOR_2D", 1), ("CEIL_2D", 2)])
def test_a_file_says_how_its_distances_become_whole_and_how_long_a_route_may_be(kind, metres, tmp_path):
    text = vrplib("CVRP", places=3).replace("EUC_2D", kind).replace("NODE_COORD", "DISTANCE: 200\nNODE_COORD", 1)
    lines = text.splitlines()
    at = lines.index("NODE_COORD_SECTION")
    lines[at + 1 : at + 4] = ["1 0 0", "2 1 1", "3 90 90"]
    path = tmp_path / "d.vrp"
    path.write_text("\n".join(lines))
    problem = read(path).problem
    assert problem.travel.distance_m[0, 1] == metres
    assert {vehicle.max_duration_s for vehicle in problem.vehicles} == {200}
    found = plan(problem, SECONDS)
    assert [one.order_id for one in found.unserved] == ["2"]


def test_pairs_are_served_together_and_vehicles_count_first(tmp_path):
    path = tmp_path / "lx.txt"
    path.write_text(LI_LIM)
    instance, found = solved(path)
    checked = check(path, instance.text(found))
    assert checked.broken == [] and checked.vehicles == 1
    assert checked.cost == pytest.approx(instance.cost(found), abs=0.01)


def mamut(folder, chance):
    """A small time-dependent instance whose arrival functions are envelopes of random steps."""
    size, count, step = 5, 6, 100
    tau = chance.integers(10, 60, (count, size, size))
    arcs = []
    for a in range(size):
        for b in range(size):
            if a == b:
                continue
            xs, ys = [], []
            for second in range(count * step + 1):
                here = min(second // step, count - 1)
                later = [k * step + int(tau[k, a, b]) for k in range(here + 1, count)]
                after = min([second + int(tau[here, a, b]), *later])
                border = second % step == 0 and 0 < second < count * step
                before = min(after, second + int(tau[here - 1, a, b])) if border else after
                for value in sorted({before, after}):
                    xs.append(float(second))
                    ys.append(float(value))
            arcs.append([a, b, xs, ys])
    (folder / "t.atf.json.gz").write_bytes(gzip.compress(json.dumps({"arcs": arcs}).encode()))
    content = {
        "instance_name": "t",
        "num_customers": size - 1,
        "num_vehicles": 3,
        "vehicle_capacity": 10,
        "demands": [0, 3, 4, 3, 5],
        "service_times": [0, 20, 10, 5, 20],
        "time_windows": [[0, 600], [50, 400], [0, 600], [150, 300], [0, 500]],
        "depot": 0,
        "horizon": [0.0, 600.0],
        "td": {"atf_path": "t.atf.json.gz"},
    }
    path = folder / "t.vrp.json"
    path.write_text(json.dumps(content))
    return path, content


@pytest.mark.parametrize("seed", range(4))
def test_durations_by_time_of_day_are_the_shortest_by_trying_every_departure(seed, tmp_path):
    path, content = mamut(tmp_path, np.random.default_rng(seed))
    instance, found = solved(path)
    checked = check(path, instance.text(found))
    assert checked.broken == [] and checked.cost == pytest.approx(instance.cost(found))
    steps = instance.problem.travel
    for route in found.routes:
        durations = []
        for start in range(601):
            clock, here = start, 0
            for at in [*(int(visit.order_id) for visit in route.visits), 0]:
                clock = max(arrival_s(steps, here, at, clock), content["time_windows"][at][0])
                if clock > content["time_windows"][at][1]:
                    break
                clock, here = clock + content["service_times"][at], at
            else:
                durations.append(clock - start)
        assert route.duration_s == min(durations)


VROOM = {
    "vehicles": [
        {"id": 1, "start_index": 0, "end_index": 0, "capacity": [4], "skills": [1, 14], "time_window": [0, 9_000]},
        {"id": 2, "start_index": 0, "capacity": [4], "costs": {"fixed": 50, "per_hour": 7_200}},
    ],
    "jobs": [
        {"id": 1, "location_index": 1, "service": 300, "delivery": [1], "skills": [1], "time_windows": [[0, 3_600]]},
        {"id": 2, "location_index": 2, "service": 300, "pickup": [2]},
        {"id": 3, "location_index": 3, "service": 60, "delivery": [1], "skills": [99]},
    ],
    "shipments": [
        {"amount": [1], "pickup": {"id": 1, "location_index": 3}, "delivery": {"id": 1, "location_index": 4}}
    ],
    "matrices": {"car": {"durations": [[0 if a == b else 100 + 10 * abs(a - b) for b in range(5)] for a in range(5)]}},
}


def test_vroom_users_get_what_they_know(tmp_path):
    path = tmp_path / "v.json"
    path.write_text(json.dumps(VROOM))
    instance, found = solved(path)
    out = json.loads(instance.text(found))
    assert out["code"] == 0 and out["summary"]["unassigned"] == 1
    assert [(one["id"], one["type"]) for one in out["unassigned"]] == [(3, "job")]
    assert "skill" in out["unassigned"][0]["explanation"]
    assert out["summary"]["cost"] == sum(route["cost"] for route in out["routes"]) == instance.cost(found)
    for route in out["routes"]:
        previous = None
        for step in route["steps"]:
            if previous is not None:
                busy = previous["setup"] + previous["service"] + previous["waiting_time"]
                assert step["arrival"] == previous["arrival"] + busy + step["duration"] - previous["duration"]
            assert all(0 <= amount <= 4 for amount in step["load"])
            previous = step


def test_vroom_without_matrices_is_estimated_and_says_so(tmp_path):
    content = json.loads(json.dumps(VROOM))
    del content["matrices"]
    content["vehicles"] = [{"id": 1, "start": [2.35, 48.71], "capacity": [9], "skills": [1, 99]}]
    for n, owner in enumerate(
        [*content["jobs"], content["shipments"][0]["pickup"], content["shipments"][0]["delivery"]]
    ):
        owner.pop("location_index")
        owner["location"] = [2.3 + n / 50, 48.7]
    path = tmp_path / "v.json"
    path.write_text(json.dumps(content))
    instance, found = solved(path)
    assert "estimated" in instance.notes[0] and found.served == 5


@st.composite
def problems(draw):
    count = draw(st.integers(1, 5))
    size = count + 1
    matrix = np.array(draw(st.lists(st.integers(1, 999), min_size=size**2, max_size=size**2))).reshape(size, size)
    np.fill_diagonal(matrix, 0)
    steps = ((0, 600), np.stack([matrix, matrix + 5])) if draw(st.booleans()) else ()
    orders = tuple(
        Order(
            f"o{n}",
            n + 1,
            windows=(Window(0, draw(st.integers(0, 9_999))),) if draw(st.booleans()) else (),
            load=Load(draw(st.integers(0, 50)), more=tuple(draw(st.lists(st.integers(0, 5), max_size=2)))),
            banned_vehicles=frozenset(draw(st.sets(st.just("v1")))),
            failure_cost_minor=draw(st.dictionaries(st.sampled_from(["", "f"]), st.integers(0, 99))),
            attributes=draw(
                st.dictionaries(
                    st.text(min_size=1, max_size=5),
                    st.one_of(st.integers(0, 9), st.text(max_size=9), st.tuples(st.text(max_size=3))),
                    max_size=2,
                )
            ),
        )
        for n in range(count)
    )
    vehicles = tuple(
        Vehicle(
            f"v{n}", "f", "d", 0, 9_999, tariff=Tariff(per_km_minor=n), max_stops=draw(st.none() | st.integers(0, 9))
        )
        for n in range(draw(st.integers(0, 2)))
    )
    rules = (Rule("r", "max_stops", parameters={"limit": 3}, hard=False, price_minor=7),)
    locks = (Lock("v0", ("o0",)),) if vehicles else ()
    return PlanningProblem((Depot("d", 0),), orders, vehicles, Travel(matrix, matrix, *steps), rules=rules, locks=locks)


def same(one, other):
    """Equality of problems, matrices by value."""
    bare = Travel(np.zeros((9, 9), np.int64), np.zeros((9, 9), np.int64))
    return (
        replace(one, travel=bare) == replace(other, travel=bare)
        and (one.travel.distance_m == other.travel.distance_m).all()
        and one.travel.starts_s == other.travel.starts_s
    )


@settings(max_examples=40, deadline=None)
@given(problems())
def test_a_problem_is_the_same_after_its_json_and_keeps_the_schema(problem):
    content = json.loads(json.dumps(plan_json.problem_json(problem)))
    PROBLEM_SCHEMA.validate(content)
    assert same(plan_json.problem_from(content), problem)
    sequences = insertion.improve(problem, {}, seed=1, iterations=2, deadline=float("inf"))
    found = assemble(problem, sequences, engine="insertion", seed=1, solver_s=0.5)
    written = json.loads(json.dumps(plan_json.plan_json(found)))
    PLAN_SCHEMA.validate(written)
    assert plan_json.plan_from(written) == found


WRONG = [
    (solomon().replace("0 50 50 0 0 600 0", "0 50 50 0 0 600"), "line 9"),
    (solomon().replace("  5   40", "  x   40"), "number of vehicles"),
    (KINDS["VRPTW"].replace("1\t0\t900", "1\t950\t900"), "TIME_WINDOW"),
    (KINDS["VRPTW"].replace("DIMENSION: 8", "DIMENSION: 9"), "NODE_COORD"),
    (KINDS["VRPTW"].replace("2\t6", "2\t-6"), "DEMAND"),
    (KINDS["VRPTW"].replace("2\t6", "2\tmany"), ""),
    (KINDS["MTVRPTWR"].replace("4\t1\n", "4\t9\n", 1), "vehicle 4"),
    (LI_LIM.replace("1 0\n4", "2 0\n4"), "partner"),
    ("hello", "no known format"),
    ('{"vehicles": []}', "JSON of no known format"),
    ('{"vehicles": [], "jobs": []}', "vehicles"),
    (json.dumps(VROOM).replace('"location_index": 4', '"location_index": 44'), "location_index 44"),
    (json.dumps(VROOM).replace("[[0, 3600]]", "[[3600, 0]]"), "jobs[0].time_windows"),
    ('{"format": "fivefold-problem", "orders": 3}', "depots"),
    ('{"format": "fivefold-problem", "version": 7}', "version"),
    (
        '{"travel": {"distance_m": [[0, 1.5]], "duration_s": [[0]]}, "depots": [], "orders": [], "vehicles": []}',
        "[0][1]",
    ),
    ('{"travel": {"places": [[91, 0]]}, "depots": [], "orders": [], "vehicles": []}', "places"),
    ('{"a": NaN}', "NaN"),
]


@pytest.mark.parametrize(("text", "word"), WRONG)
def test_a_wrong_field_is_named(text, word, tmp_path):
    path = tmp_path / "wrong.txt"
    path.write_text(text)
    with pytest.raises((FormatError, PlanningError), match=r"\w") as caught:
        read(path)
    assert word in str(caught.value)


EDGES = [
    "",
    "-1",
    "nan",
    "-inf",
    "1e400",
    "1e308",
    ":",
    "x",
    "0x10",
    "1" + "0" * 30,
    "999999999999",
    "9223372036854775808",
]


def read_or_refused(text):
    """Read ``text``; nothing but an error with words may come of it, not even a warning of NumPy's."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        path = Path(folder) / "a.txt"
        path.write_text(text)
        try:
            return read(path)
        except FivefoldError as error:
            assert str(error)
            return None


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_mutilated_file_is_read_or_refused_with_words(data):
    text = data.draw(st.sampled_from([solomon(4), KINDS["MTVRPTWR"], KINDS["SDVRPTW"], LI_LIM, json.dumps(VROOM)]))
    lines = text.splitlines() if "\n" in text else text.split(",")
    at = data.draw(st.integers(0, len(lines) - 1))
    words = lines[at].split() or [""]
    word = data.draw(st.integers(0, len(words) - 1))
    edited = " ".join([*words[:word], data.draw(st.sampled_from(EDGES)), *words[word + 1 :]])
    lines[at] = data.draw(st.sampled_from([edited, edited, "", lines[at] * 2, "x" * 1_000, '{"', lines[at][:-1]]))
    read_or_refused(("\n" if "\n" in text else ",").join(lines))


def with_a_wrong_value(content, data):
    """``content`` with one value somewhere in it replaced by one of another kind or size."""
    content = json.loads(json.dumps(content))
    here, key = content, None
    while key is None or (isinstance(here[key], dict | list) and here[key] and data.draw(st.booleans())):
        here = content if key is None else here[key]
        key = data.draw(st.sampled_from(list(here) if isinstance(here, dict) else list(range(len(here)))))
    here[key] = data.draw(st.sampled_from([None, -1, 1.5, True, "x", [], {}, [[]], [None], 10**30, 1e308]))
    return content


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_value_of_a_json_file_may_be_of_the_wrong_kind(data):
    instance = read_or_refused(json.dumps(with_a_wrong_value(VROOM, data)))
    if instance is not None and len(instance.problem.vehicles) < 9:
        found = plan(instance.problem, SolveSettings(iterations=1, workers=1), initial=instance.initial)
        assert instance.text(found)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_value_of_a_time_dependent_file_may_be_of_the_wrong_kind(data):
    with tempfile.TemporaryDirectory() as folder:
        path, content = mamut(Path(folder), np.random.default_rng(1))
        sidecar = path.parent / content["td"]["atf_path"]
        if data.draw(st.booleans()):
            arcs = with_a_wrong_value(json.loads(gzip.decompress(sidecar.read_bytes())), data)
            sidecar.write_bytes(gzip.compress(json.dumps(arcs).encode()))
        else:
            content = with_a_wrong_value(content, data)
        path.write_text(json.dumps(content))
        try:
            read(path)
        except FivefoldError as error:
            assert str(error)


def test_a_customer_whose_number_is_misspelt_is_not_lost(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(solomon(4).replace("\n4 ", "\n4O "))
    with pytest.raises(FormatError, match="line 13"):
        read(path)


def test_a_fleet_without_end_is_no_larger_than_its_work(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(solomon(4).replace("  5   40", "  90000   40"))
    assert len(read(path).problem.vehicles) == 4
