"""A small day for tests: one depot, vans on a plane, two gig fleets."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from operations.state import Day, Event, Offer
from solvers import Depot, Load, Order, PlanningProblem, SolveSettings, Tariff, Travel, Vehicle, Window
from solvers.contracts import read_contract
from solvers.planner import plan

DATE = date(2026, 3, 2)


def contract(fleet, price):
    rules = [{"rule_id": "drop", "how": "base", "unit": "stop", "amount_minor": price}]
    versions = [{"valid_from": "2026-01-01", "rules": rules}]
    return read_contract({"contract_id": fleet, "fleet_id": fleet, "currency": "EUR", "versions": versions})


OFFERS = (
    Offer("gig-a", contract("gig-a", 900), 0.7, answer_s=900, lead_s=600),
    Offer("gig-b", contract("gig-b", 1_400), 0.9, answer_s=600, lead_s=300),
)


def make_day(orders=12, vans=3, spare=4, seed=1, offers=OFFERS, iterations=200, window_s=14_400):
    """``spare`` further places, for orders that come during the day: rows ``orders + 1`` and on."""
    generator = np.random.default_rng(seed)
    spots = generator.integers(0, 12_000, size=(orders + spare + 1, 2))
    metres = np.abs(spots[:, None] - spots[None]).sum(axis=2).astype(np.int64)
    booked = tuple(
        Order(
            f"o{n}",
            n,
            "d",
            180,
            (Window(28_800 + 3_600 * (n % 3), 28_800 + 3_600 * (n % 3) + window_s),),
            Load(1_000, 1_000, 1),
            penalty_minor=6_000,
        )
        for n in range(1, orders + 1)
    )
    fleet = tuple(
        Vehicle(f"v{n}", "own", "d", 28_000, 57_600, Load(40_000, 40_000, 40), tariff=Tariff(2_000, 20, 0, 60, 1_800))
        for n in range(vans)
    )
    problem = PlanningProblem((Depot("d", 0),), booked, fleet, Travel(metres, metres // 8))
    made = plan(problem, SolveSettings(seconds=5.0, iterations=iterations, seed=seed))
    places = tuple((60_170_000 + int(y) * 9, 24_900_000 + int(x) * 18) for x, y in spots)
    return Day(DATE, problem, made, offers, places=places)


def event(name, kind, at_s, seen_s=None, **fields):
    return Event(name, kind, at_s, at_s if seen_s is None else seen_s, **fields)


def created(name, order_id, location, at_s, window=(36_000, 50_000), **facts):
    facts = {
        "location": location,
        "depot_id": "d",
        "service_s": 180,
        "window_start_s": window[0],
        "window_end_s": window[1],
        "penalty_minor": 6_000,
        "mass_g": 1_000,
        "parcels": 1,
        **facts,
    }
    return event(name, "order_created", at_s, order_id=order_id, facts=facts)


def driven(day, vehicle_id, stops, late_s=0):
    """Events of a van that leaves and serves its first ``stops`` stops, each ``late_s`` later than planned."""
    route = next(one for one in day.plan.routes if one.vehicle_id == vehicle_id)
    events = [event(f"{vehicle_id}-start", "route_started", route.start_s + late_s, vehicle_id=vehicle_id)]
    for visit in route.visits[:stops]:
        name = f"{vehicle_id}-{visit.order_id}"
        at = {"vehicle_id": vehicle_id, "order_id": visit.order_id}
        events.append(event(f"{name}-arrived", "arrived", visit.arrival_s + late_s, **at))
        events.append(event(f"{name}-done", "delivered", visit.departure_s + late_s, **at))
    return events


def later(one, seconds):
    return replace(one, seen_s=one.seen_s + seconds)
