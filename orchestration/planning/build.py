"""From rows to a planning problem: units are already right, times become seconds of the day."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import datetime, time
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from domain.codes import ControlMode, TariffComponent
from domain.errors import InputError
from orchestration.planning.inputs import DayInputs
from orchestration.planning.risk import LATE_COST_MINOR, at_risk_of_lateness, lateness_rules, risk_of_failure
from solvers import Depot, Load, Order, PlanningProblem, Tariff, Travel, Vehicle, Window
from solvers.contracts import with_commitments
from solvers.families.rows import rule_from_row
from solvers.plan import Unserved
from solvers.problem import LARGEST, UNLIMITED, Attribute, Rule
from solvers.time_of_day import by_time_of_day
from solvers.travel import fit_travel, osrm_matrices

FAILURE_COST_MINOR = 1_720
"""Cost of one failed attempt: 17.20 USD, Loqate, Fixing Failed Deliveries, 2021. An input: FIVEFOLD_FAILURE_COST."""
UNSERVED_PENALTY_MINOR = 25_000
"""What leaving an order for another day costs (refund, goodwill, the second handling). FIVEFOLD_UNSERVED_PENALTY."""
DEFAULT_SERVICE_S = 180
PLACE_DIGITS = 5
"""Decimals of a degree (about a metre) by which two positions are the same place."""
SCOPES = ("customer_id", "zone_id", "tenant_id")
"""What a rule may hold for, besides single orders: all orders of a customer, a zone, a shipper."""
WORKING_HOURS = range(8, 18)
"""Hours over which learned travel times are averaged: a plan's legs lie in them."""
Numbers = npt.NDArray[np.float64]


def _setting(name: str, default: int) -> int:
    text = os.environ.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise InputError(f"{name} must be a whole number of minor units, is {text!r}")
    return int(text)


def plannable(day: DayInputs) -> tuple[DayInputs, list[Unserved]]:
    """The day without the orders that no route can be made for, and those orders with what they lack.

    One order without a position must not cost the night its plan: it is unserved, and says why.
    """
    orders = day.orders
    placeless = orders["lat"].isna() | orders["lon"].isna()
    depotless = ~placeless & ~orders["depot_id"].isin(set(day.depots["depot_id"]))
    penalty = _setting("FIVEFOLD_UNSERVED_PENALTY", UNSERVED_PENALTY_MINOR)
    left = [
        Unserved(str(order_id), "no_position", "the order has no position; correct its address", penalty)
        for order_id in orders.loc[placeless, "order_id"]
    ]
    left += [
        Unserved(
            str(row.order_id), "unknown_depot", f"the order's depot {row.depot_id!r} is not among the depots", penalty
        )
        for row in orders[depotless].itertuples()
    ]
    return replace(day, orders=orders[~(placeless | depotless)].reset_index(drop=True)), left


def build_problem(day: DayInputs) -> PlanningProblem:
    """The planning problem of one source and service date.

    Raises:
        InputError: there is no depot at all, or a shift names a vehicle that is not known.
    """
    if day.depots.empty:
        raise InputError(f"source {day.source!r} has no depot")
    midnight = pd.Timestamp(datetime.combine(day.service_date, time(), day.timezone))
    depots = day.depots.sort_values("depot_id", ignore_index=True)
    travel = _travel(day, depots)
    late_cost = _setting("FIVEFOLD_LATE_COST", LATE_COST_MINOR)
    at_risk = at_risk_of_lateness(day)
    problem = PlanningProblem(
        depots=tuple(Depot(str(one), row) for row, one in enumerate(depots["depot_id"])),
        orders=_orders(day, midnight, len(depots), at_risk),
        vehicles=_vehicles(day, midnight),
        travel=travel,
        currency=str(day.tariffs["currency"].iloc[0]) if len(day.tariffs) else "EUR",
        rules=(*_rules(day), *lateness_rules(at_risk, late_cost)),
    )
    return with_commitments(problem, day.commitments)


