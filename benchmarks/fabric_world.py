"""One small world of the fabric benchmark: a city whose capacity is scarce and sometimes fails, and its problem."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from orchestration.planning.build import build_problem
from orchestration.planning.inputs import DayInputs
from solvers import PlanningProblem, SolveSettings
from solvers.plan import Plan
from solvers.planner import plan

FIRST_DAY = date(2026, 3, 3)
UNSERVED_MINOR = 3_000
"""An order that is not brought on its day: the second handling and the refund. Declared, the same for every arm."""
FAILURE_MINOR = 1_720
"""A failed attempt at the door: Loqate 2021; the same for every arm."""
LATE_MINOR_PER_MIN = 20
OWN, CARRIER, GIG = "captive", "carrier", "gig"
ITERATIONS = 60
ROUGH: dict[str, dict[str, Any]] = {
    OWN: {"capacity_parcels": 45, "no_show_share": 0.05, "breakdown_share": 0.05},
    CARRIER: {"capacity_parcels": 60, "acceptance": {"route_decline_share": 0.08}},
    GIG: {"capacity_parcels": 8},
}
"""Things go wrong more often than usual: declared, so that each seed has something to re-decide. Vans are small."""
DRIVERS = {OWN: 4, CARRIER: 3, GIG: 10}
PER_DAY = 140
"""Orders a day that these crews are for."""


def rough_city(seed: int, orders: int = PER_DAY, fleets: dict[str, dict[str, Any]] | None = None) -> Any:
    """A city of ``orders`` a day with one depot a hundred or so; ``fleets`` changes parameters of fleets.

    Vans hold what their number needs: with more orders there are more vans, as there would be.
    """
    from simulation import City, Scenario, load_scenario

    scenario = load_scenario("default").model_dump()
    ratio = orders / PER_DAY
    for fleet in scenario["fleets"]:
        own = ROUGH[fleet["fleet_id"]] | (fleets or {}).get(fleet["fleet_id"], {})
        acceptance = {**fleet["acceptance"], **own.get("acceptance", {})}
        tariff = {**fleet["tariff"], **own.get("tariff", {})}
        drivers = max(1, round(DRIVERS[fleet["fleet_id"]] * ratio))
        fleet |= {"drivers": drivers, **own, "acceptance": acceptance, "tariff": tariff}
    scenario["demand"]["orders_per_day"] = orders
    scenario["customers"]["count"] = max(50, 10 * orders)
    scenario["seed"] = 5_000 + seed
    return City(Scenario.model_validate(scenario))


@dataclass
class World:
    """A city with what planning it has in common from day to day. ``solves``: plans made, by processor seconds."""

    city: Any
    reference: dict[str, pd.DataFrame]
    zone: ZoneInfo
    seconds: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, city: Any) -> World:
        return cls(city, city.reference(FIRST_DAY), ZoneInfo(city.scenario.timezone))

    def problem(self, day: date) -> PlanningProblem:
        """The night's problem as the pipeline builds it, from what is known the evening before."""
        known = self.city.day_before(day)
        found = build_problem(self._inputs(day, known))
        orders = tuple(replace(one, penalty_minor=UNSERVED_MINOR) for one in found.orders)
        return replace(found, orders=orders)

    def _inputs(self, day: date, known: dict[str, pd.DataFrame]) -> DayInputs:
        none = ["constraint_id", "type", "order_id", "customer_id", "vehicle_id", "parameters", "hardness"]
        reference, capacity = self.reference, ("capacity_g", "capacity_ml", "capacity_parcels")
        nobody = pd.DataFrame(columns=["driver_id", "certification", "expires_at"])
        return DayInputs(
            source="bench",
            service_date=day,
            as_of=pd.Timestamp(day, tz=self.zone).to_pydatetime(),
            lake_snapshot=0,
            timezone=self.zone,
            depots=reference["depots"],
            orders=known["orders"],
            shifts=known["shifts"].assign(**dict.fromkeys(capacity)),
            vehicles=reference["vehicles"],
            fleets=reference["fleets"],
            tariffs=reference["tariff_rules"].assign(vehicle_class=None),
            certifications=reference.get("certifications", nobody),
            constraints=pd.DataFrame(columns=[*none, "price_minor", "authority"]),
            travel=reference["travel_observations"],
            predictions=pd.DataFrame(columns=["task", "order_id", "probability"]),
        )

    def solve(self, problem: PlanningProblem, iterations: int = ITERATIONS) -> Plan:
        """The same planner with the same iterations for every arm."""
        return plan(problem, SolveSettings(seconds=30.0, iterations=iterations, workers=1, seed=1))

    def frame(self, day: date, *plans: tuple[PlanningProblem, Plan]) -> pd.DataFrame:
        """Plans as the twin reads them."""
        midnight = pd.Timestamp(day, tz=self.zone)
        rows = []
        for problem, made in plans:
            vehicles = {one.vehicle_id: one for one in problem.vehicles}
            for route in made.routes:
                own = vehicles[route.vehicle_id]
                rows += [
                    {
                        "route_id": f"r-{day}-{route.vehicle_id}",
                        "vehicle_id": route.vehicle_id,
                        "driver_id": own.driver_id,
                        "fleet_id": route.fleet_id,
                        "depot_id": route.depot_id,
                        "sequence": number,
                        "order_id": visit.order_id,
                        "starts_at": midnight + timedelta(seconds=route.start_s),
                    }
                    for number, visit in enumerate(route.visits, 1)
                ]
        columns = ["route_id", "vehicle_id", "driver_id", "fleet_id", "depot_id", "sequence", "order_id", "starts_at"]
        return pd.DataFrame(rows, columns=columns)


