"""Huawei's dynamic pickup-and-delivery days (DPDP, ICAPS 2021), from their public rules: reader, day, referee.

An order becomes known at its creation and is due, at its delivery factory's gate, at its committed time. Every ten
minutes a dispatcher may change the plan. Vehicles carry stacks (last in, first out); a factory serves as many vehicles
at once as it has ports, first come, first served; a visit takes half an hour to approach the dock and four minutes a
pallet. The next stop of a vehicle cannot be changed any more, what is done there can until it arrives. Only an order
larger than a vehicle may be split. The score is kilometres a vehicle plus 10,000 an hour of lateness. Nothing here is
used by the solvers.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domain.errors import FivefoldError, InputError

STEP_S = 600
APPROACH_S = 1_800
LATE_HOUR_SCORE = 10_000
DAY_S = 86_400
ITEM_QUARTERS = {"q_standard": 4, "q_small": 2, "q_box": 1}
"""Size of the parts of an order, in quarters of a pallet; a quarter takes a minute to load and one to unload."""
QUARTER_S = 60

Integers = npt.NDArray[np.int64]


class RefusedError(FivefoldError):
    """A plan that breaks a rule of the problem."""


@dataclass(frozen=True)
class Order:
    """``items``: sizes of its parts in quarters of a pallet."""

    order_id: str
    items: tuple[int, ...]
    created_s: int
    due_s: int
    pick: int
    drop: int

    @property
    def size(self) -> int:
        return sum(self.items)


@dataclass(frozen=True)
class Piece:
    """What travels whole: an order, or a part of one that no vehicle could carry at once."""

    order: int
    size: int


@dataclass(frozen=True)
class PickupDay:
    """One day as the files tell it. Places are rows of the factory file; distances in metres."""

    name: str
    orders: tuple[Order, ...]
    capacity: tuple[int, ...]
    start: tuple[int, ...]
    ports: tuple[int, ...]
    seconds: Integers
    metres: Integers


@dataclass
class Visit:
    """One stop of a vehicle; ``off`` and ``on`` are numbers of pieces in the order they are handled."""

    place: int
    off: list[int]
    on: list[int]
    arrive_s: int = 0
    begin_s: int = 0
    leave_s: int = 0


def pieces_of(orders: Sequence[Order], capacity: int) -> list[Piece]:
    """Every order as one piece, those larger than ``capacity`` as few pieces as filling them item by item gives.

    They are made about equal: an order is there with its last piece, and a full load is longest at the dock.
    """
    pieces = []
    for number, order in enumerate(orders):
        loads = [order.size] if order.size <= capacity else _loads(order, capacity)
        pieces += [Piece(number, load) for load in loads]
    return pieces


def _loads(order: Order, capacity: int) -> list[int]:
    filled: list[int] = []
    items = sorted(order.items, reverse=True)
    for item in items:
        fits = next((n for n, load in enumerate(filled) if load + item <= capacity), None)
        if fits is None:
            filled.append(item)
        else:
            filled[fits] += item
    equal = [0] * len(filled)
    for item in items:
        equal[min(range(len(equal)), key=equal.__getitem__)] += item
    return equal if max(equal) <= capacity else filled


@dataclass
class _Van:
    place: int
    ready_s: int = 0
    plan: list[Visit] = field(default_factory=list)
    bound: bool = False
    aboard: list[int] = field(default_factory=list)


class Play:
    """One day played: ``moments`` yields decision times, ``order_to`` gives a vehicle its plan, the log is ``visits``.

    A day is over when everything is delivered.
    """

    def __init__(self, day: PickupDay) -> None:
        self.day = day
        self.pieces = pieces_of(day.orders, min(day.capacity))
        self.vans = [_Van(place) for place in day.start]
        self.visits: list[list[Visit]] = [[] for _ in day.start]
        self.delivered: dict[int, int] = {}
        self.picked: set[int] = set()
        self.now_s = 0
        self._docks: list[list[int]] = [[0] * count for count in day.ports]

    def moments(self) -> Iterator[int]:
        """Times at which the dispatcher is asked; in between the day goes on."""
        while len(self.delivered) < len(self.pieces):
            self.now_s += STEP_S
            if self.now_s > 30 * DAY_S:
                lost = next(n for n in range(len(self.pieces)) if n not in self.delivered)
                raise RefusedError(f"order {self.order_of(lost).order_id} is not delivered after a month")
            self._go_on(self.now_s)
            if len(self.delivered) < len(self.pieces):
                yield self.now_s

    def order_of(self, piece: int) -> Order:
        return self.day.orders[self.pieces[piece].order]

    def open_pieces(self) -> list[int]:
        """Pieces that are known and not delivered yet."""
        return [
            n for n in range(len(self.pieces)) if n not in self.delivered and self.order_of(n).created_s <= self.now_s
        ]

    def instruct(self, plans: Sequence[Sequence[tuple[int, list[int], list[int]]]]) -> None:
        """Replace all plans: visits of each vehicle from now on.

        Raises:
            RefusedError: names the vehicle, the piece or stop, and the rule. The day is as it was.
        """
        if len(plans) != len(self.vans):
            raise RefusedError(f"{len(plans)} plans for {len(self.vans)} vehicles")
        wanted = [[Visit(place, list(off), list(on)) for place, off, on in one] for one in plans]
        planned: set[int] = set()
        for number, (van, visits) in enumerate(zip(self.vans, wanted, strict=True)):
            self._check(number, van, visits, planned)
        for van, visits in zip(self.vans, wanted, strict=True):
            if van.bound:
                if not visits or visits[0].place != van.plan[0].place:
                    visits.insert(0, Visit(van.plan[0].place, [], []))
                visits[0].arrive_s = van.plan[0].arrive_s
            van.plan = visits
            if visits and not van.bound:
                self._set_out(van, self.now_s)

    def _check(self, number: int, van: _Van, visits: list[Visit], planned: set[int]) -> None:
        stack, capacity = list(van.aboard), self.day.capacity[number]
        load = sum(self.pieces[n].size for n in stack)
        for visit in visits:
            for n in visit.off:
                if self.order_of(n).drop != visit.place:
                    raise RefusedError(f"vehicle {number}: piece {n} is not for place {visit.place}")
                if not stack or stack.pop() != n:
                    raise RefusedError(f"vehicle {number}: piece {n} is not on top of the stack")
                load -= self.pieces[n].size
            for n in visit.on:
                if not 0 <= n < len(self.pieces) or self.order_of(n).created_s > self.now_s:
                    raise RefusedError(f"vehicle {number}: piece {n} is not known at {self.now_s} s")
                if n in self.picked or n in planned:
                    raise RefusedError(f"vehicle {number}: piece {n} is picked up twice")
                if self.order_of(n).pick != visit.place:
                    raise RefusedError(f"vehicle {number}: piece {n} does not lie at place {visit.place}")
                planned.add(n)
                stack.append(n)
                load += self.pieces[n].size
                if load > capacity:
                    raise RefusedError(f"vehicle {number}: {load} quarters of a pallet in {capacity}")
        if visits and stack:
            raise RefusedError(f"vehicle {number}: piece {stack[-1]} stays on board")

    def _set_out(self, van: _Van, now_s: int) -> None:
        """The first visit of the plan becomes the one the vehicle is bound for."""
        leave = max(van.ready_s, now_s)
        van.plan[0].arrive_s = leave + int(self.day.seconds[van.place, van.plan[0].place])
        van.bound = True

    def _go_on(self, until_s: int) -> None:
        """Arrivals up to ``until_s`` in the order of time (vehicles by number at the same second)."""
        while True:
            due = [(van.plan[0].arrive_s, n) for n, van in enumerate(self.vans) if van.bound]
            if not due or min(due)[0] > until_s:
                return
            self._arrive(min(due)[1])

    def _arrive(self, number: int) -> None:
        van = self.vans[number]
        visit = van.plan.pop(0)
        docks = self._docks[visit.place]
        dock = min(range(len(docks)), key=docks.__getitem__)
        handled = sum(self.pieces[n].size for n in (*visit.off, *visit.on)) * QUARTER_S
        visit.begin_s = max(visit.arrive_s, docks[dock])
        visit.leave_s = docks[dock] = visit.begin_s + APPROACH_S + handled
        for n in visit.off:
            van.aboard.pop()
            self.delivered[n] = visit.arrive_s
        van.aboard += visit.on
        self.picked.update(visit.on)
        self.visits[number].append(visit)
        van.place, van.ready_s, van.bound = visit.place, visit.leave_s, False
        if van.plan:
            self._set_out(van, visit.leave_s)

    def late_s(self) -> int:
        """Seconds after the committed time, summed over orders (an order is complete with its last piece)."""
        done: dict[int, int] = {}
        for n, at_s in self.delivered.items():
            order = self.pieces[n].order
            done[order] = max(done.get(order, 0), at_s)
        return sum(max(0, at_s - self.day.orders[order].due_s) for order, at_s in done.items())

    def driven_m(self) -> int:
        """Metres driven by all vehicles."""
        total = 0
        for start, visits in zip(self.day.start, self.visits, strict=True):
            places = [start, *(one.place for one in visits)]
            total += sum(int(self.day.metres[a, b]) for a, b in pairwise(places))
        return total


def score(late_s: int, driven_m: int, vehicles: int) -> float:
    """The competition's figure; lower is better."""
    return driven_m / 1_000 / vehicles + LATE_HOUR_SCORE * late_s / 3_600


