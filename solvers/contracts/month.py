"""What is settled when a month is over: volume, service level, fuel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from solvers.contracts.pricing import MILLI, Line, price_day, total_minor
from solvers.contracts.terms import WHOLE_BP, Contract, ContractError, MonthRule
from solvers.contracts.work import RouteWork
from solvers.tariffs import divide_half_up


@dataclass(frozen=True, slots=True)
class Month:
    """A month so far: what its rules look at. ``fuel_index`` in hundredths; None: not published."""

    stops: int = 0
    promised: int = 0
    on_time: int = 0
    transport_minor: int = 0
    fuel_index: int | None = None

    @staticmethod
    def of(days: Mapping[date, Sequence[RouteWork]], lines: Sequence[Line], fuel_index: int | None = None) -> Month:
        """The month of some days and their lines."""
        visits = [visit for routes in days.values() for route in routes for visit in route.visits]
        promised = [visit for visit in visits if visit.on_time is not None]
        return Month(
            len(visits), len(promised), sum(bool(one.on_time) for one in promised), total_minor(lines), fuel_index
        )


def settle(
    contract: Contract, days: Mapping[date, Sequence[RouteWork]], *, closing: date, fuel_index: int | None = None
) -> list[Line]:
    """The invoice of a month: the lines of its days, then those of the month by the version that holds at its close.

    Args:
        contract: with its dated versions: each day is priced by its own.
        days: service date -> routes; dates outside the month of ``closing`` are refused.
        closing: last day of the month, or the day the account is closed.
        fuel_index: the published index of the month, in hundredths.

    Raises:
        ContractError: a day is of another month, no version holds, or a fuel rule has no index.
    """
    for day in days:
        if (day.year, day.month) != (closing.year, closing.month):
            raise ContractError(f"contract {contract.contract_id!r}: {day} is not of the month of {closing}")
    lines = [line for day in sorted(days) for line in price_day(contract, day, days[day])]
    return lines + month_lines(contract, closing, Month.of(days, lines, fuel_index))


def month_lines(contract: Contract, closing: date, month: Month) -> list[Line]:
    """Lines of the monthly rules. Fuel moves what the days cost; penalties are a share of that with fuel."""
    rules = contract.on(closing).monthly
    lines: list[Line] = []

    def add(rule: MonthRule, quantity_milli: int, price: int, amount: int) -> None:
        if amount:
            lines.append(
                Line(closing, contract.contract_id, rule.rule_id, rule.kind, "", "", quantity_milli, price, amount)
            )

    transport = month.transport_minor
    for rule in (one for one in rules if one.kind == "fuel_index"):
        if month.fuel_index is None:
            raise ContractError(
                f"contract {contract.contract_id!r}: rule {rule.rule_id!r} needs the fuel index of {closing:%Y-%m}"
            )
        change = month.fuel_index - rule.base_index
        amount = _signed(transport * change * rule.amount_bp, rule.base_index * WHOLE_BP)
        add(rule, MILLI, amount, amount)
        month = Month(month.stops, month.promised, month.on_time, transport + amount, month.fuel_index)
    for rule in (one for one in rules if one.kind == "minimum_volume"):
        missing = max(0, rule.volume - month.stops)
        add(rule, missing * MILLI, rule.amount_minor, missing * rule.amount_minor)
    for rule in (one for one in rules if one.kind == "volume_tier"):
        credit = tier_credit_minor(rule, month.stops)
        add(rule, month.stops * MILLI, 0, -credit)
    for rule in (one for one in rules if one.kind == "sla_penalty"):
        points = missed_points(rule, month)
        share = min(rule.cap_bp, points * rule.amount_bp)
        add(rule, points * MILLI, 0, -divide_half_up(month.transport_minor * share, WHOLE_BP))
    return lines


def tier_credit_minor(rule: MonthRule, stops: int) -> int:
    """What ``stops`` of a month earn: each above a tier, or all of them at the highest tier reached."""
    if rule.retroactive:
        reached = [tier for tier in rule.tiers if stops > tier.above]
        return stops * reached[-1].amount_minor if reached else 0
    ends = [tier.above for tier in rule.tiers[1:]]
    return sum(
        tier.amount_minor * max(0, (min(stops, end) if end is not None else stops) - tier.above)
        for tier, end in zip(rule.tiers, [*ends, None], strict=True)
    )


def missed_points(rule: MonthRule, month: Month) -> int:
    """Full percentage points by which the on-time share stays below its target; nothing promised: none."""
    if not month.promised:
        return 0
    # 100 basis points are a point; integers throughout: target - on_time / promised, floored
    gap = rule.target_bp * month.promised - WHOLE_BP * month.on_time
    return max(0, gap // (100 * month.promised))


def _signed(numerator: int, denominator: int) -> int:
    """Half up by size, so that a credit and a charge round alike."""
    half = divide_half_up(abs(numerator), denominator)
    return half if numerator >= 0 else -half
