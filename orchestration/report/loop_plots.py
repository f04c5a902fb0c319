"""Pictures and pages of the loop: weekly curves of learning beside frozen."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from orchestration.report.evaluation_plots import _axes, _png

LEARNING, FROZEN = "#0072b2", "#9aa5b1"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title><style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1f2933 }
table { border-collapse: collapse }
td, th { padding: .25rem .75rem; border-bottom: 1px solid #d9dee3; text-align: right }
td:first-child, th:first-child { text-align: left } img { max-width: 100% } .verdict { font-weight: 600 }
</style></head><body><h1>{{ title }}</h1>
{% for part in parts %}<h2>{{ part.name }}</h2>
<p><span class="verdict">{{ part.verdict }}</span>: the learning arm's loss is {{ part.gain }} lower than the frozen
arm's, and that gain changes by {{ part.slope }} a week{% if part.late %}; over the later half of the weeks:
{{ part.late }}{% endif %}.</p>
<img alt="weekly loss of the learning and the frozen arm" src="data:image/png;base64,{{ part.picture }}">
<table><thead><tr><th>week</th><th>decisions</th><th>learning</th><th>frozen</th><th>gain</th></tr></thead><tbody>
{% for row in part.weeks %}<tr><td>{{ row.week }}</td><td>{{ "{:,}".format(row.n) }}</td>
<td>{{ "%.4g"|format(row.learning_loss) }}</td><td>{{ "%.4g"|format(row.frozen_loss) }}</td>
<td>{{ "%+.2g"|format(row.gain) }}</td></tr>
{% endfor %}</tbody></table>{% endfor %}</body></html>
"""


def weekly_curves(found: dict[str, Any]) -> bytes:
    """Loss by week of both arms, and the gain with its line."""
    figure, axes = _axes(8.0, 3.6)
    weeks = found["weeks"]
    names = [one["week"][5:] for one in weeks]
    axes.plot(names, [one["learning_loss"] for one in weeks], "o-", color=LEARNING, label="learning")
    axes.plot(names, [one["frozen_loss"] for one in weeks], "o-", color=FROZEN, label="frozen")
    axes.set_ylabel(found["loss"])
    axes.tick_params(axis="x", rotation=60 if len(names) > 10 else 0)
    slope = found["slope_per_week"]
    axes.set_title(
        f"{found['verdict']}: gain changes by {slope['estimate']:+.2%} a week ({slope['low']:+.2%} to "
        f"{slope['high']:+.2%})",
        loc="left",
        fontsize=10,
    )
    axes.legend(frameon=False)
    return _png(figure)


def _interval(value: dict[str, float]) -> str:
    return f"{value['estimate']:+.2%} (95 % interval {value['low']:+.2%} to {value['high']:+.2%})"


def trajectory_page(found: dict[str, Any], folder: Path) -> Path:
    """Write ``trajectory-<source>.html``: curves, slope with interval, the verdict and the weeks as a table."""
    from jinja2 import Environment

    parts = []
    for name, one in ((found["task"], found), *(("travel time", found["travel"]) for _ in "x" if "travel" in found)):
        parts.append(
            {
                "name": name,
                "verdict": one["verdict"],
                "gain": _interval(one["gain"]),
                "slope": _interval(one["slope_per_week"]),
                "late": f"{one['late_verdict']}, {_interval(one['late_slope_per_week'])}"
                if "late_verdict" in one
                else "",
                "picture": base64.b64encode(weekly_curves(one)).decode(),
                "weeks": one["weeks"],
            }
        )
    text = (
        Environment(autoescape=True)
        .from_string(PAGE)
        .render(title=f"What learning is worth: {found['source']}", parts=parts)
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"trajectory-{found['source']}.html"
    draft = path.with_suffix(".tmp")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
    return path
