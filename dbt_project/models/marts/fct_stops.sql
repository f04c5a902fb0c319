with orders as (
    select * from {{ ref('stg_orders') }}
    where {{ in_range('service_date') }}
),

attempts as (
    select
        source,
        order_id,
        coalesce(attempt, 1) as attempt,
        max(stop_id) as stop_id
    from {{ ref('stg_delivery_events') }}
    where order_id is not null
    group by source, order_id, coalesce(attempt, 1)
),

cut_offs as (
    select
        source,
        order_id,
        as_of
    from {{ ref('int_orders_as_of') }}
)

select
    orders.source,
    coalesce(attempts.stop_id, orders.order_id || '-1') as stop_id,
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
left join cut_offs
    on orders.source = cut_offs.source and orders.order_id = cut_offs.order_id
