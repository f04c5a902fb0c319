"""The study as one HTML page that needs no network, and its plots as files for documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulation.experiment import plots
from simulation.experiment.arms import DRIVERS

UNIT = "minor units an order saved"
LETTERS = dict(zip("ROECL", DRIVERS, strict=True))


def plots_of(result: dict[str, Any]) -> dict[str, str]:
    """Name -> SVG of the primary KPI."""
    primary = result["kpis"][0]
    scale = primary["absolute"]
    return {
        "whole": plots.super_additivity(scale, UNIT),
        "drivers": plots.drivers(scale, UNIT),
        "pairs": plots.pairs(scale, UNIT),
        "arms": plots.arms(primary["arms"], "cost an order, minor units"),
    }


def write_page(result: dict[str, Any], registration: dict[str, Any], path: Path) -> Path:
    """Write the page, put in place whole; the plots beside it in ``<page's name>-plots/``."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, undefined=StrictUndefined
    )
    environment.filters["short"] = short
    environment.filters["span"] = span
    drawn = plots_of(result)
    text = environment.get_template("report.html.j2").render(
        result=result, registration=registration, plots=drawn, letters=LETTERS, primary=result["kpis"][0]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    _put(path, text)
    folder = path.with_name(f"{path.stem}-plots")
    folder.mkdir(exist_ok=True)
    for name, svg in drawn.items():
        _put(folder / f"{name}.svg", svg)
    return path


def _put(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def short(value: float | None) -> str:
    """Three or four digits."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def span(row: dict[str, float] | None) -> str:
    """A number with its interval."""
    return "–" if row is None else f"{short(row['value'])} [{short(row['low'])}, {short(row['high'])}]"