def read_day(folder: Path) -> PickupDay:
    """One ``instance_*`` folder; factories and roads lie beside it.

    Raises:
        InputError: names file, row and column.
    """
    factories = _rows(folder.parent / "factory_info.csv", ("factory_id", "port_num"))
    index = {row["factory_id"]: n for n, row in enumerate(factories)}
    ports = tuple(_number(folder.parent / "factory_info.csv", n, row, "port_num", 1) for n, row in enumerate(factories))
    seconds, metres = _roads(folder.parent / "route_info.csv", index)
    files = sorted(folder.glob("*.csv"))
    vehicle_files = [one for one in files if one.name.startswith("vehicle")]
    order_files = [one for one in files if one not in vehicle_files]
    if len(vehicle_files) != 1 or len(order_files) != 1:
        raise InputError(f"{folder}: needs one order file and one vehicle_info file, found {len(files)} files")
    vehicles = _rows(vehicle_files[0], ("car_num", "capacity"))
    capacity = tuple(4 * _number(vehicle_files[0], n, row, "capacity", 1) for n, row in enumerate(vehicles))
    # the public simulator draws where vehicles begin with this generator and seed
    generator = random.Random(0)
    start = tuple(generator.randint(0, len(factories) - 1) for _ in vehicles)
    return PickupDay(order_files[0].stem, _orders(order_files[0], index), capacity, start, ports, seconds, metres)


