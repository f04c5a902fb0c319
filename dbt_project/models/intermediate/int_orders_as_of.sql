{{ config(materialized='ephemeral') }}
-- each order as it was known at its planning cut-off: 20:00 local on the evening before the service date it then had,
-- or the moment it became known, if that was later
with versions as (
    {{ versions(source('raw', 'orders'), ['source', 'order_id'], touched_orders(source('raw', 'orders'))) }}
),

-- a depot's time zone counts only if the depot was known when the version was
zoned as (
    select
        versions.*,
        coalesce(depots.timezone, 'UTC') as timezone
    from versions
    asof left join {{ ref('stg_depots') }} as depots
        on
            versions.source = depots.source
            and versions.depot_id = depots.depot_id
            and versions.known_from >= depots.known_from
),

-- a moment of a time zone is dear to find: once a date and zone, not once an order
evenings as (
    select
        dates.service_date,
        dates.timezone,
        (cast(dates.service_date as timestamp) - interval 4 hour) at time zone dates.timezone as evening_before
    from (
        select distinct
            service_date,
            timezone
        from zoned
    ) as dates
),

cut_off as (
    select
        zoned.*,
        greatest(zoned.known_from, evenings.evening_before) as as_of
    from zoned
    inner join evenings on zoned.service_date = evenings.service_date and zoned.timezone = evenings.timezone
),

-- a version is planned if its cut-off came while it was current
planned as (
    select
        *,
        row_number() over (partition by source, order_id order by as_of, known_from, file_id) as plan_rank
    from cut_off
    where not retracted and (known_to is null or as_of < known_to)
)

select * exclude (plan_rank, known_from, known_to)
from planned
where plan_rank = 1
