"""Models as files: LightGBM's text, a description with hashes, and one pointer to the champion of each task."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from domain.errors import ModelError
from models.training import Model

FORMAT = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered model: version, what it was trained on and how well it did."""

    task: str
    version: str
    description: dict[str, Any]


class Registry:
    """A folder of models; ``<task>/<version>/`` and ``<task>/champion.json``.

    A version is complete or not there at all; the champion changes in one rename, so a reader sees the old or the new.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(
        self,
        model: Model,
        *,
        source: str,
        as_of: str,
        lake_snapshot: int,
        metrics: dict[str, Any],
        calibration: list[dict[str, float]] | None = None,
    ) -> str:
        """Write a model; returns its version, a hash of its content (the same model twice is one version)."""
        texts = {name: booster.model_to_string() for name, booster in sorted(model.boosters.items())}
        hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
        description = {
            "format": FORMAT,
            "task": model.task,
            "source": source,
            "as_of": as_of,
            "lake_snapshot": lake_snapshot,
            "numbers": list(model.numbers),
            "categories": {k: list(v) for k, v in model.categories.items()},
            "widen_s": model.widen_s,
            "rows": model.rows,
            "metrics": metrics,
            "calibration": calibration or [],
            "sha256": hashes,
        }
        text = json.dumps(description, sort_keys=True, indent=1)
        version = f"{as_of[:10]}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
        place = self._task(model.task, source) / version
        if not place.exists():
            draft = place.with_name(f".{version}.{os.getpid()}")
            draft.mkdir(parents=True, exist_ok=True)
            for name, content in texts.items():
                (draft / f"{name}.txt").write_text(content, encoding="utf-8")
            (draft / "model.json").write_text(text, encoding="utf-8")
            draft.rename(place)
        return version

    def load(self, task: str, source: str, version: str) -> Model:
        """Read a model.

        Raises:
            ModelError: it is missing, of another format, or a byte of it has changed.
        """
        import lightgbm as lgb

        place = self._task(task, source) / version
        description = self._describe(place)
        boosters = {}
        for name, expected in description["sha256"].items():
            path = place / f"{name}.txt"
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
            if hashlib.sha256(text.encode()).hexdigest() != expected:
                raise ModelError(f"{path} is not the file that was registered; promote another version of {task}")
            boosters[name] = lgb.Booster(model_str=text)
        return Model(
            task,
            tuple(description["numbers"]),
            {k: tuple(v) for k, v in description["categories"].items()},
            boosters,
            {str(k): float(v) for k, v in description["widen_s"].items()},
            int(description["rows"]),
        )

    def promote(self, task: str, source: str, version: str) -> None:
        """Make a version the champion; it must be whole."""
        self.load(task, source, version)
        history = [one for one in self.champions(task, source) if one != version]
        place = self._task(task, source) / "champion.json"
        draft = place.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({"versions": [*history, version]}), encoding="utf-8")
        draft.replace(place)

    def roll_back(self, task: str, source: str) -> str:
        """Make the champion before the present one champion again.

        Raises:
            ModelError: there was none before.
        """
        versions = self.champions(task, source)
        if len(versions) < 2:
            raise ModelError(f"{task} of {source} has no earlier champion to return to")
        place = self._task(task, source) / "champion.json"
        draft = place.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({"versions": versions[:-1]}), encoding="utf-8")
        draft.replace(place)
        return versions[-2]

    def challenge(self, task: str, source: str, version: str, verdict: dict[str, Any]) -> None:
        """Note a version as the challenger, with what the promotion gate said of it; it runs in the shadow."""
        self.load(task, source, version)
        place = self._task(task, source) / "challenger.json"
        draft = place.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({"version": version, "verdict": verdict}, sort_keys=True), encoding="utf-8")
        draft.replace(place)

    def challenger(self, task: str, source: str) -> tuple[str, dict[str, Any]] | None:
        """The newest challenger and its verdict; None where the champion is the newest."""
        place = self._task(task, source) / "challenger.json"
        if not place.is_file():
            return None
        found = json.loads(place.read_text(encoding="utf-8"))
        return None if found["version"] in self.champions(task, source) else (found["version"], found["verdict"])

    def as_of(self, task: str, source: str, version: str) -> datetime:
        """The moment until which a version knew what happened."""
        return datetime.fromisoformat(self._describe(self._task(task, source) / version)["as_of"])

    def metrics(self, task: str, source: str, version: str) -> dict[str, Any]:
        """What a version scored when it was registered."""
        found: dict[str, Any] = self._describe(self._task(task, source) / version)["metrics"]
        return found

    def champions(self, task: str, source: str) -> list[str]:
        """Champions so far, the present one last."""
        place = self._task(task, source) / "champion.json"
        return list(json.loads(place.read_text(encoding="utf-8"))["versions"]) if place.is_file() else []

    def champion(self, task: str, source: str) -> tuple[str, Model] | None:
        """The present champion; where its files are damaged, the newest earlier one that is whole."""
        broken: ModelError | None = None
        for version in reversed(self.champions(task, source)):
            try:
                return version, self.load(task, source, version)
            except ModelError as error:
                broken = error
        if broken is not None:
            raise broken
        return None

    def entries(self) -> list[Entry]:
        """Every registered model, by task and version."""
        return [
            Entry(path.parent.parent.name, path.parent.name, self._describe(path.parent))
            for path in sorted(self.folder.glob("*/*/*/model.json"))
        ]

    def _task(self, task: str, source: str) -> Path:
        for name in (task, source):
            if not name.replace("_", "").replace("-", "").isalnum():
                raise ModelError(f"{name!r} is not a name of a task or source")
        return self.folder / source / task

    @staticmethod
    def _describe(place: Path) -> dict[str, Any]:
        path = place / "model.json"
        if not path.is_file():
            raise ModelError(f"there is no model {place.name!r} in {place.parent}")
        try:
            description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ModelError(f"{path} is not a model description: {error}") from error
        if description.get("format") != FORMAT:
            raise ModelError(f"{path} is of format {description.get('format')}; this version reads {FORMAT}")
        return description
