"""What an operation believes of its city: learned from what it saw, or frozen after the burn-in.

Everything here is made from facts a company has: times of arrival, of the beginning and end of service, outcomes,
answers to offers. Truth is not looked at.

=============  ==================================================================================================
belief         law
=============  ==================================================================================================
legs           access + near km + far km, least squares on the burn-in; then ratios actual / believed with decay, by
               destination zone, hour of departure and fleet, each shrunk to 1
doors          standard time x ratios by building, fleet and customer, shrunk in turn
failures       ``models.experts.OnlineLogit`` (River) on the customer's decayed, shrunken rate, hour, weekday,
               building, tenant; labels are soft-imputed where an intervention took place
acceptance     decayed, shrunken shares of declined routes by fleet, and of declined single orders by distance
efficacy       posteriors of ``operations.interventions`` from the randomised holdout
intervals      ``models.intervals.RollingConformal``: widened by what the last 1,500 stops lay outside
=============  ==================================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.codes import InterventionAction as Act
from models.intervals import RollingConformal
from operations.interventions import Efficacy
from simulation.world import KM_PER_DEGREE

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
HOURS = 30
BUILDINGS, FLEETS, TENANTS = 5, 3, 4
DECAY = 0.93
"""Weight of yesterday's ratios a day: a half-life of ten days."""
NEAR_KM = 2.0
ACTIONS = (
    Act.CONFIRM_AVAILABILITY, Act.CALL_CUSTOMER, Act.OFFER_RESCHEDULE, Act.DIVERT_LOCKER, Act.SAFE_PLACE,
    Act.FIX_ADDRESS,
)  # fmt: skip
RATE_DECAY, RATE_PRIOR = 0.985, 4.0
"""Decay a day of a customer's counts (half-life 46 days), and orders that the mean counts for."""
KM_BANDS = (2.0, 4.0, 7.0)
BANDS = ((7, 9), (15, 17), (17, 19), (19, 21))
"""Hours that share an effect on failures, midday the base: an effect an hour would be noise that planning exploits."""
FIRST_WEIGHTS = {"base": 1.0, "from17": 0.5, "from19": 1.0, "trade_late": 1.5}
"""Before any outcome: last slots fail at 11 instead of 4 % (Changshu), businesses close (declared). History of vans
that are back by then says nothing of the evening."""


@dataclass
class Ratio:
    """Actual over believed by group, decayed and shrunk to 1 by ``prior_s`` seconds."""

    size: int
    prior_s: float
    actual: Floats = field(init=False)
    believed: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.actual, self.believed = np.zeros(self.size), np.zeros(self.size)

    def value(self) -> Floats:
        """Factor by group."""
        return np.asarray((self.actual + self.prior_s) / (self.believed + self.prior_s))

    def learn(self, group: Ints, actual: Floats, believed: Floats, decay: float = DECAY) -> None:
        """A day's seconds."""
        self.actual *= decay
        self.believed *= decay
        np.add.at(self.actual, group, actual)
        np.add.at(self.believed, group, believed)


@dataclass(frozen=True)
class Seen:
    """What a day showed, one entry an attempted stop: seconds, places, and who served it."""

    order: Ints
    customer: Ints
    zone: Ints
    building: Ints
    tenant: Ints
    fleet: Ints
    km: Floats
    left_hour: Ints
    leg_s: Floats
    standard_s: Floats
    door_s: Floats
    begin_s: Floats
    hour: Ints
    weekend: bool
    delivered: npt.NDArray[np.bool_]
    failed: npt.NDArray[np.bool_]


