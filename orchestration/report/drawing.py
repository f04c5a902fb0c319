"""Geometry of the page: positions on the map, bars on the timeline; numbers only, no markup."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

MAP_WIDTH, MAP_HEIGHT, MARGIN = 1_000.0, 720.0, 24.0
FLEET_COLOURS = {"captive": "#0072b2", "3pl": "#d55e00", "gig": "#009e73", "locker": "#cc79a7"}
"""Okabe and Ito's palette (jfly, 2008): told apart by colour-blind eyes."""
OTHER_COLOURS = ("#56b4e9", "#e69f00", "#7a7a00", "#5b4b8a")
FLEET_DASHES = {"captive": "none", "3pl": "8 3", "gig": "2 3", "locker": "8 3 2 3"}
"""So that fleets are told apart without colour too."""
OTHER_DASH = "12 4"
METRES_PER_DEGREE = 111_195


@dataclass(frozen=True)
class Projection:
    """Latitude and longitude to points of the drawing; equirectangular about the middle latitude."""

    west: float
    north: float
    squeeze: float
    scale: float
    left: float
    top: float

    def point(self, lat: float, lon: float) -> tuple[float, float]:
        """x to the right, y down."""
        return (
            round(self.left + (lon - self.west) * self.squeeze * self.scale, 1),
            round(self.top + (self.north - lat) * self.scale, 1),
        )

    def metres(self, length: float) -> float:
        """How many metres a length of the drawing is."""
        return length / self.scale * METRES_PER_DEGREE


def projection(lats: Sequence[float], lons: Sequence[float]) -> Projection:
    """The projection that shows all points as large as the drawing allows."""
    if not lats:
        return Projection(0, 0, 1, 1, MARGIN, MARGIN)
    south, north, west, east = min(lats), max(lats), min(lons), max(lons)
    squeeze = math.cos(math.radians((south + north) / 2))
    width, height = max((east - west) * squeeze, 1e-4), max(north - south, 1e-4)
    scale = min((MAP_WIDTH - 2 * MARGIN) / width, (MAP_HEIGHT - 2 * MARGIN) / height)
    return Projection(west, north, squeeze, scale, (MAP_WIDTH - width * scale) / 2, (MAP_HEIGHT - height * scale) / 2)


def scale_bar(place: Projection) -> tuple[float, str]:
    """Length in the drawing and label of a bar of a round number of metres, about a sixth of the width."""
    metres = place.metres(MAP_WIDTH / 6)
    base = 10 ** math.floor(math.log10(max(metres, 1)))
    step = max(factor * base for factor in (1, 2, 5) if factor * base <= max(metres, 1))
    return step / METRES_PER_DEGREE * place.scale, f"{step / 1_000:g} km" if step >= 1_000 else f"{step:g} m"


@dataclass(frozen=True)
class Clock:
    """The timeline's axis: from a full hour to a full hour, in percent of its width."""

    first: float
    last: float

    def percent(self, moment: datetime) -> float:
        return round(100 * (moment.timestamp() - self.first) / max(1.0, self.last - self.first), 3)

    def hours(self, zone: object) -> list[tuple[float, str]]:
        """Position and label of the full hours, at most 14 of them."""
        count = int((self.last - self.first) // 3_600)
        step = max(1, -(-count // 13))
        marks = []
        for hour in range(0, count + 1, step):
            moment = datetime.fromtimestamp(self.first + hour * 3_600, zone)  # type: ignore[arg-type]
            marks.append((self.percent(moment), f"{moment:%H:%M}"))
        return marks


def clock(moments: Sequence[datetime]) -> Clock:
    """The axis that holds all of ``moments``."""
    if not moments:
        return Clock(0, 3_600)
    return Clock(
        math.floor(min(moments).timestamp() / 3_600) * 3_600, math.ceil(max(moments).timestamp() / 3_600) * 3_600
    )


def fleet_colours(kinds: Sequence[str]) -> dict[str, str]:
    """A colour for each kind of fleet, the same on every page."""
    others = sorted(set(kinds) - set(FLEET_COLOURS))
    colours = {kind: FLEET_COLOURS[kind] for kind in FLEET_COLOURS if kind in set(kinds)}
    return colours | {kind: OTHER_COLOURS[number % len(OTHER_COLOURS)] for number, kind in enumerate(others)}


def shade(colour: str, number: int, count: int) -> str:
    """The colour of one of ``count`` routes of a fleet: from a darker to a lighter shade of the fleet's own."""
    if count < 2:
        return colour
    part = number / (count - 1) * 0.75 - 0.4
    channels = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    mixed = [round(one * (1 + part)) if part < 0 else round(one + (255 - one) * part) for one in channels]
    return "#" + "".join(f"{one:02x}" for one in mixed)


def beside(point: tuple[float, float]) -> tuple[tuple[float, float], str]:
    """Where the label of a point stands so that it stays on the drawing: position and text anchor."""
    x, y = point
    right = x < MAP_WIDTH * 0.8
    return (round(x + (12 if right else -12), 1), round(max(18.0, y - 10), 1)), "start" if right else "end"
