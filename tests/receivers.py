"""Real receivers for tests: an HTTP server with every bad habit, and helpers around a real SMTP server."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(ThreadingHTTPServer):
    """Remembers every request; what it answers depends on the path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.times: Counter[str] = Counter()
        self.closing = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests.append((self.path, dict(self.headers.items()), body))
        self.server.times[self.path] += 1
        getattr(self, f"_{self.path.strip('/')}", self._ok)()

    def do_GET(self) -> None:
        self.server.times["GET " + self.path] += 1
        self._ok()

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _ok(self) -> None:
        self._answer(204)

    def _broken(self) -> None:
        self._answer(500, b"out of order")

    def _second(self) -> None:
        self._answer(500 if self.server.times[self.path] == 1 else 200)

    def _busy(self) -> None:
        self._answer(503, retry_after="77")

    def _gone(self) -> None:
        self._answer(410)

    def _moved(self) -> None:
        self._answer(307, location=self.server.url("/elsewhere"))

    def _hang(self) -> None:
        self.server.closing.wait(20)

    def _drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self.server.closing.wait(0.1):
            try:
                self.wfile.write(b"X-Drip: 1\r\n")
                self.wfile.flush()
            except OSError:
                return

    def _huge(self) -> None:
        self.send_response(200)
        self.send_header("content-length", str(10_000_000))
        self.end_headers()
        try:
            for _ in range(1_000):
                self.wfile.write(b"x" * 10_000)
        except OSError:
            self.close_connection = True

    def _closes(self) -> None:
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()


class Mailbox:
    """An aiosmtpd handler: bounces addresses that begin with ``bounce``, is busy once for ``busy``."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, bytes]] = []
        self.seen: Counter[str] = Counter()

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.seen[address] += 1
        if address.startswith("bounce"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("busy") and self.seen[address] == 1:
            return "451 4.7.1 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.extend((to, bytes(envelope.content)) for to in envelope.rcpt_tos)
        return "250 accepted"


def wait_until(condition, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