class RiskBelief:
    """The failure predictor of the experiment: River's online logit over a customer's memory."""

    def __init__(self, customers: int, mean: float = 0.04) -> None:
        from models.experts import OnlineLogit

        self.mean = mean
        self.failures, self.attempts = np.zeros(customers), np.zeros(customers)
        self.model = OnlineLogit(rate=0.01, l2=1e-4)
        self.model.restore({"weights": FIRST_WEIGHTS, "intercept": 0.0})
        self._names = [
            *(f"from{low}" for low, _ in BANDS), "weekend", "trade", "trade_early", "trade_late", "trade_weekend",
            "flat", "gated", *(f"tenant{one}" for one in range(1, TENANTS)),
        ]  # fmt: skip

    def rates(self, customer: Ints) -> Floats:
        """Shrunken failure rate of each customer."""
        return np.asarray((self.failures[customer] + RATE_PRIOR * self.mean) / (self.attempts[customer] + RATE_PRIOR))

    def _base(self, customer: Ints) -> Floats:
        rate = np.clip(self.rates(customer), 1e-4, 0.95)
        return np.asarray(np.log(rate) - np.log1p(-rate))

    def _features(self, hour: Ints, weekend: bool, building: Ints, tenant: Ints) -> Floats:
        at = np.clip(hour, 7, 20)
        trade = building >= 3
        columns = [(at >= low) & (at < high) for low, high in BANDS]
        columns += [np.full(len(at), weekend), trade, trade & (at < 8), trade & (at >= 17), trade & weekend]
        columns += [building == 1, building == 2, *(tenant == one for one in range(1, TENANTS))]
        return np.column_stack(columns).astype(np.float64)

    def _weights(self) -> tuple[float, Floats, float]:
        state = self.model.state()
        found = state["weights"]
        return found.get("base", 1.0), np.array([found.get(n, 0.0) for n in self._names]), state["intercept"]

    def by_hour(self, customer: Ints, weekend: bool, building: Ints, tenant: Ints) -> Floats:
        """Probability of failure of each order at each local hour: (n, 30)."""
        slope, weights, intercept = self._weights()
        fixed = slope * self._base(customer) + intercept
        out = np.empty((len(customer), HOURS))
        for hour in range(HOURS):
            if 7 <= hour <= 20:
                x = self._features(np.full(len(customer), hour), weekend, building, tenant)
                out[:, hour] = 1 / (1 + np.exp(-(fixed + x @ weights)))
        out[:, :7], out[:, 21:] = out[:, 7:8], out[:, 20:21]
        return out

    def learn(self, seen: Seen, label: Floats) -> None:
        """Take in a day's outcomes (soft labels), one at a time; then the customers' memory."""
        base = self._base(seen.customer)
        x = self._features(seen.hour, seen.weekend, seen.building, seen.tenant)
        learn, names = self.model.learn, self._names
        draws = np.random.default_rng(int(seen.customer.sum() + len(label))).random(len(label))
        for number in range(len(label)):
            inputs = {"base": float(base[number])}
            for column in np.flatnonzero(x[number]).tolist():
                inputs[names[column]] = 1.0
            # the online model takes 0 or 1: a soft label is drawn, and is right on average
            learn(inputs, float(draws[number] < label[number]))
        self.failures *= RATE_DECAY
        self.attempts *= RATE_DECAY
        np.add.at(self.failures, seen.customer, label)
        np.add.at(self.attempts, seen.customer, 1.0)
        if self.attempts.sum() > 500:
            self.mean = float(self.failures.sum() / self.attempts.sum())


