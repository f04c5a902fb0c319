"""Progress of a long command: steps that tick off on a terminal, plain lines elsewhere, library output in a log."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

COUNTED = re.compile(r"\b(\d+) of (\d+) ")
TAIL_BYTES = 2_000


class Steps:
    """Steps of a command, shown as they begin and end. Use as a context manager; call it with a title to begin one.

    What libraries and child processes write to stdout or stderr meanwhile goes to ``log``.
    """

    def __init__(self, total: int, log: Path) -> None:
        self.total = total
        self.log = log
        self.number = 0
        self._began = self._step_began = time.monotonic()
        self._title = ""
        self._kept: list[int] = []
        self._progress: Any = None
        self._console: Any = None
        self._task: Any = None
        self._over = threading.Event()
        self._mark: tuple[str, ...] = ()

    def __enter__(self) -> Steps:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self.log.parent.mkdir(parents=True, exist_ok=True)
        sys.stdout.flush()
        sys.stderr.flush()
        self._kept = [os.dup(1), os.dup(2)]
        target = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(target, 1)
        os.dup2(target, 2)
        os.close(target)
        self._console = Console(file=os.fdopen(os.dup(self._kept[1]), "w"), highlight=False)
        if self._console.is_terminal:
            columns = (SpinnerColumn(), BarColumn(bar_width=20), TextColumn("{task.description}"), TimeElapsedColumn())
            self._progress = Progress(*columns, console=self._console, transient=True)
            self._progress.start()
            self._task = self._progress.add_task("", total=self.total)
            threading.Thread(target=self._follow, daemon=True).start()
        return self

    def __call__(self, title: str) -> None:
        """Begin a step; the one before it is done."""
        self._finish()
        self.number += 1
        self._title, self._step_began = title, time.monotonic()
        if self._progress is not None:
            self._progress.update(self._task, completed=self.number - 1, description=title)
        else:
            self._console.print(f"[{time.monotonic() - self._began:6.1f} s] {self.number}/{self.total} {title}")

    def detail(self, text: str) -> None:
        """What the step is at; shown beside it on a terminal, nowhere else."""
        if self._progress is not None:
            self._progress.update(self._task, description=f"{self._title} [dim]{text}[/dim]")

    def _follow(self) -> None:
        """Show how far a child process says it is (dbt: ``12 of 49``), read from the end of the log."""
        while not self._over.wait(0.5):
            with contextlib.suppress(OSError), self.log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
                marks = COUNTED.findall(file.read().decode("utf-8", "replace"))
                if marks and marks[-1] != self._mark:
                    self._mark = marks[-1]
                    self.detail(" of ".join(self._mark))

    def note(self, text: str) -> None:
        """A line under the step that runs."""
        self._console.print(f"             {text}")

    def _finish(self) -> None:
        if self._title and self._progress is not None:
            seconds = time.monotonic() - self._step_began
            self._console.print(f"[green]✓[/green] {self._title} [dim]{seconds:.1f} s[/dim]")

    def __exit__(self, kind: object, *_: object) -> None:
        self._over.set()
        if kind is None:
            self._finish()
        if self._progress is not None:
            self._progress.stop()
        if kind is not None:
            self._console.print(f"[red]✗[/red] {self._title} [dim](log: {self.log})[/dim]")
        self._console.file.close()
        sys.stdout.flush()
        sys.stderr.flush()
        for number, kept in enumerate(self._kept, start=1):
            os.dup2(kept, number)
            os.close(kept)
