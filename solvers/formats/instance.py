"""What a reader gives: the problem, the format it came in, and how its plans are written and priced there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from domain.errors import InputError
from solvers.engines import Sequences
from solvers.plan import Plan
from solvers.problem import PlanningProblem


class FormatError(InputError):
    """A file is not what its format says; the message names file, field and rule."""


@dataclass(frozen=True)
class Instance:
    """A problem as a file gave it.

    Attributes:
        dialect: ``vrplib``, ``solomon``, ``li_lim``, ``mamut``, ``vroom`` or ``fivefold``.
        scale: our minor units in one unit of the format's cost (``Cost 971.5`` is 9,715 of ours at a scale of 10).
        decimals: of the cost as the format writes it.
        writer: makes the text of a solution file.
        initial: routes that the file gives to start from.
        notes: what was read in another sense than the format's own, in words.
        raw: the file's content, for writers that repeat parts of it.
    """

    name: str
    dialect: str
    problem: PlanningProblem
    writer: Callable[[Instance, Plan], str]
    scale: int = 1
    decimals: int = 0
    suffix: str = ".sol"
    initial: Sequences | None = None
    notes: tuple[str, ...] = ()
    raw: Any = None
    extra: dict[str, Any] = field(default_factory=dict)

    def cost(self, plan: Plan) -> float:
        """The plan's cost in the format's unit; penalties of orders that must be served are not part of it."""
        required = {order.order_id for order in self.problem.orders if order.required}
        counts = "penalties_apart" in self.extra
        forced = sum(one.penalty_minor for one in plan.unserved if counts or one.order_id in required)
        vehicles = self.extra.get("vehicle_price", 0) * len(plan.routes)
        return round((plan.cost_minor - forced - vehicles) / self.scale, self.decimals)

    def text(self, plan: Plan) -> str:
        """The plan as a solution file of the format."""
        return self.writer(self, plan)

    def write(self, plan: Plan, path: Path) -> None:
        """Write the solution file beside its name and rename it: nobody reads half a file.

        Raises:
            FormatError: the file cannot be written.
        """
        path = Path(path)
        part = path.with_name(path.name + ".part")
        try:
            part.write_text(self.text(plan), encoding="utf-8")
            part.replace(path)
        except OSError as error:
            raise FormatError(f"{path}: cannot be written ({error.strerror})") from error


def cost_text(cost: float, decimals: int) -> str:
    """``42444.8`` with one decimal, ``245391`` with none."""
    return f"{cost:.{decimals}f}"
