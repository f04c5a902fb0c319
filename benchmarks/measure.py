"""Measure a command as a person meets it: wall time, CPU time and peak memory of all its processes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_S = 0.2
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Measured:
    """``peak_mb``: resident memory of the process and all its descendants together, shared pages counted once each."""

    returncode: int
    stdout: str
    stderr: str
    wall_s: float
    cpu_s: float
    peak_mb: float


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        found.setdefault(parent, []).append(int(entry.name))
    return found


def tree_mb(root: int) -> float:
    """Resident memory of a process and its descendants; shared pages count in the first only."""
    children, waiting, total, first = _children(), [root], 0, True
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        try:
            fields = Path(f"/proc/{pid}/statm").read_text().split()
        except OSError:
            continue
        resident, shared = int(fields[1]), int(fields[2])
        total += resident if first else resident - shared
        first = False
    return total * PAGE_BYTES / 1e6


def processor_s(pid: int) -> float:
    """User and system seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(command: Sequence[str], environment: dict[str, str] | None = None, cwd: Path | None = None) -> Measured:
    """Run ``command`` to its end (Linux: memory is read from /proc)."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_S):
            peak[0] = max(peak[0], tree_mb(process.pid))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    out, err = process.communicate()
    done.set()
    watcher.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(process.returncode, out, err, time.perf_counter() - started, cpu, peak[0])


def make_machine_code() -> None:
    """Make the compiled engine's machine code where it is not kept yet: once an install, so no part of a search."""
    subprocess.run([sys.executable, "-m", "solvers.engines.compiled"], check=True)
