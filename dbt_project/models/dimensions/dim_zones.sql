-- where a zone is and when it was first heard of, from the first order in it: later orders change nothing
select
    source,
    zone_id,
    first_order.depot_id,
    first_order.lat,
    first_order.lon,
    first_order.ingest_time as known_from
from (
    select
        source,
        zone_id,
        arg_min(
            { 'depot_id': depot_id, 'lat': lat, 'lon': lon, 'ingest_time': ingest_time },
            (ingest_time, order_id, file_id)
        ) as first_order
    from {{ source('raw', 'orders') }}
    where zone_id is not null
    group by source, zone_id
)
