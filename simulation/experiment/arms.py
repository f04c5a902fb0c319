"""The switches of the experiment: every set of the five drivers, and all five without shared predictions."""

from __future__ import annotations

from dataclasses import dataclass

DRIVERS = ("routing", "orchestration", "exceptions", "communication", "learning")
"""The drivers in the order of their bits: driver ``i`` is on in mask ``m`` where ``m >> i & 1``."""
COUNT = len(DRIVERS)
SETS = 2**COUNT
ALL = SETS - 1
UNINTEGRATED = "unintegrated"
_LETTERS = "ROECL"


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to run the same days.

    Attributes:
        mask: which drivers are on.
        shared: whether drivers that are on use each other's predictions. Off in the unintegrated arm alone.
    """

    mask: int
    shared: bool = True

    def on(self, driver: str) -> bool:
        """Whether ``driver`` is on."""
        return bool(self.mask >> DRIVERS.index(driver) & 1)

    @property
    def name(self) -> str:
        """``none``, ``all``, ``unintegrated`` or the letters of what is on: ``R-E--``."""
        if not self.shared:
            return UNINTEGRATED
        if self.mask in (0, ALL):
            return "none" if self.mask == 0 else "all"
        return "".join(letter if self.mask >> bit & 1 else "-" for bit, letter in enumerate(_LETTERS))


def every_arm() -> tuple[Arm, ...]:
    """The 32 sets by mask, then the unintegrated arm."""
    return (*(Arm(mask) for mask in range(SETS)), Arm(ALL, shared=False))


def label(mask: int) -> str:
    """The drivers of ``mask`` in words."""
    names = [name for bit, name in enumerate(DRIVERS) if mask >> bit & 1]
    return " + ".join(names) or "none"
