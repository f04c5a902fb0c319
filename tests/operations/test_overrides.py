"""Overrides as facts; what is repeated ten times by agreement is proposed, nothing else."""

import json

import pandas as pd

from operations.overrides import overrides_of, proposals


def decision(number, why="override by ann: stairs only; nobody late", **changes):
    others = json.dumps([{"what": "vehicle v1", "price_minor": 300}, {"what": "leave", "price_minor": 25_000}])
    row = {
        "decision_id": f"d{number}",
        "order_id": f"o{number}",
        "kind": "assign",
        "vehicle_id": "v2",
        "fleet_id": "own",
    }
    return {**row, "price_minor": 450, "why": why, "alternatives": others, **changes}


def overrides(*rows, customer="c1"):
    frame = overrides_of(pd.DataFrame(rows))
    return frame.assign(customer_id=customer, zone_id="z", tenant_id="t")


def test_overrides_are_read_with_who_why_and_what_they_cost():
    rows = [decision(1), decision(2, why="repair: v1 is late"), decision(3, kind="refuse")]
    frame = overrides_of(pd.DataFrame(rows))
    assert frame.to_dict("records") == [
        {
            "decision_id": "d1",
            "order_id": "o1",
            "by": "ann",
            "reason": "stairs only",
            "allowed": "v2",
            "cost_minor": 150,
        }
    ]


def test_ten_of_one_customer_are_a_rule_for_that_customer_and_nine_are_none():
    assert proposals(overrides(*[decision(n) for n in range(9)])) == []
    (one,) = proposals(overrides(*[decision(n) for n in range(10)]))
    assert (one.scope, one.value, one.allowed, one.times, one.cost_minor) == ("customer_id", "c1", "v2", 10, 1_500)
    row = one.constraint()
    assert row["type"] == "vehicle_only"
    assert json.loads(row["parameters"]) == {"allowed": ["v2"]}
    assert (row["hardness"], row["authority"]) == ("soft", "preference")


def test_a_pattern_over_customers_is_the_zones_and_people_who_disagree_propose_nothing():
    frame = overrides(*[decision(n) for n in range(12)])
    frame["customer_id"] = [f"c{n}" for n in range(12)]
    assert [(one.scope, one.times) for one in proposals(frame)] == [("zone_id", 12)]
    other = overrides(*[decision(n, vehicle_id="v3") for n in range(20, 32)])
    assert proposals(pd.concat([frame, other.assign(customer_id=[f"e{n}" for n in range(12)])])) == []


def test_leaving_orders_for_another_day_is_no_rule():
    rows = [decision(n, vehicle_id=None, fleet_id=None, kind="leave") for n in range(15)]
    assert proposals(overrides(*rows)) == []
