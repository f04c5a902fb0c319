"""Every registered type: the search and the proof measure the same, and what is forbidden never appears in a plan."""

import random
from dataclasses import replace

import pytest

from domain.errors import PlanningError
from solvers import verify
from solvers.engines import insertion
from solvers.evaluator import Evaluator
from solvers.explainer import sequences_of
from solvers.families import REGISTRY, CompiledRules, RouteView, native
from solvers.families.base import applies_to_vehicle
from solvers.planner import assemble, stops_of
from solvers.problem import AUTHORITIES, Rule
from solvers.proof import MEASURES, excess
from tests.solvers.days import day, rule_of


def planned(problem, seed=1, iterations=4):
    found = insertion.improve(problem, {}, seed=seed, iterations=iterations, deadline=float("inf"))
    return assemble(problem, found, engine="insertion", seed=seed, solver_s=0.0, reasons=False)


def by_search(problem, plan, rule):
    """The excess as the search's own code measures it over a whole plan."""
    rules = CompiledRules(replace(problem, rules=(rule,)))
    evaluator = Evaluator(problem)
    (full, kind), total, summaries = (rules.pair + rules.route + rules.plan)[0], 0, []
    for vehicle_id, ids in sequences_of(plan).items():
        vehicle, stops = evaluator.vehicles[vehicle_id], stops_of(evaluator, ids)
        found = evaluator.evaluate(vehicle, stops)
        summaries.append(evaluator.summary(vehicle, stops, found.timing))
        if not applies_to_vehicle(rule, vehicle):
            continue
        real = [one for one in stops if one is not None]
        if kind.pair:
            total += sum(kind.pair(full, vehicle, o) for o in real if not rule.orders or o.order_id in rule.orders)
        if kind.route:
            trips = [visit.trip for r in plan.routes if r.vehicle_id == vehicle_id for visit in r.visits]
            total += kind.route(full, RouteView(vehicle, real, trips, found.timing, evaluator.drive(vehicle)))
    return total + (kind.plan(full, summaries, problem) if kind.plan else 0)


def test_proof_and_search_know_the_same_types():
    assert set(MEASURES) == set(REGISTRY)
    assert len(REGISTRY) >= 45
    for kind in REGISTRY.values():
        assert sum(map(bool, (kind.pair, kind.route, kind.plan, kind.data))) == 1
        assert kind.words and kind.unit and kind.authority in AUTHORITIES
        if kind.relax is not None:
            assert kind.parameters[kind.relax[0]].kind == "integer"


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_proof_and_search_measure_the_same(seed, timed):
    problem = day(seed, timed=timed)
    plan = planned(problem, seed)
    rng = random.Random(seed)
    assert verify(problem, plan) == []
    for code, kind in REGISTRY.items():
        for _ in range(3):
            rule = rule_of(code, problem, rng)
            if kind.data is None:
                assert by_search(problem, plan, rule) == excess(problem, plan, rule), rule


@pytest.mark.parametrize("code", sorted(REGISTRY))
def test_a_plan_made_under_a_rule_is_proven(code):
    rng = random.Random(code)
    impossible = code.startswith("min_") or "already" in REGISTRY[code].parameters  # no plan may be able to keep it
    for hard in (True, False)[impossible:]:
        problem = day(rng.randrange(1_000), count=9, timed=rng.random() < 0.5)
        rule = rule_of(code, problem, rng, hard=hard or REGISTRY[code].hard_only)
        problem = replace(problem, rules=(rule,))
        assert verify(problem, planned(problem, iterations=3)) == []


def test_every_measure_is_seen_to_exceed():
    seen = {code for code, kind in REGISTRY.items() if kind.data or kind.breaks}  # no amount: rests, changed data
    for seed in range(40):
        if len(seen) == len(REGISTRY):
            break
        problem = day(seed, count=14, vans=1 + seed % 3)
        plan = planned(problem, seed, iterations=0)
        rng = random.Random(seed)
        for code in sorted(set(REGISTRY) - seen):
            if excess(problem, plan, rule_of(code, problem, rng)):
                seen.add(code)
    assert set(REGISTRY) == seen


def test_limits_that_engines_know_forbid_what_the_rule_forbids():
    problem = day(3)
    rng = random.Random(3)
    for code, kind in REGISTRY.items():
        if kind.native is None:
            continue
        rule = replace(rule_of(code, problem, rng, hard=True), orders=frozenset())
        ruled = replace(problem, rules=(rule,))
        plan = planned(ruled)
        assert verify(replace(native(ruled), rules=()), replace(plan, rule_minor=0)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "windwo"}, "did you mean 'window'"),
        ({"parameters": {"limit_s": -1}}, "limit_s"),
        ({"parameters": {"limit_s": True}}, "limit_s"),
        ({"parameters": {"limit_s": 10**30}}, "limit_s"),
        ({"parameters": {"limit": 3, "limit_s": 3}}, "no parameter 'limit'"),
        ({"parameters": {}}, "missing"),
        ({"orders": frozenset({"nobody"})}, "unknown"),
        ({"authority": "king"}, "authority"),
        ({"price_minor": -5}, "price_minor"),
        ({"type": "x" * 1_000_000}, "no constraint type"),
    ],
)
def test_a_malformed_rule_is_refused_by_name(change, words):
    good = Rule("r", "max_driving", parameters={"limit_s": 10})
    with pytest.raises(PlanningError, match=words) as raised:
        replace(day(1), rules=(replace(good, **change),))
    assert len(str(raised.value)) < 400
