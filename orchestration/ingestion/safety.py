"""A mapping may compute with its own columns and nothing else: no files, no tables, no statements."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.tokens import TokenType

from domain.errors import MappingError

ALLOWED_UNKNOWN_FUNCTIONS = frozenset(
    {
        "strptime",
        "try_strptime",
        "epoch_ms",
        "make_timestamp",
        "make_date",
        "make_time",
        "h3_latlng_to_cell",
        "json_object",
        "greatest",
        "least",
        "printf",
        "format",
        "hash",
        "md5",
        "list_value",
        "struct_pack",
        "to_seconds",
        "to_minutes",
        "to_hours",
        "to_days",
        "date_add",
        "isfinite",
        "isnan",
        "regexp_full_match",
        "nullif",
        "trunc",
    }
)
"""Functions of DuckDB that sqlglot has no node for and that only compute."""
FORBIDDEN = (
    exp.Subquery,
    exp.Select,
    exp.Table,
    exp.Command,
    exp.Create,
    exp.Drop,
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Copy,
    exp.Attach,
    exp.Detach,
    exp.Pragma,
    exp.Set,
    exp.Use,
    exp.Star,
    exp.Placeholder,
    exp.Parameter,
)


def check_expression(text: str, where: str) -> None:
    """Refuse anything but one scalar expression over columns.

    Raises:
        MappingError: names what was found.
    """
    statements = _parse(f"select {text}", where)
    if len(statements) != 1 or not isinstance(statements[0], exp.Select) or len(statements[0].expressions) != 1:
        raise MappingError(f"{where}: {text!r} must be one expression")
    select = statements[0]
    extra = [key for key, value in select.args.items() if value and key not in ("expressions", "kind", "hint")]
    if extra:
        raise MappingError(f"{where}: {text!r} must be an expression over the file's columns, not a query")
    _refuse(select.expressions[0], FORBIDDEN, text, where)


def check_query(text: str, allowed_tables: set[str], where: str) -> None:
    """Refuse anything but one ``select`` over the mapping's own inputs.

    Raises:
        MappingError: names what was found.
    """
    statements = _parse(text, where)
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        raise MappingError(f"{where}: must be one select statement")
    query = statements[0]
    names = allowed_tables | {cte.alias for cte in query.find_all(exp.CTE)}
    for table in query.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.name not in names or table.db:
            raise MappingError(
                f"{where}: may only read its own inputs ({', '.join(sorted(allowed_tables))}), "
                f"not {table.sql(dialect='duckdb')!r}"
            )
    allowed = (exp.Subquery, exp.Select, exp.Table, exp.Star)
    _refuse(query, tuple(one for one in FORBIDDEN if one not in allowed), text, where)


def check_statement(text: str, where: str) -> None:
    """Refuse anything but one reading statement in a database query.

    Raises:
        MappingError: names what was found.
    """
    try:
        statements = list(sqlglot.parse(text, dialect="postgres"))
    except sqlglot.errors.SqlglotError as error:
        raise MappingError(f"{where}: {text!r} is not valid SQL") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise MappingError(f"{where}: must be one select statement")
    allowed = (exp.Subquery, exp.Select, exp.Table, exp.Star)
    if found := statements[0].find(*(one for one in FORBIDDEN if one not in allowed), exp.Into):
        raise MappingError(f"{where}: may not use {found.sql(dialect='postgres')[:60]!r}")


@dataclass(frozen=True)
class Attempt:
    """A conversion inside an expression: ``operand`` must become a ``kind`` wherever it has a value."""

    operand: str
    converted: str
    kind: str


def tolerant(text: str) -> tuple[str, list[Attempt]]:
    """The expression with every ``cast`` and ``strptime`` made one that gives null, and those conversions.

    One value that is no number must not stop a whole file: the row is found by its failed conversion instead.
    Conversions under a condition (``case``, ``coalesce``) are left to the rules of the mapping.
    """
    tree = sqlglot.parse_one(f"select {text}", dialect="duckdb").expressions[0]
    attempts: dict[str, Attempt] = {}
    for node in tree.find_all(exp.Cast, exp.StrToTime):
        if isinstance(node, exp.TryCast) or not node.find(exp.Column):
            continue
        if node.find_ancestor(exp.Case, exp.If, exp.Coalesce):
            continue
        operand = soften(node.this.sql(dialect="duckdb"))
        if isinstance(node, exp.StrToTime):
            kind, converted = "time", f"try_strptime({operand}, {node.args['format'].sql(dialect='duckdb')})"
        else:
            kind = node.to.sql(dialect="duckdb").lower()
            converted = f"try_cast({operand} as {kind})"
        attempts[converted] = Attempt(operand, converted, kind)
    return soften(text), list(attempts.values())


def soften(text: str) -> str:
    """Put ``try_`` before ``cast`` and ``strptime`` where they are called."""
    tokens = list(DuckDB.Tokenizer().tokenize(text))
    if any(token.token_type is TokenType.DCOLON for token in tokens):  # a::b is written cast(a as b)
        text = sqlglot.parse_one(f"select {text}", dialect="duckdb").expressions[0].sql(dialect="duckdb")
        tokens = list(DuckDB.Tokenizer().tokenize(text))
    pieces, end = [], 0
    for token, following in itertools.pairwise(tokens):
        if (
            token.text.lower() in ("cast", "strptime")
            and following.text == "("
            and token.token_type is not TokenType.STRING
        ):
            pieces.append(text[end : token.start] + "try_")
            end = token.start
    return "".join(pieces) + text[end:]


def _parse(text: str, where: str) -> list[exp.Expression | None]:
    try:
        return list(sqlglot.parse(text, dialect="duckdb"))
    except sqlglot.errors.SqlglotError as error:
        raise MappingError(f"{where}: {text!r} is not valid SQL") from error


def _refuse(node: exp.Expression, forbidden: tuple[type[exp.Expression], ...], text: str, where: str) -> None:
    if found := node.find(*forbidden):
        raise MappingError(f"{where}: {text!r} may not use {found.sql(dialect='duckdb')[:60]!r}")
    for function in node.find_all(exp.Anonymous):
        if function.name.lower() not in ALLOWED_UNKNOWN_FUNCTIONS:
            raise MappingError(f"{where}: function {function.name!r} is not allowed in a mapping")


def tables_of(query: str) -> set[str]:
    """Names of the inputs and views that a checked query reads."""
    return {table.name for table in sqlglot.parse_one(query, dialect="duckdb").find_all(exp.Table)}
