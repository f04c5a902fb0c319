"""The verifier as a door: given plans, their prices and arrivals; one change, one violation."""

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.cli import main
from solvers import verify
from solvers.engines import insertion
from solvers.formats import read
from solvers.formats.given import read_plan
from solvers.formats.plan_json import plan_json, problem_json
from solvers.judgement import judge
from solvers.planner import assemble
from solvers.problem import Rule
from solvers.sequenced import drive
from tests.solvers.days import day


def planned(problem, iterations=5):
    found = insertion.improve(problem, {}, seed=1, iterations=iterations, deadline=float("inf"))
    return assemble(problem, found, engine="insertion", seed=1, solver_s=0.0)


FIELDS = {"arrival_s": "time", "service_start_s": "time", "departure_s": "time", "leg_m": "leg", "leg_s": "leg"}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.data())
def test_one_changed_number_of_a_visit_is_that_violation(seed, data):
    problem = replace(day(seed, count=9, timed=seed % 2 == 0, pairs=False))
    plan = planned(problem, 2)
    assert verify(problem, plan) == []
    number = data.draw(st.integers(0, len(plan.routes) - 1))
    route = plan.routes[number]
    at = data.draw(st.integers(0, len(route.visits) - 1))
    name = data.draw(st.sampled_from(sorted(FIELDS)))
    changed = getattr(route.visits[at], name) + data.draw(st.sampled_from([-7, -1, 1, 60]))
    visits = [replace(v, **{name: changed}) if n == at else v for n, v in enumerate(route.visits)]
    routes = [replace(r, visits=tuple(visits)) if n == number else r for n, r in enumerate(plan.routes)]
    codes = {one.code for one in verify(problem, replace(plan, routes=tuple(routes)))}
    assert FIELDS[name] in codes
    assert codes <= {"time", "leg", "window", "certification"}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.data())
def test_a_stop_that_is_moved_dropped_or_doubled_is_caught(seed, data):
    problem = day(seed, count=9, pairs=False)
    plan = planned(problem, 2)
    number = data.draw(st.integers(0, len(plan.routes) - 1))
    route = plan.routes[number]
    at = data.draw(st.integers(0, len(route.visits) - 1))
    how = data.draw(st.sampled_from(["drop", "double", "swap", "unserved", "vehicle"]))
    visits = list(route.visits)
    expected = {"drop": "missing_order", "double": "order_twice", "unserved": "order_twice", "vehicle": "depot"}
    broken = plan
    if how == "drop":
        del visits[at]
    elif how == "double":
        visits.append(visits[at])
    elif how == "swap":
        other = data.draw(st.integers(0, len(visits) - 1))
        if (
            problem.orders[int(visits[at].order_id[1:])].location
            == problem.orders[int(visits[other].order_id[1:])].location
        ):
            return
        a, b = visits[at].order_id, visits[other].order_id
        visits[at], visits[other] = replace(visits[at], order_id=b), replace(visits[other], order_id=a)
    elif how == "unserved":
        penalty = next(o.penalty_minor for o in problem.orders if o.order_id == visits[at].order_id)
        from solvers import Unserved

        lost = Unserved(visits[at].order_id, "", "", penalty)
        broken = replace(plan, unserved=(*plan.unserved, lost))
    routes = [replace(r, visits=tuple(visits)) if n == number else r for n, r in enumerate(plan.routes)]
    if how == "vehicle":
        routes[number] = replace(route, fleet_id="another")
    codes = {one.code for one in verify(problem, replace(broken, routes=tuple(routes)))}
    assert expected.get(how, next(iter(codes), None)) in codes


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 400), st.data())
def test_every_number_of_a_route_and_of_the_plan_is_checked(seed, data):
    problem = replace(
        day(seed, count=9),
        rules=(Rule("soft", "lateness", parameters={"end_s": 3_600}, hard=False, price_minor=1),),
    )
    plan = planned(problem, 2)
    number = data.draw(st.integers(0, len(plan.routes) - 1))
    name = data.draw(st.sampled_from(["start_s", "end_s", "distance_m", "cost_minor"]))
    route = replace(plan.routes[number], **{name: getattr(plan.routes[number], name) + 1})
    assert verify(problem, replace(plan, routes=(*plan.routes[:number], route, *plan.routes[number + 1 :])))
    for one in fields(plan):
        if one.name.endswith("_minor"):
            broken = replace(plan, **{one.name: getattr(plan, one.name) + 1})
            assert {v.code for v in verify(problem, broken)} == {"cost"}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 400), st.data())
def test_a_load_above_the_vehicle_is_exactly_that_violation(seed, data):
    problem = day(seed, count=9, pairs=False)
    plan = planned(problem, 2)
    visit = data.draw(st.sampled_from([v for r in plan.routes for v in r.visits]))
    name, code = data.draw(st.sampled_from([("mass_g", "capacity_mass"), ("volume_ml", "capacity_volume")]))
    orders = tuple(
        replace(o, load=replace(o.load, **{name: 10**9})) if o.order_id == visit.order_id else o for o in problem.orders
    )
    assert {one.code for one in verify(replace(problem, orders=orders), plan)} == {code}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 400))
