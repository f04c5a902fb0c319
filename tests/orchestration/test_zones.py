"""Local times of every zone become the moments that DuckDB's calendar says."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.ingestion.zones import in_zone, periods

ZONES = ("Europe/Amsterdam", "America/New_York", "Asia/Shanghai", "Africa/Casablanca", "Australia/Lord_Howe", "UTC")


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as one:
        one.execute("SET TimeZone = 'UTC'")
        yield one


def _both(connection, moments, zone):
    connection.execute("create or replace temp table moments as select unnest(?::timestamp[]) as moment", [moments])
    return connection.execute(f"select {in_zone('moment', zone)}, moment at time zone '{zone}' from moments").fetchall()


@settings(max_examples=25)
@given(
    st.sampled_from(ZONES),
    st.lists(st.datetimes(datetime(1975, 1, 1), datetime(2045, 1, 1)), min_size=1, max_size=40),
)
def test_any_local_time_is_what_the_calendar_makes_of_it(connection, zone, moments):
    assert all(ours == theirs for ours, theirs in _both(connection, moments, zone))


@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "Africa/Casablanca"])
def test_every_quarter_of_an_hour_around_a_change_of_the_clocks(connection, zone):
    for day in [one.first for one in periods(zone)][:8]:
        around = connection.execute(
            "select list(moment) from generate_series(?::timestamp - interval 3 day, ?::timestamp + interval 1 day, "
            "interval 15 minute) as t(moment)",
            [day, day],
        ).fetchone()[0]
        assert all(ours == theirs for ours, theirs in _both(connection, around, zone))


def test_nothing_given_stays_nothing_and_an_unknown_zone_is_refused(connection):
    assert _both(connection, [None], "Europe/Amsterdam") == [(None, None)]
    with pytest.raises(duckdb.Error, match="Mars"):
        in_zone("moment", "Mars/Olympus")
