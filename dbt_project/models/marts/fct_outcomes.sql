with versions as (
    select
        *,
        coalesce(stop_id, order_id || '-' || coalesce(attempt, 1)) as stop_key,
        event_type in ('delivered', 'attempt_failed', 'partially_delivered', 'diverted') as concludes
    from {{ ref('stg_delivery_events') }}
    where order_id is not null
),

-- when what happened at a stop was last told, corrected or taken back
told as (
    select
        source,
        stop_key,
        max(coalesce(known_to, known_from)) as told_at
    from versions
    where concludes or event_type in ('loaded', 'tender_accepted', 'arrived', 'service_started')
    group by source, stop_key
),

events as (
    select
        versions.*,
        told.told_at
    from versions
    inner join told
        on versions.source = told.source and versions.stop_key = told.stop_key
    where
        versions.known_from <= told.told_at
        and (versions.known_to is null or versions.known_to > told.told_at)
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
        max(told_at) as told_at
    from events
    group by source, stop_key
),

concluded as (
    select * from stops
    where concluding_event is not null and {{ in_range('service_date') }}
),

promises as (
    {{
        versions(
            source('raw', 'orders'),
            ['source', 'order_id'],
            '(source, order_id) in (select source, order_id from concluded)',
        )
    }}
),

first_promises as (
    select
        source,
        order_id,
        min(known_from) as order_known_at
    from promises
    group by source, order_id
),

-- an outcome may be told before its order: whether it was late is known only then
labelled as (
    select
        concluded.*,
        greatest(concluded.told_at, first_promises.order_known_at) as label_time,
        coalesce(concluded.service_started_at, concluded.arrived_at, concluded.concluded_at) as started_at
    from concluded
    left join first_promises
        on concluded.source = first_promises.source and concluded.order_id = first_promises.order_id
),

current_promises as (
    select * from promises
    where known_to is null or known_to > known_from
),

-- the promise that held when the outcome was known; what is changed afterwards makes nothing late
promised as (
    select
        labelled.*,
        case when not promises.retracted then promises.window_end end as window_end
    from labelled
    asof left join current_promises as promises
        on
            labelled.source = promises.source
            and labelled.order_id = promises.order_id
            and labelled.label_time >= promises.known_from
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
