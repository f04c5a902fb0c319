"""The loop in small: beliefs learned from each day's outcomes, the losses they had, alarms that shorten the evidence.

It is what the drills of drift and diagnosis and the twin's trajectory run on: the same posteriors that plans are made
with (``models.parameters``), and rates of customers, causes, carriers and demand. A frozen copy is the control arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.drift import Alarm, Monitor, chunk_means
from models.parameters import BANDS_M, Beliefs, band_of, travel_parameters
from models.posterior import ages_to_weights, shrunk_betas

Floats = npt.NDArray[np.float64]
CUSTOMERS, TRAFFIC, CARRIER, CAUSES, DEMAND = "customers", "traffic", "carrier", "causes", "demand"
STREAMS = (CUSTOMERS, TRAFFIC, CARRIER, CAUSES, DEMAND)
ABSENT, OTHER_CAUSE = "customer_unavailable", "failed_delivery"
CHUNK = 25
HALF_LIFE_DAYS = 28.0
LEAST = {CUSTOMERS: 0.02, TRAFFIC: 0.03, CARRIER: 0.02, CAUSES: 0.02, DEMAND: 0.03}
"""What a stream's loss must have risen by to be worth a retrain: nats, log seconds, share of stops, log orders."""
SCALES = {CARRIER: 1.0}
FEWEST_LEGS = 60
EDGE = 1e-4


@dataclass(frozen=True)
class DayOutcomes:
    """What had become known of a service date.

    ``visits``: order_id, customer_id, tenant_id, depot, fleet, route_id, absent, other_cause, own_fault (bools), in
    order of time. ``legs``: as ``models.parameters.travel_parameters`` takes them, with route_id and depot. ``demand``:
    orders by tenant and depot.
    """

    day: date
    visits: pd.DataFrame
    legs: pd.DataFrame
    demand: pd.DataFrame


@dataclass(frozen=True)
class DayForecast:
    """What was believed of a date before its outcomes were known; rows as those of ``DayOutcomes``."""

    p_absent: Floats
    p_other: Floats
    p_own_fault: Floats
    leg_s: Floats
    orders: Floats


