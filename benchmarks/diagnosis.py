"""``fivefold bench diagnosis``: ten planted faults, two a driver, one in a small segment, and quiet weeks.

The drill sees what a company has (orders, events, messages sent, predictions); the faults are planted in the world or
in the company's own systems, and attributed by ``operations.diagnosis`` to a driver.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from benchmarks.all import lines
from benchmarks.drift import scenario
from operations.diagnosis import area_of
from orchestration.cli.options import fivefold_command

LEARN, BEFORE, NEW = 14, 21, 7
MESSAGED = 0.95
"""Share of orders that are told of their interval on a good day."""
SHOCKS: dict[str, dict[str, Any]] = {
    "roadworks everywhere": {"kind": "roadworks", "speed_factor": 0.8},
    "roadworks in one small quarter": {"kind": "roadworks", "speed_factor": 0.5, "zones": ["city/q6"]},
    "a carrier declines": {"kind": "carrier_decline", "fleet": "carrier", "decline_share": 0.4},
    "habits change": {"kind": "habit_change", "share": 0.6, "log_odds": 1.4},
    "addresses are corrupted": {"kind": "address_corruption", "share": 0.06},
}
PLANTED = {
    "roadworks everywhere": "routing",
    "declared times at the door are wrong": "routing",
    "a carrier declines": "dispatch",
    "routes go out half empty": "dispatch",
    "habits change": "exceptions",
    "addresses are corrupted": "exceptions",
    "messages are not sent": "communication",
    "one shipper's customers are not told": "communication",
    "outcomes come three days late": "learning",
    "a model learned flipped labels": "learning",
}
SMALL = "roadworks in one small quarter"


class Drill:
    """A world whose quiet first weeks are played once; each fault begins with the week after them."""

    def __init__(self, seed: int, orders: int = 500) -> None:
        from models.loop import LoopModel

        self.seed, self.orders = seed, orders
        self.rng, self.model = np.random.default_rng(seed), LoopModel(travel_every_days=7)
        self.calm: list[pd.DataFrame] = []
        self._world = self._world_with(None)
        for number in range(LEARN + BEFORE):
            part = self._day(self._world, self.model, number, None, self.rng)
            if number >= LEARN:
                self.calm.append(part)

    def _world_with(self, fault: str | None) -> Any:
        from orchestration.loop.twin import FIRST, TwinDays

        first_new = FIRST + timedelta(days=LEARN + BEFORE)
        return TwinDays(scenario(self.seed, SHOCKS.get(fault or ""), first_new, self.orders))

    def _day(self, world: Any, model: Any, number: int, wrong: str | None, rng: np.random.Generator) -> pd.DataFrame:
        day = world.first + timedelta(days=number)
        told = _told(world, day, wrong, rng)
        asked, played = world.day(day, told, 2 if wrong == "routes go out half empty" else 1)
        part = _facts(model, asked, played, told, wrong, rng) if number >= LEARN else pd.DataFrame()
        model.days.append(asked)
        if number >= 6 and (number < 8 or number % 3 == 0):
            model.refit()
        return part

    def findings(self, fault: str) -> list[dict[str, Any]]:
        """Findings of the week in which ``fault`` began, the dearest first."""
        world, model = self._world_with(fault), self.model.frozen()
        rng = np.random.default_rng(self.seed + 1)
        new = [self._day(world, model, LEARN + BEFORE + number, fault, rng) for number in range(NEW)]
        return _found(self.calm + new)

    def quiet(self, weeks: int) -> list[list[dict[str, Any]]]:
        """Findings of each of the next weeks, in which nothing happens, beside the three before it."""
        parts, out = list(self.calm), []
        for number in range(weeks * NEW):
            parts.append(self._day(self._world, self.model, LEARN + BEFORE + number, None, self.rng))
            if (number + 1) % NEW == 0:
                out.append(_found(parts[-BEFORE - NEW :]))
        return out


def _found(parts: list[pd.DataFrame]) -> list[dict[str, Any]]:
    from operations.diagnosis import answers, findings

    rows = pd.concat(parts, ignore_index=True)
    first_new = max(rows["service_date"]) - timedelta(days=NEW - 1)
    return [one.row() for one in findings(answers(rows, first_new))]


def _told(world: Any, day: date, wrong: str | None, rng: np.random.Generator) -> set[str]:
    orders = world.city.orders_for(day).drop_duplicates("order_id", keep="last")
    share = np.full(len(orders), MESSAGED)
    if wrong == "messages are not sent":
        share[:] = 0.4
    if wrong == "one shipper's customers are not told":
        share[(orders["tenant_id"] == "t3").to_numpy()] = 0.1
    return set(orders["order_id"][rng.random(len(orders)) < share])


def _facts(
    model: Any, asked: Any, played: Any, told: set[str], wrong: str | None, rng: np.random.Generator
) -> pd.DataFrame:
    said, visits, legs = model.forecast(asked), asked.visits, asked.legs
    p = np.clip(1 - (1 - said.p_absent) * (1 - said.p_other) * (1 - said.p_own_fault), 1e-4, 1 - 1e-4)
    if wrong == "a model learned flipped labels":
        p = np.clip(0.8 * p[rng.permutation(len(p))] + 0.2 * (1 - p), 1e-4, 1 - 1e-4)
    y = visits["failed"].to_numpy(float)
    declared = visits["declared_s"].to_numpy(float) * (0.6 if wrong == "declared times at the door are wrong" else 1.0)
    good = legs["actual_s"] < legs["base_s"] * 5
    ratio = pd.Series(np.log(legs["actual_s"] / said.leg_s)[good].to_numpy(), index=legs["order_id"][good])
    contacts = played.events[played.events["event_type"] == "contact_received"].groupby("order_id").size()
    used = visits.groupby("route_id")["order_id"].transform("count")
    service = visits["actual_s"].to_numpy(float)
    failed_early = service < 5
    with np.errstate(divide="ignore", invalid="ignore"):
        doors = np.where(failed_early | ~np.isfinite(service), np.nan, np.log(service / declared))
    return pd.DataFrame(
        {
            "service_date": asked.day,
            "route_id": visits["route_id"],
            "depot": visits["depot"],
            "fleet": visits["fleet"],
            "zone": visits["zone_id"],
            "area": visits["zone_id"].map(area_of),
            "tenant": visits["tenant_id"],
            "travel_log_ratio": visits["order_id"].map(ratio[~ratio.index.duplicated()]),
            "service_log_ratio": doors,
            "not_driven": visits["own_fault"].astype(float),
            "empty_share": 1 - used / 60,
            "failed_excess": y - p,
            "bad_address": visits["other_cause"].astype(float),
            "not_told": 1.0 - visits["order_id"].isin(told),
            "contacts": visits["order_id"].map(contacts).fillna(0.0),
            "outcome_age_days": 3.5 if wrong == "outcomes come three days late" else 0.5 + rng.uniform(0, 0.1),
            "model_loss": -(y * np.log(p) + (1 - y) * np.log(1 - p)),
        }
    )


@fivefold_command(
    "Plant ten faults, two a driver, in worlds of the twin and in the company's systems, one more in a small segment, "
    "and let quiet weeks pass: which driver does the diagnosis name?",
    example="fivefold bench diagnosis --json\nfivefold bench diagnosis --quiet-weeks 3 --orders 400",
)
def command(quiet_weeks: int, orders: int, seed: int, home: Path) -> Any:
    drill, named = Drill(seed, orders), {}
    for fault, driver in PLANTED.items():
        found = drill.findings(fault)
        first = found[0] if found else None
        named[fault] = {
            "planted": driver,
            "named": None if first is None else first["driver"],
            "question": None if first is None else first["question"],
            "findings": len(found),
        }
        click.echo(f"{fault}: {named[fault]['named']} ({named[fault]['question']})", err=True)
    small = drill.findings(SMALL)[:3]
    quiet = drill.quiet(quiet_weeks)
    result = {
        "faults": len(named),
        "attributed": sum(one["planted"] == one["named"] for one in named.values()),
        "target_attributed": 9,
        "planted": named,
        "small_segment_in_top_three": any(one["driver"] == "routing" for one in small),
        "small_segment_findings": [f"{one['question']} ({one['segment_kind']} {one['segment']})" for one in small],
        "quiet_weeks": quiet_weeks,
        "false_findings": sum(len(one) for one in quiet),
        "false_findings_were": [f"{one['question']} ({one['segment']})" for week in quiet for one in week],
        "target_false_findings": 1,
    }

    def show() -> None:
        for line in lines(result):
            click.echo(line)

    return result, show


command = click.option("--quiet-weeks", default=10, show_default=True, type=click.IntRange(0, 100))(command)
command = click.option("--orders", default=500, show_default=True, type=click.IntRange(100, 5_000), help="A day.")(
    command
)
command = click.option("--seed", default=1, show_default=True, help="Of the first world.")(command)
