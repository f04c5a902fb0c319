"""``messaging.yml`` of a workspace: which channels there are. Secrets are named there and live in the environment.

    channels:
      email: {type: smtp, host: smtp.example.org, port: 587, sender: "Parcels <info@example.org>"}
      erp: {type: webhook, url: "https://erp.example.org/hooks", secret_env: ERP_HOOK_SECRET}
      sms: {type: apprise, url_env: SMS_URL}
      letterbox: {type: folder}

Without the file, e-mail and SMS go to the local outbox folder, ``<home>/outbox/sent``.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import InputError
from orchestration.messaging.channels.base import Channel
from orchestration.messaging.channels.folder import FolderChannel
from orchestration.messaging.channels.services import ServicesChannel
from orchestration.messaging.channels.smtp import SmtpChannel
from orchestration.messaging.channels.webhook import WebhookChannel

FILE = "messaging.yml"
LEAST_SECRET = 16
"""Characters of a key that signs links: fewer could be tried one after the other against a link that somebody holds."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FolderSettings(_Section):
    """A local folder; ``path`` relative to the workspace."""

    type: Literal["folder"]
    path: str = "outbox/sent"


class SmtpSettings(_Section):
    """A relay; user and password from the environment variables named here."""

    type: Literal["smtp"]
    host: str
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    sender: str
    security: Literal["starttls", "tls", "none"] = "starttls"
    user_env: str | None = None
    password_env: str | None = None
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0


class WebhookSettings(_Section):
    """A signed webhook; ``allow_private`` for receivers in our own network."""

    type: Literal["webhook"]
    url: str
    secret_env: str
    allow_private: bool = False
    deadline_s: Annotated[float, Field(gt=0, le=60)] = 10.0


class ServicesSettings(_Section):
    """An Apprise URL, which holds secrets: the environment variable that has it."""

    type: Literal["apprise"]
    url_env: str


class MessagingSettings(_Section):
    """All channels by name, and how the customer's links are reached."""

    channels: dict[
        str,
        Annotated[FolderSettings | SmtpSettings | WebhookSettings | ServicesSettings, Field(discriminator="type")],
    ] = {"email": FolderSettings(type="folder"), "sms": FolderSettings(type="folder")}
    public_url: str = "http://127.0.0.1:8700"


def load_settings(home: Path) -> MessagingSettings:
    """Settings of a workspace, or the defaults.

    Raises:
        InputError: the file breaks a rule; the message names it.
    """
    path = home / FILE
    if not path.is_file():
        return MessagingSettings()
    try:
        return MessagingSettings.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(one) for one in first["loc"])
        raise InputError(f"{path}: {where}: {first['msg']}") from None


def _environment(name: str | None, channel: str) -> str | None:
    if name is None:
        return None
    try:
        return os.environ[name]
    except KeyError:
        raise InputError(f"channel {channel}: the environment variable {name} is not set") from None


def open_channels(settings: MessagingSettings, home: Path) -> dict[str, Channel]:
    """The channels, ready to send.

    Raises:
        InputError: a secret is missing or a setting cannot be used.
    """
    opened: dict[str, Channel] = {}
    for name, one in settings.channels.items():
        if isinstance(one, FolderSettings):
            opened[name] = FolderChannel(home / one.path)
        elif isinstance(one, SmtpSettings):
            opened[name] = SmtpChannel(
                one.host,
                one.port,
                one.sender,
                security=one.security,
                user=_environment(one.user_env, name),
                password=_environment(one.password_env, name),
                timeout_s=one.timeout_s,
            )
        elif isinstance(one, WebhookSettings):
            secret = _environment(one.secret_env, name) or ""
            opened[name] = WebhookChannel(one.url, secret, allow_private=one.allow_private, deadline_s=one.deadline_s)
        else:
            opened[name] = ServicesChannel(_environment(one.url_env, name) or "")
    return opened


def link_secret(home: Path) -> str:
    """The key that signs customers' links: ``FIVEFOLD_LINK_SECRET``, or one made for this workspace (mode 0600).

    Raises:
        InputError: the key that was given is short enough to be guessed from a link.
    """
    if given := os.environ.get("FIVEFOLD_LINK_SECRET"):
        if len(given) < LEAST_SECRET:
            raise InputError(f"FIVEFOLD_LINK_SECRET must have {LEAST_SECRET} characters at least, has {len(given)}")
        return given
    path = home / "personal" / "link.key"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix="link.")  # mode 0600
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
        # the key appears whole or not at all; of several that make one at once the first holds
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
        Path(part).unlink()
    return path.read_text(encoding="ascii")
