"""KPIs on a day small enough to count by hand; they add up over segments."""

from datetime import date

import pandas as pd
import pytest

from domain.errors import InputError
from domain.tables import KPIS
from operations.accrual import day_ledger
from operations.kpis import daily_kpis

DAY = date(2026, 3, 30)


def at(text):
    return pd.Timestamp(f"2026-03-30 {text}", tz="UTC")


ORDERS = pd.DataFrame(
    {
        "order_id": ["o1", "o2", "o3", "o4", "o5"],
        "tenant_id": ["t0", "t0", "t1", "t1", "t1"],
        "zone_id": "z",
        "depot_id": "d",
        "window_start": [at("08:00"), at("08:00"), at("09:00"), pd.NaT, at("08:00")],
        "window_end": [at("10:00"), at("10:00"), at("11:00"), pd.NaT, at("09:00")],
    }
)
STARTS = [at("09:00"), at("10:30"), at("08:30"), at("11:00")]
OUTCOMES = pd.DataFrame(
    {
        "order_id": ["o1", "o2", "o3", "o4"],
        "attempt": [1, 1, 1, 2],
        "outcome": ["delivered", "failed", "delivered", "delivered"],
        "fleet_id": ["own", "own", "gig", "gig"],
        "depot_id": "d",
        "route_id": ["r1", "r1", "r2", "r2"],
        "vehicle_id": ["v1", "v1", "v2", "v2"],
        "arrived_at": STARTS,
        "service_started_at": STARTS,
        "concluded_at": STARTS,
    }
)
EVENTS = pd.DataFrame(
    [
        ("cancelled", "o5", None, at("07:00")),
        ("contact_received", "o2", None, at("10:10")),
        ("route_started", None, "r1", at("08:00")),
        ("break_started", None, "r1", at("09:10")),
        ("break_ended", None, "r1", at("09:40")),
        ("route_ended", None, "r1", at("10:30")),
        ("route_started", None, "r2", at("08:00")),
        ("route_ended", None, "r2", at("12:00")),
    ],
    columns=["event_type", "order_id", "route_id", "event_time"],
)
ROUTES = pd.DataFrame(
    {
        "route_id": ["p1", "p2"],
        "fleet_id": ["own", "gig"],
        "depot_id": "d",
        "vehicle_id": ["v1", "v2"],
        "cost_minor": 300,
    }
)
PLAN_STOPS = pd.DataFrame(
    {
        "order_id": ["o1", "o2", "o3", "o4"],
        "route_id": ["p1", "p1", "p2", "p2"],
        "sequence": [1, 2, 2, 1],
        "service_start": [at("08:50"), at("09:50"), at("10:00"), at("09:00")],
        "eta_p10": [at("08:45"), at("09:45"), at("08:20"), at("10:50")],
        "eta_p50": [at("08:55"), at("09:55"), at("08:30"), at("11:00")],
        "eta_p90": [at("09:05"), at("10:05"), at("08:40"), at("11:10")],
        "p_failed": [0.1, 0.6, 0.1, 0.2],
        "p_late": [0.1, 0.5, 0.2, 0.2],
    }
)
MESSAGES = pd.DataFrame(
    {
        "order_id": ["o1", "o2", "o2"],
        "trigger": ["late_risk", "late_risk", "window_offered"],
        "sent_at": [at("08:00"), at("09:20"), at("07:00")],
    }
)


@pytest.fixture(scope="module")
def kpis():
    ledger = day_ledger(DAY, "s", "EUR", orders=ORDERS, outcomes=OUTCOMES, planned_routes=ROUTES, plan_stops=PLAN_STOPS)
    return daily_kpis(
        DAY,
        "s",
        outcomes=OUTCOMES,
        orders=ORDERS,
        plan_stops=PLAN_STOPS,
        routes=ROUTES,
        ledger=ledger,
        events=EVENTS,
        messages=MESSAGES,
        basis={"as_of": at("23:00"), "lake_snapshot": 3},
    )


