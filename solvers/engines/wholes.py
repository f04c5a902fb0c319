"""Searches of the whole problem by all workers of a crew: which ones, how long, from where."""

from __future__ import annotations

from dataclasses import replace

from solvers.engines import Sequences
from solvers.engines.crew import LARGE, PATIENCE_S, SHORT_S, Crew, fittest
from solvers.engines.ils import FACTORS, MANY_NEIGHBOURS, SHAKES
from solvers.engines.nearest import nearest_plan
from solvers.engines.slices import improved
from solvers.engines.starts import Starts, worth_it
from solvers.engines.task import Task

APART_SHARE = 0.25
"""Share of the time in which each core searches the whole from a start of its own, where routes are few and long."""
CLOSING_SHARE = 0.03
"""Share of the time in which the plan is improved further after the master."""
MASTER_FEW_S = 1.0
"""Seconds kept for the master where routes are few: they hardly go together."""
CLOSING_S = 0.7
"""With less time left nothing is begun any more."""
CLOSING_HOT = 0.3
"""First temperature of the compiled engine on a plan that is nearly done, in typical legs."""
ROUNDS = (0.75, 1.0)
"""Share of the time left that each round of a search of the whole takes: long ones, since each begins anew to learn
its prices and what it accepts."""
LONG_S = 0.1
"""Seconds a stop: with less time there is one round."""
FIRST_OVERTIME = 1.5
"""How long first plans are waited for once there is one, in their seconds."""
RESCUE_S = 0.4
"""Seconds of the compiled engine where PyVRP found nothing."""
MIXED = 100
"""Orders from which, where vehicles are of several kinds, both engines search the whole."""
LONG_SHARE = 0.8
"""Share of the time left in which the whole is annealed before parts are improved."""
LONG_HOT, LONG_COLD = 10.0, 0.2
"""Its temperatures then, in typical legs: hot enough to settle who drives where, and never so cold that it stands."""
SEEDED = 250
"""Orders above which one of the searches begins with a plan: where limits are tight PyVRP may find nothing for long."""


def portfolio(crew: Crew, seed: int, initial: Sequences | None) -> Sequences | None:
    """Searches of the whole in rounds, each from the best of the last and what the master makes of all routes."""
    rounds = ROUNDS if crew.seconds >= max(SHORT_S, LONG_S * len(crew.problem.orders)) else ROUNDS[-1:]
    best = initial
    # vehicles of several kinds: of the first searches every other one is the compiled engine's
    several = crew.choosy or (crew.covered and crew.kinds > 1)
    mixed = initial is None and several and crew.seconds >= SHORT_S and len(crew.problem.orders) >= MIXED
    seeded = initial is None and crew.covered and len(crew.problem.orders) > SEEDED
    if initial is None and not mixed and not seeded and worth_it(crew):
        best = Starts(crew, seed).run()
        rounds = rounds if best is None else ROUNDS[-1:]
    for number, share in enumerate(rounds):
        reserve = 0.05 + crew.for_the_master()
        if best is None and crew.startable:
            reserve += RESCUE_S
        seconds = max(0.1, share * (crew.left() - reserve))
        found = crew.whole(
            [
                Task(
                    seconds,
                    seed + 100 * number + n,
                    initial=best,
                    seeded=seeded and best is None and n % 2 == 1,
                    factor=FACTORS[n % 2],
                    shake=SHAKES[(n + number) % 2],
                    cpu=crew.cpu,
                    engine="compiled" if mixed and best is None and n % 2 else "pyvrp",
                    hot=LONG_HOT,
                    cold=LONG_COLD,
                    trail=True,
                )
                for n in range(len(crew.team))
            ]
        )
        if found is None and best is None:
            best = rescued(crew, seed)
            if best is None:
                break
        best = crew.recombined(found or best)
        crew.say(f"round {number + 1} of {len(rounds)} over")
    if best is None and crew.left() > -0.5:
        # some required order cannot be served: now it may be left, for its penalty
        again = max(0.5, crew.left())
        best = crew.whole([Task(again, seed + n, required=False, cpu=crew.cpu) for n in range(len(crew.team))])
    return closed(crew, seed, best)


