{#- Every version of each key and when it was current: from known_from until before known_to (null: still). Versions of
    one moment: the last file's counts, the others were never current. -#}
{% macro versions(relation, keys, filter='true') -%}
    select
        *,
        ingest_time as known_from,
        lead(ingest_time) over (
            partition by {{ keys | join(', ') }}
            order by ingest_time, file_id, event_time
        ) as known_to
    from {{ relation }}
    where {{ filter }}
{%- endmacro %}

{#- The version of each key that was known last, without what was retracted. -#}
{% macro latest(relation, keys, filter='true') -%}
    select * exclude (known_from, known_to)
    from ({{ versions(relation, keys, filter) }})
    where known_to is null and not retracted
{%- endmacro %}

{#- Versions for joins as of a moment: not retracted, and current for some time. -#}
{% macro history(relation, keys, filter='true') -%}
    select *
    from ({{ versions(relation, keys, filter) }})
    where not retracted and (known_to is null or known_to > known_from)
{%- endmacro %}

{#- Orders of which any version, at any time, was for a service date of this run. -#}
{% macro touched_orders(relation) -%}
    {%- set range = in_range('service_date') -%}
    {%- if range == 'true' -%}
        true
    {%- else -%}
        (source, order_id) in (select source, order_id from {{ relation }} where {{ range }})
    {%- endif -%}
{%- endmacro %}
