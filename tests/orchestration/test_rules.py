"""Rows of ``constraint_instances`` become rules of the day's problem."""

from datetime import date
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from domain.errors import PlanningError
from orchestration.planning.build import _rules


def day(**row):
    full = {
        "constraint_id": "r1", "type": "window", "order_id": None, "customer_id": None, "vehicle_id": None,
        "zone_id": None, "tenant_id": None,
        "parameters": '{"start_s": 3600, "end_s": 7200}', "hardness": "soft", "price_minor": 3, "authority": "promise",
    } | row  # fmt: skip
    orders = pd.DataFrame(
        {"order_id": ["a", "b", "c"], "customer_id": ["x", "x", "y"], "zone_id": ["n", "s", "s"], "tenant_id": "t"}
    )
    shifts = pd.DataFrame({"vehicle_id": ["v1"]})
    return SimpleNamespace(
        orders=orders,
        shifts=shifts,
        constraints=pd.DataFrame([full]),
        service_date=date(2026, 1, 5),
        timezone=ZoneInfo("UTC"),
    )


def test_a_customers_rule_concerns_the_orders_of_the_day():
    (rule,) = _rules(day(customer_id="x"))
    assert (rule.type, rule.orders, rule.hard, rule.price_minor) == ("window", frozenset({"a", "b"}), False, 3)
    assert rule.parameters == {"start_s": 3_600, "end_s": 7_200}


@pytest.mark.parametrize(("scope", "orders"), [({"zone_id": "s"}, "bc"), ({"tenant_id": "t"}, "abc")])
def test_a_zones_or_a_shippers_rule_concerns_its_orders_only(scope, orders):
    (rule,) = _rules(day(**scope))
    assert rule.orders == frozenset(orders)
    assert _rules(day(**dict.fromkeys(scope, "elsewhere"))) == ()


def test_what_is_not_of_the_day_has_no_effect_and_bans_stay_bans():
    assert _rules(day(order_id="z")) == _rules(day(vehicle_id="v9")) == _rules(day(type="vehicle_ban")) == ()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"type": "windw"}, "did you mean 'window'"),
        ({"parameters": "{"}, "no JSON"),
        ({"parameters": '{"start_s": -1, "end_s": 3}'}, "start_s"),
        ({"authority": "king"}, "authority"),
        ({"hardness": "medium"}, "hardness"),
    ],
)
def test_a_wrong_row_is_refused_by_name(row, words):
    with pytest.raises(PlanningError, match=words):
        _rules(day(**row))
