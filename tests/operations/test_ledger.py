"""The books: every posting balances, costs are the newest belief, slices reconcile to difference 0."""

from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InputError
from domain.tables import COST_LEDGER
from operations.accrual import CostRates, day_ledger, day_postings
from operations.ledger import POSTING_COLUMNS, STAGES, CostKind, allocate, costs, post, reconcile, unbalanced

DAY = date(2026, 3, 30)


def posting(obligation="a", stage="estimated", amount=100, **scope):
    base = dict.fromkeys(POSTING_COLUMNS) | {
        "obligation_id": obligation,
        "service_date": DAY,
        "source": "s",
        "fleet_id": "own",
        "tenant_id": "t0",
        "kind": "transport",
        "stage": stage,
        "amount_minor": amount,
        "currency": "EUR",
    }
    return base | scope


def frame(*rows):
    return pd.DataFrame(rows, columns=list(POSTING_COLUMNS))


@given(st.integers(-10_000, 1_000_000), st.lists(st.integers(0, 500), min_size=1, max_size=30))
def test_a_split_adds_up_and_is_fair(total, weights):
    parts = allocate(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        if whole:
            assert abs(part - total * weight / whole) < 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["own", "gig", None]),
            st.sampled_from(["t0", "t1", None]),
            st.sampled_from(list(CostKind)),
            st.lists(st.tuples(st.integers(0, 2), st.integers(-5_000, 500_000)), min_size=1, max_size=4),
        ),
        max_size=25,
    )
)
def test_books_reconcile_to_difference_0_for_any_history(obligations):
    rows, newest = [], 0
    for number, (fleet, tenant, kind, history) in enumerate(obligations):
        for stage, amount in sorted(history, key=lambda one: one[0]):
            rows.append(
                posting(f"o{number}", str(STAGES[stage]), amount, fleet_id=fleet, tenant_id=tenant, kind=str(kind))
            )
        newest += rows[-1]["amount_minor"]
    lines = post(frame(*rows))
    assert unbalanced(lines) == []
    assert costs(lines)["amount_minor"].sum() == newest
    books = reconcile(lines)
    assert (books["difference_minor"] == 0).all()
    assert books["cost_minor"].sum() == newest
    assert lines["entry_id"].is_unique


def test_a_stage_replaces_the_one_before():
    lines = post(
        frame(posting(amount=100), posting(stage="accrued", amount=130), posting(stage="invoiced", amount=125))
    )
    assert costs(lines)["amount_minor"].tolist() == [100, 30, -5]
    books = reconcile(lines).iloc[0]
    assert (books["estimated_minor"], books["accrued_minor"], books["invoiced_minor"]) == (0, 0, 125)
    assert list(lines.columns) == list(COST_LEDGER.column_names)


def test_an_altered_line_is_found():
    lines = post(frame(posting(amount=100), posting("b", amount=7)))
    lines.loc[0, "amount_minor"] += 1
    assert len(unbalanced(lines)) == 1
    assert (reconcile(lines)["difference_minor"] != 0).any()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([posting(kind="tips")], "kind 'tips' is unknown"),
        ([posting(stage="guessed")], "stage 'guessed' is unknown"),
        ([posting(amount=1.5)], "whole number"),
        ([posting(amount=None)], "whole number"),
        ([posting(stage="invoiced"), posting(stage="accrued")], "goes back to accrued"),
        ([posting(), posting(stage="accrued", fleet_id="gig")], "changes its scope"),
        ([posting(), posting(stage="accrued", currency="USD")], "changes its scope, kind or currency"),
    ],
)
def test_bad_postings_are_named(rows, said):
    with pytest.raises(InputError, match=said):
        post(frame(*rows))


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match="'currency' is missing"):
        post(frame(posting()).drop(columns="currency"))


