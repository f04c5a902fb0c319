"""One wave: the open requests as they stand when vehicles can leave, and how futures are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import PlanningError

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Requests:
    """Arrays of one length. Times are seconds after this wave's departure; ``place`` is a row of the travel matrix."""

    place: Integers
    early_s: Integers
    late_s: Integers
    service_s: Integers
    demand: Integers
    release_s: Integers

    def __len__(self) -> int:
        return len(self.place)

    def take(self, chosen: Integers | Booleans) -> Requests:
        """Some of them, by index or mask."""
        return Requests(
            *(getattr(self, name)[chosen] for name in self.__dataclass_fields__),
        )

    def join(self, other: Requests) -> Requests:
        """These, then the others."""
        return Requests(
            *(np.concatenate([getattr(self, name), getattr(other, name)]) for name in self.__dataclass_fields__),
        )


@dataclass(frozen=True)
class Wave:
    """What a dispatcher sees at one wave.

    Attributes:
        must_go: a request that a later wave could no longer serve.
        capacity: of every vehicle; there are as many vehicles as are needed.
        close_s: when the depot closes, in seconds after this departure.
        step_s: seconds to the next departure.
        left: waves after this one.
    """

    requests: Requests
    must_go: Booleans
    capacity: int
    close_s: int
    step_s: int
    left: int

    def __post_init__(self) -> None:
        lengths = {len(getattr(self.requests, name)) for name in Requests.__dataclass_fields__} | {len(self.must_go)}
        if len(lengths) > 1:
            raise PlanningError(f"requests of a wave: the arrays differ in length: {sorted(lengths)}")
        if len(self.requests) and int(self.requests.demand.max()) > self.capacity:
            raise PlanningError(f"requests of a wave: a demand exceeds the capacity of {self.capacity}")


Sampler = Callable[[np.random.Generator, int], Requests]
"""``(generator, k)`` -> requests that might appear ``k`` waves later, their release at ``k x step_s``."""
