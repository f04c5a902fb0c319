"""Features are what could be known: nothing ingested after a cut-off changes a row that was made by then."""

import subprocess
from datetime import UTC, date, datetime, timedelta

import duckdb
import pandas as pd
import pytest
from jinja2 import Environment
from pandas.testing import assert_frame_equal

from benchmarks.synthetic import SOURCE, fill
from domain.tables import RAW_TABLES
from orchestration.lake import Lake, LakeSettings
from orchestration.transform import build_features
from orchestration.transform.run import DBT_PROJECT, dbt_command, dbt_environment

FIRST, LAST = date(2026, 1, 1), date(2026, 1, 10)
CUT = datetime(2026, 1, 7, 12, tzinfo=UTC)
REFERENCES = f"""
insert into raw.vehicles (vehicle_id, fleet_id, depot_id, vehicle_class, capacity_g, event_time, source, file_id,
    ingest_time, retracted)
select 'v' || n, 'f', 'd0', 'van', 1000 * n, timestamptz '2026-01-01', '{SOURCE}', 'f1', timestamptz '2026-01-01'
    + interval 1 day * n, false from range(9) as r(n);
insert into raw.drivers (driver_id, fleet_id, depot_id, event_time, source, file_id, ingest_time, retracted)
select 'm' || n, 'f', 'd0', timestamptz '2026-01-01', '{SOURCE}', 'f1', timestamptz '2026-01-01'
    + interval 1 day * n, false from range(9) as r(n);
insert into raw.fleets (fleet_id, kind, control_mode, event_time, source, file_id, ingest_time, retracted)
select 'f' || n, 'captive', 'routed', timestamptz '2026-01-01', '{SOURCE}', 'f1', timestamptz '2026-01-01'
    + interval 1 day * n, false from range(9) as r(n);
"""
"""Vehicles, drivers and fleets, a new one every day."""


def _planted(table, key, changes, spread="key"):
    """A later version of most rows of a table, known an hour after the cut-off, that says something else.

    Which of them is told by a hash of ``spread``.
    """
    columns = ", ".join(
        f"{changes[name]} as {name}"
        if name in changes
        else {"ingest_time": f"timestamptz '{CUT}' + interval 1 hour", "file_id": "'planted'"}.get(name, name)
        for name in next(one for one in RAW_TABLES if one.name == table).column_names
    )
    return (
        f"insert into raw.{table} select {columns} from (select *, {key} as key from raw.{table} "
        f"qualify row_number() over (partition by {key} order by ingest_time desc) = 1) "
        f"where hash({spread}, 3) % 3 > 0 and ingest_time <= timestamptz '{CUT}'"
    )


PLANTS = (
    _planted(
        "orders",
        "order_id",
        {
            "service_date": "case when hash(key) % 5 = 0 then service_date + 3 else service_date end",
            "window_end": "window_start + interval 1 minute",
            "customer_id": "'someone else'",
            "mass_g": "999999",
            "retracted": "hash(key) % 5 = 1",
        },
    ),
    _planted(
        "delivery_events",
        "event_id",
        {
            "event_type": "case event_type when 'delivered' then 'attempt_failed' when 'attempt_failed' then "
            "'delivered' else event_type end",
            "event_time": "event_time - interval 2 hour",
            "driver_id": "'planted'",
            "retracted": "hash(key) % 5 = 1",
        },
        spread="order_id",
    ),
    _planted("depots", "depot_id", {"timezone": "'Asia/Tokyo'", "lat": "lat + 1"}),
    _planted("weather", "depot_id || target_time || event_time", {"precipitation_mm": "77"}),
    _planted("vehicles", "vehicle_id", {"capacity_g": "1", "retracted": "hash(key) % 5 = 1"}),
    _planted("drivers", "driver_id", {"retracted": "true"}),
    _planted("fleets", "fleet_id", {"kind": "'gig'"}),
    # what happened long ago and is told only now, and a forecast that was issued in time but came too late
    f"""insert into raw.delivery_events (event_id, service_date, event_type, order_id, stop_id, attempt, event_time,
        source, file_id, ingest_time, retracted)
    select order_id || '-late', service_date, 'attempt_failed', order_id, order_id || '-0', 1,
        timestamptz '2026-01-01 06:00:00+00', '{SOURCE}', 'planted', timestamptz '{CUT}' + interval 2 hour, false
    from raw.orders where ingest_time <= timestamptz '{CUT}' group by all""",
    f"""insert into raw.weather (depot_id, target_time, precipitation_mm, event_time, source, file_id, ingest_time,
        retracted)
    select distinct depot_id, target_time, 88, timestamptz '{CUT}' - interval 1 minute, '{SOURCE}', 'planted',
        timestamptz '{CUT}' + interval 1 minute, false from raw.weather""",
)


def make(home, then):
    lake = Lake.open(home, LakeSettings("sqlite", str(home / "lake")))
    fill(lake, FIRST, 10, 40)

    def write(connection):
        for statement in (*filter(str.strip, REFERENCES.split(";")), *then):
            connection.execute(statement)

    lake.write(write)
    return lake


