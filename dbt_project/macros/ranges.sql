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

{#- Replace the service dates of this run whole, in one transaction. Unlike delete+insert by key, a date that has
    lost its last row loses its old rows too. -#}
{% macro get_incremental_replace_range_sql(arg_dict) -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    delete from {{ arg_dict['target_relation'] }} where {{ in_range('service_date') }};
    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }}
{%- endmacro %}

{#- Data tests with `where: __in_range__` look at this run's service dates only. -#}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get('where', '') -%}
    {%- if where == '__in_range__' -%}
        {%- do return('(select * from ' ~ relation ~ ' where ' ~ in_range('service_date') ~ ') as tested') -%}
    {%- elif where -%}
        {%- do return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') as tested') -%}
    {%- endif -%}
    {%- do return(relation) -%}
{%- endmacro %}
