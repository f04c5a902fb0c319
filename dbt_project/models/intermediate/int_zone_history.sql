{{ config(materialized='ephemeral') }}
-- attempts and failures of a zone as known at each moment they changed
-- counts are exact as doubles, whose running sums take half as long as those of integers
with moments as (
    select
        source,
        zone_id,
        known_at,
        cast(sum(attempts_change) as double) as attempts_change,
        cast(sum(failures_change) as double) as failures_change
    from {{ ref('int_outcome_changes') }}
    where zone_id is not null
    group by source, zone_id, known_at
)

select
    source,
    zone_id,
    known_at,
    cast(sum(attempts_change) over history as bigint) as attempts,
    cast(sum(failures_change) over history as bigint) as failures
from moments
window history as (
    partition by source, zone_id order by known_at
    rows between unbounded preceding and current row
)
