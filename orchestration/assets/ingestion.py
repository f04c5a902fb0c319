"""Raw facts: new files of the source, validated by Great Expectations; bad rows in quarantine."""

from collections.abc import Iterator

import dagster as dg

from domain.tables import RAW_TABLES
from orchestration import settings
from orchestration.assets.common import LAKE_POOL, markdown_table, open_lake
from orchestration.assets.freshness import WITHIN_A_DAY

DAILY = frozenset({"orders", "delivery_events"})
"""Tables that are late when a day brings nothing."""
ACCOUNTED, EXPECTATIONS = "every_row_accounted_for", "great_expectations"


@dg.multi_asset(
    name="ingest",
    group_name="ingestion",
    specs=[
        dg.AssetSpec(
            [table.schema, table.name],
            description=f"{table.meaning}. One row is {table.grain}.",
            kinds={"duckdb"},
            freshness_policy=WITHIN_A_DAY if table.name in DAILY else None,
        )
        for table in RAW_TABLES
    ],
    check_specs=[
        spec
        for table in RAW_TABLES
        for spec in (
            dg.AssetCheckSpec(
                ACCOUNTED,
                asset=[table.schema, table.name],
                blocking=True,
                description="Rows read = landed + quarantined + already known.",
            ),
            dg.AssetCheckSpec(
                EXPECTATIONS,
                asset=[table.schema, table.name],
                description="Suite derived from the table's definition and the source's own rules; rows that break it "
                "are in control.quarantine and go no further.",
            ),
        )
    ],
    pool=LAKE_POOL,
)
def raw_tables(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """Load what is new in the source's files."""
    from orchestration.ingestion import ingest, load_mapping
    from orchestration.ingestion.loading import Counts
    from orchestration.sources import data_folder

    mapping = load_mapping(settings.source())
    with open_lake() as lake:
        report = ingest(lake, mapping, data_folder(mapping.name, None, settings.home()), progress=context.log.info)
        rows = lake.query(
            " union all ".join(
                f"select '{table.name}' as name, count(*) as rows from {table.qualified_name} where source = ?"
                for table in RAW_TABLES
            ),
            [mapping.name] * len(RAW_TABLES),
        )
        broken = lake.query(
            "select table_name, rule, count(*) as rows, min(message) as message, min(path) as path, "
            "min(row_number) as first_row from control.quarantine where source = ? group by 1, 2 order by 1, 2",
            [mapping.name],
        )
    in_table = dict(zip(rows["name"], rows["rows"].astype(int).tolist(), strict=True))
    for table in RAW_TABLES:
        counts = report.tables.get(table.name, Counts())
        rules = broken[broken["table_name"] == table.name]
        account = {
            "read": counts.rows_read,
            "landed": counts.rows_landed,
            "quarantined": counts.rows_quarantined,
            "already known": counts.rows_known,
        }
        found = markdown_table(
            ["rule", "rows", "first at", "in words"],
            [(one.rule, int(one.rows), f"{one.path} row {one.first_row}", one.message) for one in rules.itertuples()],
        )
        key = dg.AssetKey([table.schema, table.name])
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                "dagster/row_count": in_table[table.name],
                **account,
                "source": mapping.name,
                "the mapping fills it": table.name in mapping.tables,
                "service dates to rebuild": report.stale_dates,
            },
            check_results=[
                dg.AssetCheckResult(
                    asset_key=key,
                    check_name=ACCOUNTED,
                    passed=counts.rows_read == counts.rows_landed + counts.rows_quarantined + counts.rows_known,
                    metadata=account,
                ),
                dg.AssetCheckResult(
                    asset_key=key,
                    check_name=EXPECTATIONS,
                    passed=counts.rows_quarantined == 0,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"quarantined now": counts.rows_quarantined, "in quarantine, all loads": found},
                ),
            ],
        )
