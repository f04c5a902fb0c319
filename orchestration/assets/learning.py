"""Predictors trained on every outcome known; a new champion is swapped in atomically."""

import dagster as dg

from orchestration import settings
from orchestration.assets.common import Workspace, picture
from orchestration.assets.freshness import WITHIN_A_FORTNIGHT

DRIFT_TAG = "fivefold/asked_by"
FROZEN_ARMS = ("frozen_model_live_state", "frozen_model_frozen_state", "no_history", "without_learning")
"""What learning must not be worse than."""


def _model_asset(task: str, meaning: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"{task}_model",
        group_name="learning",
        deps=["feat_eta" if task == "eta" else "feat_exception", "fct_outcomes"],
        description=meaning,
        kinds={"lightgbm"},
        freshness_policy=WITHIN_A_FORTNIGHT,
    )
    def model(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
        from orchestration.learning import train_task
        from orchestration.report.plots import calibration_plot, eta_error_plot

        # what an alarm of drift asked for is trained, and serves only when outcomes that come after prove it
        shadow = context.run.tags.get(DRIFT_TAG) == "drift"
        with workspace.lake() as lake:
            newest = lake.query(
                "select max(label_time) as t from marts.fct_outcomes where source = ?", [settings.source()]
            )["t"].iloc[0]
            found = train_task(lake, settings.home(), settings.source(), task, newest.to_pydatetime(), shadow=shadow)
        seen = found["plot"]
        plot = (
            eta_error_plot(seen["y"], seen["p10_s"], seen["p50_s"], seen["p90_s"])
            if task == "eta"
            else calibration_plot(seen["y"], seen["probability"])
        )
        return dg.MaterializeResult(
            metadata={
                "version": found["version"],
                "rows": found["rows"],
                "serves": found["promoted"],
                "promotion gate": "; ".join(found["verdict"]["reasons"]),
                "newest outcome": newest.isoformat(),
                "on the newest fifth": picture(plot, f"{task} on held-out outcomes"),
                **{name: value for name, value in found["metrics"].items() if value is not None},
            }
        )

    return model


failed_model = _model_asset("failed", "Probability that the first attempt fails (LightGBM, no class weights).")
late_model = _model_asset("late", "Probability that service starts after the promised window.")
eta_model = _model_asset("eta", "Quantiles of actual minus planned arrival, conformalised.")


@dg.asset(
    group_name="evaluation",
    deps=["fct_outcomes"],
    kinds={"lightgbm"},
    description="The evaluation that the source's mapping declares: rolling origin, baselines, loop curves, coverage.",
    check_specs=[
        dg.AssetCheckSpec(
            "leaks_are_refused",
            asset="prediction_evaluation",
            description="A column planted after the fact is refused, by its clock and by what it tells.",
        ),
        dg.AssetCheckSpec(
            "not_worse_than_frozen",
            asset="prediction_evaluation",
            description="The paired bootstrap over whole clusters proves no frozen arm better than ours.",
        ),
    ],
)
def prediction_evaluation(workspace: Workspace) -> dg.MaterializeResult:
    """Scores of rolling-origin predictions on everything known, beside baselines; the same as `fivefold evaluate`."""
    from orchestration.assets.common import markdown_table
    from orchestration.evaluation import evaluate_source
    from orchestration.ingestion import load_mapping
    from orchestration.report.evaluation_plots import pictures

    with workspace.lake() as lake:
        result = evaluate_source(lake, load_mapping(settings.source()))
    scores = {name: value for name, value in result.items() if isinstance(value, int | float)}
    arms = {"fivefold": result, **result["baselines"]}
    keys = [name for name in scores if all(isinstance(one.get(name), int | float) for one in arms.values())]
    rows = [(name, *(one[key] for key in keys)) for name, one in arms.items()]
    paired = result["paired_bootstrap"]
    # three figures hide a gain of a thousandth of a nat
    gains = [
        (name, *(f"{one[key]:+.5f}" for key in ("gain", "low", "high")),
         "better" if one["better"] else "worse" if one["worse"] else "not told apart")
        for name, one in paired.items()
    ]  # fmt: skip
    worse = [name for name, one in paired.items() if one["worse"] and name in FROZEN_ARMS]
    tables = {"paired bootstrap": markdown_table(["beside", "gain", "low", "high", "ours is"], gains)}
    if result.get("cold_start"):
        shown = ("known_outcomes", "n", "roc_auc", "pr_auc", "log_loss")
        tables["cold start"] = markdown_table(shown, [tuple(one.get(k) for k in shown) for one in result["cold_start"]])
    canary = result["leak_canary"]
    return dg.MaterializeResult(
        metadata={
            **scores,
            "arms": markdown_table(["arm", *keys], rows),
            **tables,
            **{title: picture(png, title) for title, png in pictures(result).items()},
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="leaks_are_refused",
                passed=all(one.startswith("refused") for one in canary.values()),
                severity=dg.AssetCheckSeverity.WARN,
                metadata=canary,
            ),
            dg.AssetCheckResult(
                check_name="not_worse_than_frozen",
                passed=not worse,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"proven better than ours": ", ".join(worse)},
            ),
        ],
    )
