"""``python -m solvers.engines.compiled``: make the machine code and keep it, so that the first plan need not wait."""

from __future__ import annotations

import sys
import time

import numpy as np

from solvers.engines.compiled.search import Search
from solvers.engines.generated import generate
from solvers.evaluator import Evaluator
from solvers.problem import Depot, Order, PlanningProblem, Tariff, Travel, Vehicle


def main() -> None:
    """Compile every function by using it once."""
    begun = time.monotonic()
    legs = np.array([[0, 1, 2], [1, 0, 1], [2, 1, 0]], dtype=np.int64)
    orders = (Order("a", 1, penalty_minor=10**6), Order("b", 2, penalty_minor=10**6))
    van = Vehicle("v", "f", "d", 0, 10_000, tariff=Tariff(per_km_minor=1, per_hour_minor=1))
    evaluator = Evaluator(PlanningProblem((Depot("d", 0),), orders, (van,), Travel(legs, legs.copy())))
    search = Search(evaluator, 1)
    search.take_over({"v": ["a"]})
    search.fill()
    search.improve(0.0, iterations=10)
    generate(evaluator, [(0,), (1,)], [], 600.0)
    sys.stderr.write(f"the compiled engine is ready after {time.monotonic() - begun:.1f} s\n")


if __name__ == "__main__":
    main()
