"""``fivefold bench drift``: five planted shifts and calm days in the twin: alarms, false alarms, recovery.

Every world plays a burn-in that teaches the loop, then calm days, then a shift that stays. Two arms meet the same days:
one learns every day and retrains on what came after an alarm; the control learned until the shift and no more.
"""

from __future__ import annotations

import copy
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.all import lines
from orchestration.cli.options import fivefold_command

BURN_IN, CALM, AFTER = 28, 30, 28
ORDERS = 500
SHIFTS: dict[str, dict[str, Any]] = {
    "customers": {"kind": "habit_change", "share": 0.5, "log_odds": 1.3},
    "traffic": {"kind": "roadworks", "speed_factor": 0.75},
    "carrier": {"kind": "carrier_decline", "fleet": "carrier", "decline_share": 0.35, "pace_factor": 1.2},
    "causes": {"kind": "address_corruption", "share": 0.06},
    "demand": {"kind": "surge", "factor": 1.4},
}
SETTLED = 14
"""Days after which the loop is watched: before, its losses fall because it learns."""
TRAILING = 5
"""Days over which a KPI is taken."""
BACK_WITHIN = 0.10


def scenario(seed: int, shock: dict[str, Any] | None, first_day: date, orders: int = ORDERS) -> Any:
    """A city with enough carrier routes a day that a carrier's reliability can be seen."""
    from simulation import load_scenario, scenario_from

    base = load_scenario().scaled(orders).model_dump(mode="json")
    fleets = [one | ({"drivers": 6} if one["fleet_id"] == "captive" else {"drivers": 14}) for one in base["fleets"]]
    base |= {"seed": seed, "stops_per_route": 40, "fleets": fleets}
    if shock is not None:
        base["shocks"] = [shock | {"first_day": first_day.isoformat()}]
    return scenario_from(base)


def kpis(asked: Any, said: Any, played: Any) -> dict[str, tuple[float, float]]:
    """What was believed and what came of each stream; true expectations where the twin knows them (scoring only)."""
    truth = played.truth.frames["orders"].set_index("order_id")
    visits = asked.visits
    known = visits["order_id"].isin(truth.index).to_numpy()
    absent = truth["truth_p_absent"].reindex(visits["order_id"]).to_numpy(float)
    legs = asked.legs
    good = ((legs["actual_s"] < legs["base_s"] * 5) & (legs["actual_s"] > 0)).to_numpy()
    carrier = (visits["fleet"] == "carrier").to_numpy()
    ends = (~visits["own_fault"] & ~visits["exception_class"].isin(["weather_or_road"])).to_numpy()
    return {
        "customers": (float(said.p_absent[known & ends].sum()), float(np.nansum(absent[known & ends]))),
        "traffic": (float(said.leg_s[good].sum()), float(legs["actual_s"].to_numpy(float)[good].sum())),
        "carrier": (float((1 - said.p_own_fault)[carrier].sum()), float((~visits["own_fault"])[carrier].sum())),
        "causes": (float(said.p_other.sum()), float(visits["other_cause"].sum())),
        "demand": (float(said.orders.sum()), float(asked.demand["orders"].sum())),
    }


class Drill:
    """A world whose burn-in and calm days are played once; each shift begins the day after them and stays."""

    def __init__(self, seed: int, orders: int = ORDERS) -> None:
        from models.drift import Monitor
        from models.loop import LoopModel
        from orchestration.loop.twin import FIRST

        self.seed, self.orders = seed, orders
        self.model, self.monitor = LoopModel(), Monitor()
        self.calm_alarms: list[Any] = []
        self.log: list[dict[str, Any]] = []
        self.shock_day = FIRST + timedelta(days=BURN_IN + CALM)
        world = self._world(None)
        for number in range(BURN_IN + CALM):
            row, alarms = _day(world, self.model, self.monitor, None, number)
            if number >= BURN_IN:
                self.calm_alarms += alarms
                self.log.append(row)

    def _world(self, shift: str | None) -> Any:
        from orchestration.loop.twin import TwinDays

        return TwinDays(scenario(self.seed, SHIFTS[shift] if shift else None, self.shock_day, self.orders))

    def shift(self, name: str, after: int = AFTER) -> dict[str, Any]:
        """The shift's alarms, its KPI in both arms, and when the learning arm was back."""
        world, model, control = self._world(name), self.model.frozen(), self.model.frozen()
        monitor, log, alarms = copy.deepcopy(self.monitor), list(self.log), []
        for number in range(BURN_IN + CALM, BURN_IN + CALM + after):
            row, found = _day(world, model, monitor, control, number)
            log.append(row)
            alarms += found
        return {"seed": self.seed, "shift": name, **_recovery(name, log, alarms, self.shock_day)}


