"""Pictures for the UI, as PNG bytes: calibration, ETA errors, the routes of a day."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.report.drawing import FLEET_DASHES, OTHER_DASH, fleet_colours, shade

BINS = 10
Numbers = npt.NDArray[np.float64]


def _figure(width: float = 7.0, height: float = 4.2) -> Any:
    # the object interface keeps no global state, so that steps of one process cannot draw into each other's figure
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _png(figure: Any) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=80, metadata={"Software": None})
    return buffer.getvalue()


def calibration_plot(y: Numbers, probability: Numbers) -> bytes:
    """Observed share against predicted chance in bins of equal numbers, over a histogram of the predictions.

    Shapes: both (stops,).
    """
    figure = _figure()
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    predicted = [float(probability[part].mean()) for part in parts]
    seen = [float(y[part].mean()) for part in parts]
    spread = [1.96 * float(np.sqrt(max(s * (1 - s), 1e-9) / len(part))) for s, part in zip(seen, parts, strict=True)]
    top = max([*predicted, *(s + e for s, e in zip(seen, spread, strict=True)), 0.01])
    upper.plot([0, top], [0, top], color="#9aa5b1", linewidth=1, label="perfect")
    upper.errorbar(predicted, seen, yerr=spread, fmt="o", color="#0072b2", capsize=2, label="tenths of the stops, 95 %")
    upper.set_ylabel("observed share")
    upper.set_ylim(0, top * 1.05)
    upper.legend(frameon=False)
    lower.hist(probability, bins=40, color="#56b4e9")
    lower.set_xlabel("predicted chance")
    lower.set_ylabel("stops")
    return _png(figure)


def eta_error_plot(y: Numbers, p10: Numbers, p50: Numbers, p90: Numbers) -> bytes:
    """Histogram of actual minus predicted median, and coverage of the 80 % interval by its width.

    Shapes: all (stops,), seconds.
    """
    figure = _figure()
    left, right = figure.subplots(1, 2)
    error = (y - p50) / 60
    left.hist(np.clip(error, *np.quantile(error, [0.005, 0.995])), bins=40, color="#56b4e9")
    left.axvline(0, color="#1c2430", linewidth=1)
    left.set_xlabel("actual − predicted, minutes")
    left.set_ylabel("stops")
    width = (p90 - p10) / 60
    parts = [part for part in np.array_split(np.argsort(width, kind="stable"), BINS) if len(part)]
    inside = (y >= p10) & (y <= p90)
    right.plot([width[part].mean() for part in parts], [inside[part].mean() for part in parts], "o-", color="#0072b2")
    right.axhline(0.8, color="#9aa5b1", linewidth=1)
    right.set_ylim(0, 1.02)
    right.set_xlabel("width of the 80 % interval, minutes")
    right.set_ylabel("coverage")
    return _png(figure)


def route_map_png(frames: dict[str, pd.DataFrame], depots: pd.DataFrame | None = None) -> bytes:
    """The routes of a planned day, a colour and line a fleet, a shade a route.

    ``frames``: the plan's rows by qualified table name; ``depots``: ``depot_id``, ``lat``, ``lon``.
    """
    routes, stops = frames["plan.routes"], frames["plan.plan_stops"]
    figure = _figure(8.5, 6.5)
    axes = figure.subplots()
    axes.set_axis_off()
    if stops.empty:
        axes.text(0.5, 0.5, "no route: nothing could be served", ha="center", color="#5d6b7c", transform=axes.transAxes)
        return _png(figure)
    colours = fleet_colours(routes["fleet_kind"].tolist())
    homes = {} if depots is None else {row.depot_id: (row.lon, row.lat) for row in depots.itertuples()}
    carried = {str(name): part for name, part in stops.groupby("route_id")}
    for kind, own in routes.groupby("fleet_kind"):
        label = f"{kind}: {len(own)} route{'' if len(own) == 1 else 's'}, {int(own['stops'].sum()):,} stops"
        for number, route in enumerate(own.itertuples()):
            part = carried[str(route.route_id)].sort_values("sequence")
            lon, lat = part["lon"].to_numpy(float), part["lat"].to_numpy(float)
            colour = shade(colours[str(kind)], number, len(own))
            dash = FLEET_DASHES.get(str(kind), OTHER_DASH)
            style: Any = "-" if dash == "none" else (0, tuple(float(one) for one in dash.split()))
            axes.plot(lon, lat, color=colour, linewidth=1.1, linestyle=style, label=label)
            axes.plot(lon, lat, ".", color=colour, markersize=4)
            label = "_"
            if home := homes.get(route.depot_id):
                for end in (0, -1):
                    axes.plot([home[0], lon[end]], [home[1], lat[end]], color=colour, linewidth=0.5, alpha=0.4)
    for name, (lon_, lat_) in homes.items():
        axes.plot(lon_, lat_, "s", color="#1c2430", markersize=6, markeredgecolor="white")
        axes.annotate(name, (lon_, lat_), xytext=(6, 5), textcoords="offset points", fontsize=9, weight="bold")
    axes.set_aspect(1 / max(0.1, float(np.cos(np.radians(stops["lat"].astype(float).mean())))))
    figure.legend(loc="outside lower center", ncols=min(4, len(colours)), frameon=False)
    return _png(figure)


TRENDS = (
    ("first_attempt_delivery_rate", "delivered at first attempt", 100.0, "%"),
    ("on_time_rate_original", "on time", 100.0, "%"),
    ("cost_per_delivery", "cost per delivery", 0.01, ""),
    ("stops_per_route_hour", "stops per route hour", 1.0, ""),
)


def kpi_trend_plot(kpis: pd.DataFrame) -> bytes:
    """Four KPIs by service date. ``kpis``: rows of ``operation.kpis``."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    from orchestration.report.kpis import ratios

    whole = ratios(kpis[kpis["segment_kind"] == "all"], "service_date").sort_index()
    figure = _figure(9.0, 4.6)
    for axes, (name, title, factor, unit) in zip(figure.subplots(2, 2, sharex=True).flat, TRENDS, strict=True):
        axes.set_title(f"{title}{f', {unit}' if unit else ''}", loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        if name in whole.columns and whole[name].notna().any():
            axes.plot(
                pd.to_datetime(whole.index), whole[name] * factor, "o-", color="#0072b2", markersize=3, linewidth=1
            )
        else:
            axes.text(0.5, 0.5, "not known", transform=axes.transAxes, ha="center", color="#5d6b7c")
        locator = AutoDateLocator(maxticks=6)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    return _png(figure)
