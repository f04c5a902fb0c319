"""``fivefold demo``: the whole loop on the demo city, or every day of a real source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import data_folder, fivefold_command

PLAN_KEYS = ("date", "served", "unserved", "cost_minor", "km", "vehicles", "verified")


@fivefold_command(
    "The whole loop: a generated city without SOURCE; with it, a real source: its days planned and verified where it "
    "has vehicles, its predictors trained and scored where it has outcomes.",
    example="fivefold demo\nfivefold demo --source bosnia --json\nfivefold demo --source changshu",
    data=True,
)
def command(source: str, seconds: float, data: Path | None, home: Path) -> Any:
    import time

    started = time.monotonic()
    result = _city(home) if source == "demo" else _real(source, seconds, data, home)
    result["seconds"] = round(time.monotonic() - started, 1)
    return result, lambda: _show(result, home)


def _city(home: Path) -> dict[str, Any]:
    from orchestration.progress import Steps
    from orchestration.runner import DEMO_STEPS, run_demo

    with Steps(DEMO_STEPS, home / "logs" / "demo.log") as steps:
        return {"source": "demo", **run_demo(home, steps)}


def _real(source: str, seconds: float, data: Path | None, home: Path) -> dict[str, Any]:
    from orchestration.evaluation import evaluate_source
    from orchestration.ingestion import ingest, load_mapping
    from orchestration.lake import Lake
    from orchestration.progress import Steps

    mapping = load_mapping(source)
    folder = data_folder(mapping.name, data, home)
    plans, learns = "shifts" in mapping.tables, mapping.evaluation
    with Steps(1 + bool(plans) + bool(learns), home / "logs" / "demo.log") as steps, Lake.open(home) as lake:
        steps(f"ingest {source} and validate it")
        report = ingest(lake, mapping, folder, progress=steps.note).summary()
        result: dict[str, Any] = {
            "source": source,
            "ingested": {key: value for key, value in report.items() if key != "tables"},
        }
        if plans:
            steps("plan every day for all fleets, and verify it")
            result.update(_plan_days(lake, source, seconds, home, steps))
        if learns:
            steps("train on the past, score the future")
            result["evaluation"] = evaluate_source(lake, mapping)
    return result


def _plan_days(lake: Any, source: str, seconds: float, home: Path, steps: Any) -> dict[str, Any]:
    from orchestration.planning import plan_day, plan_file, publish, service_dates
    from orchestration.report import write_day_report

    days: list[dict[str, Any]] = []
    reports: dict[str, str] = {}
    unserved: dict[str, list[dict[str, str]]] = {}
    currency = ""
    dates = service_dates(lake, source)
    for number, day in enumerate(dates):
        steps.detail(f"{day}, {number + 1} of {len(dates)}")
        planned = plan_day(lake, source, day, seconds=seconds)
        publish(lake, planned)
        path = planned.write_csv(plan_file(home, source, day))
        page = write_day_report(lake, source, day, home / "reports")
        metadata = planned.metadata
        currency = metadata["currency"]
        days.append({**{key: metadata[key] for key in PLAN_KEYS}, "plan": str(path)})
        reports[str(day)] = str(page)
        unserved[str(day)] = [
            {"order_id": one.order_id, "reason": str(one.reason), "explanation": one.explanation}
            for one in planned.plan.unserved
        ]
        steps.note(
            f"{day}: {metadata['served']} served, {metadata['unserved']} unserved, {metadata['km']:,.0f} km, "
            f"{metadata['vehicles']} vehicles"
        )
    return {"days": days, "currency": currency, "unserved": unserved, "reports": reports}


def _show(result: dict[str, Any], home: Path) -> None:
    from orchestration.cli.summary import show_demo

    show_demo(result, home)


command = click.option("--source", default="demo", show_default=True, help="Mapping to run.")(command)
command = click.option(
    "--seconds",
    type=click.FloatRange(0.1, 86_400),
    default=10.0,
    show_default=True,
    help="Search time of each day of a real source.",
)(command)
