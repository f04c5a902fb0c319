"""What ingestion keeps about itself: files, rows kept aside, dates to rebuild."""

from domain.tables.columns import (
    JSON,
    SERVICE_DATE,
    TEXT,
    Column,
    Table,
    amount,
    identifier,
    moment,
)

INGESTED_FILES = Table(
    "control",
    "ingested_files",
    "Every file ever offered, and what became of its rows",
    "one load of one file",
    (
        identifier("file_id", "Content hash"),
        identifier("source", "Mapping"),
        identifier("path", "File as the mapping names it, relative to the data folder"),
        identifier("table_name", "Table it was loaded into"),
        moment("ingest_time", "When", True),
        amount("rows_read", "Rows in the file", True),
        amount("rows_landed", "Rows that landed", True),
        amount("rows_quarantined", "Rows kept aside", True),
        amount("rows_known", "Rows that were already known", True),
        Column("replaces_file_id", TEXT, "File it corrects"),
    ),
    ("source", "table_name", "file_id"),
)

QUARANTINE = Table(
    "control",
    "quarantine",
    "Rows that broke a rule, kept whole",
    "one row and rule",
    (
        identifier("source", "Mapping"),
        identifier("table_name", "Table it was meant for"),
        identifier("file_id", "Content hash"),
        identifier("path", "File"),
        amount("row_number", "Row in the file, 1 is the first data row", True),
        identifier("rule", "Rule it broke"),
        Column("field", TEXT, "Column the rule is about"),
        Column("message", TEXT, "The rule in words", True),
        Column("content", JSON, "The row as it was read", True),
        moment("ingest_time", "When", True),
    ),
    ("source", "file_id", "table_name", "row_number", "rule"),
)

STALE_PARTITIONS = Table(
    "control",
    "stale_partitions",
    "Service dates that late rows have made out of date",
    "one table, date and load",
    (
        identifier("source", "Mapping"),
        identifier("table_name", "Table the late rows landed in"),
        SERVICE_DATE,
        moment("ingest_time", "When the late rows landed", True),
        amount("rows", "How many", True),
    ),
    ("source", "table_name", "service_date", "ingest_time"),
)

CONTROL_TABLES = (INGESTED_FILES, QUARANTINE, STALE_PARTITIONS)
