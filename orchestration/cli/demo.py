"""``fivefold demo``: the whole loop on the demo city, or every day of a real source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import data_folder, fivefold_command


@fivefold_command(
    "The whole loop: a generated city without SOURCE; with it, a real source: its days planned and verified where it "
    "has vehicles, its predictors trained and scored where it has outcomes.",
    example="fivefold demo\nfivefold demo --source bosnia --json\nfivefold demo --source changshu",
    data=True,
)
def command(source: str, seconds: float, data: Path | None, home: Path) -> Any:
    import time

    started = time.monotonic()

    def say(line: str) -> None:
        click.secho(f"[{time.monotonic() - started:6.1f} s] ", fg="cyan", nl=False, err=True)
        click.echo(line, err=True)

    result = _city(home, say) if source == "demo" else _real(source, seconds, data, home, say)
    result["seconds"] = round(time.monotonic() - started, 1)

    def show() -> None:
        for key, value in result.items():
            if isinstance(value, list):
                for row in value:
                    click.echo("    " + "  ".join(f"{name} {one}" for name, one in row.items()))
            elif not isinstance(value, dict):
                click.echo(f"{key:>30}  {value}")
        click.echo(f"\nNext: fivefold --home {home} ui")

    return result, show


def _city(home: Path, say: Any) -> dict[str, Any]:
    from orchestration.runner import run_demo

    return {"source": "demo", **run_demo(home, say)}


def _real(source: str, seconds: float, data: Path | None, home: Path, say: Any) -> dict[str, Any]:
    from orchestration.evaluation import evaluate_source
    from orchestration.ingestion import ingest, load_mapping
    from orchestration.lake import Lake
    from orchestration.planning import plan_day, publish

    mapping = load_mapping(source)
    folder = data_folder(mapping.name, data, home)
    with Lake.open(home) as lake:
        report = ingest(lake, mapping, folder, progress=say).summary()
        result: dict[str, Any] = {
            "source": source,
            "ingested": {key: value for key, value in report.items() if key != "tables"},
        }
        if "shifts" in mapping.tables:
            result["days"] = []
            dates = lake.query(
                "select distinct service_date as day from raw.orders where source = ? order by 1", [source]
            )["day"]
            for day in dates:
                planned = plan_day(lake, source, day, seconds=seconds)
                publish(lake, planned)
                path = planned.write_csv(home / "reports" / f"plan-{source}-{day}.csv")
                keys = ("date", "served", "unserved", "cost_minor", "km", "vehicles", "verified")
                result["days"].append({**{key: planned.metadata[key] for key in keys}, "plan": str(path)})
                say(
                    f"{day}: {planned.metadata['served']} served, {planned.metadata['unserved']} unserved, "
                    f"{planned.metadata['km']:.0f} km, {planned.metadata['vehicles']} vehicles"
                )
        if mapping.evaluation:
            say("train and score")
            result["evaluation"] = evaluate_source(lake, mapping)
    return result


command = click.option("--source", default="demo", show_default=True, help="Mapping to run.")(command)
command = click.option("--seconds", default=10.0, show_default=True, help="Search time of a day of a real source.")(
    command
)