@dataclass
class LoopModel:
    """Beliefs from evidence; ``since`` is the first day that still counts, by stream."""

    half_life_days: float = HALF_LIFE_DAYS
    travel_every_days: int = 3
    days: list[DayOutcomes] = field(default_factory=list)
    since: dict[str, date] = field(default_factory=dict)
    _rates: dict[str, Any] = field(default_factory=dict)
    _travel: Beliefs = field(default_factory=Beliefs)
    _travelled: tuple[date, date] | None = None
    """Newest and first day of the legs that travel was fitted on."""

    def learn(self, outcomes: DayOutcomes) -> None:
        """Take in a day whose outcomes are all known, and refit."""
        self.days.append(outcomes)
        self.refit()

    def react(self, alarms: list[Alarm], per_day: Mapping[str, float]) -> None:
        """Retrain on what came after a change: ``per_day`` is how many values a day its stream has."""
        for one in alarms:
            back = max(1, int(np.ceil(one.values_since / max(per_day.get(one.stream, 1.0), 1e-9))))
            first = one.day - timedelta(days=back - 1)
            self.since[one.stream] = max(first, self.since.get(one.stream, first))
        if alarms:
            self.refit()

    def frozen(self) -> LoopModel:
        """A copy that will not be taught any more."""
        return replace(self, days=list(self.days), since=dict(self.since), _rates=dict(self._rates))

    def _evidence(self, stream: str, name: str) -> tuple[pd.DataFrame, Floats]:
        first = self.since.get(stream, date.min)
        used = [one for one in self.days if one.day >= first]
        frames = [getattr(one, name) for one in used]
        newest = self.days[-1].day
        ages = np.concatenate([np.full(len(f), (newest - o.day).days) for f, o in zip(frames, used, strict=True)])
        return pd.concat(frames, ignore_index=True), ages_to_weights(ages.astype(float), self.half_life_days)

    def refit(self) -> None:
        """Posteriors of everything from the evidence that counts."""
        visits, weight = self._evidence(CUSTOMERS, "visits")
        ever, ever_weight = visits, weight
        if CUSTOMERS in self.since:  # who a customer is outlives how often customers in general are away
            kept, self.since = self.since, {k: v for k, v in self.since.items() if k != CUSTOMERS}
            ever, ever_weight = self._evidence(CUSTOMERS, "visits")
            self.since = kept
        self._rates["absent"] = _customer_rates(visits, weight, ever, ever_weight)
        visits, weight = self._evidence(CAUSES, "visits")
        self._rates["other"] = _rates(visits["depot"], visits["other_cause"], weight)
        visits, weight = self._evidence(CARRIER, "visits")
        self._rates["own_fault"] = _rates(visits["fleet"], visits["own_fault"], weight)
        self._refit_travel()
        self._rates["demand"] = self._demand()

    def _refit_travel(self) -> None:
        """Every few days, and at once where its evidence was cut: travel is most of the work and changes slowly."""
        newest, first = self.days[-1].day, self.since.get(TRAFFIC, date.min)
        if self._travelled is not None:
            before, cut = self._travelled
            if cut == first and (newest - before).days < self.travel_every_days:
                return
        legs, _ = self._evidence(TRAFFIC, "legs")
        if len(legs) >= FEWEST_LEGS:
            now = pd.to_datetime(legs["event_time"], utc=True).max()
            self._travel = Beliefs.of(travel_parameters(legs, now, self.half_life_days).assign(as_of=now))
            self._travelled = (newest, first)

    def _demand(self) -> dict[str, Any]:
        """Level by tenant and depot, weekday factors from all days; after a change the level is of the days since."""
        rows, weight = self._evidence(DEMAND, "demand")
        first = self.since.get(DEMAND, date.min)
        every = pd.DataFrame([(one.day.weekday(), float(one.demand["orders"].sum())) for one in self.days])
        mean = every.groupby(0)[1].mean()
        factor = {k: float(v / mean.mean()) for k, v in mean.items()} if len(mean) == 7 else {}
        days = [one.day for one in self.days if one.day >= first for _ in range(len(one.demand))]
        scaled = rows["orders"].to_numpy(float) / np.array([factor.get(one.weekday(), 1.0) for one in days])
        keys = rows["tenant_id"].astype(str) + "|" + rows["depot"].astype(str)
        total = pd.Series(scaled * weight).groupby(keys.to_numpy()).sum()
        size = pd.Series(weight).groupby(keys.to_numpy()).sum()
        return {"level": (total / size).to_dict(), "weekday": factor}

    def forecast(self, asked: DayOutcomes) -> DayForecast:
        """Beliefs about a date; only what is known before the attempt is read of ``asked``."""
        rates = self._rates
        customers, tenants, base = rates["absent"]
        by_tenant = asked.visits["tenant_id"].map(tenants).fillna(base).to_numpy(float)
        ratio = asked.visits["customer_id"].map(customers).fillna(1.0).to_numpy(float)
        level, weekday = rates["demand"]["level"], rates["demand"]["weekday"].get(asked.day.weekday(), 1.0)
        keys = asked.demand["tenant_id"].astype(str) + "|" + asked.demand["depot"].astype(str)
        return DayForecast(
            p_absent=np.clip(by_tenant * ratio, EDGE, 0.95),
            p_other=_look_up(rates["other"], asked.visits["depot"]),
            p_own_fault=_look_up(rates["own_fault"], asked.visits["fleet"]),
            leg_s=self.leg_seconds(asked.legs),
            orders=keys.map(level).fillna(1.0).to_numpy(float) * weekday,
        )

    def leg_seconds(self, legs: pd.DataFrame) -> Floats:
        """Expected seconds of legs: the fitted ones times what was learned of band, hour, weather and zones."""
        values, base = self._travel.values, legs["base_s"].to_numpy(float)
        if not values:
            return base

        def of(names: pd.Series) -> Floats:
            return names.map(lambda name: values.get(("travel_time", name), 1.0)).to_numpy(float)

        band = pd.Series(band_of(legs["base_m"].to_numpy(float)))
        weather = np.where(legs["wet"].to_numpy(bool), "wet", "dry")
        hour: pd.Series = "hour=" + legs["hour"].astype(str) + "|weather=" + weather
        to = legs["to_zone"].astype(str)
        pair = "zones=" + legs["from_zone"].astype(str) + ">" + to
        factors = of("band=" + band.astype(str)) * of(hour) * of("to=" + to) * of(pair) * of(pair + "|" + hour)
        return np.asarray(base * values.get(("travel_time", "all"), 1.0) * factors)


