with stops as (
    select * from {{ ref('feat_exception') }}
    where {{ in_range('service_date') }}
),

depots as (
    select
        source,
        depot_id,
        arg_min(lat, ingest_time) as depot_lat,
        arg_min(lon, ingest_time) as depot_lon
    from {{ source('raw', 'depots') }}
    group by source, depot_id
)

select
    stops.source,
    stops.stop_id,
    stops.order_id,
    stops.service_date,
    stops.as_of,
    stops.zone_id,
    stops.depot_id,
    stops.weekday,
    stops.window_start_hour,
    stops.window_hours,
    stops.parcels,
    stops.service_s,
    stops.forecast_precipitation_mm,
    stops.forecast_temperature_c,
    111195.0 * sqrt(
        pow(stops.lat - depots.depot_lat, 2)
        + pow((stops.lon - depots.depot_lon) * cos(radians(stops.lat)), 2)
    ) as depot_distance_m
from stops
left join depots
    on stops.source = depots.source and stops.depot_id = depots.depot_id
