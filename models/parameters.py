"""What the operation learns about its world from outcomes: travel, time at the door, acceptance, reliability.

Evidence is a frame of outcomes known at a moment; the answer is a frame of ``COLUMNS``, one row a parameter with its
posterior. ``Beliefs`` reads such rows for those who plan and dispatch. A parameter nothing is known of has no row and
changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.posterior import Beta, Effects, ages_to_weights, beta_strength, shrunk_betas, shrunk_effects

Floats = npt.NDArray[np.float64]
HALF_LIFE_DAYS = 28.0
WINDOW_DAYS = 180
TRAVEL, SERVICE, ACCEPTANCE, RELIABILITY, EFFICACY, RISK = (
    "travel_time", "service_time", "acceptance", "reliability", "efficacy", "risk",
)  # fmt: skip
FEEDS = {
    TRAVEL: "routing",
    SERVICE: "routing",
    ACCEPTANCE: "dispatch",
    RELIABILITY: "dispatch",
    EFFICACY: "exceptions",
    RISK: "exceptions",
}
"""Parameter -> the driver whose decisions read it."""
UNITS = {
    TRAVEL: "factor on fitted travel seconds",
    SERVICE: "factor on declared service seconds",
    ACCEPTANCE: "probability that an offer is taken",
    RELIABILITY: "probability that a stop does not fail by the carrier's doing",
    EFFICACY: "share of failures prevented",
    RISK: "factor on the chance of failure that the model predicts",
}
COLUMNS = (
    *("kind", "subject", "family", "mean", "sd", "alpha", "beta", "value", "unit", "evidence", "effective"),
    *("window_start", "window_end", "newest_outcome", "feeds"),
)
BANDS_M = (500, 1_000, 2_000, 5_000, 10_000)
WET_MM = 0.5
"""Millimetres an hour from which a trip counts as wet."""
FEWEST_FOR_RISK = 300
FEWEST_OF_TRIPLE = 5
"""Trips from which a zone pair at an hour and weather has a row of its own."""
OUTLIER = float(np.log(4.0))
"""Trips and visits four times off the median of all (breaks, forgotten scans) teach nothing."""
ROUNDS = 4
OWN_FAULT = frozenset({"capacity_shortfall", "vehicle_issue", "cascade"})
"""Exception classes that are the carrier's doing, not the customer's or the weather's."""
ALL = "all"


def subject(**parts: object) -> str:
    """The name of what a parameter is about: ``fleet=gig|hour=9``."""
    return "|".join(f"{key}={value}" for key, value in parts.items()) or ALL


