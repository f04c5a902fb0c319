with steps as (
    select
        source,
        order_id,
        service_date,
        ingest_time as happened_at,
        1 as step_number,
        'order' as step,
        kind || ' for ' || coalesce(tenant_id, 'no tenant')
        || coalesce(', promised until ' || strftime(window_end, '%Y-%m-%d %H:%M') || ' UTC', '') as what,
        cast(null as bigint) as amount_minor,
        json_object(
            'promise', [cast(window_start as varchar), cast(window_end as varchar)],
            'zone', zone_id,
            'retracted', retracted
        ) as details
    from {{ source('raw', 'orders') }}
    union all
    select
        source,
        order_id,
        service_date,
        as_of as happened_at,
        2 as step_number,
        'prediction' as step,
        task || coalesce(': ' || round(100 * probability, 1) || ' %', ': median ' || round(p50_s / 60) || ' min') as what,
        null as amount_minor,
        json_object(
            'probability', probability,
            'quantiles_s', [p10_s, p50_s, p90_s],
            'model_version', model_version,
            'lake_snapshot', lake_snapshot
        ) as details
    from lake.prediction.predictions
    union all
    select
        stops.source,
        stops.order_id,
        stops.service_date,
        stops.as_of as happened_at,
        3 as step_number,
        'plan' as step,
        'stop ' || stops.sequence || ' of ' || routes.stops || ' on ' || routes.route_id || ' (' || routes.fleet_id
        || '), arrival ' || strftime(stops.arrival, '%Y-%m-%d %H:%M') || ' UTC' as what,
        null as amount_minor,
        json_object(
            'plan_id', stops.plan_id,
            'vehicle', routes.vehicle_id,
            'arrival', cast(stops.arrival as varchar),
            'p_failed', stops.p_failed,
            'p_late', stops.p_late,
            'lake_snapshot', stops.lake_snapshot
        ) as details
    from lake.plan.plan_stops as stops
    inner join lake.plan.routes as routes
        on stops.plan_id = routes.plan_id and stops.route_id = routes.route_id
    union all
    select
        source,
        order_id,
        service_date,
        as_of as happened_at,
        3 as step_number,
        'plan' as step,
        'not served: ' || explanation as what,
        penalty_minor as amount_minor,
        json_object('plan_id', plan_id, 'reason', reason) as details
    from lake.plan.unserved_orders
    union all
    select
        source,
        order_id,
        service_date,
        decided_at as happened_at,
        4 as step_number,
        'intervention' as step,
        action || ' (' || coalesce(nullif(state, 'none'), assigned) || '): ' || why as what,
        cost_minor as amount_minor,
        json_object(
            'probability', probability,
            'efficacy', efficacy,
            'net_value_minor', net_value_minor,
            'propensity', propensity,
            'threshold_minor', threshold_minor,
            'assigned', assigned,
            'state', state,
            'agreed_by', agreed_by,
            'alternatives', json(alternatives)
        ) as details
    from lake.operation.interventions
    union all
    select
        source,
        order_id,
        service_date,
        decided_at as happened_at,
        5 as step_number,
        'message' as step,
        trigger || coalesce(' by ' || channel || ': ' || state, ' held back: ' || held_because) as what,
        cost_minor as amount_minor,
        json_object(
            'version', version,
            'interval', [cast(interval_from as varchar), cast(interval_until as varchar)],
            'delay', delay,
            'sent_at', cast(sent_at as varchar),
            'attempts', attempts
        ) as details
    from lake.operation.notifications
    union all
    select
        source,
        order_id,
        service_date,
        event_time as happened_at,
        6 as step_number,
        case
            when event_type in ('delivered', 'attempt_failed', 'partially_delivered', 'diverted', 'cancelled')
                then 'outcome'
            else 'event'
        end as step,
        event_type || coalesce(': ' || failure_reason, '')
        || coalesce(' (attempt ' || attempt || ', ' || vehicle_id || ')', '') as what,
        null as amount_minor,
        json_object('event_id', event_id, 'ingest_time', cast(ingest_time as varchar), 'route', route_id) as details
    from {{ source('raw', 'delivery_events') }} as events
    where
        order_id is not null and not retracted
        -- the newest version; asked so, who reads one date does not number the versions of all
        and not exists (
            select 1
            from {{ source('raw', 'delivery_events') }} as later
            where
                later.source = events.source
                and later.event_id = events.event_id
                and (later.ingest_time, later.file_id) > (events.ingest_time, events.file_id)
                and later.order_id is not null and not later.retracted
        )
    union all
    select
        source,
        order_id,
        service_date,
        as_of as happened_at,
        7 as step_number,
        'cost' as step,
        kind || coalesce(' (' || component || ')', '') as what,
        cast(sum(amount_minor) as bigint) as amount_minor,
        json_object('currency', currency, 'postings', count(*)) as details
    from lake.operation.cost_ledger
    where account = 'cost' and order_id is not null
    group by source, order_id, service_date, as_of, kind, component, currency
)

select
    source,
    order_id,
    service_date,
    step_number,
    step,
    happened_at,
    what,
    amount_minor,
    details
from steps
