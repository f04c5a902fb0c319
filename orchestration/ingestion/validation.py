"""Every load is judged by Great Expectations: suites derived from ``domain.tables`` plus the source's own rules.

Asking the library about every row of every column would cost minutes a year of data. So the database finds, in one
pass, which rules each row breaks; rows that break the same rules form a group; and the library judges real rows: one
of every group and, for every column with bounds, those that hold its smallest and its largest value. Its verdict is
what counts for the group, and must agree with the database's: where the two differ the load stops.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd

from domain.tables import ColumnType, Table
from orchestration.ingestion.canonical import MAPPED, Mapped
from orchestration.ingestion.rules import RowRule, flag_rule, position_flags, table_rules

JUDGED = "_judged"
BITS = 60
REGION_ROWS = 20
"""So many positions tell where a source is, if it names no depot."""
REGION_SAMPLE = 50_000
"""So many rows, evenly spread, are asked where the source is."""
REGION_QUANTILES = (0.25, 0.75)


@dataclass(frozen=True)
class Verdict:
    """What became of the rows of ``_judged``: ``_repeated`` rows are there twice to the letter.

    ``rules``: those that some row breaks; ``broken_words``: the bit columns that are 0 where a row is good.
    """

    rules: tuple[tuple[RowRule, str], ...]
    words: tuple[str, ...]

    @property
    def is_good(self) -> str:
        """SQL condition over ``_judged``."""
        return " and ".join(["not _repeated", *(f"{word} = 0" for word in self.words)])

    @property
    def is_bad(self) -> str:
        """SQL condition over ``_judged``."""
        return f"not _repeated and ({' or '.join(f'{word} <> 0' for word in self.words)})"


def warm_up() -> threading.Thread:
    """Import the library beside the reading of files; it takes seconds."""
    # not a daemon: one that the end of the program meets inside a compiled library takes the program down with it
    thread = threading.Thread(target=_library, name="imports")
    thread.start()
    return thread


def validate(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    mapped: Mapped,
    references: Mapping[str, tuple[str, Sequence[str]]] | None = None,
    region: Mapping[str, float] | None = None,
) -> Verdict:
    """Judge the rows of ``_mapped``; leaves ``_judged``, the same rows with what they break.

    ``references``: column -> (what it names, ids that exist); ``region``: where the source's depots are (lat_min, ...).
    """
    present = set(mapped.columns)
    rules = [*mapped.rules, *table_rules(table, present)]
    flags = _more_flags(connection, present, references or {}, region or _region(connection, present))
    rules.extend(flag_rule(rule, field, words, flag) for flag, (_, rule, field, words) in flags.items())
    key = ", ".join(name for name in table.key if name != "source")
    content = ", ".join(mapped.columns)
    extra = "".join(f", {sql} as {flag}" for flag, (sql, *_) in flags.items())
    words = [
        " + ".join(
            f"(case when coalesce({rule.sql}, true) then 0 else {1 << bit}::bigint end)"
            for bit, rule in enumerate(rules[start : start + BITS])
        )
        for start in range(0, len(rules), BITS)
    ]
    _find_twins(connection, key, content)
    names = tuple(f"_b{number}" for number in range(len(words)))
    marks = ", ".join(f"{word} as {name}" for name, word in zip(names, words, strict=True))
    flagged = f"m.*, coalesce(_repeated, false) as _repeated, coalesce(_key_rows, 1) as _key_rows{extra}"
    # most rows are good: only the others are written down, and joined where they are asked for
    connection.execute(
        f"""
        create or replace temp table _marks as
        select _n, {", ".join(names)} from (
            select _n, _repeated, {marks} from (
                select {flagged} from {MAPPED} as m left join _twins using (_n)
            ) as t
        ) as t where _repeated or {" or ".join(f"{name} <> 0" for name in names)}
        """
    )
    connection.execute(
        f"""
        create or replace temp view {JUDGED} as
        select {flagged}, {", ".join(f"coalesce({name}, 0) as {name}" for name in names)}
        from {MAPPED} as m left join _twins using (_n) left join _marks using (_n)
        """
    )
    return Verdict(_judged(connection, table, rules, names), names)


def _find_twins(connection: duckdb.DuckDBPyConnection, key: str, content: str) -> None:
    """Rows that share their key, as ``_twins``: whether each repeats an earlier one, and how many differ.

    Whole rows are compared only where the key is there more than once.
    """
    shared = connection.execute(f"select 1 from {MAPPED} group by {key} having count(*) > 1 limit 1").fetchone()
    connection.execute("create or replace temp table _twins (_n bigint, _repeated boolean, _key_rows bigint)")
    if shared:
        connection.execute(
            f"""
            insert into _twins
            select _n, _repeated, count(*) filter (not _repeated) over (partition by {key})
            from (
                select *, row_number() over (partition by {content} order by _n) > 1 as _repeated
                from {MAPPED} where ({key}) in (select ({key}) from {MAPPED} group by all having count(*) > 1)
            ) as t
            """
        )


def _more_flags(
    connection: duckdb.DuckDBPyConnection,
    present: set[str],
    references: Mapping[str, tuple[str, Sequence[str]]],
    region: Mapping[str, float] | None,
) -> dict[str, tuple[str, str, str, str]]:
    flags = position_flags(present, region)
    for column, (noun, ids) in references.items():
        if column in present and len(ids):
            connection.execute(f"create or replace temp table _known_{column} as select unnest(?) as id", [list(ids)])
            flags[f"_ref_{column}"] = (
                f"({column} is null or {column} in (select id from _known_{column}))",
                f"{column}_is_known",
                column,
                f"there is no such {noun}",
            )
    return flags


def _region(connection: duckdb.DuckDBPyConnection, present: set[str]) -> dict[str, float] | None:
    """Where most of the rows are, if there are enough to tell."""
    if not {"lat", "lon"} <= present:
        return None
    low, high = REGION_QUANTILES
    rows = connection.execute(f"select count(*) from {MAPPED}").fetchone()
    step = max(1, (rows[0] if rows else 0) // REGION_SAMPLE)
    found = connection.execute(
        f"select count(*), quantile_cont(lat, {low}), quantile_cont(lat, {high}), quantile_cont(lon, {low}), "
        f"quantile_cont(lon, {high}) from {MAPPED} "
        f"where _n % {step} = 0 and lat is not null and lon is not null and (lat <> 0 or lon <> 0)"
    ).fetchone()
    if found is None or found[0] < REGION_ROWS:
        return None
    return dict(zip(("lat_min", "lat_max", "lon_min", "lon_max"), found[1:], strict=True))


def _judged(
    connection: duckdb.DuckDBPyConnection, table: Table, rules: list[RowRule], words: tuple[str, ...]
) -> tuple[tuple[RowRule, str], ...]:
    """The rules that rows break, with the condition that finds those rows; asserted by Great Expectations."""
    groups, good = ", ".join(words), " and ".join(f"{word} = 0" for word in words)
    bounded = [
        column.name
        for column in table.columns
        if any(rule.name == f"{column.name}_in_range" for rule in rules) and column.type is not ColumnType.DATE
    ]
    extremes = "".join(f" union select {f}(_n, {name}) from good" for name in bounded for f in ("arg_min", "arg_max"))
    chosen = connection.execute(
        f"""
        with kept as (from {JUDGED} where not _repeated), good as (from kept where {good})
        select * from {JUDGED} where _n in (select min(_n) from kept group by {groups}{extremes}) order by _n
        """
    ).to_arrow_table()
    frame = chosen.to_pandas()
    if frame.empty:
        return ()
    verdicts = _ask(table.name, frame, rules)
    broken: list[tuple[RowRule, str]] = []
    for number, (rule, rows) in enumerate(zip(rules, verdicts, strict=True)):
        word, bit = words[number // BITS], 1 << (number % BITS)
        expected = set(frame.index[(frame[word].astype("int64") & bit) != 0])
        if expected != rows:
            raise AssertionError(
                f"{table.qualified_name}: {rule.name}: Great Expectations and the database disagree on "
                f"rows {sorted(expected ^ rows)[:5]}"
            )
        if rows:
            broken.append((rule, f"({word} & {bit}) <> 0"))
    return tuple(broken)


def _library() -> Any:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    import great_expectations.expectations  # the suites need it at once

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    return gx


_CONTEXT: list[Any] = []


def _batch_definition(gx: Any) -> Any:
    """One ephemeral context a process: making it costs more than a validation."""
    if not _CONTEXT:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False, "metric_calculations": False}
        asset = context.data_sources.add_pandas("load").add_dataframe_asset("rows")
        _CONTEXT.append(asset.add_batch_definition_whole_dataframe("all"))
    return _CONTEXT[0]


def _ask(name: str, frame: pd.DataFrame, rules: Sequence[RowRule]) -> list[set[int]]:
    """Positions of the rows that break each rule, as Great Expectations sees it.

    Which rows break a rule is asked only of the rules that are broken: that answer costs three times a yes or no.
    """
    frame = frame.reset_index(drop=True)
    frame["_index"] = frame.index
    numbers = range(len(rules))
    broken = [number for number, result in _results(name, frame, rules, numbers, "BOOLEAN_ONLY") if not result.success]
    found: list[set[int]] = [set() for _ in rules]
    if broken:
        every_row = {"result_format": "COMPLETE", "unexpected_index_column_names": ["_index"]}
        for number, result in _results(name, frame, rules, broken, every_row):
            found[number] = {int(one["_index"]) for one in result.result.get("unexpected_index_list") or []}
    return found


def _results(
    name: str, frame: pd.DataFrame, rules: Sequence[RowRule], numbers: Sequence[int], result_format: Any
) -> list[tuple[int, Any]]:
    """Verdicts on the rules of these numbers, in the order of the library."""
    gx = _library()
    batch = _batch_definition(gx).get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite(name=name, expectations=[])
    for number in numbers:
        expectation = rules[number].expectation()
        expectation.meta = {"number": number}
        suite.expectations.append(expectation)
    outcome = batch.validate(suite, result_format=result_format)
    verdicts = []
    for result in outcome.results:
        if result.exception_info and result.exception_info.get("raised_exception"):
            raise RuntimeError(f"{name}: {result.expectation_config.type}: {result.exception_info}")
        verdicts.append((result.expectation_config.meta["number"], result))
    return verdicts
