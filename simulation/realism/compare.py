"""Marginals and relations of two sets of rows, side by side, with distances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from simulation.realism.subjects import Subject

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LEG_EDGES = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, np.inf)


@dataclass(frozen=True)
class Marginal:
    """One column: quantiles 5, 25, 50, 75, 95 % of both, and how far apart they are.

    ``wasserstein`` is the first Wasserstein distance over the real standard deviation (of logarithms where the column
    is compared on a log scale); ``ks`` the largest distance of the distribution functions (Kolmogorov-Smirnov).
    """

    column: str
    title: str
    real: tuple[float, ...]
    twin: tuple[float, ...]
    wasserstein: float
    ks: float


@dataclass(frozen=True)
class Relation:
    """A figure that is not a marginal, of both."""

    title: str
    real: float | None
    twin: float | None


def marginals(subject: Subject, real: pd.DataFrame, twin: pd.DataFrame) -> list[Marginal]:
    """All columns of ``subject``."""
    return [_marginal(subject, column, real[column], twin[column]) for column in subject.columns]


def _marginal(subject: Subject, column: str, real: pd.Series, twin: pd.Series) -> Marginal:
    from scipy.stats import ks_2samp, wasserstein_distance

    ours, theirs = twin.dropna().to_numpy(dtype=float), real.dropna().to_numpy(dtype=float)
    left, right = ours, theirs
    if column in subject.logarithmic:
        least = max(1e-3, float(np.quantile(theirs[theirs > 0], 0.01)))
        left, right = np.log(np.maximum(ours, least)), np.log(np.maximum(theirs, least))
    spread = float(right.std()) or 1.0
    return Marginal(
        column,
        subject.columns[column],
        tuple(round(float(one), 3) for one in np.quantile(theirs, QUANTILES)),
        tuple(round(float(one), 3) for one in np.quantile(ours, QUANTILES)),
        round(float(wasserstein_distance(left, right)) / spread, 3),
        round(float(ks_2samp(left, right).statistic), 3),
    )


def relations(name: str, real: pd.DataFrame, twin: pd.DataFrame) -> list[Relation]:
    """Figures of a subject that need more than one column."""
    both = [_FIGURES[name](one) for one in (real, twin)]
    return [Relation(title, both[0].get(title), both[1].get(title)) for title in dict.fromkeys([*both[0], *both[1]])]


def _rounded(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: None if pd.isna(one) else round(float(one), 4) for name, one in figures.items()}


def stops_figures(stops: pd.DataFrame) -> dict[str, float | None]:
    """Service by parcels, its log-normal parameters, and how much of its spread lies between routes."""
    log = np.log(stops["service_s"].clip(lower=1))
    by_route = log.groupby(stops["route"])
    medians = stops.groupby("parcels")["service_s"].median()
    return _rounded(
        {
            "service, mean of ln s": log.mean(),
            "service, deviation of ln s": log.std(),
            "service, deviation between routes' means": by_route.mean().std(),
            "service, deviation within routes": by_route.std().mean(),
            **{f"service of {n} parcels, median s": medians.get(n, np.nan) for n in (1, 2, 3, 4)},
            "service and parcels, correlation of logs": np.corrcoef(log, np.log(stops["parcels"]))[0, 1],
            "volume and parcels, correlation of logs": np.corrcoef(
                np.log(stops["volume_l"].clip(lower=0.1)), np.log(stops["parcels"])
            )[0, 1],
            "share of stops with a window": stops["windowed"].mean(),
        }
    )


def legs_figures(legs: pd.DataFrame) -> dict[str, float | None]:
    """Speed by leg length, share of lengths, and whether a long leg follows a long one."""
    band = pd.cut(legs["km"], LEG_EDGES, right=False)
    sums = legs.groupby(band, observed=False)[["km", "minutes"]].sum()
    speed = sums["km"] / sums["minutes"] * 60
    inner = legs[~legs["depot_leg"] & (legs["previous_km"] >= 0)]
    figures = {}
    for low, high, one in zip(LEG_EDGES[:-1], LEG_EDGES[1:], speed.tolist(), strict=True):
        # under half a kilometre whole minutes say nothing about speed
        label = f"{low:g} to {high:g} km" if np.isfinite(high) else f"{low:g} km and more"
        if low >= 0.5:
            figures[f"speed of legs of {label}, km/h"] = one
    logs = np.log(inner[["km", "previous_km"]].clip(lower=0.02).to_numpy(dtype=float))
    return _rounded(
        {
            **figures,
            "share of legs under 0.2 km": (legs["km"] < 0.2).mean(),
            "legs to and from the depot, median km": legs.loc[legs["depot_leg"], "km"].median(),
            "length of a leg and the one before, correlation of logs": np.corrcoef(logs.T)[0, 1],
        }
    )


def attempts_figures(attempts: pd.DataFrame) -> dict[str, float | None]:
    """Failure rates: persistence, concentration, slots, weekdays."""
    by_customer = attempts.groupby("customer")["failed"].agg(["sum", "size"])
    failures = by_customer["sum"].sort_values(ascending=False)
    last, other_day = attempts["failed_last"], attempts["days_since"] > 0
    same_day = attempts["days_since"] == 0
    slot = attempts["slot"]
    rate = attempts["failed"]
    weekdays = rate.groupby(attempts["weekday"]).mean()
    return _rounded(
        {
            "failed first attempts": rate.mean(),
            "failed after a failure": rate[last.eq(True)].mean(),
            "failed after a success": rate[last.eq(False)].mean(),
            "failed after a failure on the same day": rate[last.eq(True) & same_day].mean(),
            "failed after a failure on another day": rate[last.eq(True) & other_day].mean(),
            "customers who never fail": (by_customer["sum"] == 0).mean(),
            "failures of the top tenth of customers": failures.head(len(failures) // 10).sum() / failures.sum(),
            "failed in the first slot": rate[slot == 0].mean(),
            "failed in middle slots": rate[slot.between(2, 4)].mean(),
            "failed in the last two slots": rate[slot >= 5].mean(),
            "lowest weekday": weekdays.min(),
            "highest weekday": weekdays.max(),
        }
    )


def trips_figures(trips: pd.DataFrame) -> dict[str, float | None]:
    """Median speed by hour over the mean of hours."""
    by_hour = trips.groupby("hour")["relative_speed"].median()
    by_hour = by_hour / by_hour.mean()
    return _rounded({f"speed at {hour} h over the mean": by_hour.get(hour, np.nan) for hour in range(8, 20)})


def windows_figures(windows: pd.DataFrame) -> dict[str, float | None]:
    """Punctuality and the mix of windows."""
    return _rounded(
        {
            "late": windows["late"].mean(),
            "early": windows["early"].mean(),
            "windows of two hours": (windows["window_min"] == 120).mean(),
            "windows before noon": (windows["start_hour"] < 12).mean(),
            "stops an hour, median": windows["per_hour"].median(),
        }
    )


_FIGURES: dict[str, Callable[[pd.DataFrame], dict[str, float | None]]] = {
    "stops": stops_figures,
    "legs": legs_figures,
    "attempts": attempts_figures,
    "trips": trips_figures,
    "windows": windows_figures,
}


def as_dicts(rows: list[Marginal] | list[Relation]) -> list[dict[str, object]]:
    """Plain rows for JSON."""
    return [asdict(one) for one in rows]
