{#- None of the columns is null in any row: one pass instead of a test a column. -#}
{% test never_null(model, columns) %}
    select {{ columns | join(', ') }}
    from {{ model }}
    where {% for column in columns %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}

{#- Three rules in one statement, each broken one a row with its name: no two rows agree in the key, none of the required
    columns is null, and the expression holds in every row (null counts as broken). A dimension is a view over all that
    was ever known: it is read once. The rows of a mart are stored: each rule reads the columns it asks about. -#}
{% test sound(model, key, required, expression='true', stored=false) %}
    with tested as {{ 'not ' if stored }}materialized (select * from {{ model }})

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
