"""The whole study from results: KPIs, effects, failure arms, planted worlds, sensitivity, as one plain object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from simulation.experiment.analysis import Panel, analyse, difference, panel_from
from simulation.experiment.arms import ALL, COUNT, DRIVERS, Arm, every_arm
from simulation.experiment.planted import WORLDS, recover
from simulation.experiment.registration import Registration
from simulation.experiment.runner import Job, Result
from simulation.experiment.settings import Settings

MONEY = ("transport_minor", "failure_minor", "late_minor", "contact_minor", "message_minor", "intervention_minor")
BUDGET_S_A_DAY = 0.727
"""60 minutes of two cores over 33 arms, 10 worlds and 30 days: processor seconds a day of an arm."""
FEW_WORLDS = 5
SENSITIVITY_ARMS = (Arm(0), *(Arm(1 << bit) for bit in range(COUNT)), Arm(ALL), Arm(ALL, shared=False))


def jobs_of(settings: Settings) -> list[Job]:
    """Every arm in every world."""
    return [Job(arm, seed, settings) for seed in range(settings.seeds) for arm in every_arm()]


def sensitivity_settings(registration: Registration, settings: Settings) -> list[tuple[str, Settings]]:
    """Registered variants, one change at a time, on fewer worlds and days."""
    plan = registration.content["sensitivity"]
    base = replace(settings, seeds=min(settings.seeds, plan["seeds"]), days=min(settings.days, plan["days"]))
    found = [("as registered", base)]
    for one in plan["variants"]:
        effects = tuple(sorted((name, float(value)) for name, value in one.get("effects", {}).items()))
        found.append((one["name"], replace(base, effects=effects, **one.get("settings", {}))))
    return found


def sensitivity_jobs(settings: Settings) -> list[Job]:
    """The arms that S and v(all) need."""
    return [Job(arm, seed, settings) for seed in range(settings.seeds) for arm in SENSITIVITY_ARMS]


def panel_of(results: Sequence[Result], kpi: dict[str, Any], name: str, arms: Sequence[Arm]) -> Panel:
    """A KPI of ``arms`` from their results, in the order of the arms and worlds."""
    by_key = {(one["arm"], one["seed"]): one["sums"] for one in results}
    seeds = sorted({one["seed"] for one in results})

    def part(column: str) -> list[list[list[float]]]:
        return [[by_key[arm.name, seed][column] for seed in seeds] for arm in arms]

    return panel_from(name, kpi.get("better", "lower"), part(kpi["numerator"]), part(kpi["denominator"]))


def whole_worlds(results: Iterable[Result], arms: Sequence[Arm]) -> list[Result]:
    """Results of the worlds in which every arm was run."""
    found = list(results)
    names = {one.name for one in arms}
    ran: dict[int, set[str]] = {}
    for one in found:
        ran.setdefault(one["seed"], set()).add(one["arm"])
    return [one for one in found if names <= ran[one["seed"]] and one["arm"] in names]


def study(registration: Registration, settings: Settings, results: Sequence[Result], draws: int) -> dict[str, Any]:
    """Everything that is reported, the primary KPI first."""
    arms = every_arm()
    kpis = []
    for kpi in registration.panels:
        found = analyse(panel_of(results, kpi, kpi["kpi"], arms), draws)
        for row, arm in zip(found["arms"], arms, strict=True):
            row["name"] = arm.name
        kpis.append({**found, "expected": kpi.get("expected") or {"S": kpi.get("expected_S")}})
    primary = kpis[0]
    planted = [recover(world) for world in WORLDS]
    cpu = [one["cpu_s"] for one in results if "cpu_s" in one]
    worlds = len({one["seed"] for one in results})
    headline = {name: primary["absolute"].get(name) for name in ("all_minus_none", "S")}
    return {
        "arms": len(arms),
        "worlds": worlds,
        "days": settings.days,
        "orders": settings.orders,
        "planted_recovered": sum(one["recovered"] for one in planted),
        "planted": planted,
        **headline,
        "S_log": primary["log"]["S"],
        "all_minus_none_log": primary["log"]["all_minus_none"],
        "integrated_minus_unintegrated": primary["absolute"].get("integrated_minus_unintegrated"),
        "verdicts": verdicts(primary),
        "kpis": kpis,
        "money": _money(results, arms),
        "failure_arms": [_failure_arm(one, results, draws) for one in registration.content["failure_arms"]],
        "quality": _quality(results),
        "cpu_s": {
            "total": round(sum(cpu), 1),
            "a_day_of_an_arm": round(sum(cpu) / max(1, len(cpu) * settings.days), 4),
            "budget_a_day_of_an_arm": BUDGET_S_A_DAY,
        },
        "registration": registration.sha256,
        "caution": caution(registration, settings, worlds),
        "settings": settings.as_dict(),
    }


def caution(registration: Registration, settings: Settings, worlds: int) -> str:
    """What keeps this from being the registered result; empty where it is."""
    design = registration.content["design"]
    found = []
    same = all(getattr(settings, name) == design[name] for name in ("days", "orders", "burn_in"))
    if not same or worlds < design["seeds"]:
        found.append(
            f"A trial, not the registered run of {design['seeds']} worlds, {design['days']} days and "
            f"{design['orders']} orders a day."
        )
    if worlds < FEW_WORLDS:
        found.append("Fewer than five worlds: the intervals say little of how worlds differ.")
    return " ".join(found)


def verdicts(kpi: dict[str, Any]) -> dict[str, str]:
    """What the intervals say of the registered claims."""

    def says(row: dict[str, float]) -> str:
        return "above 0" if row["low"] > 0 else "below 0" if row["high"] < 0 else "not told apart from 0"

    found = {name: says(kpi["absolute"][name]) for name in ("all_minus_none", "S")}
    found["S on the log scale"] = says(kpi["log"]["S"])
    found |= {f"{row['name']} alone": says(row) for row in kpi["absolute"]["alone"]}
    if "integrated_minus_unintegrated" in kpi["absolute"]:
        found["integrated_minus_unintegrated"] = says(kpi["absolute"]["integrated_minus_unintegrated"])
    return found


def _money(results: Sequence[Result], arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Cost an order of each arm by kind."""
    rows = []
    for arm in arms:
        own = [one["sums"] for one in results if one["arm"] == arm.name]
        orders = sum(sum(one["orders"]) for one in own)
        rows.append(
            {"arm": arm.name, **{name: sum(sum(one[name]) for one in own) / max(1.0, orders) for name in MONEY}}
        )
    return rows


