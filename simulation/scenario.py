"""What a city is like, as a file: every parameter with a default, every wrong one refused."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from domain.errors import InputError

SCENARIOS = Path(__file__).parent / "scenarios"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Parameters of a city. Probabilities are 0..1; sources of the calibrated ones are in ``docs/simulation.md``.

    Attributes:
        failed_share: mean share of failed first attempts (Changshu: 0.042).
        never_fail_share: customers who are practically always there (Changshu: half).
        signal: 1 = as calibrated, 0 = a null world in which nothing tells customers apart.
    """

    seed: int = 7
    timezone: str = "Europe/Amsterdam"
    latitude: float = 52.37
    longitude: float = 4.90
    radius_km: float = 9.0
    depots: int = 2
    orders_per_day: int = 400
    customers: int = 4_000
    tenants: int = 4
    captive_drivers: int = 10
    third_party_drivers: int = 6
    gig_drivers: int = 10
    failed_share: float = 0.042
    never_fail_share: float = 0.5
    window_share: float = 0.6
    certified_share: float = 0.05
    rain_share: float = 0.25
    breakdown_rate: float = 0.004
    signal: float = 1.0

    def __post_init__(self) -> None:
        for name in (
            "failed_share",
            "never_fail_share",
            "window_share",
            "certified_share",
            "rain_share",
            "breakdown_rate",
            "signal",
        ):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"scenario: {name} is a share from 0 to 1, is {getattr(self, name)}")
        for name in ("depots", "orders_per_day", "customers", "tenants"):
            if getattr(self, name) < 1:
                raise InputError(f"scenario: {name} must be at least 1, is {getattr(self, name)}")
        for name in ("captive_drivers", "third_party_drivers", "gig_drivers"):
            if getattr(self, name) < 0:
                raise InputError(f"scenario: {name} must not be negative, is {getattr(self, name)}")
        if not self.radius_km > 0:
            raise InputError(f"scenario: radius_km must be positive, is {self.radius_km}")
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError) as error:
            raise InputError(f"scenario: {self.timezone!r} is not an IANA time zone") from error


def load_scenario(name: str | Path = "default") -> Scenario:
    """A shipped scenario by name, or a YAML file.

    Raises:
        InputError: an unknown key (with the nearest valid one) or an impossible value.
    """
    path = Path(name) if str(name).endswith((".yml", ".yaml")) else SCENARIOS / f"{name}.yml"
    if not path.is_file():
        raise InputError(
            f"there is no scenario {str(name)!r}; there are "
            f"{', '.join(sorted(one.stem for one in SCENARIOS.glob('*.yml')))}"
        )
    content: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    if not isinstance(content, dict):
        raise InputError(f"{path.name}: must be a mapping of parameters")
    kinds = {one.name: one.type for one in fields(Scenario)}
    for key, value in content.items():
        if key not in kinds:
            near = difflib.get_close_matches(str(key), kinds, n=1)
            raise InputError(
                f"{path.name}: {key}: unknown parameter." + (f" Did you mean {near[0]!r}?" if near else "")
            )
        expected = {"int": int, "float": (int, float), "str": str}[str(kinds[key])]
        if isinstance(value, bool) or not isinstance(value, expected):
            raise InputError(f"{path.name}: {key}: must be {kinds[key]}, is {value!r}")
    return Scenario(**content)
