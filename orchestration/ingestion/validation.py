"""Every load is judged by Great Expectations: suites derived from ``domain.tables`` plus the source's own rules."""

from __future__ import annotations

import logging
import os
from typing import Any

import pandas as pd

from domain.tables import Column, ColumnType, Table

BROKEN_COLUMNS = ["_index", "rule", "field", "message"]


def validate(table: Table, frame: pd.DataFrame, checks: dict[str, tuple[str, str | None, str]]) -> pd.DataFrame:
    """Rows of ``frame`` that break a rule: position (``_index``), rule, field and the rule in words.

    ``checks`` names boolean columns of ``frame`` that must be true. One row may break several rules.
    """
    if frame.empty:
        return pd.DataFrame(columns=BROKEN_COLUMNS)
    rules = [*_table_rules(table, frame), *_check_rules(checks)]
    frame = frame.reset_index(drop=True)
    frame["_index"] = frame.index
    results = _run(table.name, frame, [expectation for expectation, *_ in rules])
    broken = [
        {"_index": index, "rule": rule, "field": field, "message": message}
        for (_, rule, field, message), indices in zip(rules, results, strict=True)
        for index in indices
    ]
    return pd.DataFrame(broken, columns=BROKEN_COLUMNS)


def suite_of(table: Table) -> list[tuple[str, str | None, str]]:
    """The rules derived from a table, as (rule, field, words), for docs and checks."""
    frame = pd.DataFrame(columns=list(table.column_names))
    return [(rule, field, message) for _, rule, field, message in _table_rules(table, frame)]


def _table_rules(table: Table, frame: pd.DataFrame) -> list[tuple[Any, str, str | None, str]]:
    import great_expectations.expectations as gxe

    rules: list[tuple[Any, str, str | None, str]] = []
    for column in table.columns:
        if column.name in frame.columns:
            rules.extend(_column_rules(gxe, column))
    for rule in table.rules:
        if rule.first in frame.columns and rule.second in frame.columns:
            rules.append(  # noqa: PERF401 - one rule a step reads better here
                (
                    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                        column_A=rule.second,
                        column_B=rule.first,
                        or_equal=True,
                        ignore_row_if="either_value_is_missing",
                    ),
                    rule.name,
                    rule.second,
                    rule.meaning,
                )
            )
    if all(name in frame.columns for name in table.key if name != "source"):
        key = [name for name in table.key if name != "source"]
        expectation = (
            gxe.ExpectColumnValuesToBeUnique(column=key[0])
            if len(key) == 1
            else gxe.ExpectCompoundColumnsToBeUnique(column_list=key)
        )
        rules.append(
            (
                expectation,
                "key_is_unique",
                key[0],
                f"the key ({', '.join(key)}) is there more than once with different content",
            )
        )
    return rules


def _column_rules(gxe: Any, column: Column) -> list[tuple[Any, str, str | None, str]]:
    rules: list[tuple[Any, str, str | None, str]] = []
    name = column.name
    if column.required:
        rules.append((gxe.ExpectColumnValuesToNotBeNull(column=name), f"{name}_is_given", name, f"{name} is missing"))
    if column.allowed:
        rules.append(
            (
                gxe.ExpectColumnValuesToBeInSet(column=name, value_set=[str(one) for one in column.allowed]),
                f"{name}_is_known",
                name,
                f"{name} must be one of {', '.join(map(str, column.allowed))}",
            )
        )
    if column.minimum is not None or column.maximum is not None:
        bounds = (
            f"at least {column.minimum:g}"
            if column.maximum is None
            else f"from {column.minimum:g} to {column.maximum:g}"
        )
        rules.append(
            (
                gxe.ExpectColumnValuesToBeBetween(column=name, min_value=column.minimum, max_value=column.maximum),
                f"{name}_in_range",
                name,
                f"{name} must be {bounds}",
            )
        )
    if column.type is ColumnType.TEXT:
        rules.append(
            (
                gxe.ExpectColumnValuesToNotMatchRegex(column=name, regex="\ufffd"),
                f"{name}_is_decodable",
                name,
                f"{name} holds bytes that are not in the declared encoding",
            )
        )
    return rules


def _check_rules(checks: dict[str, tuple[str, str | None, str]]) -> list[tuple[Any, str, str | None, str]]:
    import great_expectations.expectations as gxe

    return [
        (gxe.ExpectColumnValuesToBeInSet(column=column, value_set=[True]), rule, field, message)
        for column, (rule, field, message) in checks.items()
    ]


def _run(name: str, frame: pd.DataFrame, expectations: list[Any]) -> list[list[int]]:
    """Positions of the rows that break each expectation."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    batch = (
        context.data_sources.add_pandas("load")
        .add_dataframe_asset(name)
        .add_batch_definition_whole_dataframe("all")
        .get_batch({"dataframe": frame})
    )
    suite = gx.ExpectationSuite(name=name, expectations=[])
    for number, expectation in enumerate(expectations):
        expectation.meta = {"number": number}
        suite.add_expectation(expectation)
    outcome = batch.validate(
        suite, result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["_index"]}
    )
    broken: list[list[int]] = [[] for _ in expectations]
    for result in outcome.results:
        number = result.expectation_config.meta["number"]
        if result.exception_info and result.exception_info.get("raised_exception"):
            raise RuntimeError(f"{name}: {result.expectation_config.type}: {result.exception_info}")
        if not result.success:
            broken[number] = [int(one["_index"]) for one in result.result.get("unexpected_index_list") or []]
    return broken