def value(kpis, name, kind="all", segment="all"):
    row = kpis[(kpis["kpi"] == name) & (kpis["segment_kind"] == kind) & (kpis["segment"] == segment)]
    assert len(row) == 1, f"{name} {kind} {segment}: {len(row)} rows"
    return row["numerator"].iloc[0], row["denominator"].iloc[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cancelled_share", (1, 5)),
        ("first_attempt_delivery_rate", (2, 3)),
        ("on_time_rate_original", (1, 2)),  # o1 in time, o3 too early, o4 has no promise
        ("cost_per_delivery", (850, 3)),  # two routes of 300 and the return of o2
        ("cost_per_delivery_transport", (600, 3)),
        ("cost_per_delivery_failure", (250, 3)),
        ("failed_delivery_cost", (250, 1)),
        ("wismo_rate", (1, 4)),
        ("wismo_share_of_contacts", (1, 1)),
        ("messages_per_order", (3, 4)),
        ("informed_late_share", (1, 1)),  # o2: told at 9:20, promise ended at 10:00
        ("false_alarm_rate", (1, 2)),  # o1 was told and came in time
        ("stops_per_route_hour", (3, 6)),  # 2 h of r1 without the break, 4 h of r2
        ("execution_rate", (2, 4)),  # o1 and o4; o2 failed, o3 came before its window
        ("sequence_adherence", (3, 4)),
        ("eta_within_10_min", (3, 4)),
        ("eta_coverage", (3, 4)),
        ("eta_width_s", (4 * 1_200, 4)),
    ],
)
def test_by_hand(kpis, name, expected):
    assert value(kpis, name) == pytest.approx(expected)


def test_eta_errors_and_brier_by_hand(kpis):
    assert value(kpis, "eta_mae_s") == pytest.approx((5 * 60 + 35 * 60, 4))
    assert value(kpis, "failed_brier") == pytest.approx((0.01 + 0.16 + 0.01, 3))


def test_segments_add_up_to_all(kpis):
    for name in ("cost_per_delivery", "first_attempt_delivery_rate", "eta_mae_s", "messages_per_order"):
        for kind in ("fleet", "depot", "zone", "tenant"):
            own = kpis[(kpis["kpi"] == name) & (kpis["segment_kind"] == kind)]
            assert own["denominator"].sum() == pytest.approx(value(kpis, name)[1])
    fleets = kpis[(kpis["kpi"] == "cost_per_delivery") & (kpis["segment_kind"] == "fleet")]
    assert fleets["numerator"].sum() == 850


def test_the_split_of_cost_adds_up_exactly(kpis):
    split = [one for one in kpis["kpi"].unique() if one.startswith("cost_per_delivery_")]
    assert len(split) == 7
    assert sum(value(kpis, one)[0] for one in split) == value(kpis, "cost_per_delivery")[0]


def test_rows_have_the_columns_and_key_of_the_table(kpis):
    assert list(kpis.columns) == list(KPIS.column_names)
    assert not kpis.duplicated(list(KPIS.key)).any()
    assert (kpis["denominator"] >= 0).all() and kpis["numerator"].notna().all()


def test_what_is_not_known_gives_no_row():
    rows = daily_kpis(DAY, "s", outcomes=OUTCOMES, orders=ORDERS)
    assert set(rows["kpi"]) == {
        "cancelled_share",
        "first_attempt_delivery_rate",
        "on_time_rate_original",
        "on_time_rate_active",
    }


def test_an_empty_day_gives_no_rows():
    assert daily_kpis(DAY, "s", outcomes=OUTCOMES.iloc[:0], orders=ORDERS.iloc[:0], events=EVENTS.iloc[:0]).empty


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match="outcomes of 2026-03-30: column 'attempt' is missing"):
        daily_kpis(DAY, "s", outcomes=OUTCOMES.drop(columns="attempt"), orders=ORDERS)


def test_a_day_without_messages_has_none_an_order_and_nobody_informed():
    nothing = pd.DataFrame({"order_id": [], "trigger": [], "delay": [], "sent_at": []})
    rows = daily_kpis(DAY, "s", outcomes=OUTCOMES, orders=ORDERS, events=EVENTS, messages=nothing)
    assert value(rows, "messages_per_order")[0] == 0
    assert value(rows, "informed_late_share")[0] == 0
    assert "false_alarm_rate" not in set(rows["kpi"])
