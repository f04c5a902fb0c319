"""The plan of a service date over all fleets, and the page that shows it."""

from datetime import date

import dagster as dg

from orchestration import settings
from orchestration.assets.common import (
    BY_QUARTER,
    LAKE_POOL,
    SERVICE_DAYS,
    Workspace,
    markdown_table,
    picture,
)
from orchestration.assets.freshness import EVENING_BEFORE


@dg.asset(
    group_name="planning",
    deps=["predictions", "learned_parameters", ["raw", "orders"], ["raw", "shifts"], ["raw", "tariff_rules"]],
    partitions_def=SERVICE_DAYS,
    backfill_policy=BY_QUARTER,
    kinds={"python"},
    pool=LAKE_POOL,
    freshness_policy=EVENING_BEFORE,
    check_specs=[
        dg.AssetCheckSpec(
            "verified",
            asset="daily_plan",
            blocking=True,
            description="The verifier, which shares no code with the solver, finds no broken rule.",
        )
    ],
)
def daily_plan(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """Routes of a service date for every depot and fleet, verified before they are published."""
    from orchestration.planning import plan_day, plan_file, publish
    from orchestration.report import route_map_png, write_day_report

    lines, broken, metadata = [], [], {}
    with workspace.lake() as lake:
        for key in sorted(context.partition_keys):
            planned = plan_day(
                lake,
                settings.source(),
                date.fromisoformat(key),
                seconds=settings.solver_seconds(),
                progress=context.log.info,
            )
            broken += [f"{key}: {one}" for one in planned.violations[:5]]
            one = planned.metadata
            lines.append(
                (
                    key,
                    one["served"],
                    one["unserved"],
                    one["vehicles"],
                    one["km"],
                    f"{one['cost_minor'] / 100:,.2f} {one['currency']}",
                    one["solver_s"],
                )
            )
            if not planned.verified:
                continue
            publish(lake, planned)
            reports = settings.home() / "reports"
            metadata["plan as CSV"] = dg.MetadataValue.path(
                planned.write_csv(plan_file(settings.home(), settings.source(), date.fromisoformat(key)))
            )
            page = write_day_report(lake, settings.source(), date.fromisoformat(key), reports)
            metadata["report"] = dg.MetadataValue.url(f"{settings.reports_url()}/{page.name}")
            metadata["map"] = picture(route_map_png(planned.frames, planned.inputs.depots), f"routes of {key}")
    header = ["date", "served", "unserved", "routes", "km", "cost", "solver s"]
    return dg.MaterializeResult(
        metadata={"plans": markdown_table(header, lines), **metadata},
        check_results=[dg.AssetCheckResult(check_name="verified", passed=not broken, metadata={"violations": broken})],
    )
