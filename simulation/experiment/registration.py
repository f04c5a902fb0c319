"""What was fixed before the first full run, and the proof that it has not changed since.

``python -m simulation.experiment.registration`` writes the lock anew, for a new version of the experiment.
"""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from domain.errors import InputError
from simulation.scenario import SCENARIOS

FOLDER = Path(__file__).parent
FILE, LOCK = FOLDER / "registration.yml", FOLDER / "registration.lock"
ROOT = FOLDER.parents[1]
DECIDING = (
    *(f"simulation/experiment/{one}.py" for one in (
        "arms", "belief", "kernels", "planning", "evening", "running", "day", "worlds", "settings")),
    "simulation/*.py", "operations/interventions/*.py", "operations/communication/*.py", "operations/watch.py",
    "operations/outbox.py", "models/experts.py", "models/intervals.py",
)  # fmt: skip
"""Code that decides what comes out of a world (the twin included): results of other code are never mixed with it."""


@dataclass(frozen=True)
class Registration:
    """The registered design with its hash."""

    content: dict[str, Any]
    sha256: str

    @property
    def panels(self) -> list[dict[str, Any]]:
        """KPIs, the primary one first."""
        return [self.content["primary"], *self.content["secondary"]]


def digest(file: Path = FILE, scenarios: Path = SCENARIOS) -> str:
    """SHA-256 over the registration and the scenario it names."""
    text = file.read_bytes()
    scenario = scenarios / f"{yaml.safe_load(text)['scenario']}.yml"
    return hashlib.sha256(text + b"\x00" + scenario.read_bytes()).hexdigest()


def load(file: Path = FILE, lock: Path = LOCK) -> Registration:
    """The registration.

    Raises:
        InputError: it, or its scenario, was changed since it was registered.
    """
    found, registered = digest(file), lock.read_text(encoding="utf-8").split()[0]
    if found != registered:
        raise InputError(
            f"{file.name} or its scenario has changed since it was registered ({registered[:12]}, now {found[:12]}): "
            "what is measured must be fixed before the run. Undo the change, or register a new version"
        )
    return Registration(yaml.safe_load(file.read_text(encoding="utf-8")), found)


@lru_cache(maxsize=1)
def code_digest() -> str:
    """SHA-256 over the modules that decide what comes out of a world."""
    total = hashlib.sha256()
    for path in sorted(path for pattern in DECIDING for path in ROOT.glob(pattern)):
        total.update(_meaning(path.read_text(encoding="utf-8")).encode())
    return total.hexdigest()


def _meaning(source: str) -> str:
    """What a module does, without comments, docstrings, annotations and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            kept = [one for one in node.body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
            node.body = kept or [ast.Pass()]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.dump(tree)


if __name__ == "__main__":
    LOCK.write_text(f"{digest()}  registration.yml + scenario\n", encoding="utf-8")
