{#- No two rows agree in all the columns. -#}
{% test unique_together(model, columns) %}
    select
        {{ columns | join(', ') }},
        count(*) as times
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}

{#- The expression holds in every row; null counts as broken. -#}
{% test holds(model, expression, column_name=none) %}
    select *
    from {{ model }}
    where not coalesce(({{ expression }}), false)
{% endtest %}

{#- None of the columns is null in any row: one pass instead of a test a column. -#}
{% test never_null(model, columns) %}
    select {{ columns | join(', ') }}
    from {{ model }}
    where {% for column in columns %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}