def test_a_sequence_is_timed_as_the_plan_it_came_from_or_its_faults_are_named(seed):
    problem = day(seed, count=9, pairs=False)
    plan = planned(problem, 2)
    sequences = {}
    for route in plan.routes:
        ids = sequences.setdefault(route.vehicle_id, [])
        for n, visit in enumerate(route.visits):
            if n and visit.trip != route.visits[n - 1].trip:
                ids.append("")
            ids.append(visit.order_id)
    again = drive(problem, sequences)
    assert {one.code for one in verify(problem, again)} <= {"window", "shift", "certification"}
    backwards = drive(problem, {key: [o for o in reversed(ids) if o] for key, ids in sequences.items()})
    assert {o.order_id for o in backwards.unserved} == {o.order_id for o in plan.unserved}


def test_the_command_proves_prices_and_explains(tmp_path, capfd):
    soft = Rule("early", "lateness", parameters={"end_s": 1_800}, hard=False, price_minor=2, authority="promise")
    problem = replace(day(7, pairs=False), rules=(soft,))
    problem = replace(
        problem,
        orders=(*problem.orders[:-1], replace(problem.orders[-1], load=replace(problem.orders[-1].load, parcels=500))),
    )
    plan = planned(problem)
    (tmp_path / "problem.json").write_text(json.dumps(problem_json(problem)))
    (tmp_path / "plan.json").write_text(json.dumps(plan_json(plan)))
    run = CliRunner().invoke(
        main,
        [
            "verify",
            str(tmp_path / "plan.json"),
            str(tmp_path / "problem.json"),
            "--explain",
            "--seconds",
            "200",
            "--json",
        ],
    )
    told = json.loads(capfd.readouterr().out)
    assert run.exit_code == 0 and told["valid"]
    assert told["cost_minor"] == plan.cost_minor
    assert sum(one["charged_minor"] for one in told["soft"]) == plan.rule_minor
    assert len(told["stops"]) == plan.served
    assert told["unserved"][0]["conflict"] and len(told["routes"]) == len(plan.routes)
    broken = replace(plan, rule_minor=plan.rule_minor + 1)
    (tmp_path / "plan.json").write_text(json.dumps(plan_json(broken)))
    run = CliRunner().invoke(main, ["verify", str(tmp_path / "plan.json"), str(tmp_path / "problem.json")])
    assert run.exit_code == 1 and "not valid" in run.stdout
    files = [str(tmp_path / "plan.json"), str(tmp_path / "problem.json")]
    run = CliRunner().invoke(main, ["verify", *files, "--json"])
    assert run.exit_code == 1 and not json.loads(capfd.readouterr().out)["valid"]
    (tmp_path / "plan.json").write_text(json.dumps(plan_json(plan) | {"cost_minor": plan.cost_minor + 1}))
    run = CliRunner().invoke(main, ["verify", *files])
    assert run.exit_code == 2 and "cost_minor" in run.stderr
    route = plan.routes[0]
    strange = replace(plan, routes=(replace(route, visits=(replace(route.visits[0], order_id="nobody"),)),))
    (tmp_path / "plan.json").write_text(json.dumps(plan_json(strange)))
    run = CliRunner().invoke(main, ["verify", *files, "--explain"])
    assert run.exit_code == 1 and "nobody" in run.stdout
    (tmp_path / "plan.json").write_text('{"routes": [{"vehicle_id": "v9", "orders": ["o1"]}]}')
    run = CliRunner().invoke(main, ["verify", str(tmp_path / "plan.json"), str(tmp_path / "problem.json")])
    assert run.exit_code == 2 and "v9" in run.stderr


def test_chances_follow_the_slack():
    problem = day(11, pairs=False)
    plan = planned(problem)
    told = [one for one in judge(problem, plan).stops if one.slack_s is not None]
    assert told
    for one in told:
        assert 0.5 <= one.p_in_window <= 1
        waited = one.service_start_s - one.arrival_s
        if one.slack_s + waited > 3_600:
            assert one.p_in_window > 0.95


def test_best_known_solutions_are_valid_and_cost_what_they_say():
    folder = Path(__file__).parents[2] / ".." / "shared" / "data" / "vrp" / "solomon"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data/vrp")
    solutions = sorted(folder.glob("*.sol"))
    assert solutions
    for path in solutions:
        instance = read(path.with_suffix(".txt"))
        plan = read_plan(path, instance.problem)
        stated = float(path.read_text().split("Cost")[1].split()[0])
        assert verify(instance.problem, plan) == []
        assert plan.unserved == ()
        assert instance.cost(plan) == stated
