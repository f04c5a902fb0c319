{{ history(source('raw', 'vehicles'), ['source', 'vehicle_id']) }}
