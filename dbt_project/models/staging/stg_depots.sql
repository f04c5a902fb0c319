{{ history(source('raw', 'depots'), ['source', 'depot_id']) }}
