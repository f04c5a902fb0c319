"""Local times become moments in UTC: by a constant where a zone's offset is constant, by the calendar elsewhere.

The calendar of DuckDB (ICU) costs more a value than reading the value from its text. Between two changes of the clocks
an offset is a constant, so the calendar is asked once a day of the years that data usually are from, and again only for
the values near a change, where a local time may not exist or exist twice.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import duckdb

FIRST_DAY, LAST_DAY = "2014-01-01", "2035-12-31"


@dataclass(frozen=True)
class Period:
    """Local dates from ``first`` to before ``last`` (ISO), on which the zone is ``offset_s`` ahead of UTC."""

    first: str
    last: str
    offset_s: int


def in_zone(local: str, zone: str) -> str:
    """SQL of the moment at which it is ``local`` (SQL of a timestamp) in ``zone``.

    A local time that does not exist, or exists twice, is what DuckDB's ``AT TIME ZONE`` makes of it. The result is
    exact whatever the zone of the session.

    Raises:
        duckdb.Error: there is no such zone.
    """
    if zone == "UTC":
        return f"make_timestamptz(epoch_us({local}))"
    return _choose(local, periods(zone), f"({local}) at time zone '{zone}'")


def _choose(local: str, among: tuple[Period, ...], calendar: str) -> str:
    """SQL that finds a value's period in as few comparisons as there are halvings; ``calendar`` where it has none."""
    if not among:
        return calendar
    if len(among) == 1:
        one = among[0]
        within = f"{local} >= timestamp '{one.first}' and {local} < timestamp '{one.last}'"
        constant = f"make_timestamptz(epoch_us({local}) - {one.offset_s * 1_000_000})"
        return f"case when {within} then {constant} else {calendar} end"
    middle = len(among) // 2
    older, newer = _choose(local, among[:middle], calendar), _choose(local, among[middle:], calendar)
    return f"case when {local} < timestamp '{among[middle].first}' then {older} else {newer} end"


@functools.lru_cache(maxsize=64)
def periods(zone: str) -> tuple[Period, ...]:
    """The times in which a zone's offset does not change, a day's distance kept from every change.

    Raises:
        duckdb.Error: there is no such zone.
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            """
            with days as (
                select day, epoch(day - cast(timezone($zone, day) as timestamp)) as offset_s
                from generate_series($first::timestamp, $last::timestamp, interval 1 day) as days(day)
            ),
            quiet as (
                select day, offset_s from days
                qualify offset_s = lag(offset_s) over (order by day) and offset_s = lead(offset_s) over (order by day)
            ),
            numbered as (select *, day - to_days(cast(row_number() over (order by day) as integer)) as run from quiet)
            select min(day)::date::varchar, (max(day) + interval 1 day)::date::varchar, any_value(offset_s)
            from numbered group by run, offset_s order by 1
            """,
            {"zone": zone, "first": FIRST_DAY, "last": LAST_DAY},
        ).fetchall()
    return tuple(Period(first, last, int(offset_s)) for first, last, offset_s in found)
