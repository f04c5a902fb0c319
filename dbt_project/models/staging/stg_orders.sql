{{ latest(source('raw', 'orders'), ['source', 'order_id']) }}
