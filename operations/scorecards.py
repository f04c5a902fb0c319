"""Scorecards of fleets: shares and means with intervals, shrunk towards all fleets where there is little to go by.

On-time counts twice: against the promise first made and against the one that held at the visit. Whoever moves windows
gains on the second only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from domain.errors import InputError
from models.posterior import shrunk_betas, shrunk_effects

SHARES = {
    "on_time_original": "started inside the promise first made",
    "on_time_active": "started inside the promise that held at the visit",
    "first_attempt": "delivered at the first attempt",
    "acceptance": "offers taken",
    "scan_completeness": "scans that should be there and are",
}
MEANS = {
    "eta_error_s": "arrival against plan or prediction, absolute, seconds",
    "cost_per_delivered_minor": "cost over delivered orders, minor units",
}
COLUMNS = ("fleet_id", "measure", "numerator", "denominator", "raw", "value", "low", "high")
Z = 1.96


def scorecards(
    stops: pd.DataFrame, offers: pd.DataFrame | None = None, costs: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Rows of ``COLUMNS``, one a fleet and measure that it has evidence of.

    Args:
        stops: concluded first attempts: fleet_id, delivered, on_time_original, on_time_active (bool, None without a
            promise), scans, scans_expected (counts), eta_error_s (signed, NaN where unknown).
        offers: fleet_id, accepted.
        costs: fleet_id, cost_minor, delivered: one row a service date.

    Returns:
        ``raw`` is numerator over denominator, ``value`` its posterior mean, ``low`` to ``high`` the 95 % interval.

    Raises:
        InputError: a column is missing.
    """
    needed = ("fleet_id", "delivered", "on_time_original", "on_time_active", "scans", "scans_expected", "eta_error_s")
    if missing := [name for name in needed if name not in stops.columns]:
        raise InputError(f"scorecards: column {missing[0]!r} of the stops is missing")
    counts = {
        "on_time_original": _sums(stops[stops["on_time_original"].notna()], "on_time_original"),
        "on_time_active": _sums(stops[stops["on_time_active"].notna()], "on_time_active"),
        "first_attempt": _sums(stops, "delivered"),
        "scan_completeness": _sums(stops, "scans", "scans_expected"),
    }
    if offers is not None and len(offers):
        counts["acceptance"] = _sums(offers, "accepted")
    parts = [_shares(name, frame) for name, frame in counts.items() if len(frame)]
    known = stops[stops["eta_error_s"].notna()]
    if len(known):
        parts.append(_means("eta_error_s", known["fleet_id"], known["eta_error_s"].abs(), np.ones(len(known))))
    if costs is not None and len(costs):
        paid = costs[costs["delivered"] > 0]
        each = paid["cost_minor"] / paid["delivered"]
        parts.append(_means("cost_per_delivered_minor", paid["fleet_id"], each, paid["delivered"].to_numpy(float)))
    filled = [one for one in parts if len(one)]
    if not filled:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(filled, ignore_index=True).sort_values(["fleet_id", "measure"], ignore_index=True)[list(COLUMNS)]


def _sums(frame: pd.DataFrame, wins: str, tries: str | None = None) -> pd.DataFrame:
    size = np.ones(len(frame)) if tries is None else frame[tries].to_numpy(float)
    table = pd.DataFrame({"fleet_id": frame["fleet_id"], "s": frame[wins].to_numpy(float), "n": size})
    return table[table["fleet_id"].notna()].groupby("fleet_id", as_index=False).sum()


def _shares(measure: str, sums: pd.DataFrame) -> pd.DataFrame:
    s, n = sums["s"].to_numpy(float), sums["n"].to_numpy(float)
    # all fleets together are the prior's mean; two of them cannot tell how much fleets differ
    mean = float((s.sum() + 0.5) / (n.sum() + 1))
    posteriors = shrunk_betas(s, n, mean)
    ends = [one.interval() for one in posteriors]
    return pd.DataFrame(
        {
            "fleet_id": sums["fleet_id"],
            "measure": measure,
            "numerator": s,
            "denominator": n,
            "raw": np.divide(s, n, out=np.full(len(n), np.nan), where=n > 0),
            "value": [one.mean for one in posteriors],
            "low": [low for low, _ in ends],
            "high": [high for _, high in ends],
        }
    )


def _means(measure: str, fleet: pd.Series, y: pd.Series, weight: Any) -> pd.DataFrame:
    codes, names = pd.factorize(fleet, sort=True)
    values, w = y.to_numpy(float), np.asarray(weight, dtype=float)
    overall = float(np.average(values, weights=w))
    total = np.bincount(codes, weights=w, minlength=len(names))
    raw = np.bincount(codes, weights=w * values, minlength=len(names)) / total
    noise = float(np.average((values - raw[codes]) ** 2, weights=w))
    found = shrunk_effects(values - overall, codes, len(names), w, noise)
    rows = np.bincount(codes, minlength=len(names))
    # fleets that differ by no more than chance are all the overall mean, which has an error of its own
    sd = np.where(found.sd > 0, found.sd, np.sqrt(noise / max(len(values), 1)))
    value = overall + found.mean
    return pd.DataFrame(
        {
            "fleet_id": names,
            "measure": measure,
            "numerator": raw * total,
            "denominator": total if measure.startswith("cost") else rows.astype(float),
            "raw": raw,
            "value": value,
            "low": value - Z * sd,
            "high": value + Z * sd,
        }
    )
