"""``fivefold bench outbox``: messages through the outbox to a local receiver while its processes are killed.

A writer records decisions and messages, a worker delivers them by signed webhook; both are killed (SIGKILL) at seeded
moments and started again, as a supervisor would. The receiver verifies each signature and remembers by idempotency
key. ``lost``: facts that had no effect at the receiver. ``duplicated``: facts that had more than one, which happens if
one fact ever has two keys. ``resent``: requests beyond the first of their key, which at-least-once delivery allows.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
TARGET_S = 60.0
BATCH = 20


class Receiver(ThreadingHTTPServer):
    """Counts requests and effects: an effect is the first request of a key."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests = 0
        self.refused = 0
        self.seen: dict[str, tuple[str, str]] = {}
        self.lock = threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections break when the worker is killed: that is the point."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Receiver

    def do_POST(self) -> None:
        from operations.signing import SignatureError, verify

        body = self.rfile.read(int(self.headers["content-length"]))
        status = 204
        try:
            key = verify([SECRET], dict(self.headers.items()), body, datetime.now(UTC))
            fact = json.loads(body)
            with self.server.lock:
                self.server.requests += 1
                self.server.seen.setdefault(key, (fact["data"]["order_id"], fact["type"]))
        except SignatureError:
            self.server.refused += 1
            status = 400
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def write(folder: Path, count: int) -> None:
    """Decide and record ``count`` messages; from the start again if it was killed, as a replayed day would."""
    from operations.outbox import Message, message_key
    from orchestration.messaging.store import DecisionRow, OutboxStore

    now = datetime.now(UTC)
    with OutboxStore(folder) as store:
        for first in range(0, count, BATCH):
            orders = [f"o{number}" for number in range(first, min(count, first + BATCH))]
            messages = [
                Message(
                    key=message_key("bench", order, "late_risk", 1, "hook"),
                    source="bench",
                    order_id=order,
                    trigger="late_risk",
                    channel="hook",
                    recipient="receiver",
                    subject="Later than planned",
                    text="We expect to be with you between 14:00 and 15:00.",
                    created_at=now,
                    not_before=now,
                    expires_at=now + timedelta(hours=1),
                )
                for order in orders
            ]
            store.record(messages, [DecisionRow("bench", order, {"order_id": order}) for order in orders], now)


def work(folder: Path, port: int) -> None:
    """Deliver for ever; the parent ends it."""
    from operations.outbox import RetryPolicy
    from orchestration.messaging.channels.webhook import WebhookChannel
    from orchestration.messaging.store import OutboxStore
    from orchestration.messaging.worker import Worker

    channel = WebhookChannel(f"http://127.0.0.1:{port}/", SECRET, allow_private=True)
    with OutboxStore(folder, RetryPolicy(base_s=0.1, cap_s=1.0)) as store:
        Worker(store, {"hook": channel}).run(until_empty=False, idle_s=0.05)


def _start(*arguments: str) -> subprocess.Popen[bytes]:
    code = "import sys; from pathlib import Path; from benchmarks import outbox; "
    code += "getattr(outbox, sys.argv[1])(Path(sys.argv[2]), int(sys.argv[3]))"
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=Path(__file__).parent.parent)


def run(folder: Path, count: int, kills: int, seed: int, limit_s: float = 300.0) -> dict[str, Any]:
    """Deliver ``count`` messages with about ``kills`` kills, and count at the receiver."""
    from orchestration.messaging.store import OutboxStore

    random_moment = random.Random(seed)
    receiver = Receiver()
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with OutboxStore(folder) as store:
        started = time.perf_counter()
        writer, worker = (
            _start("write", str(folder), str(count)),
            _start("work", str(folder), str(receiver.server_port)),
        )
        done = {"writer": 0, "worker": 0}
        next_kill = started + random_moment.uniform(0.2, 0.5)
        while time.perf_counter() - started < limit_s:
            time.sleep(0.02)
            writing = writer.poll() is None
            if not writing and writer.returncode not in (0, -signal.SIGKILL):
                raise RuntimeError(f"the writer failed: {writer.returncode}")
            if not writing and store.counts()["delivered"] >= count:
                break
            if sum(done.values()) < kills and time.perf_counter() >= next_kill:
                next_kill = time.perf_counter() + random_moment.uniform(0.3, 0.9)
                if writing and random_moment.random() < 0.7:
                    writer.kill()
                    writer.wait()
                    writer = _start("write", str(folder), str(count))
                    done["writer"] += 1
                else:
                    worker.kill()
                    worker.wait()
                    worker = _start("work", str(folder), str(receiver.server_port))
                    done["worker"] += 1
        seconds = time.perf_counter() - started
        worker.kill()
        worker.wait()
        writer.kill()
        writer.wait()
        counts = store.counts()
    receiver.shutdown()
    receiver.server_close()
    effects = Counter(receiver.seen.values())
    return {
        "messages": count,
        "seconds": round(seconds, 2),
        "target_seconds": TARGET_S,
        "lost": sum((f"o{number}", "notification.late_risk") not in effects for number in range(count)),
        "duplicated": sum(times - 1 for times in effects.values()),
        "kills": sum(done.values()),
        "kills_of_the_writer": done["writer"],
        "kills_of_the_worker": done["worker"],
        "resent": receiver.requests - len(receiver.seen),
        "cut_off_requests": receiver.refused,
        "states": counts,
    }


@fivefold_command(
    "Deliver messages by signed webhook to a local receiver while writer and worker are killed at seeded moments.",
    example="fivefold bench outbox --json\nfivefold bench outbox --messages 2000 --kills 20",
)
def command(messages: int, kills: int, seed: int, home: Path) -> Any:
    with tempfile.TemporaryDirectory(prefix="fivefold-outbox-") as folder:
        result = run(Path(folder), messages, kills, seed)

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>20}  {value}")

    return result, show


command = click.option("--messages", default=10_000, show_default=True, help="How many.")(command)
command = click.option("--kills", default=12, show_default=True, help="How many kills at most.")(command)
command = click.option("--seed", default=0, show_default=True, help="Seed of the moments of the kills.")(command)
