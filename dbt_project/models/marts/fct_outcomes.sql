with events as (
    select
        *,
        coalesce(stop_id, order_id || '-' || coalesce(attempt, 1)) as stop_key,
        event_type in ('delivered', 'attempt_failed', 'partially_delivered', 'diverted') as concludes
    from {{ ref('stg_delivery_events') }}
    where order_id is not null
),

stops as (
    select
        source,
        stop_key as stop_id,
        min(order_id) as order_id,
        cast(min(coalesce(attempt, 1)) as bigint) as attempt,
        arg_max(service_date, (event_time, event_id)) filter (where concludes) as service_date,
        max(driver_id) as driver_id,
        max(vehicle_id) as vehicle_id,
        max(fleet_id) as fleet_id,
        max(route_id) as route_id,
        max(depot_id) as depot_id,
        min(event_time) filter (where event_type = 'loaded') as loaded_at,
        min(event_time) filter (where event_type = 'tender_accepted') as accepted_at,
        min(event_time) filter (where event_type = 'arrived') as arrived_at,
        min(event_time) filter (where event_type = 'service_started') as service_started_at,
        max(event_time) filter (where concludes) as concluded_at,
        arg_max(event_type, (event_time, event_id)) filter (where concludes) as concluding_event,
        arg_max(exception_class, (event_time, event_id)) filter (where event_type = 'attempt_failed')
            as exception_class,
        arg_max(failure_reason, (event_time, event_id)) filter (where event_type = 'attempt_failed')
            as failure_reason,
        min(planned_time) as planned_time,
        max(ingest_time) filter (where concludes) as label_time
    from events
    group by source, stop_key
),

promises as (
    {{
        latest(
            source('raw', 'orders'),
            ['source', 'order_id'],
            '(source, order_id) in (select source, order_id from stops)',
        )
    }}
),

promised as (
    select
        stops.*,
        promises.window_end,
        coalesce(stops.service_started_at, stops.arrived_at, stops.concluded_at) as started_at
    from stops
    left join promises
        on stops.source = promises.source and stops.order_id = promises.order_id
    where stops.concluding_event is not null and {{ in_range('stops.service_date') }}
)

select
    source,
    stop_id,
    order_id,
    attempt,
    service_date,
    driver_id,
    vehicle_id,
    fleet_id,
    route_id,
    depot_id,
    accepted_at,
    loaded_at,
    arrived_at,
    service_started_at,
    concluded_at,
    exception_class,
    failure_reason,
    planned_time,
    label_time,
    case when concluding_event = 'attempt_failed' then 'failed' else concluding_event end as outcome,
    started_at > window_end as late,
    cast(date_diff('second', planned_time, coalesce(arrived_at, concluded_at)) as bigint) as arrival_error_s,
    cast(date_diff('second', service_started_at, concluded_at) as bigint) as service_s
from promised
