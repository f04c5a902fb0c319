with stops as (
    select * from {{ ref('feat_exception') }}
    where {{ in_range('service_date') }}
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
    cast(111195.0 * sqrt(
        pow(stops.lat - depots.lat, 2)
        + pow((stops.lon - depots.lon) * cos(radians(stops.lat)), 2)
    ) as double) as depot_distance_m
from stops
asof left join {{ ref('stg_depots') }} as depots
    on
        stops.source = depots.source
        and stops.depot_id = depots.depot_id
        and stops.as_of >= depots.known_from
