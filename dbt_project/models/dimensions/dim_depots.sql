select
    source,
    depot_id,
    name,
    lat,
    lon,
    timezone,
    opens_s,
    closes_s,
    known_from,
    known_to
from {{ ref('stg_depots') }}
