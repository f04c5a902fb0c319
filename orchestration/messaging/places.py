"""Where a forgotten customer lives, erased from the lake: positions and address ids of their orders; the zone stays.

The lake keeps snapshots, so old ones still hold them until they are expired: ``fivefold forget --purge`` does that at
once, ``fivefold lake clean-up`` when its time has come.
"""

from __future__ import annotations

import json
from datetime import date

import duckdb
import h3

from orchestration.lake import Lake

PLACES = ("lat", "lon", "origin_lat", "origin_lon", "address_id")
COARSE = 5
"""H3 resolution of the zone that stays where the source had none: cells of about 250 square kilometres."""


def erase_places(lake: Lake, source: str, customer_id: str, today: date) -> dict[str, int]:
    """Erase where the customer's orders went to, in every table that knows an order, in one transaction.

    Orders that are still to be brought keep their place; they are counted as ``open``.
    """
    orders = lake.query(
        """
        with newest as (
            select order_id, customer_id, service_date, retracted from raw.orders where source = ?
            qualify row_number() over (partition by order_id order by ingest_time desc, file_id desc) = 1
        ), done as (
            select distinct order_id from raw.delivery_events where source = ? and not retracted
                and event_type in ('delivered', 'partially_delivered', 'diverted', 'cancelled', 'returned_to_depot')
        )
        select newest.order_id, done.order_id is null and service_date >= ? and not retracted as open
        from newest left join done using (order_id) where customer_id = ?
        """,
        [source, source, today, customer_id],
    )
    names = sorted(orders.loc[~orders["open"].astype(bool), "order_id"].astype(str))
    columns = lake.query(
        "select table_schema, table_name, list(column_name) as columns, "
        "list(column_name) filter (where is_nullable = 'NO') as required from information_schema.columns "
        "where table_catalog = 'lake' group by 1, 2"
    )
    placed = lake.query(
        "select distinct order_id, lat, lon from raw.orders where source = ? and zone_id is null and lat is not null "
        "and lon is not null and order_id in (select unnest(?::varchar[]))",
        [source, names],
    )
    zones = {str(one.order_id): h3.latlng_to_cell(one.lat, one.lon, COARSE) for one in placed.itertuples()}

    def write(connection: duckdb.DuckDBPyConnection) -> int:
        count = 0
        for order_id, zone in zones.items():
            connection.execute(
                "update raw.orders set zone_id = ? where source = ? and order_id = ? and zone_id is null",
                [zone, source, order_id],
            )
        for one in columns.itertuples():
            known = set(one.columns)
            if not {"source", "order_id"} <= known or not known & set(PLACES):
                continue
            found = connection.execute(
                "select table_type from information_schema.tables where table_catalog = 'lake' and table_schema = ? "
                "and table_name = ?",
                [one.table_schema, one.table_name],
            ).fetchone()
            if found is None or found[0] != "BASE TABLE":
                continue  # a view shows what its tables hold
            # a place that a table must have becomes one of a hundred square kilometres
            required = set() if one.required is None else set(one.required)
            blank = ", ".join(
                f"{name} = round({name}, 1)" if name in required else f"{name} = null"
                for name in PLACES
                if name in known
            )
            connection.execute(
                f'update lake."{one.table_schema}"."{one.table_name}" set {blank} '
                "where source = ? and order_id in (select unnest(?::varchar[]))",
                [source, names],
            )
            count += 1
        return count

    def write_quarantine(connection: duckdb.DuckDBPyConnection) -> int:
        """Rows that were refused are kept whole, so those that name the customer or a finished order are blanked."""
        found = connection.execute(
            "update control.quarantine set content = ?, message = 'erased, the customer is forgotten' "
            "where source = ? and list_has_any(json_extract_string(content, '$.*'), ?::varchar[])",
            [json.dumps({"erased": True}), source, [customer_id, *names]],
        ).fetchone()
        return int(found[0]) if found else 0

    tables = lake.write(write, "places of a forgotten customer") if names else 0
    quarantined = lake.write(write_quarantine, "refused rows of a forgotten customer")
    open_orders = int(orders["open"].sum())
    return {"orders": len(names), "open_orders": open_orders, "tables": tables, "quarantined": quarantined}
