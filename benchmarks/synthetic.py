"""A made-up year of raw facts, written straight into the lake by SQL: what the benchmarks and property tests run on.

Nothing is realistic but the shapes: orders known days ahead or on the day, changed, moved or taken back; outcomes that
arrive late, are corrected or retracted; forecasts that are revised; a depot whose record is corrected. Every value is
a hash of the row's number and the seed, so the same arguments make the same rows on every machine.
"""

from __future__ import annotations

from datetime import date

import duckdb

from orchestration.lake import Lake

SOURCE = "synthetic"
HOURS = 16
"""Weather is forecast for this many hours a day, from 06:00 UTC."""


def _share(salt: str) -> str:
    """SQL for a number in [0, 1) that depends on the row ``n`` and the seed."""
    return f"((hash(n, '{salt}', seed) % 1000003) / 1000003.0)"


def _statements(first: date, days: int, per_day: int, seed: int) -> list[str]:
    customers = max(10, per_day * 6)
    base = f"timestamptz '{first} 00:00:00+00'"
    return [
        f"create or replace temp table o as select n, seed, date '{first}' + cast(n // {per_day} as integer) as day, "
        f"'o' || n as order_id, cast(floor({_share('customer')} * {customers}) as bigint) as customer, "
        f"cast(floor({_share('depot')} * 2) as bigint) as depot, "
        # most are known one to three days ahead, some on the day itself
        f"{base} + interval 1 day * (n // {per_day}) + interval 1 second * cast(floor(case "
        f"when {_share('late')} < 0.05 then 25200 + 14400 * {_share('lead')} "
        f"else -259200 * {_share('lead')} - 1 end) as bigint) as made, "
        f"{_share('change')} as change, {_share('outcome')} as outcome, {_share('report')} as report, "
        f"{_share('correction')} as correction, {_share('hour')} as hour_share, {_share('size')} as size "
        f"from (select range as n, {seed} as seed from range({days * per_day}))",
        # versions: the first; changed by a later file; taken back; moved to another date
        "create or replace temp table orders as "
        "select *, made + interval 5 minute as known, 'f1' as file, false as gone, day as service_date, "
        "1 as factor from o union all select *, made + interval 1 second * cast(3600 + 172800 * size as bigint), 'f2', "
        "change < 0.015, day + case when change between 0.015 and 0.03 then 2 else 0 end, 2 from o where change < 0.08",
        f"""insert into raw.orders (order_id, service_date, kind, tenant_id, customer_id, depot_id, zone_id, lat, lon,
            window_start, window_end, service_s, mass_g, volume_ml, parcels, required_certifications,
            event_time, source, file_id, ingest_time, retracted)
        select order_id, service_date, 'delivery', 't' || n % 3, 'c' || customer, 'd' || depot, 'z' || customer % 97,
            52 + (customer % 1000) / 5000.0, 4.8 + (customer % 613) / 3000.0,
            service_date::timestamptz + interval 1 hour * cast(6 + floor(hour_share * 12) as bigint),
            service_date::timestamptz + interval 1 hour * cast(8 + floor(hour_share * 12) as bigint),
            120 + customer % 200, cast(500 + 9000 * size as bigint) * factor, cast(1000 + 50000 * size as bigint),
            cast(1 + 3 * size as bigint) * factor, case when n % 50 = 0 then 'adr' end,
            made, '{SOURCE}', file, known, gone from orders""",
        # three events a stop; an outcome may be told days later, be corrected, or be taken back
        "create or replace temp table e as select n, day, order_id, depot, outcome, correction, report, "
        "case when outcome < 0.06 then 'attempt_failed' else 'delivered' end as told, "
        "day::timestamptz + interval 1 second * cast(21600 + 43200 * hour_share as bigint) as arrived from o",
        f"""create or replace temp table events as
        select n, day, order_id, depot, 'arrived' as type, '-arr' as part, arrived as happened,
            arrived + interval 1 minute as known, 'f1' as file, false as gone,
            arrived - interval 5 minute as planned from e
        union all select n, day, order_id, depot, 'service_started', '-sta', arrived + interval 2 minute,
            arrived + interval 3 minute, 'f1', false, null from e
        union all select n, day, order_id, depot, told, '-out', arrived + interval 5 minute,
            arrived + interval 6 minute + case when report < 0.03 then interval 3 day else interval 0 day end,
            'f1', false, null from e
        union all select n, day, order_id, depot,
            case when told = 'delivered' then 'attempt_failed' else 'delivered' end, '-out',
            arrived + interval 5 minute, arrived + interval 4 day + interval {seed % 50} minute,
            'f2', correction < 0.01, null from e where correction < 0.03""",
        f"""insert into raw.delivery_events (event_id, service_date, event_type, order_id, stop_id, attempt, depot_id,
            planned_time, event_time, source, file_id, ingest_time, retracted)
        select order_id || part, day, type, order_id, order_id || '-1', 1, 'd' || depot, planned, happened,
            '{SOURCE}', file, known, gone from events""",
        f"""insert into raw.depots (depot_id, lat, lon, timezone, event_time, source, file_id, ingest_time, retracted)
        select 'd' || d, 52.1 + moved * 0.01, 4.9, case d when 0 then 'Europe/Amsterdam' else 'America/New_York' end,
            {base} - interval 5 day, '{SOURCE}', 'f' || moved, {base} - interval 5 day + interval 1 day * moved * {days}
            * 0.6, false from range(2) as t(d), range(2) as v(moved)""",
        f"""insert into raw.weather (depot_id, target_time, temperature_c, precipitation_mm, event_time, source,
            file_id, ingest_time, retracted)
        select 'd' || d, target, 5 + hash(h, issue, {seed}) % 200 / 10.0, hash(h, issue, 'rain', {seed}) % 50 / 10.0,
            issued, '{SOURCE}', 'f' || issue, issued + interval 10 minute, false
        from (select d, h, issue,
                {base} + interval 1 day * (h // {HOURS}) + interval 1 hour * (6 + h % {HOURS}) as target,
                case issue when 2 then {base} + interval 1 day * (h // {HOURS}) + interval 1 hour * (6 + h % {HOURS})
                    else {base} + interval 1 day * (h // {HOURS}) - interval 1 hour * (18 - 12 * issue) end as issued
            from range(2) as a(d), range({(days + 3) * HOURS}) as b(h), range(3) as c(issue))""",
    ]


def fill(lake: Lake, first: date, days: int, per_day: int, seed: int = 1) -> int:
    """Add ``days`` service dates of ``per_day`` orders from ``first`` on, and all that became of them; return the rows.

    One transaction; the source is called ``synthetic``.
    """

    def write(connection: duckdb.DuckDBPyConnection) -> int:
        for statement in _statements(first, days, per_day, seed):
            connection.execute(statement)
        found = connection.execute("select (select count(*) from orders) + (select count(*) from events)").fetchone()
        return int(found[0]) if found else 0

    return lake.write(write)
