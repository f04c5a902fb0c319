{#- The database asks a calendar for every value of the usual functions of times with a zone. Runs are in UTC, where whole
    hours and minutes are those since 1970: the same answers from the count of microseconds. -#}
{% macro whole_hour(moment) -%}
    make_timestamptz(epoch_us({{ moment }}) // 3600000000 * 3600000000)
{%- endmacro %}

{#- Changes of the minute on the clock from one moment to another, as date_diff counts them. -#}
{% macro minutes_between(first, last) -%}
    (epoch_us({{ last }}) // 60000000 - epoch_us({{ first }}) // 60000000)
{%- endmacro %}