def _travel(day: DayInputs, depots: pd.DataFrame) -> Travel:
    lat = np.concatenate([depots["lat"].to_numpy(float), day.orders["lat"].to_numpy(float)])
    lon = np.concatenate([depots["lon"].to_numpy(float), day.orders["lon"].to_numpy(float)])
    if url := os.environ.get("FIVEFOLD_OSRM"):
        return osrm_matrices(url, lat, lon)
    if extract := os.environ.get("FIVEFOLD_OSM"):
        from solvers.osm import RoadNetwork

        return RoadNetwork.read(extract, os.environ.get("FIVEFOLD_OSM_PROFILE", "van")).matrices(lat, lon)
    seen = day.travel
    columns = ("from_lat", "from_lon", "to_lat", "to_lon", "distance_m", "duration_s")
    values = [seen[name].to_numpy(dtype=float, na_value=np.nan) for name in columns]
    begin = pd.Timestamp(day.service_date, tz=day.timezone)
    moments = pd.to_datetime(seen["event_time"], utc=True)
    # those of the day itself or later (a history that was loaded afterwards) stand behind all that were there before
    ages = (begin - moments).dt.total_seconds().to_numpy(float)
    fitted = _as_learned(fit_travel(*values).matrices(lat, lon), day, depots)
    return _with_known(fitted, lat, lon, np.where(ages <= 0, np.inf, ages), *values)


def _as_learned(travel: Travel, day: DayInputs, depots: pd.DataFrame) -> Travel:
    """Travel seconds times what deliveries taught of zones, hours and weather; as fitted where nothing was learned."""
    if not day.beliefs.has_travel():
        return travel
    zones = [f"depot:{one}" for one in depots["depot_id"]] + [str(one) for one in day.orders["zone_id"]]
    hours = dict.fromkeys(WORKING_HOURS, 1 / len(WORKING_HOURS))
    wet = {one: one in day.wet_hours for one in hours}
    factors = day.beliefs.travel_factors(travel.distance_m, zones, hours, wet)
    learned = Travel(travel.distance_m, np.rint(travel.duration_s * factors).astype(np.int64))
    if os.environ.get("FIVEFOLD_TRAVEL_BY_HOUR", "") != "1":
        return learned
    by_hour = day.beliefs.hour_factor(wet)
    mean = sum(by_hour.values()) / len(by_hour)
    return by_time_of_day(learned, {hour * 3_600: round(100 * mean / factor) for hour, factor in by_hour.items()})


def _with_known(travel: Travel, lat: Numbers, lon: Numbers, ages: Numbers, *seen: Numbers) -> Travel:
    """Trips that were observed between two places of the day are taken as observed, and not as fitted.

    The newest observation of a pair counts, for roads change; of several of one moment, the medians.

    ``seen``: from_lat, from_lon, to_lat, to_lon, distance_m, duration_s of each observation; ``ages``: seconds from it
    to the begin of the service date.
    """
    places: dict[tuple[float, float], list[int]] = {}
    for row, key in enumerate(zip(np.round(lat, PLACE_DIGITS), np.round(lon, PLACE_DIGITS), strict=True)):
        places.setdefault(key, []).append(row)
    ends = np.round(np.stack(seen[:4], axis=1), PLACE_DIGITS)
    known: dict[tuple[int, int], list[tuple[float, float, float]]] = {}
    for (from_lat, from_lon, to_lat, to_lon), age, metres, seconds in zip(
        ends.tolist(), ages, seen[4], seen[5], strict=True
    ):
        if metres > 0 and seconds > 0:
            for start in places.get((from_lat, from_lon), ()):
                for end in places.get((to_lat, to_lon), ()):
                    if start != end:
                        known.setdefault((start, end), []).append((age, metres, seconds))
    distance, duration = travel.distance_m.copy(), travel.duration_s.copy()
    for pair, trips in known.items():
        newest = min(age for age, _, _ in trips)
        of_newest = np.array([one[1:] for one in trips if one[0] == newest])
        distance[pair], duration[pair] = np.ceil(np.median(of_newest, axis=0)).astype(np.int64)
    if travel.by_start_s is None:
        return Travel(distance, duration)
    ratio = duration / np.maximum(travel.duration_s, 1)  # what was observed goes through the day as the rest does
    by_start = np.rint(travel.by_start_s * ratio).astype(np.int64)
    return replace(travel, distance_m=distance, duration_s=duration, by_start_s=by_start)


