{#- Service dates of this run, from --event-time-start and --event-time-end (end excluded); all where none are given.
    Read when the statement is compiled, so that the range does not defeat partial parsing. -#}
{% macro in_range(column) -%}
    {%- set first = invocation_args_dict.get('event_time_start') if execute else none -%}
    {%- set last = invocation_args_dict.get('event_time_end') if execute else none -%}
    {%- if first and last -%}
        {{ column }} >= cast('{{ (first | string)[:10] }}' as date)
        and {{ column }} < cast('{{ (last | string)[:10] }}' as date)
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#- The row of each key that was known last. -#}
{% macro latest(relation, keys) -%}
    select * exclude (version_rank)
    from (
        select
            *,
            row_number() over (
                partition by {{ keys | join(', ') }}
                order by ingest_time desc, file_id desc
            ) as version_rank
        from {{ relation }}
    )
    where version_rank = 1 and not retracted
{%- endmacro %}
