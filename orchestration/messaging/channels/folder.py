"""The embedded default: every message is a file in a local folder that one can open with a mail reader."""

from __future__ import annotations

import os
from pathlib import Path

from operations.outbox import Answer, Verdict
from orchestration.messaging.channels.base import Envelope
from orchestration.messaging.mail import as_email


class FolderChannel:
    """``<folder>/<date>/<key>.eml``. The name is the key: a message that is written again is the same file."""

    def __init__(self, folder: Path, sender: str = "Fivefold <fivefold@localhost>") -> None:
        self.folder = folder
        self.sender = sender

    def send(self, envelope: Envelope) -> Answer:
        """Write the file whole or not at all."""
        day = self.folder / envelope.message.created_at.date().isoformat()
        try:
            day.mkdir(parents=True, exist_ok=True)
            path = day / f"{envelope.message.key}.eml"
            part = path.with_suffix(f".{os.getpid()}.part")
            part.write_bytes(bytes(as_email(envelope, self.sender)))
            part.replace(path)
        except OSError as error:
            return Answer(Verdict.UNCLEAR, f"the folder cannot be written: {error.strerror}")
        return Answer(Verdict.ACCEPTED, path.name)

    def close(self) -> None:
        """Nothing is held."""
