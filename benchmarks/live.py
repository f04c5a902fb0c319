"""``fivefold bench live``: a real service with 2,000 open stops: decisions one by one, then 200 events a second."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np

from domain.errors import InputError
from operations.state import Day, Event, Offer
from orchestration.cli.options import fivefold_command
from solvers import Depot, Load, Order, Plan, PlanningProblem, Route, Tariff, Travel, Vehicle, Window
from solvers.contracts import read_contract
from solvers.plan import Visit
from solvers.problem import Rule

DATE = date(2026, 3, 2)
STOPS, VANS, SPARE = 2_000, 50, 400
LEAVE_S, CLOSE_S = 28_800, 64_800
TARGETS = {
    "p50_ms": 250.0,
    "p95_ms": 1_000.0,
    "p99_ms": 3_000.0,
    "events_per_s": 200.0,
    "lag_s": 5.0,
    "newest_outcome_age_min_p95": 15.0,
}
TOKEN = "bench"


HOUR = 3_600
RULES = {
    "none": (),
    "hard": (Rule("work", "max_working", parameters={"limit_s": 9 * HOUR}),),
    "soft": (
        Rule("work", "max_working", parameters={"limit_s": 6 * HOUR}, hard=False, price_minor=1),
        Rule("back", "latest_return", parameters={"end_s": 55_000}, hard=False, price_minor=2),
    ),
    "overtime": (),
    "breaks": (Rule("rest", "working_time_break"),),
}
"""What the day's routes are measured by; ``overtime`` is in the tariff of all vans."""


def busy_day(seed: int = 1, rules: str = "none") -> Day:
    """2,000 stops on 50 routes, swept by angle, driven to the nearest next; two gig fleets; places for new orders."""
    generator = np.random.default_rng(seed)
    spots = generator.integers(0, 30_000, size=(STOPS + SPARE + 1, 2))
    spots[0] = 15_000
    metres = np.abs(spots[:, None] - spots[None]).sum(axis=2).astype(np.int64)
    seconds = metres // 10
    window = (Window(LEAVE_S, CLOSE_S),)
    load, room = Load(1_000, 1_000, 1), Load(200_000, 200_000, 200)
    orders = tuple(Order(f"o{n}", n, "d", 120, window, load, penalty_minor=6_000) for n in range(1, STOPS + 1))
    tariff = Tariff(2_000, 20, 0, 60, 1_800)
    if rules == "overtime":
        tariff = replace(tariff, overtime_per_hour_minor=900, overtime_after_s=8 * HOUR)
    vans = tuple(Vehicle(f"v{n}", "own", "d", 28_000, CLOSE_S, room, tariff=tariff) for n in range(VANS))
    problem = PlanningProblem((Depot("d", 0),), orders, vans, Travel(metres, seconds), rules=RULES[rules])
    swept = np.argsort(np.arctan2(*(spots[1 : STOPS + 1] - spots[0]).T)) + 1
    routes = tuple(_route(n, [int(one) for one in own], metres, seconds) for n, own in enumerate(np.split(swept, VANS)))
    plan = Plan(routes, (), 0, 0, 0, "sweep", seed, 0.0)
    offers = tuple(_offer(f"gig-{n}", price, p) for n, price, p in ((1, 900, 0.7), (2, 1_400, 0.9)))
    places = tuple((60_000_000 + int(y) * 9, 24_700_000 + int(x) * 18) for x, y in spots)
    return Day(DATE, problem, plan, offers, places=places)


def _offer(fleet: str, price: int, accept_p: float) -> Offer:
    rules = [{"rule_id": "drop", "how": "base", "unit": "stop", "amount_minor": price}]
    versions = [{"valid_from": "2026-01-01", "rules": rules}]
    contract = {"contract_id": fleet, "fleet_id": fleet, "currency": "EUR", "versions": versions}
    return Offer(fleet, read_contract(contract), accept_p)