def _failure_arm(plan: dict[str, Any], results: Sequence[Result], draws: int) -> dict[str, Any]:
    """A measure without and with the driver that should guard it, and the difference with its interval."""
    pair = [Arm(sum(1 << DRIVERS.index(name) for name in names)) for names in plan["arms"]]
    panel = panel_of(results, plan, plan["measure"], pair)
    missing, present = _mask(plan["arms"][1]) ^ _mask(plan["arms"][0]), Arm(ALL)
    all_pair = [Arm(ALL ^ missing), present]
    whole = panel_of(results, plan, plan["measure"], all_pair)

    def rate(one: Panel, row: int) -> float:
        return float(one.numerator[row].sum() / max(1e-12, one.denominator[row].sum()))

    return {
        "name": plan["name"],
        "measure": plan["measure"],
        "expected": plan["expected"],
        "without": rate(panel, 0),
        "with": rate(panel, 1),
        "difference": difference(panel, 0, 1, draws),
        "without_in_all": rate(whole, 0),
        "with_in_all": rate(whole, 1),
        "difference_in_all": difference(whole, 0, 1, draws),
    }


def _mask(names: Sequence[str]) -> int:
    return sum(1 << DRIVERS.index(name) for name in names)


def _quality(results: Sequence[Result]) -> list[dict[str, Any]]:
    """What else is worth knowing of a few arms: intervals told, false alarms, messages, treatments."""
    rows = []
    for arm in (Arm(0), *(Arm(1 << bit) for bit in range(COUNT)), Arm(ALL), Arm(ALL, shared=False)):
        sums: dict[str, float] = {}
        for one in results:
            if one["arm"] == arm.name:
                for name, values in one["sums"].items():
                    sums[name] = sums.get(name, 0.0) + float(np.sum(values))

        def share(top: str, bottom: str, of: dict[str, float] = sums) -> float | None:
            return of[top] / of[bottom] if of.get(bottom) else None

        rows.append(
            {
                "arm": arm.name,
                "failed": share("failed", "orders"),
                "late": share("late", "bound"),
                "coverage_80": share("covered", "told"),
                "width_min": None if not sums.get("told") else sums["told_width_s"] / sums["told"] / 60,
                "informed_late": share("informed_late", "late"),
                "false_alarms": share("false_alarms", "told_late"),
                "messages_per_order": share("messages", "orders"),
                "treated": share("treated", "orders"),
                "contacts_per_order": share("contacts", "orders"),
                "cheaper_elsewhere": share("cheaper_elsewhere", "orders"),
            }
        )
    return rows


def sensitivity_row(name: str, results: Sequence[Result], registration: Registration, draws: int) -> dict[str, Any]:
    """v(all), S and the value of sharing of one variant, with intervals."""
    from simulation.experiment.resampling import day_weights, estimates, ratios

    panel = panel_of(results, registration.content["primary"], name, SENSITIVITY_ARMS)
    shape = panel.numerator.shape
    weights = day_weights(shape[1], shape[2], draws)
    kpi, drawn = ratios(panel.numerator, panel.denominator), ratios(panel.numerator, panel.denominator, weights)

    def numbers(x: Any) -> Any:
        alone = (x[..., :1] - x[..., 1 : 1 + COUNT]).sum(axis=-1)
        whole = x[..., 0] - x[..., COUNT + 1]
        return np.stack([x[..., 0], whole, whole - alone, x[..., COUNT + 2] - x[..., COUNT + 1]], axis=-1)

    found = estimates(numbers, kpi, drawn, panel.seeds)
    names = ("cost_none", "all_minus_none", "S", "integrated_minus_unintegrated")
    return {"variant": name, **{key: one.as_dict() for key, one in zip(names, found, strict=True)}}
