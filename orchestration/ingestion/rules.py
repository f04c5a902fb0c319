"""What every row of a table must keep: derived from ``domain.tables``, from the source's mapping and from the lake.

A rule is said twice: as SQL, which finds the rows at the speed of the database, and as an expectation of Great
Expectations, which is the judge of what was found (``validation``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.tables import Column, ColumnType, Table

UNDECODABLE = "\ufffd"
SAME_REGION_DEG = 5.0
"""A position this many degrees away from where the others are may have its coordinates swapped."""
POSITIONS = (("lat", "lon"), ("origin_lat", "origin_lon"), ("from_lat", "from_lon"), ("to_lat", "to_lon"))


@dataclass(frozen=True)
class RowRule:
    """``sql``: condition over the mapped columns, true or null where the row is fine.

    ``expectation``: makes the Great Expectations form of the same rule; called only when the library is needed.
    ``field``: the column that the rule is about; ``message``: the rule in words.
    """

    name: str
    field: str | None
    message: str
    sql: str
    expectation: Callable[[], Any]


def table_rules(table: Table, present: set[str]) -> list[RowRule]:
    """Rules derived from the definition of ``table`` for the columns that are there."""
    rules: list[RowRule] = []
    for column in table.columns:
        if column.name in present:
            rules.extend(_column_rules(column))
    rules.extend(
        _pair_rule(pair.name, pair.first, pair.second, pair.meaning)
        for pair in table.rules
        if {pair.first, pair.second} <= present
    )
    key = ", ".join(name for name in table.key if name != "source")
    rules.append(
        RowRule(
            "key_is_unique",
            key.partition(",")[0],
            f"the key ({key}) is there more than once with different content",
            "_key_rows <= 1",
            lambda: _gxe().ExpectColumnValuesToBeBetween(column="_key_rows", min_value=0, max_value=1),
        )
    )
    return rules


def flag_rule(name: str, field: str | None, message: str, flag: str) -> RowRule:
    """A rule whose outcome is already there as the boolean column ``flag``."""
    return RowRule(
        name, field, message, flag, lambda: _gxe().ExpectColumnValuesToBeInSet(column=flag, value_set=[True])
    )


def position_flags(present: set[str], region: Mapping[str, float] | None) -> dict[str, tuple[str, str, str, str]]:
    """Flag column -> (SQL, rule, field, message) for positions that cannot be meant.

    ``region``: lat_min, lat_max, lon_min, lon_max of where the source's places are; None: not known.
    """
    flags: dict[str, tuple[str, str, str, str]] = {}
    for number, (lat, lon) in enumerate(POSITIONS):
        if not {lat, lon} <= present:
            continue
        flags[f"_real_{number}"] = (
            f"not coalesce({lat} = 0 and {lon} = 0, false)",
            "position_is_real",
            lat,
            f"{lat} and {lon} are both 0",
        )
        flags[f"_pair_{number}"] = (
            f"({lat} is null) = ({lon} is null)",
            "position_is_whole",
            lat,
            f"{lat} and {lon} must be given together",
        )
        if region is not None:
            flags[f"_swap_{number}"] = (
                f"not coalesce(not {_inside(lat, lon, region)} and {_inside(lon, lat, region)}, false)",
                "position_is_not_swapped",
                lat,
                f"{lat} and {lon} seem to be swapped: the other way round they lie where the others do",
            )
    return flags


def _inside(lat: str, lon: str, region: Mapping[str, float]) -> str:
    return (
        f"({lat} between {region['lat_min'] - SAME_REGION_DEG!r} and {region['lat_max'] + SAME_REGION_DEG!r} "
        f"and {lon} between {region['lon_min'] - SAME_REGION_DEG!r} and {region['lon_max'] + SAME_REGION_DEG!r})"
    )


def _gxe() -> Any:
    import great_expectations.expectations as gxe

    return gxe


def _pair_rule(name: str, first: str, second: str, meaning: str) -> RowRule:
    return RowRule(
        name,
        second,
        meaning,
        f"{first} <= {second}",
        lambda: _gxe().ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=second, column_B=first, or_equal=True, ignore_row_if="either_value_is_missing"
        ),
    )


def _column_rules(column: Column) -> list[RowRule]:
    name, rules = column.name, []
    if column.required:
        rules.append(
            RowRule(
                f"{name}_is_given",
                name,
                f"{name} is missing",
                f"{name} is not null",
                lambda: _gxe().ExpectColumnValuesToNotBeNull(column=name),
            )
        )
    if column.allowed:
        values = [str(one) for one in column.allowed]
        quoted = ", ".join("'" + one.replace("'", "''") + "'" for one in values)
        rules.append(
            RowRule(
                f"{name}_is_known",
                name,
                f"{name} must be one of {', '.join(values)}",
                f"{name} in ({quoted})",
                lambda: _gxe().ExpectColumnValuesToBeInSet(column=name, value_set=values),
            )
        )
    if column.minimum is not None or column.maximum is not None:
        rules.append(_range_rule(column))
    if column.type is ColumnType.TEXT:
        rules.append(
            RowRule(
                f"{name}_is_decodable",
                name,
                f"{name} holds bytes that are not in the declared encoding",
                f"not contains({name}, '{UNDECODABLE}')",
                lambda: _gxe().ExpectColumnValuesToNotMatchRegex(column=name, regex=UNDECODABLE),
            )
        )
    return rules


def _range_rule(column: Column) -> RowRule:
    name, low, high = column.name, column.minimum, column.maximum
    bounds = f"at least {low:g}" if high is None else f"from {low:g} to {high:g}"
    conditions = [f"{name} >= {low!r}"] if low is not None else []
    if high is not None:
        conditions.append(f"{name} <= {high!r}")
    return RowRule(
        f"{name}_in_range",
        name,
        f"{name} must be {bounds}",
        " and ".join(conditions),
        lambda: _gxe().ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high),
    )
