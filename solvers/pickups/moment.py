"""What a dispatcher of pickups and deliveries knows at one moment. Times are seconds of the day, places are rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import PlanningError

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Roads:
    """Square matrices over places, and what every visit takes before its goods are handled.

    Attributes:
        seconds: driving time.
        metres: driving distance.
        approach_s: from the dock to the first pallet, at each visit.
    """

    seconds: Integers
    metres: Integers
    approach_s: int

    def __post_init__(self) -> None:
        if self.seconds.ndim != 2 or len({*self.seconds.shape, *self.metres.shape}) != 1:
            raise PlanningError(f"roads: {self.seconds.shape} and {self.metres.shape} are not equal squares")


@dataclass(frozen=True)
class Pieces:
    """What is not delivered yet, arrays of one length; a piece travels whole.

    Attributes:
        number: names a piece through the whole day.
        size: in the unit of the vehicles' capacity.
    """

    number: Integers
    pick: Integers
    drop: Integers
    size: Integers
    load_s: Integers
    unload_s: Integers
    due_s: Integers

    def __len__(self) -> int:
        return len(self.number)


@dataclass(frozen=True)
class Vehicles:
    """Where each vehicle is, or where it is bound to be next.

    Attributes:
        place: where it stands; where ``bound``, the stop it is already on its way to.
        ready_s: when it can leave ``place``; where ``bound``, when it arrives there.
        bound: it is on its way: the stop cannot be changed any more, what is done there can.
        aboard: numbers of the pieces on board, the lowest of the stack first.
    """

    place: Integers
    ready_s: Integers
    bound: Booleans
    capacity: Integers
    aboard: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.place)


@dataclass(frozen=True)
class Moment:
    """``step_s``: seconds to the next decision."""

    now_s: int
    step_s: int
    pieces: Pieces
    vehicles: Vehicles

    def __post_init__(self) -> None:
        known = set(self.pieces.number.tolist())
        if len(known) < len(self.pieces):
            raise PlanningError("pieces: a number occurs twice")
        if missing := [one for own in self.vehicles.aboard for one in own if one not in known]:
            raise PlanningError(f"piece {missing[0]} is on board of a vehicle, but is not among the pieces")
        if len(self.pieces) and int(self.pieces.size.max()) > int(self.vehicles.capacity.max()):
            raise PlanningError("pieces: one is larger than every vehicle; split it first")


@dataclass(frozen=True)
class Prices:
    """What a plan costs, in metres.

    Attributes:
        late_s: a second after a piece's due time.
        tight_s: a second in the last ``tight_from_s`` before it: slack is worth something to orders yet unknown.
        busy_s: a second until the vehicle is done.
    """

    late_s: float = 10_000.0
    tight_s: float = 1.0
    tight_from_s: int = 1_800
    busy_s: float = 3.0