def _day(world: Any, model: Any, monitor: Any, control: Any, number: int) -> tuple[dict[str, Any], list[Any]]:
    """Play a day, watch and learn it; the day's KPIs of both arms, and its alarms."""
    from models.loop import watch

    asked, played = world.day(world.first + timedelta(days=number))
    if number < SETTLED:
        model.learn(asked)
        return {}, []
    said = model.forecast(asked)
    alarms, sizes = watch(monitor, asked, said)
    row = {"day": number - BURN_IN - CALM, "learning": kpis(asked, said, played)} if number >= BURN_IN else {}
    if control is not None:
        row["frozen"] = kpis(asked, control.forecast(asked), played)
    model.days.append(asked)
    model.react(alarms, sizes)
    if not alarms:
        model.refit()
    return row, alarms


def _ratio(rows: list[dict[str, Any]], arm: str, shift: str) -> float | None:
    sums = np.array([row[arm][shift] for row in rows if arm in row]).reshape(-1, 2).sum(axis=0)
    return float(sums[0] / sums[1]) if len(sums) and sums[1] > 0 else None


def _recovery(shift: str, log: list[dict[str, Any]], alarms: list[Any], shock_day: date) -> dict[str, Any]:
    before = _ratio([row for row in log if -14 <= row["day"] < 0], "learning", shift) or 1.0
    own = [one for one in alarms if one.stream == shift]
    back = None
    last = max(row["day"] for row in log)
    curve = {}
    for day in range(TRAILING - 1, last + 1):
        window = [row for row in log if day - TRAILING < row["day"] <= day]
        ours = _ratio(window, "learning", shift)
        curve[day] = ours
        if back is None and ours and abs(ours / before - 1) <= BACK_WITHIN:
            back = day + 1
    tail = [row for row in log if row["day"] > last - 7]
    return {
        "detected": bool(own),
        "detected_after_days": (own[0].day - shock_day).days + 1 if own else None,
        "alarms_after": [one.row() for one in alarms],
        "kpi_before": before,
        "kpi_first_days": curve[TRAILING - 1],
        "back_within_10_percent_after_days": back,
        "kpi_last_week": _ratio(tail, "learning", shift),
        "kpi_last_week_frozen": _ratio(tail, "frozen", shift),
    }


def poisoned(share: float = 0.2, seed: int = 3) -> dict[str, Any]:
    """The promotion gate before a batch of labels, clean and with a share flipped: a better challenger, same rows."""
    from models.drift import flipped
    from models.metrics import roc_auc
    from models.promotion import judge

    rng = np.random.default_rng(seed)
    size = 20_000
    x = rng.normal(0, 1, size)
    p = 1 / (1 + np.exp(-(-3.2 + 1.3 * x)))
    y = (rng.random(size) < p).astype(float)
    weak = 1 / (1 + np.exp(-(-3.2 + 0.9 * x + rng.normal(0, 0.5, size))))
    before = {"rate": float(y.mean()), "roc_auc": float(roc_auc(y, weak) or 0.5)}
    days = np.array([f"d{number % 40}" for number in range(size)], dtype=object)
    clean = judge(y, weak, p, days, before=before)
    bad = judge(flipped(y, share, seed), weak, p, days, before=before)
    return {"clean_promoted": clean.promote, "poisoned_promoted": bad.promote, "why": list(bad.reasons)}


@fivefold_command(
    "Plant five shifts (customer habits, traffic, carrier, causes of exceptions, demand) in worlds of the twin: "
    "whether each is detected, when its KPI is back; count false alarms in calm days; try to poison the labels.",
    example="fivefold bench drift --json\nfivefold bench drift --seeds 1 --orders 300",
)
def command(seeds: int, orders: int, home: Path) -> Any:
    drills = [Drill(seed, orders) for seed in range(1, seeds + 1)]
    calm = [len(one.calm_alarms) for one in drills]
    shifts: dict[str, list[dict[str, Any]]] = {}
    for name in SHIFTS:
        shifts[name] = [one.shift(name) for one in drills]
        click.echo(f"{name}: detected after {[one['detected_after_days'] for one in shifts[name]]} days", err=True)
    result: dict[str, Any] = {
        "orders_per_day": orders,
        "calm_days": CALM,
        "false_alarms_in_calm_days": max(calm),
        "target_false_alarms_in_calm_days": 1,
        "false_alarms_by_seed": calm,
        "false_alarms_were": [alarm.row() for one in drills for alarm in one.calm_alarms],
        "shifts_detected": sum(all(one["detected"] for one in runs) for runs in shifts.values()),
        "shifts": {
            name: {
                "planted": SHIFTS[name],
                "detected": [one["detected_after_days"] for one in runs],
                "back_within_10_percent_after_days": [one["back_within_10_percent_after_days"] for one in runs],
                **{
                    key: [None if one[key] is None else round(one[key], 3) for one in runs]
                    for key in ("kpi_before", "kpi_first_days", "kpi_last_week", "kpi_last_week_frozen")
                },
            }
            for name, runs in shifts.items()
        },
        "poisoned_batch": poisoned(),
    }

    def show() -> None:
        for line in lines(result):
            click.echo(line)

    return result, show


command = click.option("--seeds", default=1, show_default=True, type=click.IntRange(1, 50), help="Worlds a shift.")(
    command
)
command = click.option("--orders", default=ORDERS, show_default=True, type=click.IntRange(50, 5_000), help="A day.")(
    command
)
