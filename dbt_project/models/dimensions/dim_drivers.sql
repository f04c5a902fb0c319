select
    source,
    driver_id,
    fleet_id,
    depot_id,
    known_from,
    known_to
from {{ ref('stg_drivers') }}
