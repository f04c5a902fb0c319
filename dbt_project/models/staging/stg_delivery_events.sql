{{ config(materialized='ephemeral') }}
{{
    history(
        source('raw', 'delivery_events'),
        ['source', 'event_id'],
        touched_orders(source('raw', 'delivery_events')),
    )
}}
