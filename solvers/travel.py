"""Travel between places: great circles made into roads by what is known of them.

Distance = haversine x circuity, duration = distance / speed, both by bands of great-circle distance and fitted on
observed trips (the medians of each band, so that a few wrong rows change nothing).
"""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException

import numpy as np
import numpy.typing as npt

from domain.errors import PlanningError
from solvers.problem import Travel

EARTH_RADIUS_M = 6_371_008.8
BANDS_M = np.array([0, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000])
DEFAULT_CIRCUITY = 1.35
DEFAULT_SPEEDS_KMH = np.array([19, 24, 28, 34, 44, 55, 58, 60.0])
"""Speeds by band where nothing is observed: Amazon's Austin legs and Bosnian depot legs, medians."""
ROWS = 256
"""Rows of a matrix that are made at once."""
FEWEST = 20
"""Trips a band needs to be fitted on its own."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TravelModel:
    """Circuity and speed (metres a second) by band of great-circle distance."""

    circuity: tuple[float, ...]
    speed_ms: tuple[float, ...]
    observations: int

    def matrices(self, lat: Floats, lon: Floats) -> Travel:
        """Square matrices between all places: integer metres and seconds, zero on the diagonal.

        Rows are made in blocks: 10,000 places need the two matrices themselves (1.6 GB) and little more.
        """
        size = len(lat)
        metres, seconds = np.empty((size, size), dtype=np.int64), np.empty((size, size), dtype=np.int64)
        for first in range(0, size, ROWS):
            rows = slice(first, first + ROWS)
            straight = haversine_m(lat[rows, None], lon[rows, None], lat[None, :], lon[None, :])
            # interpolate between the middles of bands: no jump where a band ends, so longer is never quicker
            distance = straight * np.interp(straight, _middles(), self.circuity)
            metres[rows] = np.rint(distance)
            seconds[rows] = np.rint(distance / np.interp(straight, _middles(), self.speed_ms))
        np.fill_diagonal(metres, 0)
        np.fill_diagonal(seconds, 0)
        return Travel(metres, seconds)

    def leg(self, straight_m: Floats) -> tuple[Floats, Floats]:
        """Road metres and seconds of trips of such great-circle lengths; as in ``matrices``, not rounded."""
        distance = straight_m * np.interp(straight_m, _middles(), self.circuity)
        return distance, np.asarray(distance / np.interp(straight_m, _middles(), self.speed_ms))


def _middles() -> Floats:
    edges = np.append(BANDS_M, 100_000).astype(np.float64)
    return np.asarray((edges[:-1] + edges[1:]) / 2)


def haversine_m(lat1: Floats, lon1: Floats, lat2: Floats, lon2: Floats) -> Floats:
    """Great-circle distance in metres between places in degrees; arrays are broadcast."""
    phi1, phi2 = np.radians(lat1), np.radians(lat2)
    a = (
        np.sin((phi2 - phi1) / 2) ** 2
        + np.cos(phi1) * np.cos(phi2) * np.sin(np.radians(np.subtract(lon2, lon1)) / 2) ** 2
    )
    return np.asarray(2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(a, 0, 1))))


def fit_travel(
    from_lat: Floats, from_lon: Floats, to_lat: Floats, to_lon: Floats, distance_m: Floats, duration_s: Floats
) -> TravelModel:
    """Fit bands on observed trips; NaN and zero rows are left out, thin bands lean on all trips or the defaults."""
    straight = haversine_m(from_lat, from_lon, to_lat, to_lon)
    has_road = np.isfinite(distance_m) & (distance_m > 0) & (straight > 100)
    has_speed = has_road & np.isfinite(duration_s) & (duration_s > 0)
    overall = float(np.median(distance_m[has_road] / straight[has_road])) if has_road.any() else DEFAULT_CIRCUITY
    default_ms = DEFAULT_SPEEDS_KMH / 3.6
    speed = distance_m / np.where(duration_s > 0, duration_s, np.nan)
    band = np.searchsorted(BANDS_M, straight, side="right") - 1
    ratio = 1.0
    if has_speed.any():  # how this place differs from the defaults, for the bands it says nothing of
        ratio = float(np.median(speed[has_speed] / default_ms[band[has_speed]]))
    circuity, speeds = [], []
    for number in range(len(BANDS_M)):
        roads, timed = has_road & (band == number), has_speed & (band == number)
        circuity.append(float(np.median(distance_m[roads] / straight[roads])) if roads.sum() >= FEWEST else overall)
        speeds.append(float(np.median(speed[timed])) if timed.sum() >= FEWEST else float(default_ms[number] * ratio))
    return TravelModel(
        tuple(np.clip(circuity, 1.0, 3.0).tolist()), tuple(np.clip(speeds, 1.0, 40.0).tolist()), int(has_road.sum())
    )


def osrm_matrices(
    url: str, lat: Floats, lon: Floats, *, profile: str = "driving", timeout_s: float = 60.0, block: int = 50
) -> Travel:
    """Matrices from an OSRM server's table service (``url`` such as http://localhost:5000).

    ``block`` x ``block`` places are asked for at once: a server's default limit is 100 places a request.

    Raises:
        PlanningError: the server does not answer, or not with a full table.
    """
    if not url.startswith(("http://", "https://")):
        raise PlanningError(f"the OSRM address must begin with http:// or https://, is {url!r}")
    size = len(lat)
    places = [f"{x:.6f},{y:.6f}" for y, x in zip(lat, lon, strict=True)]
    metres, seconds = np.zeros((size, size), dtype=np.int64), np.zeros((size, size), dtype=np.int64)
    for first in range(0, size, block):
        for second in range(0, size, block):
            rows, columns = range(first, min(size, first + block)), range(second, min(size, second + block))
            table = _osrm_table(url, profile, [places[n] for n in rows], [places[n] for n in columns], timeout_s)
            metres[first : first + block, second : second + block] = table[0]
            seconds[first : first + block, second : second + block] = table[1]
    np.fill_diagonal(metres, 0)
    np.fill_diagonal(seconds, 0)
    return Travel(metres, seconds)


def _osrm_table(
    url: str, profile: str, rows: list[str], columns: list[str], timeout_s: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Metres and seconds from ``rows`` to ``columns``."""
    sources = ";".join(map(str, range(len(rows))))
    targets = ";".join(map(str, range(len(rows), len(rows) + len(columns))))
    query = f"annotations=distance,duration&sources={sources}&destinations={targets}"
    address = f"{url.rstrip('/')}/table/v1/{profile}/{';'.join([*rows, *columns])}?{query}"
    try:
        with urllib.request.urlopen(address, timeout=timeout_s) as answer:  # noqa: S310 - scheme checked above
            table = json.load(answer)
        metres, seconds = (np.array(table[name], dtype=float) for name in ("distances", "durations"))
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        raise PlanningError(f"OSRM at {url} gave no table: {error}") from error
    if metres.shape != (len(rows), len(columns)) or seconds.shape != metres.shape:
        raise PlanningError(f"OSRM at {url} gave a table of {metres.shape}, asked for {(len(rows), len(columns))}")
    if not (np.isfinite(metres).all() and np.isfinite(seconds).all()):
        raise PlanningError(f"OSRM at {url} knows no road between some of the places")
    return np.rint(metres).astype(np.int64), np.rint(seconds).astype(np.int64)
