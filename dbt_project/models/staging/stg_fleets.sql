{{ history(source('raw', 'fleets'), ['source', 'fleet_id']) }}
