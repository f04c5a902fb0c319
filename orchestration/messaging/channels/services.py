"""Over a hundred services (SMS gateways, chat, push) through Apprise; its URL holds secrets and comes from outside."""

from __future__ import annotations

from typing import Any

from domain.errors import InputError
from operations.outbox import Answer, Verdict
from orchestration.messaging.channels.base import Envelope


class ServicesChannel:
    """One Apprise URL; ``{address}`` in it is the recipient's, such as ``twilio://sid:token@+15550100/{address}``.

    Apprise tells success from failure only: a failure is unclear and tried again. Receivers get no key, so that a
    worker that dies between sending and writing it down may send twice; use e-mail or a webhook where that matters.
    """

    def __init__(self, url: str) -> None:
        try:
            import apprise
        except ImportError:
            raise InputError("channel of type apprise: install the extra: pip install 'fivefold[messages]'") from None
        self._apprise: Any = apprise
        self._url = url
        if self._service("+15550100") is None:
            raise InputError("channel of type apprise: Apprise does not know the service of this URL")

    def _service(self, address: str) -> Any:
        from urllib.parse import quote

        return self._apprise.Apprise.instantiate(self._url.replace("{address}", quote(address, safe="+@")))

    def send(self, envelope: Envelope) -> Answer:
        """Notify once."""
        service = self._service(envelope.address.value)
        if service is None:
            return Answer(Verdict.REJECTED, "the service does not take this address")
        try:
            accepted = service.notify(title=envelope.message.subject, body=envelope.text)
        except Exception as error:  # plugins of many hands; whatever one raises, the message is not lost
            return Answer(Verdict.UNCLEAR, f"{type(error).__name__}")
        return Answer(Verdict.ACCEPTED if accepted else Verdict.UNCLEAR, "" if accepted else "the service refused")

    def close(self) -> None:
        """Nothing is held."""
