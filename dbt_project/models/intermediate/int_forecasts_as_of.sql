{{ config(materialized='ephemeral') }}
-- the newest weather known at a stop's cut-off for the hour its window starts (noon UTC where it has none)
with hours as (
    select distinct
        source,
        depot_id,
        as_of,
        {{ whole_hour("coalesce(window_start, cast(service_date as timestamptz) + interval 12 hour)") }} as weather_hour
    from {{ ref('int_orders_as_of') }}
    where {{ in_range('service_date') }}
),

issues as (
    {{ versions(source('raw', 'weather'), ['source', 'depot_id', 'target_time', 'event_time']) }}
),

known as (
    select
        hours.*,
        issues.precipitation_mm,
        issues.temperature_c,
        row_number() over (
            partition by hours.source, hours.depot_id, hours.as_of, hours.weather_hour
            order by issues.event_time desc
        ) as issue_rank
    from hours
    inner join issues
        on
            hours.source = issues.source
            and hours.depot_id = issues.depot_id
            and hours.weather_hour = issues.target_time
            and hours.as_of >= issues.known_from
            and (issues.known_to is null or hours.as_of < issues.known_to)
    where not issues.retracted
)

select * exclude (issue_rank)
from known
where issue_rank = 1
