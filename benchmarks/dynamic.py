"""``fivefold bench dynamic``: dispatch now or later, on the days of the EURO Meets NeurIPS 2022 competition.

Every day is played three times with the same solver and the same seconds an epoch: everything leaves at once (greedy),
only what must (lazy), and by sampled futures. Each answer is checked by ``benchmarks.waves``, which shares no code with
the solver.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.waves import EPOCH_S, Day, Instance, Seen, departure_s, draw, read_instance
from domain.errors import InputError
from orchestration.cli.options import fivefold_command
from solvers.waves import Conditional, OneByOne, Pool, Requests, Sampler, Wave, everything, only_must_go

REFERENCES = "best_competition_costs.csv"
Policy = Callable[[Wave, Sampler, Pool, float, int], list[list[int]]]


def greedy(wave: Wave, _: Sampler, pool: Pool, seconds: float, seed: int) -> list[list[int]]:
    """Everything leaves."""
    return everything(wave, pool, seconds, seed)


def lazy(wave: Wave, _: Sampler, pool: Pool, seconds: float, seed: int) -> list[list[int]]:
    """Only what must leave does."""
    return only_must_go(wave, pool, seconds, seed)


def wave_of(instance: Instance, seen: Seen) -> Wave:
    """The epoch as the solver's own types."""
    seen_requests = seen.requests
    requests = Requests(
        seen_requests.place,
        seen_requests.early_s,
        seen_requests.late_s,
        seen_requests.service_s,
        seen_requests.demand,
        np.zeros(len(seen_requests), dtype=np.int64),
    )
    return Wave(requests, seen.must_go, instance.capacity, seen.close_s, EPOCH_S, seen.left)


def sampler_of(instance: Instance, epoch: int) -> Sampler:
    """Futures of ``epoch``, drawn as the rules say days are drawn; the day's own generator is never touched."""
    leaving = departure_s(epoch)

    def sample(generator: np.random.Generator, ahead: int) -> Requests:
        drawn = draw(instance, generator, epoch + ahead)
        return Requests(
            drawn.place,
            np.maximum(drawn.early_s - leaving, 0),
            drawn.late_s - leaving,
            drawn.service_s,
            drawn.demand,
            np.full(len(drawn), ahead * EPOCH_S, dtype=np.int64),
        )

    return sample


def play(instance: Instance, seed: int, policy: Policy, seconds: float, pool: Pool) -> tuple[Day, float]:
    """The day by a policy, and its longest decision in seconds."""
    day, longest = Day(instance, seed), 0.0
    while not day.over:
        seen = day.see()
        begun = pool.clock()
        routes = policy(wave_of(instance, seen), sampler_of(instance, seen.epoch), pool, seconds, seed)
        longest = max(longest, pool.clock() - begun)
        day.dispatch([[int(seen.numbers[n]) for n in one] for one in routes])
    if not day.gone.all():
        raise InputError(f"{instance.name}: a request was left behind")  # the rules make this impossible
    return day, longest


def read_references(path: Path | None, folder: Path) -> dict[str, tuple[int, int]]:
    """Instance -> the seed and the best cost of the competition. Without a file beside the instances: none."""
    path = path or folder / REFERENCES
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    found: dict[str, tuple[int, int]] = {}
    for number, row in enumerate(rows, start=2):
        try:
            if row["variant"] == "dynamic":
                name = row["instance"].removesuffix(".txt")
                found[name] = (int(row["instance_seed"]), int(row["best_cost"]))
        except (KeyError, TypeError, ValueError):
            raise InputError(
                f"{path}: row {number}: needs variant, instance, instance_seed, best_cost (integers)"
            ) from None
    return found


def instance_files(folder: Path, limit: int | None) -> list[Path]:
    """The instance files of a folder by name, at most ``limit``."""
    if not folder.is_dir():
        raise InputError(f"the folder {folder} does not exist; point to it with --instances DIR")
    files = sorted(one for one in folder.iterdir() if one.name.endswith((".txt", ".txt.gz")))
    files = [one for one in files if one.name.startswith("ORTEC")] or files
    if not files:
        raise InputError(f"{folder}: no instance there (*.txt or *.txt.gz of the ORTEC set)")
    return files[:limit]


def mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 1) if values else None


def percent(value: float | None, base: float | None) -> float | None:
    """By how many per cent ``value`` exceeds ``base``."""
    return round(100 * (value / base - 1), 2) if value is not None and base else None


