"""Pictures of an evaluation, as PNG bytes: reliability, the three loop curves, cold start, coverage by week."""

from __future__ import annotations

from io import BytesIO
from typing import Any

COLOURS = {"full_loop": "#0072b2", "frozen_model_live_state": "#e69f00", "frozen_model_frozen_state": "#9aa5b1"}


def _axes(width: float = 7.0, height: float = 4.0) -> tuple[Any, Any]:
    # the object interface keeps no global state, so that steps of one process cannot draw into each other's figure
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Any) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=80, metadata={"Software": None})
    return buffer.getvalue()


def reliability(result: dict[str, Any]) -> bytes:
    """Observed share against predicted chance, bins of equal mass."""
    figure, axes = _axes()
    bins = result["reliability"]
    top = max([0.01, *(one["predicted"] for one in bins), *(one["observed"] for one in bins)]) * 1.05
    axes.plot([0, top], [0, top], color="#9aa5b1", linewidth=1, label="perfect")
    axes.plot([one["predicted"] for one in bins], [one["observed"] for one in bins], "o-", color="#0072b2")
    axes.set_xlabel("predicted chance")
    axes.set_ylabel("observed share")
    axes.set_title(f"ECE {result['ece']:.4f} on {result['n_test']:,} decisions", loc="left", fontsize=10)
    return _png(figure)


def loop_curves(result: dict[str, Any]) -> bytes:
    """PR-AUC by month of the full loop and of the two frozen arms."""
    figure, axes = _axes()
    months = result["loop_curves_by_month"]
    for arm, colour in COLOURS.items():
        values = [months[name][arm].get("pr_auc") for name in months]
        known = [(name, value) for name, value in zip(months, values, strict=True) if value is not None]
        axes.plot([n for n, _ in known], [v for _, v in known], "o-", color=colour, label=arm.replace("_", " "))
    axes.set_ylabel("PR-AUC")
    axes.tick_params(axis="x", rotation=45 if len(months) > 8 else 0)
    axes.legend(frameon=False)
    return _png(figure)


def cold_start(result: dict[str, Any]) -> bytes:
    """PR-AUC by number of outcomes known of the entity, beside the share of positives."""
    figure, axes = _axes()
    rows = [one for one in result["cold_start"] if one.get("pr_auc") is not None]
    axes.bar(
        [f"{one['known_outcomes']}\n{one['n']:,} rows" for one in rows],
        [one["pr_auc"] for one in rows],
        color="#56b4e9",
    )
    axes.axhline(result["rate"], color="#9aa5b1", linewidth=1, label="share of positives")
    axes.set_xlabel("outcomes known before")
    axes.set_ylabel("PR-AUC")
    axes.legend(frameon=False)
    return _png(figure)


def coverage_by_week(result: dict[str, Any]) -> bytes:
    """Coverage of the 80 and 90 % intervals by week, over their widths."""
    figure, axes = _axes()
    weeks = result["coverage"]["by_week"]
    for level, colour in ((80, "#0072b2"), (90, "#e69f00")):
        axes.plot(
            list(weeks), [one[f"coverage_{level}"] for one in weeks.values()], "o-", color=colour, label=f"{level} %"
        )
        axes.axhline(level / 100, color=colour, linewidth=0.6, linestyle="--")
    axes.set_ylim(0.5, 1.02)
    axes.set_ylabel("coverage")
    axes.set_title(
        "mean width of the 80 % interval, minutes: "
        + ", ".join(f"{name} {one['width_80_s'] / 60:.0f}" for name, one in weeks.items()),
        loc="left",
        fontsize=8,
    )
    axes.legend(frameon=False)
    return _png(figure)


def pictures(result: dict[str, Any]) -> dict[str, bytes]:
    """All pictures that a result has the numbers for, by title."""
    if result["task"] == "eta":
        return {"coverage by week": coverage_by_week(result)}
    found = {"reliability": reliability(result), "loop curves": loop_curves(result)}
    if result["cold_start"]:
        found["cold start"] = cold_start(result)
    return found
