"""Rows of the lake to a published plan: days that lack something, orders no route can be made for, known trips."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from domain import tables
from domain.errors import FivefoldError, InputError
from orchestration.lake import Lake
from orchestration.planning import plan_day, publish, service_dates
from orchestration.planning.build import _with_known
from solvers import Travel

DAY = date(2026, 3, 30)
KNOWN = datetime(2026, 3, 29, 9, tzinfo=UTC)
BASIS = {"source": "shop", "file_id": "f", "event_time": KNOWN, "ingest_time": KNOWN, "retracted": False}
MORNING = datetime(2026, 3, 30, 6, tzinfo=UTC)


def rows(*values):
    return pd.DataFrame([{**BASIS, **one} for one in values])


def order(order_id, **changes):
    place = {"depot_id": "d", "lat": 52.01, "lon": 4.9, "service_s": 60, "mass_g": 500, "parcels": 1}
    return {"order_id": order_id, "service_date": DAY, "kind": "delivery", **place, **changes}


@pytest.fixture
def lake(tmp_path, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    with Lake.open(tmp_path) as one:
        depot = {"depot_id": "d", "lat": 52.0, "lon": 4.9, "timezone": "Europe/Amsterdam"}
        one.append(tables.DEPOTS, rows(depot))
        one.append(tables.FLEETS, rows({"fleet_id": "own", "kind": "captive", "control_mode": "routed"}))
        one.append(tables.VEHICLES, rows({"vehicle_id": "v", "fleet_id": "own", "depot_id": "d"}))
        price = {"contract_id": "c", "rule_id": "km", "fleet_id": "own", "component": "per_km", "amount_minor": 50}
        one.append(tables.TARIFF_RULES, rows({**price, "currency": "EUR", "valid_from": date(2026, 1, 1)}))
        yield one


def shift(lake):
    place = {"shift_id": "s", "service_date": DAY, "depot_id": "d", "fleet_id": "own", "vehicle_id": "v"}
    lake.append(
        tables.SHIFTS, rows({**place, "driver_id": "a", "starts_at": MORNING, "ends_at": MORNING + timedelta(hours=8)})
    )


def test_an_order_without_a_position_or_depot_is_unserved_and_the_others_are_planned(lake):
    shift(lake)
    wrong = [order("placeless", lat=None), order("elsewhere", depot_id="x")]
    lake.append(tables.ORDERS, rows(order("fine"), *wrong))
    planned = plan_day(lake, "shop", DAY, seconds=1)
    publish(lake, planned)
    assert planned.verified
    assert (planned.metadata["served"], planned.metadata["unserved"]) == (1, 2)
    left = lake.query("select order_id, reason, explanation from plan.unserved_orders order by order_id")
    assert left["order_id"].tolist() == ["elsewhere", "placeless"]
    assert left["reason"].tolist() == ["unknown_depot", "no_position"]
    assert "'x'" in left["explanation"].iloc[0]
    (plan,) = lake.query("select * from plan.plans").to_dict("records")
    assert (plan["served"], plan["unserved"]) == (1, 2)
    assert plan["cost_minor"] == planned.metadata["cost_minor"]


def test_an_order_cancelled_before_the_cut_off_is_not_planned_and_one_cancelled_after_it_is(lake):
    shift(lake)
    lake.append(tables.ORDERS, rows(order("stays"), order("goes"), order("goes too late")))
    event = {"service_date": DAY, "event_type": "cancelled"}
    late = KNOWN + timedelta(days=1)
    lake.append(
        tables.DELIVERY_EVENTS,
        rows(
            {**event, "event_id": "1", "order_id": "goes"},
            {**event, "event_id": "2", "order_id": "goes too late", "event_time": late, "ingest_time": late},
        ),
    )
    planned = plan_day(lake, "shop", DAY, seconds=1)
    stops = planned.frames["plan.plan_stops"]
    assert set(stops["order_id"]) == {"stays", "goes too late"}
    assert planned.metadata["unserved"] == 0


def test_a_day_without_drivers_leaves_every_order_with_a_reason(lake):
    lake.append(tables.ORDERS, rows(order("a"), order("b")))
    planned = plan_day(lake, "shop", DAY, seconds=1)
    publish(lake, planned)
    assert planned.verified
    assert planned.metadata["served"] == 0
    left = lake.query("select reason, explanation from plan.unserved_orders")
    assert set(left["reason"]) == {"no_capacity"}
    assert left["explanation"].str.len().min() > 10


def test_an_empty_day_is_a_plan_without_routes(lake):
    shift(lake)
    planned = plan_day(lake, "shop", DAY, seconds=1)
    publish(lake, planned)
    assert planned.verified
    assert planned.metadata["served"] == planned.metadata["unserved"] == planned.metadata["cost_minor"] == 0
    assert lake.query("select count(*) as n from plan.plans")["n"].iloc[0] == 1


def tariff(**changes):
    rule = {"contract_id": "c2", "rule_id": "km", "fleet_id": "own", "component": "per_km", "amount_minor": 70}
    return {**rule, "currency": "EUR", "valid_from": date(2026, 2, 1), **changes}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (tariff(), r"contracts 'c' \(50\) and 'c2' \(70\) both price per_km of fleet 'own' on 2026-03-30; end one"),
        (tariff(currency="GBP", component="per_stop"), "currency: rules in EUR and GBP hold on 2026-03-30"),
        (
            tariff(
                contract_id="c",
                valid_from=date(2026, 1, 1),
                valid_to=date(2026, 3, 29),
                ingest_time=KNOWN + timedelta(hours=1),
            ),
            "fleet 'own' has shifts on 2026-03-30, but no rule that holds then: the contract expired on 2026-03-29",
        ),
        (
            tariff(contract_id="c", valid_from=date(2026, 4, 1), ingest_time=KNOWN + timedelta(hours=1)),
            "no rule that holds then: the contract begins on 2026-04-01; correct valid_from",
        ),
    ],
)
def test_tariffs_that_contradict_each_other_or_have_expired_are_refused_by_name(lake, rule, message):
    shift(lake)
    lake.append(tables.ORDERS, rows(order("a")))
    lake.append(tables.TARIFF_RULES, rows(rule))
    with pytest.raises(InputError, match=message):
        plan_day(lake, "shop", DAY, seconds=1)


COMMITTED = """
contract_id: acme
fleet_id: acme
currency: EUR
versions:
  - valid_from: 2026-01-01
    valid_to: 2026-12-31
    rules: [{rule_id: drop, how: base, unit: stop, amount_minor: 0}]
    monthly: [{rule_id: floor, kind: minimum_volume, volume: 40, amount_minor: 9000}]
