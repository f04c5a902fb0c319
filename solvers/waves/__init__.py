"""Dispatch now or later: what leaves with this wave, and what waits for a better bundle.

Orders arrive through the day and vehicles leave in waves. What leaves now is routed with what is known; what waits may
share a route with orders nobody has seen yet, at the risk that it cannot. ``policies`` decides (everything, only what
must go, or by sampled futures), ``search`` routes one set of requests, ``pool`` does so on every core.
"""

from solvers.waves.policies import Conditional, everything, only_must_go
from solvers.waves.pool import OneByOne, Pool
from solvers.waves.wave import Requests, Sampler, Wave

__all__ = ["Conditional", "OneByOne", "Pool", "Requests", "Sampler", "Wave", "everything", "only_must_go"]
