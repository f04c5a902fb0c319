"""The dynamic problem of the EURO Meets NeurIPS 2022 competition, from its public rules: days, and their referee.

A static instance is a bag from which a day is drawn: each epoch a hundred requests, each with the place of one
customer, the window of another, the demand of a third and the service time of a fourth. Nothing here is used by the
solvers, and nothing of the solvers is used here: what a dispatcher answers is checked against the rules alone.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.errors import FivefoldError, InputError

EPOCH_S = 3_600
MARGIN_S = 3_600
"""What is decided in an epoch leaves this much after the epoch began."""
DRAWN_PER_EPOCH = 100

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


class DispatchRefusedError(FivefoldError):
    """Routes that break a rule of the problem."""


@dataclass(frozen=True)
class Instance:
    """A static instance; row 0 of every array is the depot. Times in seconds after midnight."""

    name: str
    travel_s: Integers
    capacity: int
    demand: Integers
    service_s: Integers
    early_s: Integers
    late_s: Integers

    @property
    def customers(self) -> int:
        return len(self.demand) - 1

    @property
    def first_epoch(self) -> int:
        return max(0, (int(self.early_s[1:].min()) - MARGIN_S) // EPOCH_S)

    @property
    def last_epoch(self) -> int:
        return max(0, (int(self.early_s[1:].max()) - MARGIN_S) // EPOCH_S)


@dataclass(frozen=True)
class Drawn:
    """Requests as arrays; windows on the clock of the day."""

    place: Integers
    early_s: Integers
    late_s: Integers
    service_s: Integers
    demand: Integers

    def __len__(self) -> int:
        return len(self.place)

    def take(self, chosen: Integers | Booleans) -> Drawn:
        return Drawn(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def join(self, other: Drawn) -> Drawn:
        return Drawn(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in self.__dataclass_fields__))


def draw(instance: Instance, generator: np.random.Generator, epoch: int) -> Drawn:
    """The requests that appear in ``epoch``: a hundred are drawn, those that can still be served are kept."""
    place, window, demand, service = (
        generator.integers(instance.customers, size=DRAWN_PER_EPOCH) + 1 for _ in range(4)
    )
    drawn = Drawn(
        place, instance.early_s[window], instance.late_s[window], instance.service_s[service], instance.demand[demand]
    )
    return drawn.take(servable(instance, drawn, departure_s(epoch)))


def departure_s(epoch: int) -> int:
    """When the vehicles of an epoch leave."""
    return epoch * EPOCH_S + MARGIN_S


def servable(instance: Instance, requests: Drawn, leaving_s: int) -> Booleans:
    """Which requests a vehicle could serve alone and be back in time, leaving the depot at ``leaving_s``."""
    begin = np.maximum(leaving_s + instance.travel_s[0, requests.place], requests.early_s)
    back = begin + requests.service_s + instance.travel_s[requests.place, 0]
    return (begin <= requests.late_s) & (back <= instance.late_s[0])


@dataclass(frozen=True)
class Seen:
    """What a dispatcher sees in an epoch. ``numbers`` are the requests' names; windows begin at the departure, at 0."""

    epoch: int
    left: int
    numbers: Integers
    requests: Drawn
    must_go: Booleans
    close_s: int


