"""What a day came to: the cost ledger and the KPIs of a service date, from its outcomes."""

import dagster as dg

from orchestration import settings
from orchestration.assets.common import (
    BY_QUARTER,
    LAKE_POOL,
    SERVICE_DAYS,
    Workspace,
    date_range,
    markdown_table,
    picture,
)
from orchestration.assets.freshness import MORNING_AFTER


@dg.asset(
    group_name="operation",
    deps=["fct_outcomes", "daily_plan", ["raw", "orders"], ["raw", "delivery_events"], ["raw", "invoices"]],
    partitions_def=SERVICE_DAYS,
    backfill_policy=BY_QUARTER,
    kinds={"pandas"},
    pool=LAKE_POOL,
    check_specs=[
        dg.AssetCheckSpec(
            "books_balance",
            asset="cost_ledger",
            blocking=True,
            description="The lines of every transaction add up to 0, and so do the accounts of every fleet and tenant.",
        )
    ],
)
def cost_ledger(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """What is owed for a service date, double entry: estimated by the plan, accrued by what happened, then invoiced."""
    from operations.ledger import costs
    from orchestration.accounting import account_days

    first, last = date_range(context)
    with workspace.lake() as lake:
        found = account_days(lake, settings.source(), first, last)
    lines, books = found["lines"], found["books"]
    difference = int(books["difference_minor"].abs().sum()) if len(books) else 0
    kinds = costs(lines).groupby(["kind", "currency"])["amount_minor"].sum() if len(lines) else {}
    wrong = found["unbalanced"]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(lines),
            "service dates with outcomes": len(found["dates"]),
            "cost by kind": markdown_table(
                ["kind", "cost"], [(kind, f"{amount / 100:,.2f} {money}") for (kind, money), amount in kinds.items()]
            ),
            "books": markdown_table(
                ["month", "fleet", "tenant", "cost", "estimated", "accrued", "invoiced", "difference"],
                [
                    (
                        one.month,
                        _named(one.fleet_id),
                        _named(one.tenant_id),
                        *(
                            f"{amount / 100:,.2f}"
                            for amount in (
                                one.cost_minor,
                                one.estimated_minor,
                                one.accrued_minor,
                                one.invoiced_minor,
                                one.difference_minor,
                            )
                        ),
                    )
                    for one in books.itertuples()
                ],
            ),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="books_balance",
                passed=not wrong and difference == 0,
                metadata={"difference": difference, "transactions that do not balance": wrong[:20]},
            )
        ],
    )


def _named(value: object) -> str:
    return value if isinstance(value, str) else "—"


@dg.asset(
    group_name="operation",
    deps=["cost_ledger", "fct_outcomes", "daily_plan", ["raw", "orders"], ["raw", "delivery_events"]],
    partitions_def=SERVICE_DAYS,
    backfill_policy=BY_QUARTER,
    kinds={"pandas"},
    pool=LAKE_POOL,
    freshness_policy=MORNING_AFTER,
    check_specs=[
        dg.AssetCheckSpec(
            "definitions_hold",
            asset="daily_kpis",
            blocking=True,
            description="Shares are between 0 and 1, cost per delivery is the sum of its kinds, fleets add up.",
        )
    ],
)
def daily_kpis(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """KPIs of a service date as numerator and denominator, by fleet, depot, zone, tenant and hour."""
    from orchestration.accounting import measure_days
    from orchestration.report.kpis import broken, by_segment, headline
    from orchestration.report.plots import kpi_trend_plot

    first, last = date_range(context)
    with workspace.lake() as lake:
        kpis = measure_days(lake, settings.source(), first, last)
    wrong = broken(kpis)
    metadata = {"dagster/row_count": len(kpis), "service dates with outcomes": int(kpis["service_date"].nunique())}
    if len(kpis):
        newest = kpis[kpis["service_date"] == kpis["service_date"].max()]
        metadata |= {
            "newest day by fleet": markdown_table(*by_segment(newest, "fleet")),
            "newest day by depot": markdown_table(*by_segment(newest, "depot")),
            "days": markdown_table(*headline(kpis)),
        }
        if kpis["service_date"].nunique() > 1:
            metadata["trend"] = picture(kpi_trend_plot(kpis), "KPIs by service date")
    return dg.MaterializeResult(
        metadata=metadata,
        check_results=[
            dg.AssetCheckResult(
                check_name="definitions_hold", passed=not wrong, metadata={"what does not hold": wrong[:20]}
            )
        ],
    )