@pytest.fixture(scope="module")
def lakes(tmp_path_factory):
    """Marts of everything with much planted after the cut-off, and of raw tables cut off there."""
    places = [tmp_path_factory.mktemp(name) for name in ("whole", "cut")]
    with (
        make(places[0], PLANTS) as whole,
        make(
            places[1], [f"delete from {t.qualified_name} where ingest_time > timestamptz '{CUT}'" for t in RAW_TABLES]
        ) as cut,
    ):
        build_features(whole, FIRST, LAST)
        # in two ranges, the later one first: how the dates are built must not matter either
        build_features(cut, date(2026, 1, 6), LAST)
        build_features(cut, FIRST, date(2026, 1, 5))
        yield whole, cut


def rows(lake, mart, key, time):
    return lake.query(
        f"select * from marts.{mart} where {time} <= ? and service_date between ? and ? order by {key}",
        [CUT, FIRST, LAST],
    )


@pytest.mark.slow
@pytest.mark.parametrize("mart", ["feat_exception", "feat_eta"])
def test_features_of_raw_tables_cut_off_are_identical_to_the_bit(lakes, mart):
    whole, cut = (rows(lake, mart, "source, order_id", "as_of") for lake in lakes)
    assert len(whole) > 200
    assert_frame_equal(whole, cut, check_exact=True)
    if mart == "feat_exception":  # there is something to leak
        assert whole["customer_failures"].sum() > 0 and whole["forecast_precipitation_mm"].notna().any()
        assert whole["zone_attempts"].max() > 3


@pytest.mark.slow
def test_outcomes_known_by_a_cut_off_rest_on_nothing_later(lakes):
    whole, cut = (rows(lake, "fct_outcomes", "source, stop_id", "label_time") for lake in lakes)
    assert len(whole) > 50 and whole["late"].notna().any()  # none is late by the promises of then, all by later ones
    # rows that were corrected since carry a later label time; the others are as they were
    still = cut[cut["stop_id"].isin(whole["stop_id"])].reset_index(drop=True)
    assert_frame_equal(whole, still, check_exact=True)
    assert len(cut) > len(whole)


@pytest.mark.slow
def test_stops_known_by_a_cut_off_are_as_they_were(lakes):
    whole, cut = (rows(lake, "fct_stops", "source, stop_id", "ingest_time") for lake in lakes)
    whole = whole[~whole["stop_id"].str.endswith("-0")]
    assert len(whole) > 50
    same = cut[cut["stop_id"].isin(whole["stop_id"])].reset_index(drop=True)
    made = whole["as_of"] <= pd.Timestamp(CUT)
    assert_frame_equal(whole[made].reset_index(drop=True), same[made.to_numpy()].reset_index(drop=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["depots", "vehicles", "drivers", "fleets", "zones"])
def test_dimensions_as_of_a_cut_off_are_identical(lakes, name):
    until = (
        "" if name == "zones" else f"replace (case when known_to <= timestamptz '{CUT}' then known_to end as known_to)"
    )
    whole, cut = (
        lake.query(f"select * {until} from marts.dim_{name} where known_from <= timestamptz '{CUT}' order by all")
        for lake in lakes
    )
    assert len(whole) > 1
    assert_frame_equal(whole, cut, check_exact=True)


@pytest.mark.slow
def test_a_late_outcome_changes_the_features_made_after_it_was_known(lakes):
    whole, cut = (
        lake.query(
            "select order_id, customer_failures from marts.feat_exception where as_of > ?", [CUT + timedelta(hours=3)]
        )
        for lake in lakes
    )
    assert whole["customer_failures"].sum() > cut["customer_failures"].sum()


@pytest.mark.slow
def test_unit_tests_of_the_models(lakes):
    done = subprocess.run(
        dbt_command("test", "--select", "test_type:unit"),
        env=dbt_environment(lakes[0]),
        cwd=DBT_PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3_000:]
    assert "PASS=" in done.stdout and "ERROR=0" in done.stdout


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize(
    ("rows", "broken"),
    [
        ("('a', 1, 5), ('a', 2, null), ('b', 1, 3)", []),
        ("('a', 1, 5), ('a', 1, 6)", ["unique together"]),
        ("(null, 1, 5)", ["never null"]),
        ("('a', 9, 5)", ["holds"]),
        ("(null, 9, 5), (null, 9, 5)", ["holds", "never null", "unique together"]),
    ],
)
def test_the_rules_of_a_model_name_what_is_broken(rows, broken, stored):
    text = (DBT_PROJECT / "macros" / "tests.sql").read_text()
    for kind in ("test", "endtest"):
        text = text.replace(f"{{% {kind} ", f"{{% {kind.replace('test', 'macro')} ")
    rules = Environment(autoescape=False).from_string(text).module  # noqa: S701 - SQL of the project, not a page
    with duckdb.connect() as connection:
        connection.execute(f"create table versions as from (values {rows}) as v(name, first, until)")
        query = rules.sound("versions", ["name", "first"], ["name"], "until is null or until > first", stored)
        found = connection.execute(query).fetchall()
    assert sorted(rule.split(":")[0] for rule, times in found if times > 0) == broken
    assert len(found) == len(broken)
