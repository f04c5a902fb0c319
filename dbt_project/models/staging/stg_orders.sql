{{ config(materialized='ephemeral') }}
{{ latest(source('raw', 'orders'), ['source', 'order_id'], touched_orders(source('raw', 'orders'))) }}
