"""Road networks in this process, from an OpenStreetMap extract (``.osm.pbf``): matrices by profile without a server.

Needs the extra ``osm`` (pyosmium). Quickest ways by Dijkstra's algorithm over a sparse graph (SciPy), from many places
at once; metres are those of the quickest way. Turn restrictions and barriers are not known. Speeds are those of the
road's class, or its ``maxspeed`` where that is lower, times what of it is kept in towns.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.errors import PlanningError
from solvers.problem import Travel
from solvers.travel import haversine_m

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

VERSION = 1
METRES = 2**24
"""Weights are deciseconds x METRES + metres: one exact number that is compared by time first."""
ACCESS_KMH = 10.0
"""From a place to the road network."""
FARTHEST_ACCESS_M = 2_000
BLOCK = 32
"""Places from which ways are searched at once."""

CAR_KMH = {
    "motorway": 110,
    "motorway_link": 60,
    "trunk": 90,
    "trunk_link": 50,
    "primary": 65,
    "primary_link": 40,
    "secondary": 55,
    "secondary_link": 40,
    "tertiary": 45,
    "tertiary_link": 35,
    "unclassified": 40,
    "residential": 30,
    "living_street": 12,
    "service": 15,
    "road": 30,
}
BIKE_KMH = {
    **dict.fromkeys(("primary", "secondary", "tertiary", "unclassified", "residential", "cycleway", "road"), 17),
    **dict.fromkeys(("service", "living_street", "track", "path"), 13),
    **dict.fromkeys(("pedestrian", "footway"), 6),
}


@dataclass(frozen=True, slots=True)
class Profile:
    """How a kind of vehicle uses roads: speeds by class of road, which access tags forbid it, what it keeps of them.

    ``kept`` is the share of a class's or a limit's speed that is driven in the end (lights, turns, traffic).
    """

    name: str
    speeds_kmh: Mapping[str, float]
    access: tuple[str, ...]
    kept: float = 0.75
    top_kmh: float = 200.0
    obeys_oneway: bool = True


PROFILES = {
    one.name: one
    for one in (
        Profile("car", CAR_KMH, ("access", "vehicle", "motor_vehicle", "motorcar")),
        Profile("van", CAR_KMH, ("access", "vehicle", "motor_vehicle", "goods"), kept=0.7),
        Profile("truck", CAR_KMH, ("access", "vehicle", "motor_vehicle", "hgv"), kept=0.65, top_kmh=80.0),
        Profile("bike", BIKE_KMH, ("access", "vehicle", "bicycle"), kept=0.9, top_kmh=20.0, obeys_oneway=False),
    )
}
CLOSED = {"no", "private", "military", "forestry", "agricultural"}


@dataclass(frozen=True)
class RoadNetwork:
    """A graph of roads: places of its nodes in degrees, arcs with deciseconds and metres. Every node reaches all.

    Attributes:
        start, end: nodes of each arc; ``deciseconds``, ``metres``: its weights. Arrays of equal length.
    """

    profile: str
    lat: Floats
    lon: Floats
    start: Integers
    end: Integers
    deciseconds: Integers
    metres: Integers

    @staticmethod
    def read(path: Path | str, profile: str = "van", *, cache: Path | None = None) -> RoadNetwork:
        """Read the roads that ``profile`` may use; from ``cache`` where the same file was read before.

        Raises:
            PlanningError: the file cannot be read, holds no road of the profile, or the extra ``osm`` is missing.
        """
        path = Path(path)
        if profile not in PROFILES:
            raise PlanningError(f"there is no road profile {profile!r} (there are: {', '.join(PROFILES)})")
        if not path.is_file():
            raise PlanningError(f"{path}: there is no such file")
        kept = None if cache is None else cache / f"roads-{_digest(path)}-{profile}-{VERSION}.npz"
        if kept is not None and kept.is_file():
            with np.load(kept, allow_pickle=False) as arrays:
                return RoadNetwork(profile, *(arrays[name] for name in ARRAYS))
        network = _read(path, PROFILES[profile])
        if kept is not None:
            _store(kept, {name: getattr(network, name) for name in ARRAYS})
        return network

    def matrices(self, lat: Floats, lon: Floats, *, cache: Path | None = None) -> Travel:
        """Square matrices between places in degrees: integer metres and seconds of the quickest ways.

        Raises:
            PlanningError: a place is farther than two kilometres from every road.
        """
        lat, lon = np.asarray(lat, dtype=np.float64), np.asarray(lon, dtype=np.float64)
        key = hashlib.sha256(b"".join(a.tobytes() for a in (lat, lon, *(getattr(self, n) for n in ARRAYS)))).hexdigest()
        kept = None if cache is None else cache / f"travel-{key[:32]}-{VERSION}.npz"
        if kept is not None and kept.is_file():
            with np.load(kept, allow_pickle=False) as arrays:
                return Travel(arrays["distance_m"], arrays["duration_s"])
        travel = self._matrices(lat, lon)
        if kept is not None:
            _store(kept, {"distance_m": travel.distance_m, "duration_s": travel.duration_s})
        return travel

    def _matrices(self, lat: Floats, lon: Floats) -> Travel:
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import dijkstra

        node, away_m = self._nearest(lat, lon)
        size = len(self.lat)
        weights = (self.deciseconds * METRES + self.metres).astype(np.float64)
        graph = csr_array((weights, (self.start, self.end)), shape=(size, size))
        unique, back = np.unique(node, return_inverse=True)
        found = np.empty((len(unique), len(unique)), dtype=np.float64)
        for first in range(0, len(unique), BLOCK):
            rows = dijkstra(graph, directed=True, indices=unique[first : first + BLOCK])
            found[first : first + BLOCK] = rows[:, unique]
        exact = np.rint(found).astype(np.int64)
        access_s = away_m / (ACCESS_KMH / 3.6)
        metres = (exact % METRES)[np.ix_(back, back)] + np.rint(away_m[:, None] + away_m[None, :]).astype(np.int64)
        seconds = (exact // METRES / 10)[np.ix_(back, back)] + access_s[:, None] + access_s[None, :]
        duration = np.rint(seconds).astype(np.int64)
        np.fill_diagonal(metres, 0)
        np.fill_diagonal(duration, 0)
        return Travel(metres, duration)

    def _nearest(self, lat: Floats, lon: Floats) -> tuple[Integers, Floats]:
        from scipy.spatial import cKDTree

        tree = cKDTree(_on_sphere(self.lat, self.lon))
        _, node = tree.query(_on_sphere(lat, lon))
        node = np.asarray(node, dtype=np.int64)
        away = haversine_m(lat, lon, self.lat[node], self.lon[node])
        if len(away) and float(away.max()) > FARTHEST_ACCESS_M:
            worst = int(np.argmax(away))
            raise PlanningError(
                f"place {worst} ({lat[worst]:.5f}, {lon[worst]:.5f}) is {away[worst] / 1_000:.1f} km from every road "
                f"of the extract that a {self.profile} may use"
            )
        return node, away


ARRAYS = ("lat", "lon", "start", "end", "deciseconds", "metres")


def _on_sphere(lat: Floats, lon: Floats) -> Floats:
    phi, lam = np.radians(lat), np.radians(lon)
    return np.column_stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(2**20):
            found.update(part)
    return found.hexdigest()[:24]


def _store(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write beside the name and rename it: a process that dies leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{os.getpid()}.part.npz")
    np.savez(part, **arrays)
    part.replace(path)


def _read(path: Path, profile: Profile) -> RoadNetwork:
    try:
        import osmium
    except ImportError as error:
        raise PlanningError("reading .osm.pbf needs the extra: pip install 'fivefold[osm]'") from error
    ids: list[int] = []
    places: list[tuple[float, float]] = []
    known: dict[int, int] = {}
    starts: list[int] = []
    ends: list[int] = []
    speeds: list[float] = []
    try:
        ways = osmium.FileProcessor(str(path)).with_locations().with_filter(osmium.filter.KeyFilter("highway"))
        for way in ways:
            if not way.is_way():
                continue
            forward, backward = _speeds(way.tags, profile)
            if not forward and not backward:
                continue
            last = -1
            for one in way.nodes:
                if not one.location.valid():
                    last = -1
                    continue
                here = known.get(one.ref)
                if here is None:
                    here = known[one.ref] = len(ids)
                    ids.append(one.ref)
                    places.append((one.location.lat, one.location.lon))
                if last >= 0 and last != here:
                    for start, end, speed in ((last, here, forward), (here, last, backward)):
                        if speed:
                            starts.append(start)
                            ends.append(end)
                            speeds.append(speed)
                last = here
    except RuntimeError as error:
        raise PlanningError(f"{path}: cannot be read as OpenStreetMap data ({error})") from error
    if not starts:
        raise PlanningError(f"{path}: holds no road that a {profile.name} may use")
    at = np.array(places, dtype=np.float64)
    return _connected(profile.name, at, np.array(starts), np.array(ends), np.array(speeds))


def _connected(name: str, at: Floats, start: Integers, end: Integers, kmh: Floats) -> RoadNetwork:
    """The largest part in which every node reaches every other; of parallel arcs the quickest."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    size = len(at)
    graph = csr_array((np.ones(len(start)), (start, end)), shape=(size, size))
    _, label = connected_components(graph, directed=True, connection="strong")
    main = label == np.bincount(label).argmax()
    inside = main[start] & main[end]
    start, end, kmh = start[inside], end[inside], kmh[inside]
    number = np.cumsum(main) - 1
    lat, lon = at[main, 0], at[main, 1]
    start, end = number[start], number[end]
    straight = haversine_m(lat[start], lon[start], lat[end], lon[end])
    metres = np.maximum(1, np.rint(straight)).astype(np.int64)
    deciseconds = np.maximum(1, np.rint(straight / (kmh / 3.6) * 10)).astype(np.int64)
    order = np.lexsort((metres, deciseconds, end, start))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(start[order]) != 0) | (np.diff(end[order]) != 0)
    pick = order[first]
    return RoadNetwork(name, lat, lon, start[pick], end[pick], deciseconds[pick], metres[pick])