def _route(number: int, left: list[int], metres: Any, seconds: Any) -> Route:
    clock, place, visits, driven = LEAVE_S, 0, [], 0
    while left:
        one = min(left, key=lambda other: metres[place, other])
        left.remove(one)
        arrival, leg = clock + int(seconds[place, one]), int(metres[place, one])
        visits.append(Visit(f"o{one}", arrival, arrival, arrival + 120, leg, int(seconds[place, one])))
        clock, place, driven = arrival + 120, one, driven + leg
    end, driven = clock + int(seconds[place, 0]), driven + int(metres[place, 0])
    return Route(f"v{number}", "own", "d", LEAVE_S, end, tuple(visits), driven, 0)


def happenings(day: Day, seed: int = 3) -> list[Event]:
    """What comes while vans drive: four of five do, some late; 300 new orders, 60 cancelled, 3 breakdowns."""
    generator = np.random.default_rng(seed)
    events = []
    for route in day.plan.routes[: VANS * 4 // 5]:
        van = {"vehicle_id": route.vehicle_id}
        late = int(generator.choice([0, 0, 200, 2_500]))
        events.append(_event(f"{route.vehicle_id}-start", "route_started", route.start_s, **van))
        for visit in route.visits:
            at = {**van, "order_id": visit.order_id}
            events.append(_event(f"{visit.order_id}-arrived", "arrived", visit.arrival_s + late, **at))
            events.append(_event(f"{visit.order_id}-done", "delivered", visit.departure_s + late, **at))
    until_s = max(one.at_s for one in events)
    for n in range(300):
        facts: dict[str, int | str] = {"location": STOPS + 1 + n, "depot_id": "d", "service_s": 120, "mass_g": 1_000}
        facts |= {"window_start_s": 36_000, "window_end_s": CLOSE_S, "penalty_minor": 6_000, "parcels": 1}
        at_s = int(generator.integers(28_000, until_s))
        events.append(_event(f"new-{n}", "order_created", at_s, order_id=f"new{n}", facts=facts))
    for n in range(60):
        order_id = f"o{int(generator.integers(1, STOPS + 1))}"
        events.append(_event(f"gone-{n}", "cancelled", int(generator.integers(28_000, until_s)), order_id=order_id))
    events += [_event(f"fault-{n}", "vehicle_fault", 32_000 + 500 * n, vehicle_id=f"v{n}") for n in (3, 17, 29)]
    return sorted(events, key=lambda one: (one.seen_s, one.event_id))


def _event(name: str, kind: str, at_s: int, **fields: Any) -> Event:
    return Event(name, kind, at_s, at_s, **fields)


@dataclass
class Service:
    """A ``fivefold live`` of its own in a temporary workspace."""

    home: Path
    process: Any = None
    address: str = ""
    peak_mb: float = 0.0
    memory_mb: list[float] = field(default_factory=list)

    def open(self, day: Day) -> None:
        from orchestration.live.begin import day_folder
        from orchestration.live.dayfile import write_day

        write_day(day_folder(self.home, "bench", DATE), day)
        code = "from orchestration.cli import main; main()"
        arguments = ["--home", str(self.home), "live", "bench", str(DATE), "--port", "0", "--clock", "events"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            cwd=Path(__file__).parent.parent,
            env={**os.environ, "FIVEFOLD_LIVE_TOKEN": TOKEN},
        )
        line = self.process.stderr.readline()
        if "http://" not in line:
            raise InputError(f"the service did not start: {line}{self.process.stderr.read()}")
        self.address = line.split("http://")[1].split()[0]

    def send(self, events: list[Event]) -> list[dict[str, str]]:
        body = json.dumps({"events": [asdict(one) for one in events]}).encode()
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{self.address}/v1/events", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            results: list[dict[str, str]] = json.load(answer)["results"]
        return results

    def lag_s(self) -> float:
        with urllib.request.urlopen(f"http://{self.address}/health", timeout=60) as answer:
            return float(json.load(answer)["lag_s"])

    def outcomes(self) -> dict[str, Any]:
        """How old the newest outcome was that decisions knew, as the page shows it."""
        request = urllib.request.Request(f"http://{self.address}/v1/day", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            shown: dict[str, Any] = json.load(answer)["outcomes"]
        return shown

    def processor_s(self) -> float:
        from benchmarks.measure import processor_s

        return processor_s(self.process.pid)

    def sample(self) -> None:
        from benchmarks.measure import tree_mb

        self.memory_mb.append(tree_mb(self.process.pid))
        self.peak_mb = max(self.peak_mb, self.memory_mb[-1])

    def close(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)


def one_by_one(service: Service, events: list[Event]) -> list[float]:
    """Milliseconds from request to answer, with the event and its decisions on disk, one event a request."""
    spent = []
    for event in events:
        begun = time.perf_counter()
        service.send([event])
        spent.append(1_000 * (time.perf_counter() - begun))
    return spent


def sustained(service: Service, seconds: float, rate: int) -> tuple[float, float, int]:
    """Positions of vans and passing time at ``rate`` a second, from a clock that does not wait for answers.

    Returns:
        Events a second that were answered, the longest lag (of the service, and of answers behind the clock), refused.
    """
    begun, sent, refused, worst = time.monotonic(), 0, 0, 0.0
    batch = max(1, rate // 20)
    done = threading.Event()

    def watch() -> None:
        nonlocal worst
        while not done.wait(1.0):
            service.sample()
            worst = max(worst, service.lag_s())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    while (due := time.monotonic() - begun) < seconds:
        if sent >= due * rate:
            time.sleep(min(0.05, (sent + 1) / rate - due))
            continue
        worst = max(worst, due - sent / rate)
        results = service.send([_passing(sent + n) for n in range(batch)])
        refused += sum(one["result"] != "taken" for one in results)
        sent += batch
    spent = time.monotonic() - begun
    done.set()
    watcher.join()
    return sent / spent, worst, refused


def _passing(number: int) -> Event:
    at_s = 50_000 + number // 200
    facts: dict[str, int | str] = {"lat_e6": 60_100_000 + number % 50, "lon_e6": 24_900_000}
    van = f"v{40 + number % 10}"
    if number % 40 == 0:
        return _event(f"pass-{number}", "tick", at_s)
    return _event(f"pass-{number}", "position", at_s, vehicle_id=van, facts=facts)


@click.option("--seconds", type=click.FloatRange(1), default=60.0, show_default=True, help="Of sustained load.")
@click.option("--rate", type=click.IntRange(1), default=200, show_default=True, help="Events a second.")
@click.option("--events", "count", type=click.IntRange(100), default=None, help="Events one by one.  [default: all]")
@click.option(
    "--rules", type=click.Choice([*RULES]), default="none", show_default=True, help="What routes are measured by."
)
@fivefold_command(
    "A real live service with 2,000 open stops: latency of single decisions, then a sustained stream of events.",
    example="fivefold bench live --json\nfivefold bench live --seconds 600 --rate 200",
)
def command(home: Path, seconds: float, rate: int, count: int | None, rules: str) -> Any:
    day = busy_day(rules=rules)
    events = happenings(day)[:count]
    with tempfile.TemporaryDirectory(prefix="fivefold-") as folder:
        service = Service(Path(folder))
        try:
            service.open(day)
            spent = np.array(one_by_one(service, events))
            known = service.outcomes()
            service.sample()
            before, used_s, first = service.memory_mb[-1], service.processor_s(), len(service.memory_mb)
            answered, lag, refused = sustained(service, seconds, rate)
            used_s = service.processor_s() - used_s
            after, middle = service.memory_mb[-1], service.memory_mb[(first + len(service.memory_mb)) // 2]
        finally:
            service.close()
    p50, p95, p99 = (round(float(np.percentile(spent, one)), 1) for one in (50, 95, 99))
    result = {
        "rules": rules,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "longest_ms": round(float(spent.max()), 1),
        "events_one_by_one": len(events),
        "events_per_s": round(answered, 1),
        "newest_outcome_age_min_p95": known["newest_outcome_age_min_p95"],
        "decisions_after_the_first_outcome": known["decisions"],
        "decisions_before_it": known["before_the_first_outcome"],
        "rate": rate,
        "seconds": seconds,
        "lag_s": round(lag, 2),
        "refused": refused,
        "peak_mb": round(service.peak_mb),
        "grown_mb": round(after - before, 1),
        "grown_in_second_half_mb": round(after - middle, 1),
        "processor_ms_per_event": round(1_000 * used_s / max(1.0, answered * seconds), 3),
        "targets": TARGETS,
    }

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>18}  {value}")

    return result, show