@dataclass(frozen=True)
class Account:
    """What a played day came to. Every arm is charged by the same rules, and by the twin's own invoices."""

    cost_minor: int
    delivered: int
    unserved: int
    late_min: float
    shares: dict[str, float]

    @property
    def per_delivery_minor(self) -> float:
        return self.cost_minor / max(1, self.delivered)


def account(played: Any, orders: pd.DataFrame, penalties_minor: int = 0) -> Account:
    """Invoices, failures at the door, orders that were not brought, minutes after the window."""
    from domain.codes import FAILURE_REASONS, ExceptionClass

    events = played.events
    ends = events[events["event_type"].isin(["delivered", "partially_delivered", "diverted"])]
    delivered = set(ends["order_id"])
    failed = events[(events["event_type"] == "attempt_failed") & ~events["order_id"].isin(delivered)]
    reasons = failed.drop_duplicates("order_id", keep="last").set_index("order_id")["failure_reason"]
    at_the_door = (ExceptionClass.CUSTOMER_UNAVAILABLE, ExceptionClass.FAILED_DELIVERY)
    door = {str(one) for one, why in reasons.items() if FAILURE_REASONS.get(str(why)) in at_the_door}
    unserved = len(set(orders["order_id"]) - delivered - door)
    begun = events[events["event_type"] == "service_started"].drop_duplicates("order_id", keep="last")
    joined = begun.merge(orders[["order_id", "window_end"]], on="order_id").dropna(subset="window_end")
    late = (joined["event_time"] - joined["window_end"]).dt.total_seconds().clip(lower=0).sum() / 60
    transport = int(played.invoices["amount_minor"].sum())
    money = transport + FAILURE_MINOR * len(door) + UNSERVED_MINOR * unserved + round(LATE_MINOR_PER_MIN * late)
    by_fleet = ends.drop_duplicates("order_id")["fleet_id"].value_counts(normalize=True)
    shares = {str(name): float(value) for name, value in by_fleet.items()}
    return Account(int(money + penalties_minor), len(delivered), unserved, float(late), shares)


def interval(values: Any, seed: int = 0, draws: int = 10_000) -> tuple[float, float, float]:
    """Mean and 95 % percentile bootstrap interval over seeds, the unit of resampling."""
    own = np.asarray(values, dtype=float)
    means = np.random.default_rng(seed).choice(own, (draws, len(own))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(own.mean()), float(low), float(high)