def _seconds(moment: Any, midnight: pd.Timestamp) -> int:
    return int((pd.Timestamp(moment) - midnight).total_seconds())


def _orders(
    day: DayInputs, midnight: pd.Timestamp, first_location: int, at_risk: dict[str, dict[str, Attribute]]
) -> tuple[Order, ...]:
    banned = _bans(day.constraints)
    failed = risk_of_failure(day)
    failure_cost = _setting("FIVEFOLD_FAILURE_COST", FAILURE_COST_MINOR)
    penalty = _setting("FIVEFOLD_UNSERVED_PENALTY", UNSERVED_PENALTY_MINOR)
    orders = []
    for number, row in enumerate(day.orders.itertuples()):
        windows: tuple[Window, ...] = ()
        if pd.notna(row.window_start) and pd.notna(row.window_end):
            windows = (Window(max(0, _seconds(row.window_start, midnight)), _seconds(row.window_end, midnight)),)
        building = building_of(row.attributes)
        codes = frozenset(str(row.required_certifications).split("+")) if _given(row.required_certifications) else ()
        orders.append(
            Order(
                order_id=str(row.order_id),
                location=first_location + number,
                depot_id=str(row.depot_id),
                service_s=max(1, round(_whole(row.service_s, DEFAULT_SERVICE_S) * day.beliefs.service_factor(building)))
                if day.beliefs
                else _whole(row.service_s, DEFAULT_SERVICE_S),
                windows=windows,
                load=Load(_whole(row.mass_g, 0), _whole(row.volume_ml, 0), _whole(row.parcels, 1)),
                required_certifications=frozenset(codes),
                banned_vehicles=banned.get(("order", row.order_id), frozenset())
                | banned.get(("customer", row.customer_id), frozenset()),
                penalty_minor=penalty,
                failure_cost_minor=_failure_costs(row, failed.get(str(row.order_id), 0.0), failure_cost, day),
                attributes=at_risk.get(str(row.order_id), {}),
            )
        )
    return tuple(orders)


def building_of(attributes: Any) -> str | None:
    """The building type that a source tells of an order."""
    if not _given(attributes):
        return None
    try:
        found = json.loads(attributes)
    except ValueError:
        return None
    value = found.get("building") if isinstance(found, dict) else None
    return None if value is None else str(value)


def _failure_costs(order: Any, p_failed: float, cost_minor: int, day: DayInputs) -> dict[str, int]:
    """Expected cost of failure of an order: its own risk, and by fleet what carriers were seen to add to it.

    An order that a fleet does not take, or fails by its own doing, is an attempt lost.
    """
    p_failed = min(p_failed * day.beliefs.risk_factor(order.tenant_id), 1.0)
    costs = {"": round(p_failed * cost_minor)}
    if not day.beliefs:
        return costs
    for fleet in day.fleets.itertuples():
        kept = day.beliefs.reliability(str(fleet.fleet_id), str(order.depot_id))
        if fleet.control_mode != ControlMode.ROUTED:
            accepted = day.beliefs.acceptance(str(fleet.fleet_id), order.zone_id)
            kept *= 1.0 if accepted is None else accepted
        if kept < 1:
            costs[str(fleet.fleet_id)] = round((1 - (1 - p_failed) * kept) * cost_minor)
    return costs


