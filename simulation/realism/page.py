"""The comparison as one HTML page that needs no network: tables and plots."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import numpy as np

from simulation.realism.report import Comparison

REAL, TWIN = "#2563eb", "#d97706"
POINTS = 300
"""Points a curve: the page stays small whatever the number of rows."""


def write_page(comparisons: list[Comparison], path: Path) -> Path:
    """Write the page of ``comparisons`` to ``path``, put in place whole."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    environment.filters["short"] = _short
    plots = {one.subject.name: _plot(one) for one in comparisons}
    text = environment.get_template("page.html.j2").render(comparisons=comparisons, plots=plots)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
    return path


def _short(value: float | None) -> str:
    """Three significant digits."""
    return "" if value is None else f"{value:.3g}" if abs(value) < 1_000 else f"{value:,.0f}"


def _plot(one: Comparison) -> str:
    """Distribution functions of the marginals and the relations that both have, as a PNG in a data URL."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    count = len(one.marginals) + 1
    rows = -(-count // 3)
    figure = Figure(figsize=(12, 3.2 * rows), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, 3, squeeze=False).ravel()
    for axis, marginal in zip(axes, one.marginals, strict=False):
        for rows_of, colour, label in ((one.real, REAL, "real"), (one.twin, TWIN, "twin")):
            values = np.sort(rows_of[marginal.column].dropna().to_numpy(dtype=float))
            share = np.linspace(0, 1, POINTS)
            axis.plot(np.quantile(values, share), share, color=colour, label=label, linewidth=1.6)
        if marginal.column in one.subject.logarithmic:
            axis.set_xscale("log")
        else:
            both = [rows_of[marginal.column].quantile(0.99) for rows_of in (one.real, one.twin)]
            axis.set_xlim(right=max(both) * 1.02)
        axis.set_title(marginal.title, fontsize=10)
        axis.set_ylim(0, 1)
    relations = [row for row in one.relations if row.real and row.twin is not None]
    axis = axes[len(one.marginals)]
    ratio = [float(row.twin or 0) / float(row.real or 1) for row in relations]
    axis.barh(range(len(ratio)), ratio, color=TWIN, height=0.6)
    axis.axvline(1, color=REAL, linewidth=1.6)
    axis.set_yticks(range(len(ratio)), [row.title[:44] for row in relations], fontsize=6.5)
    axis.set_title("relations, twin over real", fontsize=10)
    axis.invert_yaxis()
    axes[0].legend(frameon=False)
    for axis in axes[count:]:
        axis.set_axis_off()
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