def _speeds(tags: Any, profile: Profile) -> tuple[float, float]:
    """Kilometres an hour along a way and against it; 0: not allowed."""
    speed = profile.speeds_kmh.get(tags.get("highway", ""), 0.0)
    allowed = True
    for key in profile.access:  # from the general to the particular: the last one that is there decides
        value = tags.get(key)
        if value is not None:
            allowed = value not in CLOSED
    if not speed or not allowed or tags.get("area") == "yes":
        return 0.0, 0.0
    limit = _limit_kmh(tags.get("maxspeed", ""))
    speed = min(speed if limit is None else limit, profile.top_kmh) * profile.kept
    oneway = tags.get("oneway", "yes" if tags.get("junction") == "roundabout" else "no")
    if not profile.obeys_oneway and tags.get("junction") != "roundabout":
        oneway = "no"
    if oneway in {"yes", "true", "1"}:
        return speed, 0.0
    return (0.0, speed) if oneway in {"-1", "reverse"} else (speed, speed)


def _limit_kmh(text: str) -> float | None:
    """``50``, ``30 mph``; None for what is no number."""
    number, _, unit = text.partition(" ")
    try:
        value = float(number)
    except ValueError:
        return None
    return value * (1.609 if unit == "mph" else 1.0) if 0 < value < 300 else None
