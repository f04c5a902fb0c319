"""Invoices computed by hand come out to the cent; a contract that contradicts itself is refused."""

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solvers import Depot, Order, PlanningProblem, Travel, Vehicle
from solvers.contracts import (
    Asked,
    ContractError,
    Month,
    MonthAhead,
    RouteWork,
    VisitWork,
    insertion_minor,
    month_ahead,
    price_day,
    price_route,
    read_contract,
    reconcile,
    settle,
    tariff_of,
    total_minor,
    with_commitments,
    worth_of,
)
from solvers.contracts.marginal import commitment_minor
from solvers.contracts.month import month_lines
from solvers.tariffs import route_cost_minor

MONDAY, SATURDAY = date(2026, 3, 2), date(2026, 3, 7)
CLOSING = date(2026, 3, 31)


def contract(*rules, monthly=(), **version):
    named = [{"rule_id": f"r{n}", **rule} for n, rule in enumerate(rules)]
    held = [{"rule_id": f"m{n}", **rule} for n, rule in enumerate(monthly)]
    return read_contract(
        {
            "contract_id": "c",
            "fleet_id": "f",
            "currency": "EUR",
            "versions": [{"valid_from": "2026-01-01", "rules": named, "monthly": held, **version}],
        }
    )


def rule(how, unit, amount=None, **more):
    return {"how": how, "unit": unit, **({} if amount is None else {"amount_minor": amount}), **more}


def stop(amount, **more):
    return rule("base", "stop", amount, **more)


def visits(count, **fields):
    return [VisitWork(f"o{n}", **fields) for n in range(count)]


def route(*stops, m=0, s=0, name="a", kind="", start=0):
    return RouteWork(name, m, s, start, kind, tuple(replace(one, order_id=f"o{n}") for n, one in enumerate(stops)))


def at(clock, **fields):
    hours, minutes, *seconds = map(int, clock.split(":"))
    return VisitWork("", 3_600 * hours + 60 * minutes + sum(seconds), **fields)


PLAIN = VisitWork("")
TEN_KG, TWENTY_KG = {"mass_from_g": 10_000}, {"mass_from_g": 20_000}
ZONES = [stop(400, when={"zones": ["A"]}), stop(300), stop(550, when=TWENTY_KG)]
ADDED = [stop(300), rule("add", "stop", 150, when={"zones": ["island"]}), rule("add", "stop", 200, when=TEN_KG)]
WEEKEND = {"weekdays": [6, 7]}
MANY = [route(*visits(25))]
TIERS = [{"above": 50, "amount_minor": 20}, {"above": 80, "amount_minor": 50}]
SLA = {"kind": "sla_penalty", "target_bp": 9_500, "amount_bp": 200, "cap_bp": 1_000}
FUEL = {"kind": "fuel_index", "base_index": 15_000, "amount_bp": 3_000}

