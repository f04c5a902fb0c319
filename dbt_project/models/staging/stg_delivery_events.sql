{{ latest(source('raw', 'delivery_events'), ['source', 'event_id']) }}
