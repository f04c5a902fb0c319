"""The signal catalogue: which families of features feed which head, how fresh each is, what leaving it out costs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from domain.errors import InputError
from orchestration.evaluation import decision_rows, end_of_day, spec_of
from orchestration.ingestion.mapping import Mapping
from orchestration.lake import Lake


def signal_catalogue(lake: Lake, mapping: Mapping, train_until: date | None = None) -> dict[str, Any]:
    """What each family of features is, how fresh it is, and what leaving it out costs on the test rows."""
    from models.catalogue import catalogue

    if not mapping.evaluation:
        raise InputError(f"sources/{mapping.name}.yml declares no evaluation")
    task = mapping.evaluation[0]
    until = train_until or task.split.train_until
    rows = decision_rows(lake, mapping, task)
    families = catalogue(
        rows, spec_of(mapping, task), task.task != "eta", None if until is None else end_of_day(until, mapping)
    )
    return {"source": mapping.name, "task": task.task, "name": task.name, "families": families}


def page(found: Sequence[dict[str, Any]]) -> str:
    """Markdown: families by heads, then each head with its families."""
    command = f"fivefold signals {' '.join(one['source'] for one in found)} --docs docs/signals.md"
    lines = [
        "# Signals", "",
        "Families of features, the heads they feed, how fresh they are at a decision and what a model loses without "
        "them. Each model is fitted on the past of its source and scored on what comes after, the same rows for all. "
        "Families stand in for one another: a cost near 0 says that the others know it too.", "",
        f"Made by `{command}`; not edited by hand.", "",
        "## Families by heads", "",
        "What a row costs more without the family: log loss in 0.001 nats, or mean absolute error in seconds (ETA). "
        "Empty: it does not feed the head.", "",
    ]  # fmt: skip
    heads = [f"{one['source']} {one['name']}" for one in found]
    costs = [_costs(one) for one in found]
    families = list(dict.fromkeys(name for one in costs for name in one))
    lines += ["| family | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    lines += ["| " + " | ".join([name, *(one.get(name, "") for one in costs)]) + " |" for name in families]
    for one in found:
        lines += ["", f"## {one['source']}: {one['name']} ({one['task']})", "", family_table(one)]
    return "\n".join(lines) + "\n"


def _costs(one: dict[str, Any]) -> dict[str, str]:
    out = {}
    for row in one["families"][1:]:
        name = row["family"].removeprefix("without ")
        cost = row.get("cost_in_log_loss")
        out[name] = f"{1_000 * cost:+.2f}" if cost is not None else f"{row['cost_in_mae_s']:+.1f} s"
    return out


def family_table(one: dict[str, Any]) -> str:
    """Families of one head as a Markdown table."""
    keys = list(one["families"][0])
    lines = ["| " + " | ".join(key.replace("_", " ") for key in keys) + " |", "|" + "---|" * len(keys)]
    for row in one["families"]:
        cells = (f"{v:.4g}" if isinstance(v, float) else "" if v is None else str(v) for v in row.values())
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
