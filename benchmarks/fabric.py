"""``fivefold bench fabric``: one fabric beside silos, rate shopping, a night plan alone and hindsight."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import fabric_arms as arms
from benchmarks.fabric_day import Answers, Driver
from benchmarks.fabric_world import CARRIER, FIRST_DAY, GIG, OWN, PER_DAY, World, account, interval, rough_city
from orchestration.cli.options import fivefold_command

BURN_IN = 2
ARMS = ("event", "daily", "silos", "cheapest", "oracle")


def one_world(seed: int, orders: int, days: int) -> dict[str, Any]:
    """The arms of one world: they meet the same customers, traffic, declines and breakdowns."""
    world, answers = World.of(rough_city(seed, orders)), Answers()
    shares: dict[str, list[float]] = {OWN: [], CARRIER: [], GIG: []}
    stops: dict[str, list[int]] = {}
    money: dict[str, list[Any]] = {name: [] for name in ARMS}
    refused = decided = 0
    for number in range(BURN_IN + days):
        day = FIRST_DAY + timedelta(days=number)
        problem, known = world.problem(day), world.city.orders_for(day)
        beliefs = answers.beliefs(day)
        ((_, made),) = night = arms.fabric(world, problem, beliefs)
        frame = world.frame(day, *night)
        daily = world.city.play_day(day, frame)
        learned = (day, problem, frame, daily.events)
        if number < BURN_IN:
            answers.learn(*learned)
            served = max(1, len(frame))
            for name, seen in shares.items():
                seen.append(float((frame["fleet_id"] == name).sum()) / served)
            for route in made.routes:
                stops.setdefault(route.fleet_id, []).append(len(route.visits))
            continue
        usual = {name: float(np.mean(values)) for name, values in shares.items()}
        per_route = {name: max(1, round(float(np.mean(values)))) for name, values in stops.items()}
        money["daily"].append(account(daily, known))
        driver = Driver(world, day, problem, made, beliefs)
        money["event"].append(account(driver.drive(world.city.live_day(day, frame)), known))
        refused, decided = refused + driver.refused, decided + driver.decisions
        for name, parts in (
            ("silos", arms.silos(world, problem, usual)),
            ("cheapest", arms.cheapest(world, problem, per_route)),
        ):
            money[name].append(account(world.city.play_day(day, world.frame(day, *parts)), known))
        knowing = arms.oracle(world, problem, day)
        money["oracle"].append(account(world.city.play_day(day, world.frame(day, *knowing)), known))
        answers.learn(*learned)
    return {
        "seed": seed,
        "arms": {name: _sum(found) for name, found in money.items()},
        "decisions": decided,
        "refused": refused,
    }


def _sum(accounts: list[Any]) -> dict[str, Any]:
    delivered = sum(one.delivered for one in accounts)
    fleets = sorted({name for one in accounts for name in one.shares})
    return {
        "per_delivery_minor": sum(one.cost_minor for one in accounts) / max(1, delivered),
        "delivered": delivered,
        "unserved": sum(one.unserved for one in accounts),
        "late_min": round(sum(one.late_min for one in accounts), 1),
        "shares": {name: round(float(np.mean([one.shares.get(name, 0.0) for one in accounts])), 4) for name in fleets},
    }


def summary(worlds: list[dict[str, Any]]) -> dict[str, Any]:
    """Paired differences to the event-driven fabric, with 95 % intervals over worlds."""
    cost = {name: np.array([one["arms"][name]["per_delivery_minor"] for one in worlds]) for name in ARMS}

    def named(values: Any) -> dict[str, float]:
        mean, low, high = interval(values)
        return {"mean": round(mean, 3), "low": round(low, 3), "high": round(high, 3)}

    generator = np.random.default_rng(0)
    drawn = generator.integers(0, len(worlds), (10_000, len(worlds)))
    gap, closed = cost["daily"] - cost["oracle"], cost["daily"] - cost["event"]
    share = closed[drawn].sum(axis=1) / gap[drawn].sum(axis=1)
    low, high = np.percentile(share, [2.5, 97.5])
    return {
        "per_delivery_minor": {name: named(values) for name, values in cost.items()},
        "event_minus": {name: named(cost["event"] - cost[name]) for name in ARMS[1:]},
        "event_minus_percent": {name: named(100 * (cost["event"] / cost[name] - 1)) for name in ARMS[1:]},
        "daily_minus_percent": {name: named(100 * (cost["daily"] / cost[name] - 1)) for name in ARMS[2:4]},
        "oracle_gap_closed": {
            "share": round(float(closed.sum() / gap.sum()), 3),
            "low": round(float(low), 3),
            "high": round(float(high), 3),
        },
    }


@click.option("--seeds", default="1-20", show_default=True, help="Worlds: 1-20, or 3,5,9.")
@click.option("--orders", type=click.IntRange(20), default=PER_DAY, show_default=True, help="Orders a day.")
@click.option("--days", type=click.IntRange(1), default=1, show_default=True, help="Scored days a world.")
@fivefold_command(
    "One capacity fabric re-decided as the day moves, beside each fleet alone (silos), the cheapest quote an order, "
    "a night's plan only, and a plan with hindsight; the same worlds for all, differences with 95 % intervals.",
    example="fivefold bench fabric --seeds 1-20 --json",
)
def command(home: Path, seeds: str, orders: int, days: int) -> Any:
    begun = time.process_time()
    worlds = []
    for seed in numbers(seeds):
        worlds.append(one_world(seed, orders, days))
        click.echo(f"world {seed}: {_line(worlds[-1])}", err=True)
    result = {"seeds": seeds, "orders": orders, "days": days, **summary(worlds)}
    result |= {
        "unserved": {name: sum(one["arms"][name]["unserved"] for one in worlds) for name in ARMS},
        "decisions": sum(one["decisions"] for one in worlds),
        "refused_by_the_world": sum(one["refused"] for one in worlds),
        "processor_s": round(time.process_time() - begun, 1),
        "worlds": worlds,
    }

    def show() -> None:
        for name in ARMS:
            click.echo(f"{name:>10}  {_text(result['per_delivery_minor'][name])} minor units a delivery")
        for name in ARMS[1:]:
            click.echo(f"event-driven against {name:>9}: {_text(result['event_minus_percent'][name])} %")
        gap = result["oracle_gap_closed"]
        click.echo(f"share of the oracle gap closed: {gap['share']} ({gap['low']} to {gap['high']})")

    return result, show


def numbers(text: str) -> list[int]:
    """``1-3,7`` as a list.

    Raises:
        InputError: it is none.
    """
    from domain.errors import InputError

    try:
        parts = [one.split("-") for one in text.split(",")]
        return [n for part in parts for n in range(int(part[0]), int(part[-1]) + 1)]
    except ValueError:
        raise InputError(f"--seeds: {text!r} is neither 1-20 nor 3,5,9") from None


def _text(found: dict[str, float]) -> str:
    return f"{found['mean']:9.2f} ({found['low']:.2f} to {found['high']:.2f})"


def _line(world: dict[str, Any]) -> str:
    return ", ".join(f"{name} {one['per_delivery_minor']:.0f}" for name, one in world["arms"].items())
