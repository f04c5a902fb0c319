select
    source,
    vehicle_id,
    fleet_id,
    depot_id,
    vehicle_class,
    capacity_g,
    capacity_ml,
    capacity_parcels,
    known_from,
    known_to
from {{ ref('stg_vehicles') }}