class Day:
    """One drawn day, epoch by epoch: ``see``, then ``dispatch``; ``cost_s`` adds up the driving.

    The same instance and seed give the same day as the competition's own environment.
    """

    def __init__(self, instance: Instance, seed: int) -> None:
        self.instance = instance
        self.generator = np.random.default_rng(seed)
        self.epoch = instance.first_epoch
        self.cost_s = 0
        self.release_epoch: list[int] = []
        self.all = draw(instance, self.generator, self.epoch)
        self.release_epoch += [self.epoch] * len(self.all)
        self.gone = np.zeros(len(self.all), dtype=bool)

    @property
    def over(self) -> bool:
        return self.epoch > self.instance.last_epoch

    def must_go(self) -> Booleans:
        """Of all requests so far: which may not wait for the next epoch."""
        if self.epoch == self.instance.last_epoch:
            return np.ones(len(self.all), dtype=bool)
        return ~servable(self.instance, self.all, departure_s(self.epoch) + EPOCH_S)

    def see(self) -> Seen:
        open_ = np.flatnonzero(~self.gone)
        leaving = departure_s(self.epoch)
        requests = self.all.take(open_)
        shifted = Drawn(
            requests.place,
            np.maximum(requests.early_s - leaving, 0),
            np.maximum(requests.late_s - leaving, 0),
            requests.service_s,
            requests.demand,
        )
        return Seen(
            self.epoch,
            self.instance.last_epoch - self.epoch,
            open_,
            shifted,
            self.must_go()[open_],
            int(self.instance.late_s[0]) - leaving,
        )

    def dispatch(self, routes: Sequence[Sequence[int]]) -> int:
        """Send ``routes`` (of request numbers) away; the seconds they drive.

        Raises:
            DispatchRefusedError: names the rule that a route breaks. The day is as it was.
        """
        visited = [int(number) for one in routes for number in one]
        if any(not one for one in map(len, routes)):
            raise DispatchRefusedError("a route visits nothing")
        if len(set(visited)) < len(visited):
            raise DispatchRefusedError("a request is visited twice")
        for number in visited:
            if not 0 <= number < len(self.all):
                raise DispatchRefusedError(f"there is no request {number}")
            if self.gone[number]:
                raise DispatchRefusedError(f"request {number} was dispatched before")
        waiting = self.must_go() & ~self.gone
        waiting[visited] = False
        if waiting.any():
            raise DispatchRefusedError(f"request {int(np.flatnonzero(waiting)[0])} must go now")
        driven = sum(self._drive([int(number) for number in one]) for one in routes)
        self.gone[visited] = True
        self.cost_s += driven
        self.epoch += 1
        if not self.over:
            new = draw(self.instance, self.generator, self.epoch)
            self.all = self.all.join(new)
            self.release_epoch += [self.epoch] * len(new)
            self.gone = np.concatenate([self.gone, np.zeros(len(new), dtype=bool)])
        return driven

    def _drive(self, visits: list[int]) -> int:
        """Drive one route by the clock; the seconds of driving."""
        travel, load = self.instance.travel_s, 0
        clock, place, driven = departure_s(self.epoch), 0, 0
        for number in visits:
            leg = int(travel[place, self.all.place[number]])
            clock, driven, place = clock + leg, driven + leg, int(self.all.place[number])
            clock = max(clock, int(self.all.early_s[number]))
            if clock > self.all.late_s[number]:
                raise DispatchRefusedError(
                    f"request {number} is reached at {clock} s, {clock - int(self.all.late_s[number])} s too late"
                )
            clock += int(self.all.service_s[number])
            load += int(self.all.demand[number])
        leg = int(travel[place, 0])
        if clock + leg > self.instance.late_s[0]:
            raise DispatchRefusedError(f"the route of request {visits[0]} is back after the depot closes")
        if load > self.instance.capacity:
            raise DispatchRefusedError(f"the route of request {visits[0]} carries {load} of {self.instance.capacity}")
        return driven + leg


SECTIONS = {
    "EDGE_WEIGHT_SECTION": "travel",
    "DEMAND_SECTION": "demand",
    "SERVICE_TIME_SECTION": "service",
    "TIME_WINDOW_SECTION": "window",
}


def read_instance(path: Path) -> Instance:
    """Read a VRPLIB file of the ORTEC set (``.txt``, or gzipped).

    Raises:
        InputError: names the file and the section that cannot be read.
    """
    try:
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    header: dict[str, str] = {}
    tables: dict[str, list[list[int]]] = {}
    table: list[list[int]] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if words[0] in SECTIONS:
            table = tables.setdefault(SECTIONS[words[0]], [])
        elif words[0].endswith("_SECTION") or words[0] == "EOF":
            table = None
        elif ":" in line:
            key, value = line.split(":", 1)
            header[key.strip()] = value.strip()
        elif table is not None:
            try:
                table.append([int(word) for word in words])
            except ValueError:
                raise InputError(f"{path}: line {number}: {line[:40]!r} is not a row of integers") from None
    return _checked(path, header, tables)


def _checked(path: Path, header: dict[str, str], tables: dict[str, list[list[int]]]) -> Instance:
    try:
        size, capacity = int(header["DIMENSION"]), int(header["CAPACITY"])
    except (KeyError, ValueError):
        raise InputError(f"{path}: DIMENSION and CAPACITY must be given as integers") from None

    def columns(name: str, width: int) -> Any:
        rows = tables.get(SECTIONS[name], [])
        if len(rows) != size or any(len(row) != width for row in rows):
            raise InputError(f"{path}: {name}: expected {size} rows of {width} integers, found {len(rows)} rows")
        return np.array(rows, dtype=np.int64)

    window = columns("TIME_WINDOW_SECTION", 3)
    return Instance(
        name=path.name.removesuffix(".gz").removesuffix(".txt"),
        travel_s=columns("EDGE_WEIGHT_SECTION", size),
        capacity=capacity,
        demand=columns("DEMAND_SECTION", 2)[:, 1],
        service_s=columns("SERVICE_TIME_SECTION", 2)[:, 1],
        early_s=window[:, 1],
        late_s=window[:, 2],
    )