BY_HAND = [
    # name, rules, day, routes, owed
    ("per stop: 3 x 250", [stop(250)], MONDAY, [route(*visits(3))], 750),
    ("route and stops: 5000 + 3 x 120", [rule("base", "route", 5_000), stop(120)], MONDAY, [route(*visits(3))], 5_360),
    ("km: 90 x 12.345 = 1111.05", [rule("add", "km", 90)], MONDAY, [route(PLAIN, m=12_345)], 1_111),
    ("km, half up: 90 x 12.350 = 1111.5", [rule("add", "km", 90)], MONDAY, [route(PLAIN, m=12_350)], 1_112),
    ("hours: 2400 x 19230 / 3600", [rule("add", "hour", 2_400)], MONDAY, [route(PLAIN, s=19_230)], 12_820),
    ("hours: 1999 x 1234 / 3600 = 685.21", [rule("add", "hour", 1_999)], MONDAY, [route(PLAIN, s=1_234)], 685),
    (
        "overtime: 9 x 2000 + 1 x 1000",
        [rule("add", "hour", 2_000), rule("add", "overtime_hour", 1_000, free=28_800)],
        MONDAY,
        [route(PLAIN, s=32_400)],
        19_000,
    ),
    (
        "parcels: (1 + 3 + 2) x 80",
        [rule("base", "parcel", 80)],
        MONDAY,
        [route(*(VisitWork("", parcels=n) for n in (1, 3, 2)))],
        480,
    ),
    (
        "the dearest base holds: 400 + 300 + 550",
        ZONES,
        MONDAY,
        [route(VisitWork("", zone="A"), PLAIN, VisitWork("", zone="A", mass_g=20_000))],
        1_250,
    ),
    (
        "additions: 300 + 450 + 650",
        ADDED,
        MONDAY,
        [route(PLAIN, VisitWork("", zone="island"), VisitWork("", zone="island", mass_g=10_000))],
        1_400,
    ),
    (
        "weekend: 3 x 300 x 1.25",
        [stop(300), rule("multiply", "stop", factor_bp=12_500, when=WEEKEND)],
        SATURDAY,
        [route(*visits(3))],
        1_125,
    ),
    (
        "no weekend on a Monday: 3 x 300",
        [stop(300), rule("multiply", "stop", factor_bp=12_500, when=WEEKEND)],
        MONDAY,
        [route(*visits(3))],
        900,
    ),
    (
        "peak from 17:00 to 20:00: 333 + 366.3 + 333",
        [stop(333), rule("multiply", "stop", factor_bp=11_000, when={"from": "17:00", "to": "20:00"})],
        MONDAY,
        [route(at("16:59:59"), at("17:00"), at("20:00"))],
        1_032,
    ),
    (
        "night over midnight: 4 x 100 + 2 x 500",
        [stop(100), rule("add", "stop", 500, when={"from": "22:00", "to": "06:00"})],
        MONDAY,
        [route(at("21:59"), at("23:00"), at("29:59"), at("30:00"))],
        1_400,
    ),
    (
        "factors follow each other: 199 -> 248.75 = 249 -> 273.9 = 274",
        [stop(199), rule("multiply", "stop", factor_bp=12_500), rule("multiply", "stop", factor_bp=11_000)],
        MONDAY,
        [route(PLAIN)],
        274,
    ),
    (
        "a tenth off: 2 x 409.5",
        [stop(455), rule("multiply", "stop", factor_bp=9_000)],
        MONDAY,
        [route(*visits(2))],
        820,
    ),
    (
        "a failed attempt instead of a stop: 2 x 300 + 180",
        [stop(300, when={"failed": False}), rule("add", "failed_attempt", 180)],
        MONDAY,
        [route(PLAIN, PLAIN, VisitWork("", failed=True))],
        780,
    ),
    (
        "a failed attempt on top: 3 x 300 + 120",
        [stop(300), rule("add", "failed_attempt", 120)],
        MONDAY,
        [route(PLAIN, PLAIN, VisitWork("", failed=True))],
        1_020,
    ),
    (
        "waiting beyond 5 minutes, begun minutes: 3 x 200 + (1 + 0 + 12) x 35",
        [stop(200), rule("add", "waiting_minute", 35, free=5)],
        MONDAY,
        [route(*(VisitWork("", waiting_s=s) for s in (301, 300, 1_000)))],
        1_055,
    ),
    (
        "stops by tier: 10 x 300 + 10 x 200 + 5 x 150",
        [stop(300, tiers=[{"above": 10, "amount_minor": 200}, {"above": 20, "amount_minor": 150}])],
        MONDAY,
        MANY,
        5_750,
    ),
    (
        "km by tier: 50 x 100 + 22.5 x 60",
        [rule("add", "km", 100, tiers=[{"above": 50, "amount_minor": 60}])],
        MONDAY,
        [route(PLAIN, m=72_500)],
        6_350,
    ),
    (
        "20 km free: 2500 + 13.333 x 80 = 1066.64",
        [rule("base", "route", 2_500), rule("add", "km", 80, free=20)],
        MONDAY,
        [route(PLAIN, m=33_333)],
        3_567,
    ),
    (
        "by class: van 4000, lorry 9000, 2 x 100",
        [
            rule("base", "route", 4_000, when={"vehicle_classes": ["van"]}),
            rule("base", "route", 9_000, when={"vehicle_classes": ["lorry"]}),
            stop(100),
        ],
        MONDAY,
        [route(PLAIN, kind="van"), route(PLAIN, kind="lorry", name="b")],
        13_200,
    ),
    (
        "express: 3 x 350 + 450",
        [stop(350), rule("add", "stop", 450, when={"services": ["express"]})],
        MONDAY,
        [route(VisitWork("", service="express"), PLAIN, PLAIN)],
        1_500,
    ),
    (
        "weekend on the route only: (3500 + 70 x 41.2) x 1.2 = 7660.8; 2 x 300",
        [
            rule("base", "route", 3_500),
            rule("add", "km", 70),
            stop(300),
            rule("multiply", "route", factor_bp=12_000, when=WEEKEND),
        ],
        SATURDAY,
        [route(PLAIN, PLAIN, m=41_200)],
        8_261,
    ),
    ("a route that visits nothing", [rule("base", "route", 5_000)], MONDAY, [route(m=9_000)], 0),
]

