"""``fivefold bench routing``: our cost on public instance sets, beside PyVRP alone at the same wall time.

PyVRP gets one seed a core and the best counts; we get the same cores and the same seconds. Every solution of ours is
checked by ``benchmarks.routing_check``, which reads the instance file itself and shares no code with the solver.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

from benchmarks.li_lim_best import BEST
from benchmarks.measure import make_machine_code
from orchestration.cli.options import fivefold_command

SETS = {
    "solomon": ("solomon",),
    "homberger": ("homberger_200", "homberger_400", "homberger_600", "homberger_800"),
    "vrptw": ("vrptw",),
    "mdvrptw": ("mdvrptw",),
    "hfvrp": ("hfvrp",),
    "sdvrptw": ("sdvrptw",),
    "pcvrptw": ("pcvrptw",),
    "mtvrptwr": ("mtvrptwr",),
    "ortec": ("ortec",),
    "pdptw": ("pdptw_li_lim",),
    "lyon": ("tdvrptw_lyon",),
}
"""Set -> folders it has in a collection; ``--instances`` may point to the collection or to one folder."""
PATIENCE_S = 8.0
"""How much longer than its limit the peer may take before it is killed and counted as hung."""
HUNDRED_THOUSAND = 100_000
"""Some best known costs of the HFVRP set are published divided by this."""


def instance_files(folder: Path, name: str) -> list[Path]:
    """Instance files of a set, sorted by name."""
    folders = [folder / one for one in SETS.get(name, (name,)) if (folder / one).is_dir()] or [folder]
    found = [
        path
        for one in folders
        for path in one.rglob("*")
        if re.search(r"(\.vrp|\.txt|\.txt\.gz|\.vrp\.json)$", path.name) and "README" not in path.name
    ]
    return sorted(found)


def spread(files: list[Path], limit: int | None) -> list[Path]:
    """``limit`` files spread evenly over ``files``."""
    if limit is None or limit >= len(files):
        return files
    return [files[round(n * (len(files) - 1) / max(1, limit - 1))] for n in range(limit)]


def best_known(path: Path, scale: int) -> float | None:
    """Best known cost in our integer unit, from the ``.sol`` beside it or the lists of its folder."""
    stem = re.sub(r"(\.vrp\.json|\.txt\.gz|\.vrp|\.txt)$", "", path.name)
    bks = path.with_name(f"{stem}.bks.Duration.json")
    if bks.exists():
        return float(json.loads(bks.read_text())["cost"])
    found: list[float] = []
    solution = path.with_name(f"{stem}.sol")
    if solution.exists() and (match := re.search(r"Cost:?\s+([\d.]+)", solution.read_text())):
        found.append(float(match[1]))
    for folder in (path.parent, path.parent.parent):
        table = folder / "homberger_reference_costs.csv"
        if not found and table.exists():
            found += [float(row[2]) for row in csv.reader(table.open()) if len(row) > 2 and row[1] == stem]
    competition = path.parent / "best_competition_costs.csv"
    if competition.exists():
        for row in csv.DictReader(competition.open()):
            if row["variant"] == "static" and row["instance"].split(".")[0] == stem:
                found.append(float(row["best_cost"]))
    return min(found) * scale if found else None


def run_peer(path: Path, seconds: float, seed: int, cores: int, clock: str) -> dict[str, Any]:
    """PyVRP with one seed a core at once; the cheapest feasible answer."""
    command = [sys.executable, "-m", "benchmarks.routing_peer", str(path), str(seconds)]
    running = [
        subprocess.Popen([*command, str(seed + n), clock], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for n in range(cores)
    ]
    answers, hung = [], 0
    patience = PATIENCE_S if clock == "wall" else 20 * seconds
    deadline = time.monotonic() + seconds + patience + path.stat().st_size / 1e6
    for process in running:
        try:
            out, _ = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
            answers.append(json.loads(out))
        except (subprocess.TimeoutExpired, ValueError):
            process.kill()
            process.communicate()
            hung += 1
    feasible = [one for one in answers if one["feasible"]]
    best = min(feasible, key=lambda one: one["cost"], default=None)
    return {"best": best, "hung": hung}


@fivefold_command(
    "Solve instances of a public set, check every solution from its file alone, and compare with PyVRP and the best "
    "known. Sets: " + ", ".join(SETS) + ".",
    example="fivefold bench routing --set vrptw --seconds 60 --instances data/vrp --limit 6 --peer pyvrp --json",
)
def command(
    set_name: str,
    seconds: float,
    instances: Path,
    limit: int | None,
    only: str | None,
    peer: str,
    seed: int,
    cores: int | None,
    keep: Path | None,
    clock: str,
    home: Path,
) -> Any:
    from domain.errors import InputError

    files = instance_files(instances, set_name)
    if only:
        files = [path for path in files if re.search(only, path.name)]
    if not files:
        raise InputError(f"{instances} holds no instance files of the set {set_name!r}")
    count = cores or os.cpu_count() or 1
    make_machine_code()
    rows = []
    for path in spread(files, limit):
        row = _measured(path, seconds, seed, count, peer, keep, clock)
        rows.append(row)
        click.echo(_line(row), err=True)
    result = {
        "set": set_name,
        "seconds": seconds,
        "cores": count,
        "seed": seed,
        "peer": peer,
        "clock": clock,
    } | _summary(rows)

    def show() -> None:
        for key, value in result.items():
            if key != "instances":
                click.echo(f"{key:>22}  {value}")

    return result, show


def _measured(
    path: Path, seconds: float, seed: int, cores: int, peer: str, keep: Path | None, clock: str
) -> dict[str, Any]:
    from benchmarks.routing_check import check
    from solvers.formats import read
    from solvers.planner import SolveSettings, plan

    instance = read(path)
    started = time.monotonic()
    found = plan(
        instance.problem,
        SolveSettings(seconds=seconds, seed=seed, workers=cores, clock=clock),
        initial=instance.initial,
    )
    wall_s = time.monotonic() - started
    text = instance.text(found)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        instance.write(found, keep / f"{instance.name}{instance.suffix}")
    checked = check(path, text)
    stated = instance.cost(found)
    unit = 1 if instance.dialect in {"li_lim", "mamut"} else instance.scale
    ours = checked.cost
    if not checked.broken and abs(stated * unit - ours) > max(1.0, 1e-6 * ours):
        checked.broken.append(f"the file says it costs {stated}, it costs {ours / unit}")
    known = best_known(path, unit)
    literature = BEST.get(path.name.split(".")[0].lower()) if instance.dialect == "li_lim" else None
    if known is None and literature is not None:
        known = literature[1] * unit
    if known is not None and known * 1_000 < ours:
        known *= HUNDRED_THOUSAND
    row: dict[str, Any] = {
        "instance": instance.name,
        "orders": len(instance.problem.orders),
        "cost": ours / unit,
        "wall_s": round(wall_s, 2),
        "vehicles": checked.vehicles,
        "unserved": checked.left,
        "engine": found.engine,
        "checked": not checked.broken,
        "broken": checked.broken[:5],
        "best_known": None if known is None else known / unit,
        "gap_percent": None if known is None else round(100 * (ours / known - 1), 3),
    }
    if literature is not None:
        # vehicles count first: a distance with more of them says little
        row |= {"best_known_vehicles": literature[0], "vehicles_above": checked.vehicles - literature[0]}
    if peer == "pyvrp" and instance.dialect != "mamut":
        other = run_peer(path, seconds, seed, cores, clock)
        best = other["best"]
        cost = None if best is None else float(best["distance"] if instance.dialect == "li_lim" else best["cost"])
        if cost is not None and instance.dialect == "li_lim":
            cost /= instance.scale
            row["peer_vehicles"] = best["routes"]
        row |= {
            "peer_cost": None if cost is None else cost / unit,
            "peer_hung": other["hung"],
            "peer_gap_percent": None if known is None or cost is None else round(100 * (cost / known - 1), 3),
            "against_peer_percent": None if cost is None else round(100 * (ours / cost - 1), 3),
        }
    return row


def _mean(rows: list[dict[str, Any]], key: str) -> float | None:
    values = [row[key] for row in rows if row.get(key) is not None]
    return round(sum(values) / len(values), 4) if values else None


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    both = [row for row in rows if row.get("gap_percent") is not None and row.get("peer_gap_percent") is not None]
    ours, theirs = _mean(both, "gap_percent"), _mean(both, "peer_gap_percent")
    return {
        "count": len(rows),
        "all_checked": all(row["checked"] for row in rows),
        "mean_gap_percent": _mean(rows, "gap_percent"),
        "mean_peer_gap_percent": _mean(rows, "peer_gap_percent"),
        "gap_ratio": round(ours / theirs, 3) if ours is not None and theirs else None,
        "mean_against_peer_percent": _mean(rows, "against_peer_percent"),
        "best_known_reached": sum(row["gap_percent"] is not None and row["gap_percent"] <= 0 for row in rows),
        "longest_wall_s": max(row["wall_s"] for row in rows),
        "peer_hung": sum(row.get("peer_hung", 0) for row in rows),
        "unserved": sum(row["unserved"] for row in rows),
        "vehicles_above": sum(row.get("vehicles_above", 0) for row in rows),
        "instances": rows,
    }


def _line(row: dict[str, Any]) -> str:
    parts = [f"{row['instance'][:40]:<40} {row['cost']:>14.1f}  gap {row['gap_percent']} %  {row['wall_s']} s"]
    if "vehicles_above" in row:
        parts.append(f"  {row['vehicles']} vehicles ({row['vehicles_above']:+d})")
    if "peer_cost" in row:
        parts.append(f"  pyvrp gap {row['peer_gap_percent']} %  ours against it {row['against_peer_percent']} %")
    if not row["checked"]:
        parts.append(f"  BROKEN: {row['broken'][0]}")
    return "".join(parts)


command = click.option("--set", "set_name", required=True, help="Name of the set.")(command)
command = click.option("--seconds", default=10.0, show_default=True, help="Wall time for each instance.")(command)
command = click.option(
    "--instances",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    required=True,
    help="Folder of the set, or of the collection that has it.",
)(command)
command = click.option("--limit", type=int, default=None, help="At most so many instances, spread over the set.")(
    command
)
command = click.option("--only", default=None, help="Regular expression that instance names must match.")(command)
command = click.option("--peer", type=click.Choice(["pyvrp", "none"]), default="pyvrp", show_default=True)(command)
command = click.option(
    "--clock",
    type=click.Choice(["wall", "cpu"]),
    default="wall",
    show_default=True,
    help="cpu: seconds are processor seconds of each process, ours and the peer's, for a busy machine.",
)(command)
command = click.option("--seed", default=1, show_default=True, help="Seed of ours; PyVRP's first seed.")(command)
command = click.option("--cores", type=int, default=None, help="Processes of each side.  [default: all]")(command)
command = click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), default=None, help="Keep solutions."
)(command)
