"""KPI rows as tables and lines a person reads: rates from summed numerators and denominators, with their units."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

Show = Callable[[float], str]
Table = tuple[list[str], list[tuple[str, ...]]]


def _percent(value: float) -> str:
    return f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def _money(value: float) -> str:
    return f"{value / 100:,.2f}"


def _minutes(value: float) -> str:
    return f"{value / 60:,.1f}\N{NO-BREAK SPACE}min"


def _number(value: float) -> str:
    return f"{value:,.2f}"


HEADLINES: dict[str, tuple[str, Show]] = {
    "first_attempt_delivery_rate": ("first attempt", _percent),
    "on_time_rate_original": ("on time", _percent),
    "cost_per_delivery": ("cost", _money),
    "stops_per_route_hour": ("stops / h", _number),
    "wismo_rate": ("WISMO", _percent),
    "eta_mae_s": ("ETA error", _minutes),
    "eta_coverage": ("in interval", _percent),
    "execution_rate": ("as planned", _percent),
}
"""KPI -> its name on screens and how its ratio is written; the order of the columns."""
SHARES = frozenset(
    {
        "first_attempt_delivery_rate",
        "on_time_rate_original",
        "on_time_rate_active",
        "execution_rate",
        "eta_coverage",
        "eta_within_10_min",
        "eta_within_15_min",
        "cancelled_share",
        "informed_late_share",
        "false_alarm_rate",
    }
)
TOLERANCE = 1e-6


def ratios(kpis: pd.DataFrame, by: str) -> pd.DataFrame:
    """Ratio of every KPI (columns) by the values of ``by`` (rows): sums of numerators over sums of denominators."""
    sums = kpis.groupby([by, "kpi"])[["numerator", "denominator"]].sum()
    return (sums["numerator"] / sums["denominator"].where(sums["denominator"] > 0)).unstack("kpi")


def _table(frame: pd.DataFrame, first: str) -> Table:
    shown = [name for name in HEADLINES if name in frame.columns and frame[name].notna().any()]
    header = [first, *(HEADLINES[name][0] for name in shown)]
    rows = [
        (str(key), *("" if pd.isna(row[name]) else HEADLINES[name][1](float(row[name])) for name in shown))
        for key, row in frame.iterrows()
    ]
    return header, rows


def headline(kpis: pd.DataFrame, limit: int = 31) -> Table:
    """Header and rows: one service date a row, the newest first."""
    whole = ratios(kpis[kpis["segment_kind"] == "all"], "service_date")
    return _table(whole.sort_index(ascending=False).head(limit), "service date")


def by_segment(kpis: pd.DataFrame, kind: str) -> Table:
    """Header and rows: one fleet, depot, … a row."""
    return _table(ratios(kpis[kpis["segment_kind"] == kind], "segment"), kind)


def broken(kpis: pd.DataFrame) -> list[str]:
    """What in the rows of some dates cannot be: an identity of the definitions that does not hold, in words.

    The split of cost per delivery adds up to it; a share is between 0 and 1; fleets do not deliver more than all.
    """
    keys = ["service_date", "segment_kind", "segment"]
    rows = kpis.set_index([*keys, "kpi"])[["numerator", "denominator"]]
    found = []
    shares = rows[rows.index.get_level_values("kpi").isin(SHARES)]
    outside = shares[(shares["numerator"] < 0) | (shares["numerator"] > shares["denominator"] + TOLERANCE)]
    found += [f"{kpi} of {kind} {name} on {day} is not a share" for day, kind, name, kpi in outside.index]
    wide = rows["numerator"].unstack("kpi")
    if "cost_per_delivery" in wide.columns:
        split = [name for name in wide.columns if name.startswith("cost_per_delivery_")]
        gap = (wide[split].sum(axis=1) - wide["cost_per_delivery"].fillna(0)).abs() > TOLERANCE
        found += [f"cost of {kind} {name} on {day} is not the sum of its kinds" for day, kind, name in gap[gap].index]
    counted = kpis.groupby(["service_date", "kpi", "segment_kind"])["denominator"].sum().unstack("segment_kind")
    if {"all", "fleet"} <= set(counted.columns):
        more = counted["fleet"] > counted["all"] + TOLERANCE
        found += [f"{kpi} on {day}: the fleets have more than all" for day, kpi in more[more].index]
    return found