class Belief:
    """All beliefs of one operation. ``learn`` moves them; an operation that does not learn never calls it."""

    def __init__(self, customers: int, zones: int) -> None:
        self.law = np.array([60.0, 140.0, 90.0])
        self.circuity = 1.3
        self.zone = Ratio(zones, 3_600.0)
        self.hour = Ratio(HOURS, 3_600.0)
        self.fleet_leg, self.fleet_door = Ratio(FLEETS, 7_200.0), Ratio(FLEETS, 7_200.0)
        self.building = Ratio(BUILDINGS, 1_800.0)
        self.customer = Ratio(customers, 300.0)
        self.risk = RiskBelief(customers)
        self.routes_offered, self.routes_declined = np.full(FLEETS, 20.0), np.full(FLEETS, 0.4)
        self.orders_offered, self.orders_declined = np.full(len(KM_BANDS) + 1, 5.0), np.full(len(KM_BANDS) + 1, 1.5)
        self.efficacy = {one: Efficacy.believed(one) for one in ACTIONS}
        self.leg_ratios, self.door_ratios = np.ones(1), np.ones(1)
        self.interval = RollingConformal(0.8, window=1_500)

    def leg_s(self, km: Floats) -> Floats:
        """Seconds of legs in ordinary traffic by great-circle km."""
        a, near, far = self.law
        return np.asarray(a + near * np.minimum(km, NEAR_KM) + far * np.maximum(km - NEAR_KM, 0))

    def door_of(self, standard_s: Floats, building: Ints, customer: Ints) -> Floats:
        """Seconds at the door before the fleet's factor."""
        return np.asarray(standard_s * self.building.value()[building] * self.customer.value()[customer])

    def declines(self, km: Floats) -> Floats:
        """Probability that no courier takes an order, by distance from the depot."""
        share = self.orders_declined / self.orders_offered
        return np.asarray(share[np.digitize(km, KM_BANDS)])

    def route_declines(self) -> Floats:
        """Share of whole routes declined, by fleet."""
        return np.asarray(self.routes_declined / self.routes_offered)

    def fit_law(self, days: list[Seen]) -> None:
        """The law of travel by least squares on the burn-in, the slowest and quickest hundredth left out."""
        km, leg = np.concatenate([d.km for d in days]), np.concatenate([d.leg_s for d in days])
        low, high = np.quantile(leg, [0.01, 0.99])
        keep = (leg >= low) & (leg <= high)
        x = np.column_stack([np.ones(keep.sum()), np.minimum(km, NEAR_KM)[keep], np.maximum(km - NEAR_KM, 0)[keep]])
        self.law = np.maximum(np.linalg.lstsq(x, leg[keep], rcond=None)[0], [10.0, 30.0, 30.0])

    def learn_times(self, seen: Seen) -> None:
        """Legs and doors of a day; each ratio is learned against what the others already explain."""
        base = self.leg_s(seen.km)
        zone, hour, fleet = (
            self.zone.value()[seen.zone], self.hour.value()[seen.left_hour], self.fleet_leg.value()[seen.fleet],
        )  # fmt: skip
        # one slow leg (a wrong address, a repair) is not the zone's
        leg = np.minimum(seen.leg_s, 4 * base * zone * hour * fleet + 300)
        self.zone.learn(seen.zone, leg, base * hour * fleet)
        self.hour.learn(seen.left_hour, leg, base * zone * fleet)
        self.fleet_leg.learn(seen.fleet, leg, base * zone * hour)
        ok = seen.delivered
        self.leg_ratios = _keep(self.leg_ratios, leg / np.maximum(base * zone * hour * fleet, 1.0))
        building, customer = self.building.value()[seen.building], self.customer.value()[seen.customer]
        pace = self.fleet_door.value()[seen.fleet]
        standard = seen.standard_s
        door = np.minimum(seen.door_s, 6 * standard)
        self.door_ratios = _keep(self.door_ratios, (seen.door_s / (standard * building * customer * pace))[ok])
        self.building.learn(seen.building[ok], door[ok], (standard * customer * pace)[ok])
        self.fleet_door.learn(seen.fleet[ok], door[ok], (standard * building * customer)[ok])
        self.customer.learn(seen.customer[ok], door[ok], (standard * building * pace)[ok], decay=0.99)

    def learn_offers(self, routes: list[tuple[int, bool]], orders_km: Floats, declined: npt.NDArray[np.bool_]) -> None:
        """Answers of a day: (fleet, declined) by route; distance and answer by order."""
        for counts in (self.routes_offered, self.routes_declined, self.orders_offered, self.orders_declined):
            np.multiply(counts, 0.95, out=counts)
        # what was thought before still counts for a few offers
        self.routes_offered += 0.25
        self.routes_declined += 0.005
        self.orders_offered += 0.1
        self.orders_declined += 0.03
        for fleet, no in routes:
            self.routes_offered[fleet] += 1
            self.routes_declined[fleet] += no
        bands = np.digitize(orders_km, KM_BANDS)
        np.add.at(self.orders_offered, bands, 1.0)
        np.add.at(self.orders_declined, bands, declined.astype(np.float64))


def _keep(old: Floats, new: Floats, most: int = 4_000) -> Floats:
    return np.concatenate([old, np.clip(new, 0.1, 8.0)])[-most:] if len(old) > 1 else np.clip(new, 0.1, 8.0)


def great_circle_km(lat0: Any, lon0: Any, lat: Any, lon: Any) -> Floats:
    """Kilometres between points of one city (flat)."""
    east = (lon - lon0) * KM_PER_DEGREE * np.cos(np.radians(lat0))
    return np.asarray(np.sqrt(((lat - lat0) * KM_PER_DEGREE) ** 2 + east**2))
