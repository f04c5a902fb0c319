{{ latest(source('raw', 'vehicles'), ['source', 'vehicle_id']) }}
