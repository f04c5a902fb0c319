{{ history(source('raw', 'drivers'), ['source', 'driver_id']) }}
