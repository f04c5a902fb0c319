"""Arms and worlds in parallel, each result a file: a run that dies anywhere goes on where it was.

A result belongs to its configuration: the hash of the settings, the registration and the code that decides. Files of
another configuration are never read. The calling process alone writes, so that workers need no common disk.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.errors import InputError
from simulation.experiment.arms import Arm
from simulation.experiment.registration import code_digest
from simulation.experiment.settings import Settings

Result = dict[str, Any]
RETRIES = 2
"""Times that a world is begun again elsewhere when its worker dies."""


@dataclass(frozen=True)
class Job:
    """One arm in one world under one setting."""

    arm: Arm
    seed: int
    settings: Settings

    def key(self, registration: str) -> str:
        """Hash of everything that decides what comes out, but the number of worlds."""
        plain = {**self.settings.as_dict(), "seeds": None}
        text = json.dumps([plain, registration, code_digest()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def path(self, folder: Path, registration: str) -> Path:
        """Where its result is kept."""
        return folder / self.key(registration) / f"world-{self.seed:03d}" / f"{self.arm.name}.json"


def read_result(job: Job, folder: Path, registration: str) -> Result | None:
    """A kept result; None where there is none, or a file that was not written to its end."""
    try:
        found: Result = json.loads(job.path(folder, registration).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    days = [len(values) for values in found.get("sums", {}).values()]
    whole = bool(days) and set(days) == {job.settings.days} and found.get("seed") == job.seed
    return found if whole else None


def write_result(job: Job, folder: Path, registration: str, result: Result) -> None:
    """Put a result in place whole."""
    path = job.path(folder, registration)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.part")
    draft.write_text(json.dumps(result), encoding="utf-8")
    draft.replace(path)


def run_job(arm: Arm, seed: int, settings: Settings) -> Result:
    """What a worker does; with the processor seconds that it took."""
    from simulation.experiment.worlds import run_arm

    began = time.process_time()
    try:
        result = run_arm(arm, seed, settings)
    except Exception as error:
        error.add_note(f"in world {seed}, arm {arm.name}")
        raise
    return {**result, "cpu_s": round(time.process_time() - began, 3)}


def has_ray() -> bool:
    """Whether the extra is installed."""
    return importlib.util.find_spec("ray") is not None


def run_all(
    jobs: Sequence[Job],
    folder: Path,
    registration: str,
    *,
    workers: int,
    ray_address: str | None = None,
    progress: Callable[[Job, int, int, bool], object] = lambda *_: None,
    say: Callable[[str], object] = lambda _: None,
) -> list[Result]:
    """Results of all jobs in their order: kept ones are read, the others are run and kept.

    Args:
        workers: processes of the local cluster or pool; 1: in this process.
        ray_address: a Ray cluster (``auto``, ``ray://host:10001``); None: a local one where Ray is installed and more
            than one worker is wanted; ``off``: a pool of processes.
        progress: told job, number done, number of all, and whether it was kept from before.

    Raises:
        InputError: a cluster was named and Ray is not installed, or it cannot be reached.
    """
    found: dict[int, Result] = {}
    for number, job in enumerate(jobs):
        kept = read_result(job, folder, registration)
        if kept is not None:
            found[number] = kept
            progress(job, len(found), len(jobs), True)
    left = [number for number in range(len(jobs)) if number not in found]
    # worlds one after another: a worker keeps the burn-in of the world it was in
    left.sort(key=lambda number: (jobs[number].settings.as_dict().__repr__(), jobs[number].seed, number))
    if left:
        with _pool(workers, ray_address, say) as answers:
            for number, result in answers([jobs[one] for one in left]):
                job = jobs[left[number]]
                write_result(job, folder, registration, result)
                found[left[number]] = result
                progress(job, len(found), len(jobs), False)
    return [found[number] for number in range(len(jobs))]


Answers = Callable[[Sequence[Job]], Iterator[tuple[int, Result]]]


@contextmanager
def _pool(workers: int, ray_address: str | None, say: Callable[[str], object]) -> Iterator[Answers]:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if ray_address not in (None, "off"):
        if not has_ray():
            raise InputError("--ray names a cluster, but Ray is not installed: pip install 'fivefold[scale]'")
        with _ray(workers, ray_address, say) as answers:
            yield answers
    elif workers == 1:
        say("one process")
        yield _here
    elif ray_address is None and has_ray():
        with _ray(workers, None, say) as answers:
            yield answers
    else:
        why = "" if ray_address == "off" else " (Ray is not installed: pip install 'fivefold[scale]')"
        say(f"a pool of {workers} processes{why}")
        yield lambda jobs: _processes(jobs, workers)


def _here(jobs: Sequence[Job]) -> Iterator[tuple[int, Result]]:
    for number, job in enumerate(jobs):
        yield number, run_job(job.arm, job.seed, job.settings)


def _processes(jobs: Sequence[Job], workers: int) -> Iterator[tuple[int, Result]]:
    """A pool of fresh processes; one that dies takes its pool with it, and what was under way is begun again."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool

    left, tries = dict(enumerate(jobs)), 0
    while left:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            running = {pool.submit(run_job, job.arm, job.seed, job.settings): number for number, job in left.items()}
            try:
                for one in as_completed(running):
                    result = one.result()
                    del left[running[one]]
                    yield running[one], result
            except BrokenProcessPool:
                tries += 1
                if tries > RETRIES:
                    raise
            except BaseException:
                # interrupted: what has not begun is not begun any more
                pool.shutdown(wait=False, cancel_futures=True)
                raise


@contextmanager
def _ray(workers: int, address: str | None, say: Callable[[str], object]) -> Iterator[Answers]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    more: dict[str, Any] = {"runtime_env": {"env_vars": {"OMP_NUM_THREADS": "1"}}, "log_to_driver": False}
    if address is None:
        more |= {"num_cpus": workers, "include_dashboard": False}
    try:
        ray.init(address=address, logging_level=logging.ERROR, **more)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(f"the Ray cluster {address or 'on this machine'} cannot be reached: {error}") from error
    resources: dict[str, float] = ray.cluster_resources()
    cores = max(1, int(resources.get("CPU", 1)))
    say(f"Ray {ray.__version__}, {cores} cores" + (f" at {address}" if address else " on this machine"))
    remote = ray.remote(num_cpus=1, max_retries=RETRIES)(run_job)

    def answers(jobs: Sequence[Job]) -> Iterator[tuple[int, Result]]:
        running: dict[Any, int] = {}
        waiting = iter(enumerate(jobs))
        while True:
            while len(running) < 2 * cores and (job := next(waiting, None)) is not None:
                number, one = job
                running[remote.remote(one.arm, one.seed, one.settings)] = number
            if not running:
                return
            done, _ = ray.wait(list(running), num_returns=1)
            for reference in done:
                yield running.pop(reference), ray.get(reference)

    try:
        yield answers
    finally:
        ray.shutdown()