@click.option("--instances", "folder", type=click.Path(path_type=Path), required=True, help="Folder of instances.")
@click.option("--limit", type=click.IntRange(1), default=None, help="Use the first instances only.")
@click.option(
    "--seeds", default=None, help="Seeds of days, comma-separated.  [default: the competition's seed, else 1]"
)
@click.option("--epoch-seconds", type=click.FloatRange(0.5), default=10.0, show_default=True, help="Time a decision.")
@click.option("--references", type=click.Path(path_type=Path), default=None, help=f"[default: DIR/{REFERENCES}]")
@click.option(
    "--clock",
    type=click.Choice(["wall", "cpu"]),
    default="wall",
    show_default=True,
    help="cpu: processor seconds of two searches, one after the other, on a machine that does other things.",
)
@click.option("--no-baselines", is_flag=True, help="Leave greedy and lazy out: a third of the time.")
@fivefold_command(
    "Dispatch now or later: sampled futures beside greedy and lazy, on days drawn from real instances.",
    example="fivefold bench dynamic --instances ../shared/data/vrp/ortec --limit 2 --epoch-seconds 10 --json",
)
def command(
    home: Path,
    folder: Path,
    limit: int | None,
    seeds: str | None,
    epoch_seconds: float,
    references: Path | None,
    clock: str,
    no_baselines: bool,
) -> Any:
    files = instance_files(folder, limit)
    best = read_references(references, folder)
    try:
        chosen = [int(one) for one in seeds.split(",")] if seeds else []
    except ValueError:
        raise InputError(f"--seeds {seeds!r}: whole numbers separated by commas, such as 1,2,3") from None
    if any(one < 0 for one in chosen):
        raise InputError(f"--seeds {seeds!r}: a seed is not negative")
    rows = []
    for file in files:
        instance = read_instance(file)
        with (OneByOne if clock == "cpu" else Pool)(instance.travel_s) as pool:
            for seed in chosen or [best.get(instance.name, (1, 0))[0]]:
                reference = best[instance.name][1] if best.get(instance.name, (-1, 0))[0] == seed else None
                rows.append(_day(instance, seed, reference, epoch_seconds, pool, no_baselines))
                click.echo(_line(rows[-1]), err=True)
    result = {"clock": clock, **_summary(rows, epoch_seconds)}

    def show() -> None:
        for key, value in result.items():
            if key != "per_instance":
                click.echo(f"{key:>32}  {value}")

    return result, show


def _day(
    instance: Instance, seed: int, reference: int | None, seconds: float, pool: Pool, no_baselines: bool
) -> dict[str, Any]:
    policies: dict[str, Policy] = {"": Conditional()}
    if not no_baselines:
        policies |= {"greedy_": greedy, "lazy_": lazy}
    row: dict[str, Any] = {"instance": instance.name, "seed": seed, "reference_cost": reference}
    for prefix, policy in policies.items():
        day, longest = play(instance, seed, policy, seconds, pool)
        row |= {f"{prefix}cost": day.cost_s, f"{prefix}longest_s": round(longest, 2)}
        row |= {"requests": len(day.all), "epochs": instance.last_epoch - instance.first_epoch + 1}
    row["over_reference_percent"] = percent(row["cost"], reference)
    row["over_greedy_percent"] = percent(row["cost"], row.get("greedy_cost"))
    return row


def _summary(rows: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    def average(name: str, among: list[dict[str, Any]]) -> float | None:
        return mean([one[name] for one in among if one.get(name) is not None])

    known = [one for one in rows if one["reference_cost"] is not None]
    cost, with_reference = average("cost", rows), average("cost", known)
    return {
        "cost": cost,
        "greedy_cost": average("greedy_cost", rows),
        "lazy_cost": average("lazy_cost", rows),
        "reference_cost": average("reference_cost", known),
        "cost_where_reference": with_reference,
        "over_reference_percent": percent(with_reference, average("reference_cost", known)),
        "over_greedy_percent": percent(cost, average("greedy_cost", rows)),
        "days": len(rows),
        "days_with_reference": len(known),
        "epoch_seconds": seconds,
        "longest_s": max(one["longest_s"] for one in rows),
        "per_instance": rows,
    }


def _line(row: dict[str, Any]) -> str:
    parts = [f"{row['instance']} seed {row['seed']}: {row['cost']}"]
    if row["over_reference_percent"] is not None:
        parts.append(f"{row['over_reference_percent']:+.2f} % on the best of the competition")
    if row["over_greedy_percent"] is not None:
        parts.append(f"{row['over_greedy_percent']:+.2f} % on greedy")
    return ", ".join(parts)