ORDERS = pd.DataFrame({"order_id": ["o1", "o2", "o3"], "tenant_id": ["t0", "t0", "t1"], "depot_id": "d"})
OUTCOMES = pd.DataFrame(
    {
        "order_id": ["o1", "o2", "o3"],
        "attempt": [1, 1, 2],
        "outcome": ["delivered", "failed", "delivered"],
        "route_id": "r1",
        "fleet_id": "own",
        "depot_id": "d",
    }
)
ROUTES = pd.DataFrame({"route_id": ["p1"], "fleet_id": ["own"], "cost_minor": [1_000]})
STOPS = pd.DataFrame({"route_id": "p1", "order_id": ["o1", "o2", "o3"]})


def whole_day(**more):
    return day_ledger(
        DAY, "s", "EUR", orders=ORDERS, outcomes=OUTCOMES, planned_routes=ROUTES, plan_stops=STOPS, **more
    )


def test_a_planned_day_is_an_estimate():
    lines = day_ledger(
        DAY, "s", "EUR", orders=ORDERS, outcomes=OUTCOMES.iloc[:0], planned_routes=ROUTES, plan_stops=STOPS
    )
    assert reconcile(lines, by=("fleet_id",)).iloc[0]["estimated_minor"] == 1_000


def test_what_happened_replaces_the_plan_and_every_kind_is_booked():
    lines = whole_day(
        accrued_routes=pd.DataFrame({"route_id": ["r1"], "amount_minor": [1_100]}),
        contacts=pd.DataFrame({"event_id": ["e1"], "order_id": ["o2"]}),
        messages=pd.DataFrame({"message_id": ["m1"], "order_id": ["o2"]}),
        interventions=pd.DataFrame(
            {"intervention_id": ["i1"], "order_id": ["o2"], "action": ["call_customer"], "cost_minor": [120]}
        ),
        adjustments=pd.DataFrame(
            {
                "adjustment_id": ["a1", "a2"],
                "fleet_id": "gig",
                "kind": ["penalty", "shortfall"],
                "component": ["sla", "minimum_volume_shortfall"],
                "amount_minor": [-40, 900],
            }
        ),
        rates=CostRates(contact_minor=450, message_minor=6, return_minor=250),
    )
    by_kind = costs(lines).groupby("kind")["amount_minor"].sum()
    # 1,100 over three stops: 367 + 367 + 366; o2 failed, o3 is a second attempt
    assert by_kind["transport"] == 367
    assert by_kind["failure"] == 367 + 366 + 250
    assert (by_kind["contact"], by_kind["message"], by_kind["intervention"]) == (450, 6, 120)
    assert (by_kind["penalty"], by_kind["shortfall"]) == (-40, 900)
    assert set(by_kind.index) == set(map(str, CostKind))
    books = reconcile(lines)
    assert (books["difference_minor"] == 0).all()
    assert books["estimated_minor"].sum() == 0


def test_an_invoice_settles_a_route_and_month_lines_stand_alone():
    lines = whole_day(
        accrued_routes=pd.DataFrame({"route_id": ["r1"], "amount_minor": [1_100]}),
        invoices=pd.DataFrame(
            {
                "fleet_id": ["own", "own", "gig"],
                "route_id": ["r1", "r1", None],
                "component": ["per_route", "per_km", "minimum_volume_shortfall"],
                "amount_minor": [1_000, 90, 500],
            }
        ),
        rates=CostRates(return_minor=0),
    )
    books = reconcile(lines, by=("fleet_id",)).set_index("fleet_id")
    assert books.loc["own", "invoiced_minor"] == 1_090
    assert books.loc["gig", "invoiced_minor"] == 500
    assert books["accrued_minor"].sum() == 0
    assert costs(lines).groupby("kind")["amount_minor"].sum()["shortfall"] == 500


def test_a_day_without_anything_is_empty():
    rows = day_postings(DAY, "s", "EUR", orders=ORDERS.iloc[:0], outcomes=OUTCOMES.iloc[:0])
    assert rows.empty and post(rows).empty


def test_orders_twice_and_negative_rates_are_refused():
    with pytest.raises(InputError, match="there twice"):
        day_postings(DAY, "s", "EUR", orders=pd.concat([ORDERS, ORDERS]), outcomes=OUTCOMES)
    with pytest.raises(InputError, match="contact_minor must not be negative"):
        CostRates(contact_minor=-1)
