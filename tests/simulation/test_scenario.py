"""A scenario file that cannot be is refused in one line: the path in the file, the rule, the nearest name."""

import pytest

from domain.errors import InputError
from simulation import load_scenario, scenario_from
from simulation.scenario import SCENARIOS

DAY = "2026-03-01"
FLEET = {"fleet_id": "a", "kind": "captive", "control_mode": "routed", "name": "A", "drivers": 2, "tariff": {}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"demnd": {}}, "s.yml: demnd: unknown parameter. Did you mean 'demand'?"),
        ({"demand": {"order_per_day": 3}}, "demand.order_per_day: .*Did you mean 'orders_per_day'"),
        ({"cities": [{"trafic": {}}]}, r"cities\.0\.trafic: .*Did you mean 'traffic'"),
        ({"customers": {"failed_share": 1.4}}, r"customers\.failed_share: .*less than or equal to 1 \(is 1.4\)"),
        ({"customers": {"failed_share": float("nan")}}, r"customers\.failed_share: .*finite"),
        ({"customers": {"failed_share": "0.1"}}, r"customers\.failed_share: .*number"),
        ({"demand": {"orders_per_day": True}}, r"demand\.orders_per_day: .*integer"),
        ({"demand": {"orders_per_day": -4}}, r"demand\.orders_per_day: .*greater"),
        ({"fleets": [{**FLEET, "drivers": -1}]}, r"fleets\.0\.drivers: .*\(is -1\)"),
        ({"fleets": [{**FLEET, "tariff": {"per_kn": 1}}]}, r"fleets\.0\.tariff\.per_kn: .*per_km"),
        ({"fleets": [{**FLEET, "drivers": 0}]}, "no fleet has a driver"),
        ({"fleets": [FLEET, FLEET]}, "'a' is there twice"),
        (
            {"customers": {"planted_bad_share": 0.5, "planted_bad_rate": 0.5}},
            r"customers: planted_bad_share x .* is 0.25",
        ),
        ({"customers": {"failed_share": 0.9}}, r"customers: failed_share 0.9 cannot be reached"),
        ({"weather": {"rain_share": -0.1}}, r"weather\.rain_share: .*\(is -0.1\)"),
        ({"effects": {"mesage_log_odds": -1.0}}, "Did you mean 'message_log_odds'"),
        ({"timezone": "Europe/Amsterdm"}, "not an IANA time zone"),
        ({"cities": [{"traffic": {"hourly": [1, 1]}}]}, r"cities\.0\.traffic\.hourly: .*24"),
        ({"demand": {"tenants": [{"name": "a", "slots": [{"start": 9, "end": 9}]}]}}, "must end after it starts"),
        ({"demand": {"tenants": [{"name": "a", "weight": 0}]}}, "at least one weight"),
        ({"shocks": [{"kind": "roadwork", "first_day": DAY}]}, "shocks.0: kind 'roadwork' .*Did you mean 'roadworks'"),
        ({"shocks": [{"kind": "roadworks", "first_day": DAY, "zones": ["city/q88"]}]}, "no zone 'city/q88'.*city/q"),
        ({"shocks": [{"kind": "strike", "first_day": DAY, "fleet": "carier"}]}, "Did you mean 'carrier'"),
        ({"shocks": [{"kind": "storm", "first_day": DAY, "last_day": "2026-02-01"}]}, "before first_day"),
        ({"shocks": [{"kind": "surge", "first_day": DAY, "fctor": 2}]}, r"shocks\.0\.fctor: .*Did you mean 'factor'"),
        ({"fleets": 3}, "fleets: must be a list"),
        ({"demand": 3}, "demand: must be a section"),
        ({"fleets": [{"fleet_id": "a"}]}, r"fleets\.0\.kind: is missing"),
        ([], "must be a mapping"),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(content, message):
    with pytest.raises(InputError, match=message):
        scenario_from(content, "s.yml")


def test_files_are_read_and_their_mistakes_named(tmp_path):
    path = tmp_path / "s.yml"
    path.write_text("seed: 3\ndemand: {orders_per_day: 50}\n")
    assert load_scenario(path).demand.orders_per_day == 50
    path.write_text("seed: [3\n")
    with pytest.raises(InputError, match=r"s\.yml: is not YAML"):
        load_scenario(path)
    path.write_text("")
    assert load_scenario(path) == load_scenario("default").model_copy(
        update={"customers": load_scenario(path).customers}
    )
    with pytest.raises(InputError, match="Did you mean 'default'"):
        load_scenario("defalt")


@pytest.mark.parametrize("name", sorted(path.stem for path in SCENARIOS.glob("*.yml")))
def test_every_shipped_scenario_is_valid(name):
    assert load_scenario(name).seed >= 0


def test_scaling_keeps_the_proportions():
    scenario = load_scenario()
    big = scenario.scaled(4_000)
    assert big.demand.orders_per_day == 4_000
    assert big.customers.count == 10 * scenario.customers.count
    assert [one.drivers for one in big.fleets] == [10 * one.drivers for one in scenario.fleets]
