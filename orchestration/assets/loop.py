"""What outcomes teach beside the predictors: parameters of travel, doors, offers and carriers."""

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


@dg.asset(
    group_name="learning",
    deps=[["raw", "orders"], ["raw", "delivery_events"], ["raw", "weather"], ["raw", "travel_observations"]],
    partitions_def=SERVICE_DAYS,
    backfill_policy=BY_QUARTER,
    kinds={"pandas"},
    pool=LAKE_POOL,
    check_specs=[
        dg.AssetCheckSpec(
            "posteriors_hold",
            asset="learned_parameters",
            blocking=True,
            description="Values are finite, probabilities in 0..1, factors between a quarter and four.",
        ),
        dg.AssetCheckSpec(
            "outcomes_are_fresh",
            asset="learned_parameters",
            description="The newest outcome that the newest date's decisions can use is at most 24 hours old.",
        ),
    ],
)
def learned_parameters(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """Posteriors of travel time, time at the door, acceptance, reliability and efficacy, as of a date's cut-off."""
    from datetime import timedelta

    from orchestration.loop.parameters import ages, learn_day

    first, last = date_range(context)
    day, frames = first, []
    with workspace.lake() as lake:
        while day <= last:
            frames.append(learn_day(lake, settings.source(), day))
            day += timedelta(days=1)
        used = ages(lake, settings.source())
    newest = frames[-1]
    share = newest["family"] == "beta"
    wrong = int((~newest["value"].between(0.2, 5.0) & ~share).sum() + (~newest["value"].between(0, 1) & share).sum())
    known = newest["newest_outcome"].dropna()
    age_h = (newest["as_of"].iloc[0] - known.max()).total_seconds() / 3_600 if len(known) else None
    summary = [
        (str(kind), len(part), int(part["evidence"].max()), str(part["feeds"].iloc[0]), float(part["value"].iloc[0]))
        for kind, part in newest.groupby("kind")
    ]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(len(one) for one in frames),
            "dates": f"{first} to {last}",
            "parameters": markdown_table(["kind", "rows", "outcomes", "feeds", "overall"], summary),
            "age of the newest outcome, hours": age_h if age_h is None else round(age_h, 2),
            **{name: value for name, value in used.items() if value is not None},
        },
        check_results=[
            dg.AssetCheckResult(check_name="posteriors_hold", passed=wrong == 0, metadata={"rows out of range": wrong}),
            dg.AssetCheckResult(
                check_name="outcomes_are_fresh",
                passed=age_h is None or age_h <= 24,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"hours": age_h},
            ),
        ],
    )


@dg.asset(
    group_name="evaluation",
    deps=["fct_outcomes", "predictions", "learned_parameters", "daily_plan"],
    kinds={"river"},
    check_specs=[
        dg.AssetCheckSpec("no_alarm", asset="drift_alarms", description="No loss rose in a segment last week (ADWIN)."),
        dg.AssetCheckSpec("features_hold", asset="drift_alarms", description="No feature's PSI is above 0.25."),
    ],
)
def drift_alarms(workspace: Workspace) -> dg.MaterializeResult:
    """Drift of losses by segment and of features; alarms ask for a retrain, a champion proven worse goes back."""
    from orchestration.loop.guard import drift_report, shadow

    with workspace.lake() as lake:
        found = drift_report(lake, settings.source())
        judged = shadow(lake, settings.home(), settings.source(), roll_back=True)
    recent = found["recent_alarms"]
    moved = [one for one in found["features"] if one["shifted"]]
    names = ("stream", "segment", "day", "before", "after")
    return dg.MaterializeResult(
        metadata={
            "alarms": markdown_table(names, [tuple(one[name] for name in names) for one in found["alarms"]]),
            "recent alarms": len(recent),
            "newest alarm": max((f"{one['day']} {one['stream']} {one['segment']}" for one in recent), default=""),
            "features": markdown_table(["feature", "PSI"], [(one["feature"], one["psi"]) for one in found["features"]]),
            "shadow": markdown_table(
                ["task", "kind", "version", "outcomes", "verdict"],
                [(one["task"], one["kind"], one["other"], one["rows"], one["verdict"]) for one in judged],
            ),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="no_alarm",
                passed=not recent,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"alarms": recent},
            ),
            dg.AssetCheckResult(
                check_name="features_hold",
                passed=not moved,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"moved": moved},
            ),
        ],
    )


@dg.asset(group_name="evaluation", deps=["fct_outcomes", "daily_plan", "predictions"], kinds={"pandas"})
def driver_evidence(workspace: Workspace) -> dg.MaterializeResult:
    """The diagnostic questions about each driver, answered from data; findings by what they cost a day."""
    from orchestration.loop.evidence import evidence

    with workspace.lake() as lake:
        found = evidence(lake, settings.source())
    names = ("driver", "question", "segment_kind", "segment", "before", "value", "threshold", "verdict", "query")
    return dg.MaterializeResult(
        metadata={
            **found["drivers"],
            "findings": len(found["findings"]),
            "answers": markdown_table(names, [tuple(one[name] for name in names) for one in found["answers"]]),
            "facts": dg.MetadataValue.path(found["facts"]),
        }
    )


@dg.asset(group_name="evaluation", deps=["fct_outcomes", "cost_ledger"], kinds={"pandas"})
def scorecards(workspace: Workspace) -> dg.MaterializeResult:
    """Scorecards of fleets over four weeks, on-time against both promises, shrunk, with intervals."""
    from orchestration.loop.scorecards import fleet_scorecards, promise_integrity

    with workspace.lake() as lake:
        cards, stops = fleet_scorecards(lake, settings.source())
    names = ["fleet_id", "measure", "denominator", "raw", "value", "low", "high"]
    known = cards[names].astype(object).where(cards[names].notna(), None)
    promises = {name: value for name, value in promise_integrity(stops).items() if value is not None}
    return dg.MaterializeResult(
        metadata={"scorecards": markdown_table(names, list(known.itertuples(index=False))), **promises}
    )


@dg.asset(group_name="evaluation", deps=["fct_outcomes"], kinds={"lightgbm"})
def loop_trajectory(workspace: Workspace) -> dg.MaterializeResult:
    """Weekly losses of the learning loop beside a frozen arm; the demo's source is the twin in a world that drifts."""
    from orchestration.ingestion import load_mapping
    from orchestration.loop.trajectory import of_source, of_twin
    from orchestration.report.loop_plots import trajectory_page, weekly_curves

    mapping = load_mapping(settings.source())
    if mapping.evaluation and mapping.evaluation[0].task != "eta":
        with workspace.lake() as lake:
            place = settings.home() / "evaluations" / f"{mapping.name}-{lake.snapshot_id()}"
            place.mkdir(parents=True, exist_ok=True)
            found = of_source(lake, mapping, place)
    else:
        found = of_twin()
    slope = found["slope_per_week"]
    return dg.MaterializeResult(
        metadata={
            "verdict": found["verdict"],
            "slope per week": f"{slope['estimate']:+.2%} ({slope['low']:+.2%} to {slope['high']:+.2%})",
            "decisions": found["decisions"],
            "weeks": picture(weekly_curves(found), "loss by week, learning and frozen"),
            "page": dg.MetadataValue.path(trajectory_page(found, settings.home() / "reports")),
        }
    )
