with orders as (
    select * from {{ ref('stg_orders') }}
    where {{ in_range('service_date') }}
),

events as (
    {{
        latest(
            source('raw', 'delivery_events'),
            ['source', 'event_id'],
            touched_orders(source('raw', 'orders')),
        )
    }}
),

attempts as (
    select
        source,
        order_id,
        coalesce(attempt, 1) as attempt,
        max(stop_id) as stop_id
    from events
    where order_id is not null
    group by source, order_id, coalesce(attempt, 1)
)

select
    orders.source,
    coalesce(attempts.stop_id, orders.order_id || '-' || coalesce(attempts.attempt, 1)) as stop_id,
    orders.order_id,
    cast(coalesce(attempts.attempt, 1) as bigint) as attempt,
    orders.service_date,
    orders.kind,
    orders.tenant_id,
    orders.customer_id,
    orders.address_id,
    orders.depot_id,
    orders.zone_id,
    orders.lat,
    orders.lon,
    orders.origin_lat,
    orders.origin_lon,
    orders.window_start,
    orders.window_end,
    orders.service_s,
    orders.mass_g,
    orders.volume_ml,
    orders.parcels,
    orders.distance_m,
    orders.required_certifications,
    orders.attributes,
    orders.event_time,
    orders.ingest_time,
    cut_offs.as_of
from orders
left join attempts
    on orders.source = attempts.source and orders.order_id = attempts.order_id
left join {{ ref('int_orders_as_of') }} as cut_offs
    on orders.source = cut_offs.source and orders.order_id = cut_offs.order_id