def _rates(group: pd.Series, event: pd.Series, weight: Floats) -> tuple[dict[str, float], float]:
    codes, names = pd.factorize(group.astype(str), sort=True)
    happened = np.bincount(codes, weights=weight * event.to_numpy(float), minlength=len(names)).astype(float)
    size = np.bincount(codes, weights=weight, minlength=len(names)).astype(float)
    mean = (happened.sum() + 0.5) / (size.sum() + 50)
    found = shrunk_betas(happened, size, float(mean), None if len(names) > 2 else 40.0)
    return {str(name): one.mean for name, one in zip(names, found, strict=True)}, float(mean)


def _look_up(rates: tuple[dict[str, float], float], group: pd.Series) -> Floats:
    return np.clip(group.astype(str).map(rates[0]).fillna(rates[1]).to_numpy(float), EDGE, 0.95)


def _customer_rates(
    visits: pd.DataFrame, weight: Floats, ever: pd.DataFrame, ever_weight: Floats
) -> tuple[dict[str, float], dict[str, float], float]:
    """Rates by tenant from the evidence that counts, and each customer's ratio to the rate of all from all evidence."""
    tenants, base = _rates(visits["tenant_id"], visits["absent"], weight)
    codes, names = pd.factorize(ever["customer_id"].astype(str))
    happened = np.bincount(codes, weights=ever_weight * ever["absent"].to_numpy(float)).astype(float)
    size = np.bincount(codes, weights=ever_weight).astype(float)
    mean = (happened.sum() + 0.5) / (size.sum() + 50)
    found = shrunk_betas(happened, size, float(mean))
    ratio = np.array([one.mean for one in found]) / mean
    seen = ratio[codes]
    # customers who order more fail less or more often: ratios of stops, not of customers, have the mean 1
    ratio = ratio / max(float((seen * ever_weight).sum() / ever_weight.sum()), EDGE)
    return dict(zip((str(one) for one in names), ratio.tolist(), strict=True)), tenants, base


def losses(asked: DayOutcomes, said: DayForecast) -> dict[tuple[str, str], Floats]:
    """Values of each stream and segment of a day: what is watched for drift."""
    visits = asked.visits
    out: dict[tuple[str, str], Floats] = {}
    for name, p, column in ((CUSTOMERS, said.p_absent, "absent"), (CAUSES, said.p_other, "other_cause")):
        y = visits[column].to_numpy(float)
        values = -(y * np.log(p) + (1 - y) * np.log(1 - p))
        out[name, "all"] = chunk_means(values, CHUNK)
    legs = asked.legs.assign(said=said.leg_s)
    good = legs[(legs["actual_s"] < legs["base_s"] * 5) & (legs["actual_s"] > 0)]
    routes = good.groupby(["depot", "route_id"])[["actual_s", "said"]].sum()
    off = (np.log(routes["actual_s"]) - np.log(routes["said"])).abs()
    out[TRAFFIC, "all"] = off.to_numpy(float)
    for depot, part in off.groupby(level=0):
        out[TRAFFIC, str(depot)] = part.to_numpy(float)
    carriers = visits.assign(p=said.p_own_fault).groupby(["fleet", "route_id"])[["own_fault", "p"]].mean()
    for fleet, part in carriers.groupby(level=0):
        out[CARRIER, str(fleet)] = (part["own_fault"] - part["p"]).abs().to_numpy(float)
    demand = asked.demand.assign(said=said.orders)
    totals = pd.concat([demand.groupby(kind)[["orders", "said"]].sum() for kind in ("depot", "tenant_id")])
    out[DEMAND, "all"] = np.abs(np.log(((totals["orders"] + 0.5) / (totals["said"] + 0.5)).to_numpy(float)))
    return out


def watch(monitor: Monitor, asked: DayOutcomes, said: DayForecast) -> tuple[list[Alarm], dict[str, float]]:
    """Alarms of a day, and how many values a day the streams that raised them have."""
    alarms, sizes = [], {}
    for (stream, segment), values in sorted(losses(asked, said).items(), key=lambda one: one[0]):
        alarm = monitor.observe(stream, segment, asked.day, values, least=LEAST[stream], scale=SCALES.get(stream))
        if alarm is not None:
            alarms.append(alarm)
            sizes[stream] = float(len(values))
    return alarms, sizes


__all__ = ["BANDS_M", "DayForecast", "DayOutcomes", "LoopModel", "losses", "watch"]