def band_of(distance_m: Floats | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Number of the distance band."""
    return np.searchsorted(np.array(BANDS_M), distance_m, side="right").astype(np.int64)


def _evidence(rows: pd.DataFrame, as_of: pd.Timestamp, half_life_days: float) -> Floats:
    age = (as_of - pd.to_datetime(rows["event_time"], utc=True)).dt.total_seconds().to_numpy(float) / 86_400
    return ages_to_weights(age, half_life_days)


def _log_ratio(actual: pd.Series, expected: pd.Series) -> tuple[Floats, npt.NDArray[np.bool_]]:
    a, b = actual.to_numpy(float, na_value=np.nan), expected.to_numpy(float, na_value=np.nan)
    good = np.isfinite(a) & np.isfinite(b) & (a > 0) & (b > 0)
    ratio = np.full(len(a), np.nan)
    ratio[good] = np.log(a[good] / b[good])
    if good.any():
        good &= np.abs(ratio - np.nanmedian(ratio)) <= OUTLIER
    return ratio, good


def travel_parameters(legs: pd.DataFrame, as_of: pd.Timestamp, half_life_days: float = HALF_LIFE_DAYS) -> pd.DataFrame:
    """Factors on travel time by distance band, hour and weather, zone driven to, zone pair, and all of them together.

    ``legs``: actual_s, base_s (what planning would have said without learning), base_m, hour (local), wet (bool),
    from_zone, to_zone, event_time, known_at. The log of actual over base is a sum of shrunk effects, fitted by
    backfitting; ``value`` of a row is the factor that the row itself contributes.
    """
    ratio, good = _log_ratio(legs["actual_s"], legs["base_s"])
    legs, y = legs[good].reset_index(drop=True), ratio[good]
    if len(legs) < FEWEST_OF_TRIPLE:
        return pd.DataFrame(columns=list(COLUMNS))
    weight = _evidence(legs, as_of, half_life_days)
    weather = np.where(legs["wet"].to_numpy(bool), "wet", "dry")
    hour = legs["hour"].astype(int).astype(str)
    pair = legs["from_zone"].astype(str) + ">" + legs["to_zone"].astype(str)
    names = {
        "band": ("band=" + pd.Series(band_of(legs["base_m"].to_numpy(float))).astype(str)),
        "hour": "hour=" + hour + "|weather=" + weather,
        "to": "to=" + legs["to_zone"].astype(str),
        "zones": "zones=" + pair,
        "all three": "zones=" + pair + "|hour=" + hour + "|weather=" + weather,
    }
    coded = {name: pd.factorize(values) for name, values in names.items()}
    overall = float(np.average(y, weights=weight))
    fitted = {name: np.zeros(len(y)) for name in coded}
    effects: dict[str, Effects] = {}
    for _ in range(ROUNDS):
        for name, (codes, values) in coded.items():
            left = y - overall - sum(fitted[one] for one in coded if one != name)
            noise = float(np.average((y - overall - sum(fitted.values())) ** 2, weights=weight))
            effects[name] = shrunk_effects(left, codes, len(values), weight, noise)
            fitted[name] = effects[name].mean[codes]
        overall += float(np.average(y - overall - sum(fitted.values()), weights=weight))
    rest = y - overall - sum(fitted.values())
    noise = float(np.average(rest**2, weights=weight))
    size = float(weight.sum() ** 2 / (weight**2).sum())
    parts = [_normal(TRAVEL, [ALL], np.array([overall]), np.array([np.sqrt(noise / size)]), noise / 2, legs, None,
                     np.array([len(legs)]), np.array([size]))]  # fmt: skip
    for name, (codes, values) in coded.items():
        found = effects[name]
        keep = found.count >= (FEWEST_OF_TRIPLE if name == "all three" else 1)
        if found.between <= 0:
            continue  # groups that differ by no more than chance are not told apart
        frame = _normal(TRAVEL, list(values), found.mean, found.sd, 0.0, legs, codes, found.count, found.size)
        parts.append(frame[keep])
    return pd.concat(parts, ignore_index=True)


def service_parameters(
    visits: pd.DataFrame, as_of: pd.Timestamp, half_life_days: float = HALF_LIFE_DAYS
) -> pd.DataFrame:
    """Factors on declared time at the door: of all, and by building type shrunk towards it.

    ``visits``: actual_s, declared_s, building (None: unknown), event_time, known_at.
    """
    ratio, good = _log_ratio(visits["actual_s"], visits["declared_s"])
    visits, y = visits[good].reset_index(drop=True), ratio[good]
    if len(visits) < FEWEST_OF_TRIPLE:
        return pd.DataFrame(columns=list(COLUMNS))
    weight = _evidence(visits, as_of, half_life_days)
    overall = float(np.average(y, weights=weight))
    codes, values = pd.factorize(visits["building"].fillna("unknown").astype(str), sort=True)
    noise = float(np.average((y - overall) ** 2, weights=weight))
    found = shrunk_effects(y - overall, codes, len(values), weight, noise)
    rest = y - overall - found.mean[codes]
    noise = float(np.average(rest**2, weights=weight))
    size = float(weight.sum() ** 2 / (weight**2).sum())
    parts = [_normal(SERVICE, [ALL], np.array([overall]), np.array([np.sqrt(noise / size)]), noise / 2, visits, None,
                     np.array([len(visits)]), np.array([size]))]  # fmt: skip
    if found.between > 0:
        named = [subject(building=one) for one in values]
        parts.append(_normal(SERVICE, named, found.mean, found.sd, 0.0, visits, codes, found.count, found.size))
    return pd.concat(parts, ignore_index=True)


def _normal(
    kind: str,
    subjects: list[str],
    mean: Floats,
    sd: Floats,
    lift: float,
    rows: pd.DataFrame,
    codes: npt.NDArray[np.int64] | None,
    count: npt.NDArray[np.int64],
    size: Floats,
) -> pd.DataFrame:
    """Rows of a factor's logarithm; ``lift``: what turns the median of one trip into its mean (half its variance)."""
    frame = pd.DataFrame(
        {
            "kind": kind,
            "subject": subjects,
            "family": "normal",
            "mean": mean,
            "sd": sd,
            "alpha": np.nan,
            "beta": np.nan,
            "value": np.exp(mean + lift),
            "unit": UNITS[kind],
            "evidence": count,
            "effective": size,
            "feeds": FEEDS[kind],
        }
    )
    return _with_window(frame, rows, codes)


def _with_window(frame: pd.DataFrame, rows: pd.DataFrame, codes: npt.NDArray[Any] | None) -> pd.DataFrame:
    by = np.zeros(len(rows), dtype=np.int64) if codes is None else codes
    times = rows[["event_time", "known_at"]].groupby(by)
    moments = times.agg(first=("event_time", "min"), last=("event_time", "max"), known=("known_at", "max"))
    moments = moments.reindex(range(len(frame)))
    return frame.assign(
        window_start=moments["first"].to_numpy(),
        window_end=moments["last"].to_numpy(),
        newest_outcome=moments["known"].to_numpy(),
    )[list(COLUMNS)]


def share_parameters(
    kind: str,
    trials: pd.DataFrame,
    as_of: pd.Timestamp,
    levels: tuple[tuple[str, ...], ...],
    prior: Beta,
    half_life_days: float = HALF_LIFE_DAYS,
) -> pd.DataFrame:
    """Probabilities of groups, each level shrunk towards the one before; the first towards ``prior``.

    ``trials``: success (bool), the columns of ``levels``, event_time, known_at. The first level must be a part of
    every other: (("fleet",), ("fleet", "hour")).
    """
    if trials.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    trials = trials.reset_index(drop=True)
    weight = _evidence(trials, as_of, half_life_days)
    success = trials["success"].to_numpy(float)
    parents: dict[tuple[Any, ...], float] = {}
    parts = []
    for number, level in enumerate(levels):
        known = trials[list(level)].notna().all(axis=1).to_numpy()
        if not known.any():
            continue
        part, w, s = trials[known].reset_index(drop=True), weight[known], success[known]
        keys = part[list(level)].astype(str)
        codes = keys.groupby(list(level), sort=True).ngroup().to_numpy(np.int64)
        table = keys.assign(code=codes).drop_duplicates("code").sort_values("code", ignore_index=True)
        wins = np.bincount(codes, weights=w * s, minlength=len(table)).astype(np.float64)
        tries = np.bincount(codes, weights=w, minlength=len(table)).astype(np.float64)
        posteriors: list[Beta] = [Beta()] * len(table)
        tops = table[levels[0][0]].to_numpy()
        for top in pd.unique(tops):
            own = np.flatnonzero(tops == top)
            parent, strength = (prior.mean, prior.a + prior.b) if number == 0 else (parents[(top,)], None)
            for place, one in zip(own, shrunk_betas(wins[own], tries[own], parent, strength), strict=True):
                posteriors[int(place)] = one
        if number == 0:
            parents = {(top,): one.mean for top, one in zip(tops, posteriors, strict=True)}
        frame = pd.DataFrame(
            {
                "kind": kind,
                "subject": [
                    subject(**dict(zip(level, one, strict=True))) for one in table[list(level)].itertuples(index=False)
                ],
                "family": "beta",
                "mean": [one.mean for one in posteriors],
                "sd": [one.sd for one in posteriors],
                "alpha": [one.a for one in posteriors],
                "beta": [one.b for one in posteriors],
                "value": [one.mean for one in posteriors],
                "unit": UNITS[kind],
                "evidence": np.bincount(codes, minlength=len(table)),
                "effective": tries,
                "feeds": FEEDS[kind],
            }
        )
        parts.append(_with_window(frame, part, codes))
    return pd.concat(parts, ignore_index=True)


def risk_parameters(stops: pd.DataFrame, as_of: pd.Timestamp, half_life_days: float = HALF_LIFE_DAYS) -> pd.DataFrame:
    """By how much each shipper's orders fail more or less often than the model says, shrunk to 1 (gamma-Poisson).

    ``stops``: tenant, failed (bool), p (what was predicted before), event_time, known_at. The model is one for all
    shippers; this is what is particular to one of them.
    """
    stops = stops[stops["p"].notna() & stops["tenant"].notna()].reset_index(drop=True)
    if len(stops) < FEWEST_FOR_RISK:
        return pd.DataFrame(columns=list(COLUMNS))
    weight = _evidence(stops, as_of, half_life_days)
    codes, names = pd.factorize(stops["tenant"].astype(str), sort=True)
    seen = np.bincount(codes, weights=weight * stops["failed"].to_numpy(float), minlength=len(names))
    hoped = np.bincount(codes, weights=weight * stops["p"].to_numpy(float), minlength=len(names))
    size = np.bincount(codes, weights=weight, minlength=len(names)).astype(np.float64)
    rate = max(float(seen.sum() / size.sum()), 1e-4)
    strength = max(2.0, beta_strength(seen.astype(np.float64), size) * rate)
    ratio, sd = (seen + strength) / (hoped + strength), 1 / np.sqrt(seen + strength)
    subjects = [subject(tenant=one) for one in names]
    count = np.bincount(codes, minlength=len(names)).astype(np.int64)
    return _normal(RISK, subjects, np.log(ratio), sd, 0.0, stops, codes, count, size)


ACCEPTANCE_LEVELS = (("fleet",), ("fleet", "hour"), ("fleet", "zone"))
ACCEPTANCE_PRIOR = Beta(2.8, 1.2)
"""0.7 with the weight of four offers: what a fleet nothing is known of is believed to do."""
RELIABILITY_LEVELS = (("fleet",), ("fleet", "depot"))
RELIABILITY_PRIOR = Beta(98.0, 2.0)


@dataclass(frozen=True)
class Beliefs:
    """Learned parameters as those read them who decide; ``used`` collects the names that were read."""

    values: Mapping[tuple[str, str], float] = field(default_factory=dict)
    as_of: pd.Timestamp | None = None
    used: dict[tuple[str, str], int] = field(default_factory=dict)

    @staticmethod
    def of(rows: pd.DataFrame) -> Beliefs:
        """Beliefs of rows of ``COLUMNS`` (one version)."""
        if rows.empty:
            return Beliefs()
        keys = zip(rows["kind"].astype(str), rows["subject"].astype(str), strict=True)
        values = dict(zip(keys, rows["value"].astype(float), strict=True))
        return Beliefs(values, pd.Timestamp(rows["as_of"].iloc[0]) if "as_of" in rows else None)

    def __bool__(self) -> bool:
        return bool(self.values)

    def get(self, kind: str, name: str, default: float, times: int = 1) -> float:
        """The value of a parameter, noted as used ``times``; the default where nothing is known."""
        found = self.values.get((kind, name))
        if found is None:
            return default
        self.used[kind, name] = self.used.get((kind, name), 0) + times
        return found

    def service_factor(self, building: object) -> float:
        """Factor on declared time at the door."""
        name = "unknown" if building is None or pd.isna(building) else str(building)  # type: ignore[call-overload]
        return self.get(SERVICE, ALL, 1.0) * self.get(SERVICE, subject(building=name), 1.0)

    def risk_factor(self, tenant: object) -> float:
        """Factor on a predicted chance of failure for a shipper's order."""
        return self.get(RISK, subject(tenant=tenant), 1.0)

    def acceptance(
        self, fleet: str, zone: object = None, hour: int | None = None, price: object = None
    ) -> float | None:
        """Probability that a fleet takes an offer; None where nothing is known of it.

        Zone, hour and price (a band of it, where the levels that were learned have one) move the fleet's log odds by as
        much as each was seen to.
        """
        base = self.values.get((ACCEPTANCE, subject(fleet=fleet)))
        if base is None:
            return None
        odds = _logit(self.get(ACCEPTANCE, subject(fleet=fleet), base))
        shift = 0.0
        for name in (
            subject(fleet=fleet, hour=hour), subject(fleet=fleet, zone=zone), subject(fleet=fleet, price=price)
        ):  # fmt: skip
            shift += _logit(self.get(ACCEPTANCE, name, base)) - odds
        return float(1 / (1 + np.exp(-(odds + shift))))

    def reliability(self, fleet: str, depot: str) -> float:
        """Probability that a stop does not fail by the carrier's doing; 1 where nothing is known."""
        whole = self.get(RELIABILITY, subject(fleet=fleet), 1.0)
        return self.get(RELIABILITY, subject(fleet=fleet, depot=depot), whole)

    def has_travel(self) -> bool:
        """Whether anything is known of travel."""
        return (TRAVEL, ALL) in self.values

    def hour_factor(self, wet_by_hour: Mapping[int, bool]) -> dict[int, float]:
        """Factor on travel time of each hour in its weather."""
        names = {one: subject(hour=one, weather="wet" if wet else "dry") for one, wet in wet_by_hour.items()}
        return {one: self.get(TRAVEL, name, 1.0) for one, name in names.items()}

    def travel_factors(
        self, distance_m: npt.NDArray[np.int64], zones: list[str], hours: Mapping[int, float], wet: Mapping[int, bool]
    ) -> Floats:
        """Factors on a square matrix of travel seconds between places in ``zones``.

        ``hours``: weight of each hour of the working day (they add up to 1), ``wet``: its forecast weather.
        """
        by_hour = self.hour_factor({one: wet.get(one, False) for one in hours})
        common = self.get(TRAVEL, ALL, 1.0) * sum(weight * by_hour[one] for one, weight in hours.items())
        bands = np.array([self.get(TRAVEL, f"band={n}", 1.0) for n in range(len(BANDS_M) + 1)])
        factors = common * bands[band_of(distance_m)]
        codes, names = pd.factorize(np.array(zones, dtype=object))
        place = {str(one): number for number, one in enumerate(names)}
        into = np.array([self.get(TRAVEL, f"to={one}", 1.0) for one in names])
        between = np.broadcast_to(into, (len(names), len(names))).copy()
        for (kind, name), value in self.values.items():
            if kind != TRAVEL or not name.startswith("zones="):
                continue
            pair, _, when = name.removeprefix("zones=").partition("|")
            start, _, end = pair.partition(">")
            if start in place and end in place:
                share = 1.0
                if when:
                    one = int(when.partition("|")[0].removeprefix("hour="))
                    share = hours.get(one, 0.0) if when.endswith("wet") == wet.get(one, False) else 0.0
                between[place[start], place[end]] *= 1 + share * (value - 1)
        return np.asarray(factors * between[np.ix_(codes, codes)])

    def note_legs(self, pairs: list[tuple[str, str, int, bool]]) -> None:
        """Note the travel parameters of driven legs: from zone, to zone, hour, wet."""
        for start, end, hour, wet in pairs:
            name = f"zones={start}>{end}"
            self.get(TRAVEL, name, 1.0)
            self.get(TRAVEL, f"{name}|hour={hour}|weather={'wet' if wet else 'dry'}", 1.0)


def _logit(p: float) -> float:
    q = min(max(p, 1e-6), 1 - 1e-6)
    return float(np.log(q / (1 - q)))
