"""The compounding experiment as a command runs it: folder, progress, results, page."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from domain.errors import InputError
from simulation.experiment.registration import load
from simulation.experiment.resampling import DRAWS
from simulation.experiment.runner import Job, Result, read_result, run_all
from simulation.experiment.settings import Settings
from simulation.experiment.study import (
    jobs_of,
    sensitivity_jobs,
    sensitivity_row,
    sensitivity_settings,
    study,
    whole_worlds,
)

SMOKE_DRAWS = 2_000
LINE_EVERY_S = 20.0


class Progress:
    """A bar on a terminal, a line now and then elsewhere; both on stderr."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._said = 0.0
        self._began = time.monotonic()
        self._fresh = 0

    def __enter__(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = Console(stderr=True, highlight=False)
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """One line."""
        self._console.print(text)

    def part(self, title: str) -> Callable[[Job, int, int, bool], None]:
        """What ``run_all`` reports to, under a title."""
        self._began, self._fresh = time.monotonic(), 0

        def done(job: Job, number: int, count: int, kept: bool) -> None:
            self._fresh += not kept
            spent = time.monotonic() - self._began
            rest = "" if not self._fresh else f", about {spent / self._fresh * (count - number) / 60:.0f} min left"
            text = f"{title}: world {job.seed}, {job.arm.name}"
            if self._bar is not None:
                self._bar.update(self._task, completed=number, total=count, description=text + rest)
            elif number == count or time.monotonic() - self._said > LINE_EVERY_S:
                self._said = time.monotonic()
                self._console.print(f"{text}: {number} of {count}{rest}", soft_wrap=True)

        return done


def compounding_study(
    settings: Settings,
    folder: Path,
    *,
    workers: int,
    ray_address: str | None,
    sensitivity: bool,
    report_only: bool,
    page: Path,
    progress: Progress,
    docs: Path | None = None,
    command: str = "fivefold experiment compounding",
) -> dict[str, Any]:
    """Run what is missing, analyse what is there, write ``results.json`` and the page.

    Raises:
        InputError: the registration has changed, the folder belongs to another registration, or nothing is there to
            report.
    """
    registration = load()
    _claim(folder, registration.sha256)
    kept = folder / "worlds"

    def run(jobs: list[Job], title: str) -> list[Result]:
        if report_only:
            found = (read_result(job, kept, registration.sha256) for job in jobs)
            return [one for one in found if one is not None]
        return run_all(
            jobs, kept, registration.sha256, workers=workers, ray_address=ray_address, progress=progress.part(title),
            say=progress.say,
        )  # fmt: skip

    jobs = jobs_of(settings)
    results = whole_worlds(run(jobs, "experiment"), [one.arm for one in jobs])
    if not results:
        raise InputError(f"{folder}: no world with these settings in which every arm was run; leave out --report-only")
    draws = DRAWS if settings.days * settings.seeds >= 60 else SMOKE_DRAWS
    result = study(registration, settings, results, draws)
    result["sensitivity"] = []
    if sensitivity:
        for name, variant in sensitivity_settings(registration, settings):
            variant_jobs = sensitivity_jobs(variant)
            found = whole_worlds(run(variant_jobs, name), [one.arm for one in variant_jobs])
            if found:
                result["sensitivity"].append(sensitivity_row(name, found, registration, draws))
    result["folder"] = str(folder)
    result["page"] = str(page)
    _write(folder / "results.json", json.dumps(result, indent=1))
    from simulation.experiment.report import write_page

    write_page(result, registration.content, page)
    if docs is not None:
        from simulation.experiment.markdown import put_into

        put_into(result, docs, command)
    return result


def _claim(folder: Path, sha256: str) -> None:
    """The folder's registration, written by its first run; another one is refused."""
    mark = folder / "registration.sha256"
    if mark.is_file():
        before = mark.read_text(encoding="utf-8").strip()
        if before != sha256:
            raise InputError(
                f"{folder}: begun under another registration ({before[:12]}, now {sha256[:12]}); results of the two "
                "cannot be mixed. Use another folder"
            )
        return
    _write(mark, sha256 + "\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(path.suffix + ".part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def show_study(result: dict[str, Any]) -> None:
    """The study on a terminal."""
    from rich.console import Console
    from rich.table import Table

    def number(row: dict[str, float] | None) -> str:
        return "" if row is None else f"{row['value']:.4g}  [{row['low']:.4g}, {row['high']:.4g}]"

    console = Console(highlight=False)
    console.print(
        f"\n{result['arms']} arms, {result['worlds']} worlds of {result['days']} days, about {result['orders']} orders "
        f"a day; {result['planted_recovered']} of {len(result['planted'])} planted worlds recovered\n"
    )
    table = Table("KPI", "scale", "all - none", "S", "all - unintegrated", title="Better is positive (95 % intervals)")
    for kpi in result["kpis"]:
        for scale in ("absolute", "log"):
            row = kpi[scale]
            name = kpi["kpi"] if scale == "absolute" else ""
            parts = [number(row.get(one)) for one in ("all_minus_none", "S", "integrated_minus_unintegrated")]
            table.add_row(name, scale, *parts)
    console.print(table)
    primary = result["kpis"][0]["absolute"]
    table = Table("driver", "alone", "last", "main effect", "Shapley", title="Cost an order, minor units saved")
    parts = zip(*(primary[one] for one in ("alone", "last", "factorial", "shapley")), strict=True)
    for alone, last, main, shapley in parts:
        table.add_row(alone["name"], *(number(one) for one in (alone, last, main, shapley)))
    console.print(table)
    table = Table("without", "measure", "without", "with", "difference", title="Failure arms")
    for one in result["failure_arms"]:
        values = [f"{one['without']:.3f}", f"{one['with']:.3f}", number(one["difference"])]
        table.add_row(one["name"], one["measure"], *values)
    console.print(table)
    for claim, verdict in result["verdicts"].items():
        console.print(f"{claim}: [bold]{verdict}[/bold]")
    if result["caution"]:
        console.print(f"[yellow]{result['caution']}[/yellow]")
    console.print(f"\nThe page: [bold]{Path(result['page']).resolve().as_uri()}[/bold]", soft_wrap=True)
