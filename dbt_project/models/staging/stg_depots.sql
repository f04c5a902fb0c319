{{ latest(source('raw', 'depots'), ['source', 'depot_id']) }}
