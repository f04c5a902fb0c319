select
    source,
    fleet_id,
    kind,
    control_mode,
    name,
    known_from,
    known_to
from {{ ref('stg_fleets') }}
