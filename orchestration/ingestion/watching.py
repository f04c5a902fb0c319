"""A watched folder: files are loaded when they have settled; one that is still being written is left alone."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import InputError
from orchestration.ingestion.mapping import Mapping
from orchestration.ingestion.reading import input_files

LOOK_S = 0.5
"""Files are looked at this often even when the system reports no change (network folders report none)."""


@dataclass(frozen=True)
class Look:
    """What a glance at the folder showed: ``settled`` files with size and time of change, and ``unsettled`` ones."""

    settled: frozenset[tuple[Path, int, int]]
    unsettled: frozenset[Path]


@dataclass
class Settling:
    """Tells which files nobody writes to any more.

    A file has settled when its size and time of change have stayed the same for ``settle_s`` seconds and, where the
    system reports it, its writer has closed it.
    """

    settle_s: float
    clock: Callable[[], float] = time.time
    open_for_writing: set[Path] = field(default_factory=set)
    _seen: dict[Path, tuple[int, int, float]] = field(default_factory=dict)

    def look(self, paths: list[Path]) -> Look:
        """Glance at ``paths``; a file that vanished meanwhile is neither settled nor unsettled."""
        now, settled, unsettled = self.clock(), set(), set()
        for path in paths:
            try:
                state = path.stat()
            except FileNotFoundError:
                continue
            size, changed_ns = state.st_size, state.st_mtime_ns
            before = self._seen.get(path)
            if before is None:  # at rest since its last change, for all we know
                since = min(now, changed_ns / 1e9)
            else:
                since = before[2] if before[:2] == (size, changed_ns) else now
            self._seen[path] = (size, changed_ns, since)
            if path in self.open_for_writing or now - since < self.settle_s:
                unsettled.add(path)
            else:
                settled.add((path, size, changed_ns))
        return Look(frozenset(settled), frozenset(unsettled))


def watch(
    mapping: Mapping,
    folder: Path,
    load: Callable[[frozenset[Path]], None],
    stop: threading.Event,
    settle_s: float = 2.0,
    waiting: Callable[[str], None] | None = None,
) -> int:
    """Call ``load(files to leave out)`` whenever the settled files of a source change, until ``stop`` is set.

    Returns the number of loads. Errors of a load are the caller's; a source that is not complete yet (an input without
    a settled file) is told to ``waiting`` and tried again with the next change.
    """
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    settling, changed, loads = Settling(settle_s), threading.Event(), 0

    class Ears(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            path = Path(os.fsdecode(event.src_path))
            if event.event_type == "modified" and not event.is_directory:
                settling.open_for_writing.add(path)
            elif event.event_type in ("closed", "moved", "deleted"):
                settling.open_for_writing.discard(path)
            changed.set()

    observer = Observer()
    observer.schedule(Ears(), str(folder.resolve()), recursive=True)
    observer.start()
    try:
        loaded: frozenset[tuple[Path, int, int]] = frozenset()
        told = ""
        while not stop.is_set():
            look = settling.look(_files(mapping, folder))
            if look.settled != loaded or (not loads and not told):
                missing = _missing(mapping, folder, look.unsettled)
                if missing is None:
                    load(look.unsettled)
                    loads += 1
                    loaded, told = look.settled, ""
                elif waiting and missing != told:
                    waiting(missing)
                    told = missing
            changed.wait(LOOK_S)
            changed.clear()
    finally:
        observer.stop()
        observer.join()
    return loads


def _files(mapping: Mapping, folder: Path) -> list[Path]:
    found: set[Path] = set()
    for name in mapping.inputs:
        try:
            found.update(input_files(mapping, name, folder))
        except InputError:
            continue  # nothing there yet, or what the load itself will refuse
    return sorted(found)


def _missing(mapping: Mapping, folder: Path, unsettled: frozenset[Path]) -> str | None:
    """The input that has no settled file yet, in words."""
    for name in mapping.inputs:
        try:
            input_files(mapping, name, folder, leave_out=unsettled)
        except InputError as error:
            return str(error)
    return None
