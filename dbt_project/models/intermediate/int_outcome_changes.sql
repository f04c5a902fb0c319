-- what each report of an outcome changed, and when it was known: a correction takes back what it replaces
with reports as (
    select
        events.source,
        events.event_id,
        events.order_id,
        events.ingest_time as known_at,
        case when events.retracted then 0 else 1 end as attempts,
        case when not events.retracted and events.event_type = 'attempt_failed' then 1 else 0 end as failures
    from {{ source('raw', 'delivery_events') }} as events
    where events.event_type in ('delivered', 'attempt_failed', 'partially_delivered', 'diverted')
),

changes as (
    select
        source,
        event_id,
        order_id,
        known_at,
        attempts - coalesce(lag(attempts) over versions, 0) as attempts_change,
        failures - coalesce(lag(failures) over versions, 0) as failures_change
    from reports
    window versions as (partition by source, event_id order by known_at)
),

parties as (
    select
        source,
        order_id,
        arg_min(customer_id, ingest_time) as customer_id,
        arg_min(zone_id, ingest_time) as zone_id,
        arg_min(tenant_id, ingest_time) as tenant_id
    from {{ source('raw', 'orders') }}
    group by source, order_id
)

select
    changes.source,
    changes.event_id,
    changes.order_id,
    changes.known_at,
    changes.attempts_change,
    changes.failures_change,
    parties.customer_id,
    parties.zone_id,
    parties.tenant_id
from changes
inner join parties
    on changes.source = parties.source and changes.order_id = parties.order_id