def _given(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _whole(value: Any, default: int) -> int:
    return default if value is None or pd.isna(value) else int(value)


def _bans(constraints: pd.DataFrame) -> dict[tuple[str, Any], frozenset[str]]:
    found: dict[tuple[str, Any], set[str]] = {}
    for row in constraints[constraints["type"] == "vehicle_ban"].itertuples():
        for scope, value in (("order", row.order_id), ("customer", row.customer_id)):
            if _given(value):
                found.setdefault((scope, value), set()).add(str(row.vehicle_id))
    return {key: frozenset(value) for key, value in found.items()}


def _rules(day: DayInputs) -> tuple[Rule, ...]:
    """Instances of registered constraint types; what names orders or vehicles that are not of the day has no effect.

    Raises:
        PlanningError: names the instance and the field.
    """
    members = {name: day.orders.groupby(name)["order_id"].agg(list).to_dict() for name in SCOPES}
    known = {str(one) for one in day.orders["order_id"]}
    vehicles = {str(one) for one in day.shifts["vehicle_id"]}
    rules = []
    for row in day.constraints[day.constraints["type"] != "vehicle_ban"].itertuples():
        orders = [str(row.order_id)] if _given(row.order_id) else []
        scopes = {name: getattr(row, name) for name in SCOPES if _given(getattr(row, name))}
        for name, value in scopes.items():
            orders += [str(one) for one in members[name].get(value, [])]
        scoped = _given(row.order_id) or bool(scopes)
        orders = [one for one in orders if one in known]
        vehicle = [str(row.vehicle_id)] if _given(row.vehicle_id) else []
        if (scoped and not orders) or (vehicle and vehicle[0] not in vehicles):
            continue
        rules.append(
            rule_from_row(
                {
                    "rule_id": str(row.constraint_id),
                    "type": str(row.type),
                    "orders": orders,
                    "vehicles": vehicle,
                    "parameters": row.parameters if _given(row.parameters) else None,
                    "hardness": str(row.hardness),
                    "price_minor": _whole(row.price_minor, 0),
                    "authority": str(row.authority),
                }
            )
        )
    return tuple(rules)


def _vehicles(day: DayInputs, midnight: pd.Timestamp) -> tuple[Vehicle, ...]:
    by_id = day.vehicles.set_index("vehicle_id").to_dict("index")
    held: dict[str, dict[str, int]] = {}
    for row in day.certifications.itertuples():
        until = LARGEST if pd.isna(row.expires_at) else _seconds(row.expires_at, midnight)
        if until > 0:
            held.setdefault(str(row.driver_id), {})[str(row.certification)] = until
    vehicles = []
    for row in day.shifts.itertuples():
        vehicle = by_id.get(row.vehicle_id)
        if vehicle is None:
            raise InputError(f"shift {row.shift_id!r} names vehicle {row.vehicle_id!r}, which is not known")
        capacity = Load(
            *(
                _whole(getattr(row, name), _whole(vehicle[name], getattr(UNLIMITED, field)))
                for name, field in (
                    ("capacity_g", "mass_g"),
                    ("capacity_ml", "volume_ml"),
                    ("capacity_parcels", "parcels"),
                )
            )
        )
        driver = str(row.driver_id) if _given(row.driver_id) else None
        vehicles.append(
            Vehicle(
                vehicle_id=str(row.vehicle_id),
                fleet_id=str(row.fleet_id),
                depot_id=str(row.depot_id),
                start_s=max(0, _seconds(row.starts_at, midnight)),
                end_s=_seconds(row.ends_at, midnight),
                capacity=capacity,
                certifications=held.get(driver or "", {}),
                driver_id=driver,
                tariff=_tariff(day.tariffs, str(row.fleet_id), vehicle["vehicle_class"]),
            )
        )
    return tuple(vehicles)


def _tariff(rules: pd.DataFrame, fleet_id: str, vehicle_class: Any) -> Tariff:
    """The sum of a fleet's rules for a class of vehicle; rules without a class hold for all."""
    own = rules[
        (rules["fleet_id"] == fleet_id) & (rules["vehicle_class"].isna() | (rules["vehicle_class"] == vehicle_class))
    ]
    price = own.groupby("component")["amount_minor"].sum().to_dict()

    def of(component: TariffComponent) -> int:
        return int(price.get(component.value, 0))

    overtime = of(TariffComponent.OVERTIME_PER_HOUR)
    return Tariff(
        per_route_minor=of(TariffComponent.PER_ROUTE),
        per_stop_minor=of(TariffComponent.PER_STOP),
        per_parcel_minor=of(TariffComponent.PER_PARCEL),
        per_km_minor=of(TariffComponent.PER_KM),
        per_hour_minor=of(TariffComponent.PER_HOUR),
        overtime_per_hour_minor=overtime,
        overtime_after_s=8 * 3_600 if overtime else None,
    )
