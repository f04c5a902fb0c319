{{ config(materialized='ephemeral') }}
-- what each report of an outcome changed, and when it was known: a correction takes back what it replaces
-- nothing that became known after this run's last cut-off changes its rows
with known as (
    select max(as_of) as until from {{ ref('int_orders_as_of') }}
    where {{ in_range('service_date') }}
),

concluded as (
    select distinct
        source,
        event_id
    from {{ source('raw', 'delivery_events') }}
    where
        event_type in ('delivered', 'attempt_failed', 'partially_delivered', 'diverted')
        and ingest_time <= (select until from known)
),

versions as (
    {{
        versions(
            source('raw', 'delivery_events'),
            ['source', 'event_id'],
            'ingest_time <= (select until from known) '
            'and (source, event_id) in (select source, event_id from concluded)',
        )
    }}
),

reports as (
    select
        source,
        event_id,
        order_id,
        known_from,
        known_to,
        case when event_type = 'attempt_failed' then 1 else 0 end as failures
    from versions
    where
        not retracted
        and event_type in ('delivered', 'attempt_failed', 'partially_delivered', 'diverted')
        and (known_to is null or known_to > known_from)
),

changes as (
    select
        source,
        event_id,
        order_id,
        known_from as changed_at,
        1 as attempts_change,
        failures as failures_change
    from reports
    union all
    select
        source,
        event_id,
        order_id,
        known_to as changed_at,
        -1 as attempts_change,
        -failures as failures_change
    from reports
    where known_to is not null
),

-- whose outcome it was, as the order first said
parties as (
    select
        source,
        order_id,
        min(ingest_time) as order_known_at,
        arg_min(
            { 'customer_id': customer_id, 'zone_id': zone_id, 'tenant_id': tenant_id },
            (ingest_time, file_id, event_time)
        ) as party
    from {{ source('raw', 'orders') }}
    where ingest_time <= (select until from known)
    group by source, order_id
)

select
    changes.source,
    changes.event_id,
    changes.order_id,
    changes.attempts_change,
    changes.failures_change,
    parties.party.customer_id,
    parties.party.zone_id,
    parties.party.tenant_id,
    -- a report may come before its order: it says nothing of a customer until the order is known
    greatest(changes.changed_at, parties.order_known_at) as known_at
from changes
inner join parties
    on changes.source = parties.source and changes.order_id = parties.order_id
