"""Plots of the study as small SVG files: no script, no font, no network."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

DRIVER, WHOLE, GREY, BAD = "#2563eb", "#0f766e", "#94a3b8", "#dc2626"
Row = dict[str, Any]


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    axis = figure.subplots()
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
    return figure, axis


def _svg(figure: Any) -> str:
    import matplotlib as mpl

    buffer = io.StringIO()
    # text stays text, ids do not change from run to run
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "fivefold"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)


def _bar(axis: Any, at: float, row: Row, colour: str, height: float = 0.36) -> None:
    axis.barh(at, row["value"], height=height, color=colour)
    axis.plot([row["low"], row["high"]], [at, at], color="#0f172a", linewidth=1.1)


def drivers(scale: Row, unit: str) -> str:
    """Each driver alone, and its Shapley value, with intervals."""
    figure, axis = _figure(6.4, 3.0)
    for number, (alone, shapley) in enumerate(zip(scale["alone"], scale["shapley"], strict=True)):
        _bar(axis, number - 0.2, alone, GREY)
        _bar(axis, number + 0.2, shapley, DRIVER)
    axis.set_yticks(range(len(scale["alone"])), [row["name"] for row in scale["alone"]])
    axis.invert_yaxis()
    axis.axvline(0, color="#0f172a", linewidth=0.8)
    axis.set_xlabel(f"{unit} (grey: alone; blue: Shapley value in the whole; lines: 95 %)", fontsize=8)
    return _svg(figure)


def super_additivity(scale: Row, unit: str) -> str:
    """From the parts to the whole: the drivers alone on top of each other, then S, then all."""
    figure, axis = _figure(6.4, 2.6)
    left = 0.0
    for row in scale["alone"]:
        axis.barh(1, row["value"], left=left, height=0.5, color=GREY, edgecolor="white")
        if abs(row["value"]) > 0.12 * abs(scale["all_minus_none"]["value"]):
            axis.text(left + row["value"] / 2, 1, row["name"], ha="center", va="center", fontsize=7)
        left += row["value"]
    s, whole = scale["S"], scale["all_minus_none"]
    axis.barh(1, s["value"], left=left, height=0.5, color=WHOLE if s["value"] > 0 else BAD, edgecolor="white")
    axis.text(left + s["value"] / 2, 1.36, f"S = {s['value']:.3g}", ha="center", fontsize=8)
    _bar(axis, 0, whole, DRIVER, 0.5)
    axis.set_yticks([1, 0], ["the parts, and S", "all five"])
    axis.set_xlabel(f"{unit}; line: 95 % of all five", fontsize=8)
    return _svg(figure)


def pairs(scale: Row, unit: str) -> str:
    """Pairwise interactions with intervals; filled where Holm's p is below 0.05."""
    figure, axis = _figure(6.4, 3.4)
    for number, row in enumerate(scale["pairs"]):
        axis.plot([row["low"], row["high"]], [number, number], color=DRIVER, linewidth=1.4)
        face = DRIVER if row["p_holm"] < 0.05 else "white"
        axis.plot(row["value"], number, "o", markersize=5, markerfacecolor=face, markeredgecolor=DRIVER)
    axis.set_yticks(range(len(scale["pairs"])), [row["name"] for row in scale["pairs"]], fontsize=8)
    axis.invert_yaxis()
    axis.axvline(0, color="#0f172a", linewidth=0.8)
    axis.set_xlabel(f"{unit} beyond the two alone (filled: p < 0.05 after Holm)", fontsize=8)
    return _svg(figure)


def arms(rows: Sequence[Row], unit: str) -> str:
    """The KPI of every arm with its interval, best first."""
    figure, axis = _figure(6.4, 5.6)
    ordered = sorted(rows, key=lambda row: row["value"])
    for number, row in enumerate(ordered):
        colour = {"all": DRIVER, "none": BAD, "unintegrated": WHOLE}.get(row["name"], GREY)
        axis.plot([row["low"], row["high"]], [number, number], color=colour, linewidth=1.4)
        axis.plot(row["value"], number, "o", color=colour, markersize=4)
    axis.set_yticks(range(len(ordered)), [row["name"] for row in ordered], fontsize=7, family="monospace")
    axis.invert_yaxis()
    axis.set_xlabel(f"{unit} (95 %; worlds differ, arms are compared within them)", fontsize=8)
    return _svg(figure)
