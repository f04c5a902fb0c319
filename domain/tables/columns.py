"""Columns and tables: logical types, meaning, and the rules that every value keeps."""

from dataclasses import dataclass
from enum import StrEnum


class ColumnType(StrEnum):
    """Logical types; ``sql`` is their DuckDB name."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    DATE = "date"
    JSON = "json"

    @property
    def sql(self) -> str:
        return {
            "text": "VARCHAR",
            "integer": "BIGINT",
            "number": "DOUBLE",
            "boolean": "BOOLEAN",
            "timestamp": "TIMESTAMP WITH TIME ZONE",
            "date": "DATE",
            "json": "VARCHAR",
        }[self.value]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: logical type, meaning, and the rules every value of it must keep."""

    name: str
    type: ColumnType
    meaning: str
    required: bool = False
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class OrderRule:
    """``first`` must not be greater than ``second`` in one row (rows where either is null pass)."""

    name: str
    first: str
    second: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the lake. ``key`` names one fact; several rows of a key are versions by ``ingest_time``."""

    schema: str
    name: str
    meaning: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    rules: tuple[OrderRule, ...] = ()

    @property
    def qualified_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column called ``name``; raises ``KeyError`` if the table has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.qualified_name} has no column {name!r}")


TEXT, INTEGER, NUMBER, BOOLEAN = ColumnType.TEXT, ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.BOOLEAN

TIMESTAMP, DATE, JSON = ColumnType.TIMESTAMP, ColumnType.DATE, ColumnType.JSON


def identifier(name: str, meaning: str, required: bool = True) -> Column:
    return Column(name, TEXT, meaning, required=required)


def amount(name: str, meaning: str, required: bool = False) -> Column:
    """A count, load, duration, distance or sum of money that cannot be negative."""
    return Column(name, INTEGER, meaning, required=required, minimum=0)


def latitude(required: bool = False) -> Column:
    return Column("lat", NUMBER, "WGS84 latitude in degrees", required, minimum=-90, maximum=90)


def longitude(required: bool = False) -> Column:
    return Column("lon", NUMBER, "WGS84 longitude in degrees", required, minimum=-180, maximum=180)


def moment(name: str, meaning: str, required: bool = False) -> Column:
    return Column(name, TIMESTAMP, meaning, required=required)


SERVICE_DATE = Column("service_date", DATE, "Date of service in the depot's time zone", required=True)

EVENT_TIME = moment("event_time", "When it happened (EPCIS event time)", required=True)

BASIS = (
    moment("as_of", "Nothing ingested later was used", True),
    Column("lake_snapshot", INTEGER, "Snapshot of the lake that was read"),
)
"""Columns of everything derived: what it was based on."""
