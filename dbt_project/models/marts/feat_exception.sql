with orders as (
    select
        *,
        {{ whole_hour("coalesce(window_start, cast(service_date as timestamptz) + interval 12 hour)") }} as weather_hour
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

-- an hour of a time zone is dear to find: once a window and zone, not once an order
hours as (
    select
        windows.window_start,
        windows.timezone,
        cast(hour(windows.window_start at time zone windows.timezone) as bigint) as window_start_hour
    from (
        select distinct
            orders.window_start,
            orders.timezone
        from orders
        where orders.window_start is not null
    ) as windows
)

select
    with_zone.source,
    with_zone.order_id || '-1' as stop_id,
    with_zone.order_id,
    with_zone.service_date,
    with_zone.as_of,
    with_zone.customer_id,
    with_zone.zone_id,
    with_zone.tenant_id,
    with_zone.depot_id,
    cast(with_zone.customer_attempts as bigint) as customer_attempts,
    cast(with_zone.customer_failures as bigint) as customer_failures,
    cast((with_zone.customer_failures + 0.5) / (with_zone.customer_attempts + 10.0) as double) as customer_failure_rate,
    cast(with_zone.zone_attempts as bigint) as zone_attempts,
    cast((with_zone.zone_failures + 2.0) / (with_zone.zone_attempts + 40.0) as double) as zone_failure_rate,
    cast(isodow(with_zone.service_date) as bigint) as weekday,
    hours.window_start_hour,
    cast({{ minutes_between("with_zone.window_start", "with_zone.window_end") }} / 60.0 as double) as window_hours,
    with_zone.mass_g,
    with_zone.volume_ml,
    with_zone.parcels,
    with_zone.service_s,
    with_zone.lat,
    with_zone.lon,
    with_zone.required_certifications is not null as needs_certification,
    forecasts.precipitation_mm as forecast_precipitation_mm,
    forecasts.temperature_c as forecast_temperature_c
from with_zone
left join hours on with_zone.window_start = hours.window_start and with_zone.timezone = hours.timezone
left join {{ ref('int_forecasts_as_of') }} as forecasts
    on
        with_zone.source = forecasts.source
        and with_zone.depot_id = forecasts.depot_id
        and with_zone.as_of = forecasts.as_of
        and with_zone.weather_hour = forecasts.weather_hour
