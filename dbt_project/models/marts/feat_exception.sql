with orders as (
    select
        *,
        date_trunc('hour', coalesce(window_start, cast(service_date as timestamptz) + interval 12 hour)) as weather_hour
    from {{ ref('int_orders_as_of') }}
    where {{ in_range('service_date') }}
),

with_customer as (
    select
        orders.*,
        coalesce(history.attempts, 0) as customer_attempts,
        coalesce(history.failures, 0) as customer_failures
    from orders
    asof left join {{ ref('int_customer_history') }} as history
        on
            orders.source = history.source
            and orders.customer_id = history.customer_id
            and orders.as_of >= history.known_at
),

with_zone as (
    select
        with_customer.*,
        coalesce(history.attempts, 0) as zone_attempts,
        coalesce(history.failures, 0) as zone_failures
    from with_customer
    asof left join {{ ref('int_zone_history') }} as history
        on
            with_customer.source = history.source
            and with_customer.zone_id = history.zone_id
            and with_customer.as_of >= history.known_at
),

with_weather as (
    select
        with_zone.*,
        weather.precipitation_mm as forecast_precipitation_mm,
        weather.temperature_c as forecast_temperature_c
    from with_zone
    asof left join {{ source('raw', 'weather') }} as weather
        on
            with_zone.source = weather.source
            and with_zone.depot_id = weather.depot_id
            and with_zone.weather_hour = weather.target_time
            and with_zone.as_of >= weather.ingest_time
)

select
    source,
    order_id || '-1' as stop_id,
    order_id,
    service_date,
    as_of,
    customer_id,
    zone_id,
    tenant_id,
    depot_id,
    cast(customer_attempts as bigint) as customer_attempts,
    cast(customer_failures as bigint) as customer_failures,
    (customer_failures + 0.5) / (customer_attempts + 10.0) as customer_failure_rate,
    cast(zone_attempts as bigint) as zone_attempts,
    (zone_failures + 2.0) / (zone_attempts + 40.0) as zone_failure_rate,
    cast(isodow(service_date) as bigint) as weekday,
    cast(hour(window_start at time zone timezone) as bigint) as window_start_hour,
    date_diff('minute', window_start, window_end) / 60.0 as window_hours,
    mass_g,
    volume_ml,
    parcels,
    service_s,
    lat,
    lon,
    required_certifications is not null as needs_certification,
    forecast_precipitation_mm,
    forecast_temperature_c
from with_weather
