"""Days of the twin as files in a landing folder, as a company's systems would drop them; truth in a folder apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from domain.errors import InputError
from simulation.city import City
from simulation.oracle import DayScore, OracleShare, day_score, share_of_oracle
from simulation.reference import Tables
from simulation.schema import Scenario


def write_tables(folder: Path, name: str, tables: Tables) -> None:
    """One Parquet file a table: ``<folder>/<table>/<name>.parquet``, each put in place whole."""
    for table, frame in tables.items():
        place = folder / table / f"{name}.parquet"
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_suffix(".part")
        _plain_texts(frame).to_parquet(draft, index=False)
        draft.replace(place)


def _plain_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns that hold only None become text, so that every file of a table has the same types."""
    empty = [name for name in frame.columns if frame[name].isna().all()]
    return frame.astype(dict.fromkeys(empty, "string")) if empty else frame


def write_landing(
    city: City, folder: Path, first_date: date, days: int, progress: Callable[[date], None] | None = None
) -> None:
    """Reference data and ``days`` of history, starting at ``first_date``."""
    write_tables(folder, "reference", city.reference(first_date))
    for day, tables in city.history(first_date, days):
        write_tables(folder, day.isoformat(), tables)
        if progress:
            progress(day)


@dataclass(frozen=True)
class Simulated:
    """What one simulated day came to; money in minor units. ``oracle`` only where truth is kept."""

    day: date
    orders: int
    events: int
    invoiced_minor: int
    score: DayScore
    oracle: OracleShare | None


def simulate(
    scenario: Scenario,
    first_date: date,
    days: int,
    out: Path,
    truth: Path | None = None,
    jobs: int = 1,
    positions_s: int | None = None,
) -> Iterator[Simulated]:
    """Play ``days`` as the city's own dispatcher runs them, into ``out``; yields each day when its files are in place.

    Every day is independent of the others, so ``jobs`` processes write the same files to the bit. Begun again after a
    crash it writes the same files again. With ``positions_s`` events hold where vans were, every so many seconds.

    Raises:
        InputError: no days, no jobs, or ``truth`` would lie inside ``out`` (or the other way round).
    """
    if days < 1 or jobs < 1:
        raise InputError(f"simulate: days and jobs must be at least 1, are {days} and {jobs}")
    if truth is not None:
        here, apart = out.resolve(), truth.resolve()
        if here == apart or here in apart.parents or apart in here.parents:
            raise InputError(f"simulate: the truth folder {truth} must be apart from {out}")
        truth.mkdir(parents=True, exist_ok=True)
        truth.chmod(0o700)
    write_tables(out, "reference", City(scenario).reference(first_date))
    dates = [first_date + timedelta(days=number) for number in range(days)]
    if jobs == 1:
        city = City(scenario)
        yield from (_one_day(city, out, truth, positions_s, day) for day in dates)
        return
    with get_context("spawn").Pool(jobs, _begin, (scenario,)) as pool:
        yield from pool.imap(
            partial(_in_process, out, truth, positions_s), dates, chunksize=max(1, min(8, days // (4 * jobs)))
        )


_own: dict[str, City] = {}


def _begin(scenario: Scenario) -> None:
    _own["city"] = City(scenario)


def _in_process(out: Path, truth: Path | None, positions_s: int | None, day: date) -> Simulated:
    return _one_day(_own["city"], out, truth, positions_s, day)


def _one_day(city: City, out: Path, truth: Path | None, positions_s: int | None, day: date) -> Simulated:
    played = city.play_day(day, city.baseline_plan(day))
    city.world.conditions.clear()
    events = played.events
    if positions_s is not None:
        events = pd.concat([events, played.positions(positions_s)]).sort_values("ingest_time", kind="stable")
    tables = {**city.day_before(day), "delivery_events": events, "invoices": played.invoices}
    write_tables(out, day.isoformat(), tables)
    oracle = None
    if truth is not None:
        played.truth.write(truth, day.isoformat())
        oracle = share_of_oracle(played.truth.frames["orders"])
    invoiced = int(played.invoices["amount_minor"].sum())
    return Simulated(day, len(tables["orders"]), len(events), invoiced, day_score(played), oracle)
