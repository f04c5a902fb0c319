"""``fivefold bench pickups``: Huawei's dynamic pickup-and-delivery days, decided again every ten minutes.

Every day is played by the search and by a greedy dispatcher in the same run; ``benchmarks.pickup_days`` referees,
``benchmarks.pickup_check`` goes through the log again with nothing but the day's files.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.pickup_check import check
from benchmarks.pickup_days import APPROACH_S, QUARTER_S, STEP_S, PickupDay, Play, read_day, score
from domain.errors import InputError
from orchestration.cli.options import fivefold_command
from solvers.pickups import Dispatcher, Greedy, Moment, Pieces, Prices, Roads, Searching, Vehicles


def moment_of(play: Play) -> Moment:
    """The day as it stands, in the solver's own types."""
    numbers = play.open_pieces()
    orders = [play.order_of(n) for n in numbers]
    sizes = np.array([play.pieces[n].size for n in numbers], dtype=np.int64)

    def column(values: list[int]) -> Any:
        return np.array(values, dtype=np.int64)

    pieces = Pieces(
        column(numbers),
        column([one.pick for one in orders]),
        column([one.drop for one in orders]),
        sizes,
        QUARTER_S * sizes,
        QUARTER_S * sizes,
        column([one.due_s for one in orders]),
    )
    vans = play.vans
    vehicles = Vehicles(
        column([one.plan[0].place if one.bound else one.place for one in vans]),
        column([one.plan[0].arrive_s if one.bound else max(one.ready_s, play.now_s) for one in vans]),
        np.array([one.bound for one in vans]),
        column(list(play.day.capacity)),
        tuple(tuple(one.aboard) for one in vans),
    )
    return Moment(play.now_s, STEP_S, pieces, vehicles)


def played(day: PickupDay, dispatcher: Dispatcher) -> dict[str, Any]:
    """The day by a dispatcher: late hours, kilometres, score, and what deciding took."""
    play, longest, begun = Play(day), 0.0, time.process_time()
    for _ in play.moments():
        asked = time.monotonic()
        play.instruct(dispatcher.decide(moment_of(play)))
        longest = max(longest, time.monotonic() - asked)
    broken = check(day, play.visits)
    late_s, driven_m = play.late_s(), play.driven_m()
    waits = [one.begin_s - one.arrive_s for own in play.visits for one in own]
    return {
        "late_h": round(late_s / 3_600, 2),
        "km": round(driven_m / 1_000, 1),
        "score": round(score(late_s, driven_m, len(day.capacity)), 1),
        "visits": len(waits),
        "queued_h": round(sum(waits) / 3_600, 1),
        "broken": broken,
        "lost": len(play.pieces) - len(play.delivered),
        "longest_s": round(longest, 2),
        "processor_s": round(time.process_time() - begun, 1),
    }


def prices_of(day: PickupDay) -> Prices:
    """The score in metres of driving."""
    return Prices(late_s=len(day.capacity) * 10_000 / 3_600 * 1_000)


def dispatchers(day: PickupDay, iterations: int, seconds: float) -> dict[str, Callable[[], Dispatcher]]:
    """The arms of one day."""
    roads, prices = Roads(day.seconds, day.metres, APPROACH_S), prices_of(day)
    return {
        "search": lambda: Searching(roads, prices, iterations=iterations, seconds=seconds),
        "greedy": lambda: Greedy(roads, prices),
    }


def folders(root: Path, days: list[str], largest: int, limit: int | None) -> list[Path]:
    """Day folders, the smallest first."""
    if not root.is_dir():
        raise InputError(f"the folder {root} does not exist; point to it with --instances DIR")
    found = sorted(
        (one for one in root.iterdir() if one.is_dir() and one.name.startswith("instance_")),
        key=lambda one: (len(one.name), one.name),
    )
    if days:
        by_name = {one.name.removeprefix("instance_"): one for one in found}
        if missing := [one for one in days if one not in by_name]:
            raise InputError(f"--days {missing[0]}: there is no {root / ('instance_' + missing[0])}")
        found = [by_name[one] for one in days]
    else:
        found = [one for one in found if _orders_in(one) <= largest]
    if not found:
        raise InputError(f"{root}: no day there (instance_*/ of the DPDP set)")
    return found[:limit]


def _orders_in(folder: Path) -> int:
    name = next((one.stem for one in folder.glob("*.csv") if not one.name.startswith("vehicle")), "0_0")
    count = name.split("_")[0]
    return int(count) if count.isdigit() else 0


@click.option("--instances", "root", type=click.Path(path_type=Path), required=True, help="Folder of the days.")
@click.option("--days", default="", help="Numbers of days, comma-separated.  [default: all up to --largest]")
@click.option("--largest", type=click.IntRange(1), default=1_000, show_default=True, help="Orders of the largest day.")
@click.option("--limit", type=click.IntRange(1), default=None, help="Use the first days only.")
@click.option("--iterations", type=click.IntRange(0), default=200, show_default=True, help="Of search, a decision.")
@click.option(
    "--epoch-seconds", type=click.FloatRange(0.01), default=5.0, show_default=True, help="At most, a decision."
)
@fivefold_command(
    "Pickups and deliveries that appear through the day (stacks, docks, split orders): late hours and kilometres "
    "beside a greedy dispatcher, on Huawei's real days.",
    example="fivefold bench pickups --instances ../shared/data/dpdp_huawei --limit 4 --json",
)
def command(
    home: Path, root: Path, days: str, largest: int, limit: int | None, iterations: int, epoch_seconds: float
) -> Any:
    rows = []
    for folder in folders(root, [one for one in days.split(",") if one], largest, limit):
        day = read_day(folder)
        row: dict[str, Any] = {"day": day.name, "orders": len(day.orders), "vehicles": len(day.capacity)}
        for name, make in dispatchers(day, iterations, epoch_seconds).items():
            row[name] = played(day, make())
        rows.append(row)
        click.echo(_line(row), err=True)
    result = {
        **{
            f"{arm}_{figure}": round(float(np.mean([row[arm][figure] for row in rows])), 2)
            for arm in ("search", "greedy")
            for figure in ("score", "late_h", "km")
        },
        "lost": sum(row[arm]["lost"] for row in rows for arm in ("search", "greedy")),
        "broken": [text for row in rows for arm in ("search", "greedy") for text in row[arm]["broken"]],
        "longest_s": max(row["search"]["longest_s"] for row in rows),
        "days": rows,
    }

    def show() -> None:
        for key, value in result.items():
            if key != "days":
                click.echo(f"{key:>16}  {value}")

    return result, show


def _line(row: dict[str, Any]) -> str:
    arms = (
        f"{name} {one['late_h']} h late, {one['km']:.0f} km, score {one['score']:.0f}, {one['processor_s']:.0f} CPU s"
        for name, one in ((name, row[name]) for name in ("search", "greedy"))
    )
    return f"{row['day']}: {'; '.join(arms)}"