def annealed(crew: Crew, seed: int) -> Sequences | None:
    """A plan of the compiled engine after a long search of the whole on every core, and of the master.

    Where vehicles differ in whom they may serve, the routes near a stop have little to give each other: parts
    settle early which class serves where.
    """
    seconds = LONG_SHARE * (crew.left() - 2.0 * crew.for_the_master())
    hot, cold = LONG_HOT, LONG_COLD
    found = crew.whole(
        [
            Task(seconds, seed + n, cpu=crew.cpu, engine="compiled", hot=hot, cold=cold, trail=True)
            for n in range(len(crew.team))
        ],
        overtime=FIRST_OVERTIME,
    )
    return crew.recombined(found)


def side_by_side(crew: Crew, seed: int, best: Sequences | None) -> Sequences | None:
    """Searches of the whole, every other one PyVRP as it comes; then all cores improve the best, in slices.

    Where routes are few and long, how a search ends is largely decided by how many routes its first seconds leave,
    and a search begun from a plan hardly changes that number: so each core has a start of its own.
    """
    reserve = CLOSING_SHARE * crew.left() + min(MASTER_FEW_S, crew.for_the_master())
    seconds = APART_SHARE * crew.left()
    crew.say("few long routes: searches of the whole side by side")
    usual = Task(seconds, seed, usual=True, cpu=crew.cpu)
    own = Task(seconds, seed, factor=FACTORS[0], near=MANY_NEIGHBOURS, cpu=crew.cpu)
    kinds = [own if n % 2 or len(crew.team) == 1 else usual for n in range(len(crew.team))]
    tasks = [replace(one, seed=seed + n, shake=SHAKES[n // 2 % len(SHAKES)]) for n, one in enumerate(kinds)]
    answers = crew.each(tasks)
    answer = fittest(answers)
    if answer is not None and (best is None or crew.rank(answer.sequences or {}) <= crew.rank(best)):
        best = answer.sequences
    if best is not None:
        # PyVRP's own prices start far too high to have fallen by now
        learnt = (one.prices for one, task in zip(answers, kinds, strict=True) if one is not None and not task.usual)
        best = improved(crew, seed, best, next(learnt, None), reserve)
    return closed(crew, seed, crew.recombined(best))


def closed(crew: Crew, seed: int, best: Sequences | None) -> Sequences | None:
    """``best`` improved in what is left of the time, by both engines."""
    seconds = crew.left() - 0.05
    if best is None or seconds < CLOSING_S or len(crew.problem.orders) > LARGE:
        return best
    found = crew.whole(
        [
            Task(
                seconds,
                seed + 500 + n,
                initial=best,
                shake=SHAKES[1],
                cpu=crew.cpu,
                engine="compiled" if crew.covered and n % 2 else "pyvrp",
                hot=CLOSING_HOT,
            )
            for n in range(len(crew.team))
        ]
    )
    return found if found is not None and crew.rank(found) < crew.rank(best) else best


def first_plan(crew: Crew, seed: int) -> Sequences | None:
    """A plan to begin with within seconds: by PyVRP and insertion side by side, else whatever serves anybody."""
    seconds = max(0.6, min(0.15 * crew.left(), 0.004 * len(crew.problem.orders)))
    tasks = [
        Task(seconds, seed + n, factor=FACTORS[n % 2], shake=SHAKES[n % 2], cpu=crew.cpu) for n in range(len(crew.team))
    ]
    large = len(crew.problem.orders) > LARGE
    if crew.startable:
        # insertion serves whatever can be served, however little time there is
        insertion = Task(0.5 if large else seconds, seed, cpu=crew.cpu, engine="compiled")
        tasks = [insertion, *([] if large else tasks[1:])]
    best = crew.whole(tasks, overtime=FIRST_OVERTIME)
    if best is None and crew.startable and not large and crew.seconds >= SHORT_S:
        best = rescued(crew, seed)
    if best is None and crew.startable:
        crew.say("the compiled engine is not ready: routes by the nearest stop in time")
        best = nearest_plan(crew.evaluator)
    if best is None:
        best = crew.whole([Task(seconds, seed + n, required=False, cpu=crew.cpu) for n in range(len(crew.team))])
    return best


def rescued(crew: Crew, seed: int) -> Sequences | None:
    """A plan of the compiled engine where PyVRP has none."""
    if not crew.startable or crew.left() < -PATIENCE_S:
        return None
    return crew.whole([Task(RESCUE_S, seed, cpu=crew.cpu, engine="compiled")])
