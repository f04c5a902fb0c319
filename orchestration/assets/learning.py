"""Predictors trained on every outcome known; a new champion is swapped in atomically."""

import dagster as dg

from orchestration import settings
from orchestration.assets.common import open_lake, picture
from orchestration.assets.freshness import WITHIN_A_FORTNIGHT

DRIFT_TAG = "fivefold/asked_by"


def _model_asset(task: str, meaning: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"{task}_model",
        group_name="learning",
        deps=["feat_eta" if task == "eta" else "feat_exception", "fct_outcomes"],
        description=meaning,
        kinds={"lightgbm"},
        freshness_policy=WITHIN_A_FORTNIGHT,
    )
    def model(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from orchestration.learning import train_task
        from orchestration.report.plots import calibration_plot, eta_error_plot

        # what an alarm of drift asked for is trained, and serves only when outcomes that come after prove it
        shadow = context.run.tags.get(DRIFT_TAG) == "drift"
        with open_lake() as lake:
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
)
def prediction_evaluation() -> dg.MaterializeResult:
    """Scores of rolling-origin predictions on everything known, beside baselines; the same as `fivefold evaluate`."""
    from orchestration.assets.common import markdown_table
    from orchestration.evaluation import evaluate_source
    from orchestration.ingestion import load_mapping
    from orchestration.report.evaluation_plots import pictures

    with open_lake() as lake:
        result = evaluate_source(lake, load_mapping(settings.source()))
    scores = {name: value for name, value in result.items() if isinstance(value, int | float)}
    arms = {"fivefold": result, **result["baselines"]}
    keys = [name for name in scores if all(isinstance(one.get(name), int | float) for one in arms.values())]
    rows = [(name, *(one[key] for key in keys)) for name, one in arms.items()]
    return dg.MaterializeResult(
        metadata={
            **scores,
            "arms": markdown_table(["arm", *keys], rows),
            **{title: picture(png, title) for title, png in pictures(result).items()},
        }
    )
