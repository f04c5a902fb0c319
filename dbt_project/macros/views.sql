{#- A view is made again only when its statement, or a column of a source, has changed: a run builds the rows of a few
    service dates, and making eleven views anew cost more than that. What it was made from is its comment. -#}
{% materialization view, adapter='duckdb' -%}
    {%- set target = this.incorporate(type='view') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set mark = view_mark(sql) -%}
    {{ run_hooks(pre_hooks) }}
    {% if existing is not none and existing.is_view and view_comment(target) == mark %}
        {% call noop_statement('main', 'UNCHANGED') %}{{ sql }}{% endcall %}
    {% else %}
        {% if existing is not none and not existing.is_view %}
            {% do adapter.drop_relation(existing) %}
        {% endif %}
        {% call statement('main') %}
            {% if config.get('contract').enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif %}
            create or replace view {{ target }} as ({{ sql }});
            comment on view {{ target }} is '{{ mark }}'
        {% endcall %}
        {% do adapter.commit() %}
    {% endif %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{%- endmaterialization %}

{% macro view_mark(sql) -%}
    {%- set columns = [] -%}
    {%- for source in graph.sources.values() -%}
        {%- do columns.append(source.unique_id ~ ':' ~ source.columns.keys() | join(',')) -%}
    {%- endfor -%}
    {{ return(local_md5(sql ~ columns | sort | join(';'))) }}
{%- endmacro %}

{% macro view_comment(relation) -%}
    {%- set found = run_query(
        "select comment from duckdb_views() where database_name = '" ~ relation.database ~ "' and schema_name = '"
        ~ relation.schema ~ "' and view_name = '" ~ relation.identifier ~ "'"
    ) -%}
    {{ return(found.columns[0].values()[0] if found.rows else none) }}
{%- endmacro %}
