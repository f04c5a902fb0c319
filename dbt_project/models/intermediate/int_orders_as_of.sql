-- each order as it was known at its planning cut-off: 20:00 local on the evening before, or when it became known
with versions as (
    select * from {{ source('raw', 'orders') }}
),

first_known as (
    select
        source,
        order_id,
        min(ingest_time) as known_at,
        arg_min(service_date, ingest_time) as service_date,
        arg_min(depot_id, ingest_time) as depot_id
    from versions
    group by source, order_id
),

depots as (
    select
        source,
        depot_id,
        arg_min(timezone, ingest_time) as timezone
    from {{ source('raw', 'depots') }}
    group by source, depot_id
),

cut_offs as (
    select
        first_known.source,
        first_known.order_id,
        greatest(
            first_known.known_at,
            (cast(first_known.service_date as timestamp) - interval 4 hour)
            at time zone coalesce(depots.timezone, 'UTC')
        ) as as_of,
        coalesce(depots.timezone, 'UTC') as timezone
    from first_known
    left join depots
        on first_known.source = depots.source and first_known.depot_id = depots.depot_id
),

known as (
    select
        versions.*,
        cut_offs.as_of,
        cut_offs.timezone,
        row_number() over (
            partition by versions.source, versions.order_id
            order by versions.ingest_time desc, versions.file_id desc
        ) as version_rank
    from versions
    inner join cut_offs
        on
            versions.source = cut_offs.source
            and versions.order_id = cut_offs.order_id
            and versions.ingest_time <= cut_offs.as_of
)

select * exclude (version_rank)
from known
where version_rank = 1 and not retracted