"""


@pytest.mark.parametrize(("done", "fleet"), [(0, "acme"), (30, "acme"), (60, "own")])
def test_a_months_minimum_moves_the_night_plan_as_long_as_it_is_missed(lake, tmp_path, monkeypatch, done, fleet):
    """Each stop below the minimum saves its fee; above it the dear fleet is dear."""
    shift(lake)
    dear = tariff(contract_id="a", rule_id="stop", fleet_id="acme", component="per_stop", amount_minor=5_000)
    lake.append(tables.TARIFF_RULES, rows(dear))
    lake.append(tables.FLEETS, rows({"fleet_id": "acme", "kind": "3pl", "control_mode": "routed"}))
    lake.append(tables.VEHICLES, rows({"vehicle_id": "w", "fleet_id": "acme", "depot_id": "d"}))
    place = {"shift_id": "t", "service_date": DAY, "depot_id": "d", "fleet_id": "acme", "vehicle_id": "w"}
    hours = {"starts_at": MORNING, "ends_at": MORNING + timedelta(hours=8)}
    lake.append(tables.SHIFTS, rows({**place, "driver_id": "b", **hours}))
    lake.append(tables.ORDERS, rows(order("a")))
    event = {"event_type": "delivered", "fleet_id": "acme", "service_date": date(2026, 3, 2)}
    if done:
        seen = [{**event, "event_id": f"e{n}", "order_id": f"p{n}"} for n in range(done)]
        lake.append(tables.DELIVERY_EVENTS, rows(*seen))
    folder = tmp_path / "contracts"
    folder.mkdir()
    (folder / "acme.yml").write_text(COMMITTED)
    monkeypatch.setenv("FIVEFOLD_CONTRACTS", str(folder))
    planned = plan_day(lake, "shop", DAY, seconds=1)
    assert planned.verified
    assert planned.frames["plan.routes"]["fleet_id"].tolist() == [fleet]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("2026-12-31", "2026-02-28"), "acme.*expired on 2026-02-28"),
        (lambda text: text.replace("9000", "-9000"), "acme.yml: .*rule 'floor': amount_minor must not be negative"),
    ],
)
def test_a_contract_that_cannot_be_weighed_is_refused_by_name(lake, tmp_path, monkeypatch, change, message):
    lake.append(tables.ORDERS, rows(order("a")))
    (tmp_path / "acme.yml").write_text(change(COMMITTED))
    monkeypatch.setenv("FIVEFOLD_CONTRACTS", str(tmp_path))
    with pytest.raises(FivefoldError, match=message):
        plan_day(lake, "shop", DAY, seconds=1)
    monkeypatch.setenv("FIVEFOLD_CONTRACTS", str(tmp_path / "no"))
    with pytest.raises(InputError, match="is not a folder"):
        plan_day(lake, "shop", DAY, seconds=1)


def test_an_expired_contract_of_a_fleet_without_shifts_bars_no_plan(lake):
    lake.append(tables.ORDERS, rows(order("a")))
    lake.append(tables.TARIFF_RULES, rows(tariff(fleet_id="gone", valid_to=date(2026, 2, 28))))
    assert plan_day(lake, "shop", DAY, seconds=1).metadata["unserved"] == 1


def test_service_dates_follow_the_newest_version_of_each_order(lake):
    later = {"ingest_time": KNOWN + timedelta(hours=1), "file_id": "g"}
    lake.append(tables.ORDERS, rows(order("a"), order("b"), order("c", service_date=date(2026, 3, 31))))
    lake.append(tables.ORDERS, rows({**order("c", service_date=date(2026, 4, 2)), **later}))
    assert service_dates(lake, "shop") == [DAY, date(2026, 4, 2)]
    lake.append(
        tables.ORDERS,
        rows(
            {**order("c", service_date=date(2026, 4, 2)), **later, "retracted": True}
            | {"ingest_time": KNOWN + timedelta(hours=2)}
        ),
    )
    assert service_dates(lake, "shop") == [DAY]


def test_a_trip_that_was_observed_is_taken_as_observed_and_the_others_as_fitted():
    fitted = Travel(np.full((3, 3), 900), np.full((3, 3), 90))
    lat, lon = np.array([52.0, 52.1, 52.2]), np.array([4.9, 4.9, 4.9])
    seen = [
        np.array(column, dtype=float)
        for column in zip(
            (52.0, 4.9, 52.1, 4.9, 1_000, 100),
            (52.0, 4.9, 52.1, 4.9, 1_200, 120),
            (52.0, 4.9, 52.1, 4.9, 1_400, 300),
            (52.2, 4.9, 52.0, 4.9, 0, 0),  # a button error: says nothing
            (50.0, 4.9, 52.1, 4.9, 7, 7),
            strict=True,
        )
    ]
    known = _with_known(fitted, lat, lon, np.full(5, 60.0), *seen)
    assert (known.distance_m[0, 1], known.duration_s[0, 1]) == (1_200, 120)
    assert (known.distance_m[1, 0], known.duration_s[1, 0]) == (900, 90)
    assert (known.distance_m[2, 0], known.duration_s[2, 0]) == (900, 90)
    # roads change: the newest observation counts, not the middle of all
    newer = _with_known(fitted, lat, lon, np.array([60.0, 50.0, 40.0, 30.0, 20.0]), *seen)
    assert (newer.distance_m[0, 1], newer.duration_s[0, 1]) == (1_400, 300)


def test_a_search_that_had_no_turn_gets_more_time_once(lake, monkeypatch):
    from dataclasses import replace

    from orchestration.planning import service
    from solvers.plan import Unserved

    shift(lake)
    lake.append(tables.ORDERS, rows(order("a"), order("b")))
    real, asked = service.plan, []

    def busy(problem, settings, progress=None):
        asked.append(settings.seconds)
        found = real(problem, settings, progress)
        if len(asked) > 1:
            return found
        left = tuple(Unserved(one.order_id, "no_capacity", "no time", 25_000) for one in problem.orders)
        return replace(found, routes=(), unserved=left, transport_minor=0, penalty_minor=50_000, engine="insertion")

    monkeypatch.setattr(service, "plan", busy)
    said = []
    planned = plan_day(lake, "shop", DAY, seconds=0.5, progress=said.append)
    assert asked == [0.5, 1.5]
    assert planned.metadata["served"] == 2
    assert any("once more with 1.5 s" in line for line in said)