BY_THE_MONTH = [
    # name, price of a stop, monthly rules, stops, on time of them, fuel index, owed
    ("minimum of 100: 92 x 300 + 8 x 150", 300, [{"kind": "minimum_volume", "volume": 100, "amount_minor": 150}],
     92, None, None, 28_800),
    ("minimum reached: 100 x 300", 300, [{"kind": "minimum_volume", "volume": 100, "amount_minor": 150}],
     100, None, None, 30_000),
    ("tiers: 92 x 300 - 30 x 20 - 12 x 50", 300, [{"kind": "volume_tier", "tiers": TIERS}], 92, None, None, 26_400),
    ("tiers for all: 92 x (300 - 50)", 300, [{"kind": "volume_tier", "tiers": TIERS, "retroactive": True}],
     92, None, None, 23_000),
    ("92 of 100 on time, 95 due: 3 points, 6 % of 30000", 300, [SLA], 100, 92, None, 28_200),
    ("80 of 100 on time: 30 %, but 10 % at most", 300, [SLA], 100, 80, None, 27_000),
    ("fuel a tenth dearer, 30 % passed on: 27650 x 3 % = 829.5", 350, [FUEL], 79, None, 16_500, 28_480),
    ("fuel a tenth cheaper", 350, [FUEL], 79, None, 13_500, 26_820),
    ("fuel, then 71 of 79 on time: 5 points, 10 % of 28480", 350, [FUEL, SLA], 79, 71, 16_500, 25_632),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rules", "day", "routes", "owed"), BY_HAND, ids=[one[0] for one in BY_HAND])
def test_a_day_computed_by_hand(name, rules, day, routes, owed):
    lines = price_day(contract(*rules), day, routes)
    assert total_minor(lines) == owed
    assert all(line.amount_minor and line.service_date == day for line in lines)


@pytest.mark.parametrize(
    ("name", "price", "monthly", "stops", "on_time", "fuel", "owed"), BY_THE_MONTH, ids=[one[0] for one in BY_THE_MONTH]
)
def test_a_month_computed_by_hand(name, price, monthly, stops, on_time, fuel, owed):
    done = [VisitWork("", on_time=None if on_time is None else n < on_time) for n in range(stops)]
    days = {MONDAY: [route(*done[:40])], SATURDAY: [route(*done[40:])]}
    assert total_minor(settle(contract(stop(price), monthly=monthly), days, closing=CLOSING, fuel_index=fuel)) == owed


def test_each_day_is_priced_by_its_own_version():
    both = read_contract(
        {
            "contract_id": "c",
            "fleet_id": "f",
            "currency": "EUR",
            "versions": [
                {"valid_from": "2026-01-01", "valid_to": "2026-03-15", "rules": [{"rule_id": "s", **stop(300)}]},
                {"valid_from": date(2026, 3, 16), "rules": [{"rule_id": "s", **stop(320)}]},
            ],
        }
    )
    days = {date(2026, 3, day): [route(*visits(2))] for day in (15, 16)}
    assert [line.amount_minor for line in settle(both, days, closing=CLOSING)] == [300, 300, 320, 320]
    with pytest.raises(ContractError, match="not of the month"):
        settle(both, days, closing=date(2026, 4, 30))
    with pytest.raises(ContractError, match="no version that holds on 2025-12-31"):
        price_day(both, date(2025, 12, 31), [])


def test_a_month_ahead_is_what_is_done_and_the_usual_of_the_days_to_come():
    assert month_ahead(date(2026, 3, 31), 100, [10, 10]) == MonthAhead(110.0, 0.0)
    assert month_ahead(date(2026, 3, 30), 100, [10] * 7).stops == 120.0
    assert month_ahead(date(2026, 3, 30), 7, []) == MonthAhead(7.0, 0.0)
    # two days to come, spread 10 a day, mean known from two days: sqrt(2 * 200 + 4 * 200 / 2)
    assert month_ahead(date(2026, 3, 30), 0, [0, 20]).sd == pytest.approx(math.sqrt(800))


def test_a_stop_is_worth_the_fee_where_the_minimum_hangs_on_it_and_nothing_where_it_does_not():
    minimum = {"rule_id": "m", "kind": "minimum_volume", "volume": 100, "amount_minor": 150}
    one = contract(stop(300), monthly=[minimum])
    assert [worth_of(one, MONDAY, MonthAhead(stops, 0.0)) for stops in (80, 99, 100, 140)] == [150, 150, 0, 0]
    assert worth_of(one, MONDAY, MonthAhead(99.5, 10.0)) == 75


def test_commitments_are_the_difference_to_the_fleet_whose_stop_is_worth_most():
    vans = tuple(Vehicle(name, name, "d", 0, 9) for name in ("own", "a", "b"))
    travel = Travel(np.zeros((2, 2), dtype=np.int64), np.zeros((2, 2), dtype=np.int64))
    problem = PlanningProblem((Depot("d", 0),), (Order("o", 1, failure_cost_minor={"": 10, "a": 20}),), vans, travel)
    (order,) = with_commitments(problem, {"a": 100, "b": 150, "absent": 900}).orders
    assert [order.expected_failure_minor(one) for one in ("own", "a", "b", "elsewhere")] == [160, 70, 10, 10]
    assert with_commitments(problem, {"a": 0, "absent": 5}) is problem


def test_an_expired_contract_prices_nothing():
    with pytest.raises(ContractError, match="expired on 2026-02-28"):
        price_day(contract(stop(1), valid_to="2026-02-28"), MONDAY, [route(PLAIN)])


def test_a_month_without_its_fuel_index_is_refused():
    with pytest.raises(ContractError, match="needs the fuel index of 2026-03"):
        settle(contract(stop(1), monthly=[FUEL]), {MONDAY: [route(PLAIN)]}, closing=CLOSING)


@pytest.mark.parametrize(
    ("rules", "more", "message"),
    [
        ([stop(-5)], {}, "amount_minor must not be negative, is -5; a discount"),
        ([stop(1.5)], {}, "amount_minor must be a whole number, is 1.5"),
        ([stop(True)], {}, "must be a whole number"),
        ([rule("base", "stop")], {}, "amount_minor is missing"),
        ([{"rule_id": "x", **stop(1)}, {"rule_id": "x", **stop(2)}], {}, "rule 'x' is there twice"),
        ([rule("base", "kilometre", 1)], {}, "unit must be one of"),
        ([rule("base", "km", 1, when={"zones": ["A"]})], {}, "cannot look at zone"),
        ([stop(1, when={"zones": []})], {}, "zones is empty"),
        ([stop(1, when={"zone": ["A"]})], {}, "did you mean zones"),
        ([stop(1, when={"weekdays": [0]})], {}, "weekdays are 1"),
        ([stop(1, when={"mass_from_g": 5, "mass_to_g": 5})], {}, "no mass is at least 5 g and below 5 g"),
        ([stop(1, when={"from": "25:00"})], {}, "time of day"),
        ([stop(1, when={"from": "9:00", "to": "09:00"})], {}, "same time"),
        ([stop(1, tiers=[{"above": 5, "amount_minor": 1}, {"above": 5, "amount_minor": 2}])], {}, "tiers must rise"),
        ([rule("multiply", "stop", 5)], {}, "has a factor_bp and no amount"),
        ([rule("multiply", "km", factor_bp=1)], {}, "unit stop or route"),
        ([stop(1, factor_bp=1)], {}, "belongs to rules that multiply"),
        ([rule("add", "km", 1, free=1, tiers=[{"above": 5, "amount_minor": 1}])], {}, "make the free units a tier"),
        ([], {"valid_to": "2025-01-01"}, "before valid_from"),
        ([], {"valid_from": "soon"}, "must be a date"),
        ([], {"monthly": [{"kind": "minimum_volume", "volume": 5}]}, "minimum_volume needs amount_minor"),
        ([], {"monthly": [{**FUEL, "base_index": 0}]}, "base_index must be above 0"),
        ([], {"monthly": [SLA, SLA]}, "are both sla_penalty"),
        ([], {"monthly": [{**SLA, "target_bp": 10_001}]}, "10000 at most"),
        ([], {"rules": "all"}, "rules must be a list"),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(rules, more, message):
    monthly = more.pop("monthly", ())
    with pytest.raises(ContractError, match=message):
        contract(*rules, monthly=monthly, **more)


def test_versions_that_overlap_are_refused_with_the_date_to_end_the_first_on():
    versions = [{"valid_from": "2026-01-01", "rules": []}, {"valid_from": "2026-03-01", "rules": []}]
    with pytest.raises(ContractError, match="end the first on 2026-02-28"):
        read_contract({"contract_id": "c", "fleet_id": "f", "currency": "EUR", "versions": versions})
    with pytest.raises(ContractError, match="ISO 4217"):
        read_contract({"contract_id": "c", "fleet_id": "f", "currency": "Euro", "versions": versions})
    with pytest.raises(ContractError, match="must be a mapping"):
        read_contract(["c"])


# --- one engine: an insertion, a plan, a month are made of the same lines

RICH = contract(
    rule("base", "route", 3_000),
    rule("add", "km", 70, tiers=[{"above": 30, "amount_minor": 45}]),
    rule("add", "hour", 2_100, free=1),
    rule("add", "overtime_hour", 900, free=20_000),
    stop(300, tiers=[{"above": 3, "amount_minor": 210}]),
    stop(410, when={"zones": ["A"]}),
    rule("add", "stop", 95, when={"mass_from_g": 8_000}),
    rule("add", "waiting_minute", 30, free=4),
    rule("multiply", "stop", factor_bp=11_500, when={"from": "17:00", "to": "21:00"}),
)
STOPS = st.builds(
    VisitWork,
    st.just(""),
    st.integers(0, 100_000),
    st.sampled_from(["", "A", "B"]),
    st.just(""),
    st.integers(0, 20_000),
    st.integers(1, 4),
    st.integers(0, 2_000),
    st.booleans(),
)
ROUTES = st.builds(
    lambda stops, m, s: route(*stops, m=m, s=s),
    st.lists(STOPS, max_size=8),
    st.integers(0, 90_000),
    st.integers(0, 40_000),
)


@given(st.lists(ROUTES, min_size=1, max_size=4))
def test_a_day_is_the_sum_of_its_routes_and_an_insertion_the_difference(routes):
    routes = [replace(one, route_id=f"x{n}") for n, one in enumerate(routes)]
    version = RICH.on(MONDAY)
    apart = [total_minor(price_route("c", version, MONDAY, one)) for one in routes]
    assert total_minor(price_day(RICH, MONDAY, routes)) == sum(apart)
    assert insertion_minor(RICH, MONDAY, routes[0], routes[-1]) == apart[-1] - apart[0]
    assert insertion_minor(RICH, MONDAY, None, routes[0]) == apart[0]


@given(ROUTES)
def test_the_route_part_is_what_the_solvers_tariff_says(one):
    if not one.visits:
        return
    lines = [line for line in price_route("c", RICH.on(MONDAY), MONDAY, one) if not line.order_id]
    tariff = tariff_of(RICH.on(MONDAY), MONDAY)
    cost = route_cost_minor(
        tariff, stops=len(one.visits), parcels=1, distance_m=one.distance_m, duration_s=one.duration_s
    )
    assert total_minor(lines) == cost


def test_bases_in_different_units_are_no_tariff():
    with pytest.raises(ContractError, match="different units"):
        tariff_of(contract(rule("base", "route", 5), rule("base", "km", 5)).on(MONDAY), MONDAY)


def test_a_stop_towards_a_minimum_is_worth_its_fee():
    held = contract(stop(300), monthly=[{"kind": "minimum_volume", "volume": 1_000, "amount_minor": 150}])
    version = held.on(MONDAY)
    assert commitment_minor(version, 900) == 150
    assert commitment_minor(version, 1_000) == 0
    assert 70 < commitment_minor(version, 1_000, 50) < 80  # as likely missed as not
    more, less = route(*visits(2)), route(*visits(1))
    assert insertion_minor(held, MONDAY, less, more, month_stops=900) == 300 - 150


def test_a_stop_below_a_retroactive_tier_is_worth_the_credit_of_all():
    held = contract(stop(300), monthly=[{"kind": "volume_tier", "tiers": TIERS, "retroactive": True}])
    version = held.on(MONDAY)
    assert commitment_minor(version, 50) == 51 * 20  # the 51st stop takes the month over the tier
    assert commitment_minor(version, 60) == 20
    marginal = contract(monthly=[{"kind": "volume_tier", "tiers": TIERS}]).on(MONDAY)
    assert [commitment_minor(marginal, stops) for stops in (49, 50, 79, 80)] == [0, 20, 20, 50]


@given(st.integers(0, 200), st.integers(0, 200))
def test_a_penalty_never_exceeds_its_cap_and_is_nothing_at_the_target(promised, on_time):
    month = Month(promised, promised, min(on_time, promised), 1_000_000)
    lines = month_lines(contract(monthly=[SLA]), CLOSING, month)
    assert -100_000 <= total_minor(lines) <= 0
    if promised and on_time * 100 >= 95 * promised:
        assert not lines


# --- a carrier's invoice


def asked_for(lines):
    return [
        Asked(n, line.service_date, line.rule_id, line.route_id, line.order_id, line.amount_minor)
        for n, line in enumerate(lines, start=2)
    ]


def test_an_invoice_by_the_contract_agrees():
    owed = price_day(RICH, MONDAY, [route(*visits(5), m=40_000, s=30_000)])
    found = reconcile(asked_for(owed), owed)
    assert found.agreed and found.difference_minor == 0


def test_each_way_of_asking_for_too_much_is_named():
    owed = price_day(contract(stop(300)), MONDAY, [route(*visits(3))])
    asked = asked_for(owed)
    asked[0] = replace(asked[0], amount_minor=310)
    asked += [replace(asked[1], number=5), replace(asked[1], number=6, rule_id="r9"), replace(asked[1], route_id="z")]
    del asked[2]
    found = reconcile(asked, owed)
    assert [(one.status, one.difference_minor) for one in found.findings] == [
        ("amount_differs", 10),
        ("agreed", 0),
        ("asked_twice", 300),
        ("not_owed", 300),
        ("not_owed", 300),
        ("not_asked", -300),
    ]
    assert "charges nothing" in found.findings[3].reason and "no route 'z' ran" in found.findings[4].reason


@given(st.data())
def test_the_differences_of_the_findings_are_the_difference_of_the_totals(data):
    owed = price_day(RICH, MONDAY, [data.draw(ROUTES), replace(data.draw(ROUTES), route_id="b")])
    asked = asked_for(owed)
    kept = data.draw(st.lists(st.sampled_from(asked), max_size=12)) if asked else []
    changed = [replace(one, amount_minor=one.amount_minor + data.draw(st.integers(-3, 3))) for one in kept]
    found = reconcile(changed, owed)
    assert sum(one.difference_minor for one in found.findings) == found.difference_minor
    assert found.asked_minor - found.owed_minor == found.difference_minor
