"""Overrides of the lake become proposals with the plan cost of adopting them."""

import json
from datetime import date

import pandas as pd
import pytest

from domain import tables
from orchestration.loop.people import proposed

DAY = date(2026, 3, 8)


@pytest.fixture(scope="module")
def overridden(town):
    """Ten overrides for orders of one zone, always to the same van, each for the same reason."""
    orders = town.query("select order_id, zone_id, depot_id from raw.orders where service_date = ?", [DAY])
    zone = orders["zone_id"].value_counts().index[0]
    depot = orders[orders["zone_id"] == zone]["depot_id"].iloc[0]
    van = town.query(
        "select min(vehicle_id) as v from raw.shifts where service_date = ? and depot_id = ?",
        [DAY, depot],
    )["v"].iloc[0]
    earlier = town.query("select distinct order_id from raw.orders where zone_id = ? limit 10", [zone])["order_id"]
    rows = pd.DataFrame({"decision_id": [f"d{n}" for n in range(10)], "order_id": (list(earlier) * 10)[:10]})
    moment = pd.Timestamp("2026-03-07T10:00Z")
    others = json.dumps([{"what": "vehicle x", "price_minor": 100}])
    town.append(
        tables.DISPATCH_DECISIONS,
        rows.assign(source="town", service_date=DAY, kind="assign", vehicle_id=van, fleet_id="captive", price_minor=180,
                    currency="EUR", why="override by ann: knows the yard; nobody late", alternatives=others,
                    decided_at=moment, as_of=moment),
    )  # fmt: skip
    return zone, van


def test_a_pattern_is_proposed_with_its_plan_cost_and_not_adopted(town, overridden):
    zone, van = overridden
    before = town.snapshot_id()
    found = proposed(town, "town", DAY, iterations=15)
    assert found["overrides"] == 10
    (one,) = [row for row in found["proposals"] if row["scope"] == "zone_id"]
    assert (one["value"], one["allowed"], one["times"], one["override_cost_minor"]) == (zone, van, 10, 800)
    assert one["orders_concerned"] >= 1
    assert isinstance(one["adopting_costs_minor"], int)
    assert town.snapshot_id() == before
    assert proposed(town, "town", DAY, fewest=11)["proposals"] == []