def _orders(path: Path, index: dict[str, int]) -> tuple[Order, ...]:
    names = ("order_id", *ITEM_QUARTERS, "creation_time", "committed_completion_time", "pickup_id", "delivery_id")
    orders = []
    for n, row in enumerate(_rows(path, names)):
        counts = {name: _number(path, n, row, name, 0) for name in ITEM_QUARTERS}
        items = tuple(size for name, size in ITEM_QUARTERS.items() for _ in range(counts[name]))
        if not items:
            raise InputError(f"{path}: row {n + 2}: q_standard, q_small, q_box: the order has no goods")
        created, due = (_clock(path, n, row, name) for name in ("creation_time", "committed_completion_time"))
        for name in ("pickup_id", "delivery_id"):
            if row[name] not in index:
                raise InputError(f"{path}: row {n + 2}: {name}: factory {row[name]!r} is not in factory_info.csv")
        due += DAY_S if due < created else 0
        orders.append(Order(row["order_id"], items, created, due, index[row["pickup_id"]], index[row["delivery_id"]]))
    if len({one.order_id for one in orders}) < len(orders):
        raise InputError(f"{path}: order_id: an order occurs twice")
    return tuple(orders)


def _roads(path: Path, index: dict[str, int]) -> tuple[Integers, Integers]:
    seconds = np.full((len(index), len(index)), -1, dtype=np.int64)
    np.fill_diagonal(seconds, 0)
    metres = np.zeros_like(seconds)
    for n, row in enumerate(_rows(path, ("start_factory_id", "end_factory_id", "distance", "time"))):
        a, b = index.get(row["start_factory_id"]), index.get(row["end_factory_id"])
        if a is None or b is None:
            raise InputError(f"{path}: row {n + 2}: a factory of the road is not in factory_info.csv")
        seconds[a, b] = _number(path, n, row, "time", 0)
        try:
            metres[a, b] = round(1_000 * float(row["distance"]))
        except ValueError:
            raise InputError(f"{path}: row {n + 2}: distance: {row['distance']!r} is not a number") from None
    if (seconds < 0).any():
        raise InputError(f"{path}: {int((seconds < 0).sum())} pairs of factories have no road")
    return seconds, metres


def _rows(path: Path, names: Sequence[str]) -> list[dict[str, str]]:
    if not path.is_file():
        raise InputError(f"{path}: the file does not exist")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise InputError(f"{path}: the file has no rows")
    if missing := [name for name in names if name not in rows[0]]:
        raise InputError(f"{path}: column {missing[0]!r} is missing")
    for n, row in enumerate(rows):
        if any(row[name] is None for name in names):
            raise InputError(f"{path}: row {n + 2}: the row is too short")
    return rows


def _number(path: Path, n: int, row: dict[str, str], name: str, least: int) -> int:
    try:
        value = int(row[name])
    except ValueError:
        raise InputError(f"{path}: row {n + 2}: {name}: {row[name]!r} is not a whole number") from None
    if value < least:
        raise InputError(f"{path}: row {n + 2}: {name}: {value} is less than {least}")
    return value


def _clock(path: Path, n: int, row: dict[str, str], name: str) -> int:
    try:
        hours, minutes, seconds = (int(part) for part in row[name].split(":"))
    except ValueError:
        raise InputError(f"{path}: row {n + 2}: {name}: {row[name]!r} is not HH:MM:SS") from None
    if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 60):
        raise InputError(f"{path}: row {n + 2}: {name}: {row[name]!r} is not a time of day")
    return 3_600 * hours + 60 * minutes + seconds
