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

{#- The three rules above in one reading, each broken one a row with its name: a dimension is a view over all that was
    ever known, and a run would otherwise read it three times and pay for three statements. -#}
{% test sound(model, key, required, expression='true') %}
    with tested as materialized (select * from {{ model }})

    select
        'unique together: {{ key | join(', ') }}' as rule,
        count(*) as times
    from (select {{ key | join(', ') }} from tested group by {{ key | join(', ') }} having count(*) > 1) as doubled
    having count(*) > 0
    union all
    select
        'never null: {{ required | join(', ') }}' as rule,
        count(*) as times
    from tested
    where {% for column in required %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %}
    having count(*) > 0
    union all
    select
        'holds: {{ expression | replace("'", "''") }}' as rule,
        count(*) as times
    from tested
    where not coalesce(({{ expression }}), false)
    having count(*) > 0
{% endtest %}
