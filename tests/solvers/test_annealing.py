"""Very large plans under one annealing in slices: nothing is lost, and the plan is never dearer than the first."""

import random
from dataclasses import replace

import pytest

from solvers import verify
from solvers.engines import annealing, core
from solvers.engines.compile import needs_mending
from solvers.engines.crew import Crew
from solvers.engines.insertion import improve
from solvers.engines.worker import SharedProblem, Worker
from solvers.evaluator import Evaluator
from solvers.planner import SolveSettings, assemble, plan
from tests.solvers.test_engines import day


def annealed(problem, first, seconds, cores=1, cancel=None):
    shared = SharedProblem(problem)
    team = [Worker(shared) for _ in range(cores)]
    try:
        crew = Crew(problem, team, seconds, lambda _: None, cancel is None, cancel)
        return annealing.annealed_in_slices(crew, random.Random(3), first, 0.0)
    finally:
        for worker in team:
            worker.stop()
        shared.close()


def money(problem, sequences):
    found = assemble(problem, sequences, engine="test", seed=0, solver_s=0.0)
    assert verify(problem, found) == []
    return found.cost_minor


@pytest.fixture(scope="module")
def problem():
    return day(160, seed=3)


@pytest.fixture(scope="module")
def first(problem):
    return improve(problem, {}, seed=1, iterations=0, deadline=float("inf"))


@pytest.mark.parametrize(("cores", "most"), [(1, 2_500), (2, 2_500), (1, 60)], ids=["one", "two", "in turns"])
def test_it_serves_all_and_costs_less(problem, first, cores, most, monkeypatch):
    monkeypatch.setattr(annealing, "MOST_STOPS", most)
    monkeypatch.setattr(annealing, "ROUND_S", 0.5)
    found = annealed(problem, first, 4.0, cores)
    assert sorted(one for ids in found.values() for one in ids) == sorted(one for ids in first.values() for one in ids)
    assert money(problem, found) < money(problem, first)


def test_rounds_that_end_dearer_are_not_taken(problem, first, monkeypatch):
    good = annealed(problem, first, 4.0)
    monkeypatch.setattr(annealing, "COLD", annealing.HOT)
    found = annealed(problem, good, 1.0)
    assert money(problem, found) <= money(problem, good)


def test_called_off_it_gives_what_there_is(problem, first):
    assert annealed(problem, first, 20.0, cancel=lambda: True) == first


def test_very_large_days_go_this_way(monkeypatch):
    monkeypatch.setattr(core, "LARGE", 100)
    monkeypatch.setattr("solvers.engines.crew.LARGE", 100)
    monkeypatch.setattr("solvers.engines.wholes.LARGE", 100)
    monkeypatch.setattr(core, "WHOLE", 100)
    monkeypatch.setattr(core, "WHOLE_MOST", 100)
    problem, said = day(160, seed=3), []
    found = plan(problem, SolveSettings(seconds=4, seed=1, workers=2), said.append)
    assert verify(problem, found) == [] and not found.unserved
    assert any("annealing in slices" in line for line in said)


@pytest.mark.parametrize(("until", "mended"), [(40_000, False), (39_999, True)], ids=["all shift", "expires in it"])
def test_certifications_are_mended_only_where_they_expire_in_a_shift(problem, until, mended):
    orders = tuple(replace(one, required_certifications=frozenset({"adr"})) for one in problem.orders)
    vehicles = tuple(replace(one, certifications={"adr": until}) for one in problem.vehicles)
    asked = replace(problem, orders=orders, vehicles=vehicles)
    assert needs_mending(asked, Evaluator(asked)) == mended
    found = plan(asked, SolveSettings(seconds=1, seed=1, workers=1))
    assert verify(asked, found) == [] and not found.unserved
