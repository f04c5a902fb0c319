"""``fivefold live``: the day as a service. Events in over HTTP, decisions out, nothing lost when it is killed."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from orchestration.cli.day_rules import with_day_rules
from orchestration.cli.options import fivefold_command

HAND_OVER_S = 0.5
LAST_ANSWERS_S = 5
"""How long answers under way may take once the service ends; a client that stops reading has no longer."""
TOKEN = "FIVEFOLD_LIVE_TOKEN"  # noqa: S105  the name of a setting


def token_of(folder: Path) -> tuple[str, str]:
    """The token clients must show, and where it is from: the environment, or a file that only its owner can read."""
    if given := os.environ.get(TOKEN):
        return given, f"${TOKEN}"
    path = folder / "token"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text().strip(), str(path)


@click.argument("service_date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE")
@click.argument("source")  # a command takes arguments from the innermost on
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8400, show_default=True, help="Port; 0 chooses one.")
@click.option(
    "--clock",
    type=click.Choice(["wall", "events"]),
    help="When an event is seen: now, or when the event says (replays, simulations).  [default: wall; of another date "
    "than today: events]",
)
@click.option("--tick-seconds", default=5.0, show_default=True, help="How often time passes by itself; 0: never.")
@click.option("--standby", default=0.0, show_default=True, help="Seconds to wait for another instance to end.")
@click.option(
    "--events-from",
    envvar="FIVEFOLD_LIVE_EVENTS",
    show_envvar=True,
    help="Also read events from postgresql://... (?table=NAME) or nats://HOST:PORT/SUBJECT.",
)
@fivefold_command(
    "Serve the day of DATE of SOURCE from its published plan: events over HTTP, decisions, a page for dispatchers. "
    "Killed at any moment, it goes on where it stopped; --standby takes over from another instance.",
    example="fivefold live demo 2026-03-02 --port 8400",
)
@with_day_rules
def command(
    home: Path,
    source: str,
    service_date: datetime,
    host: str,
    port: int,
    clock: str | None,
    tick_seconds: float,
    standby: float,
    events_from: str | None,
    given: dict[str, Any],
) -> Any:
    from domain.errors import InputError
    from orchestration.live.begin import begin_day, day_folder
    from orchestration.live.dayfile import midnight_of, read_day, write_day
    from orchestration.live.engine import Engine
    from orchestration.live.feeds import AnswersFeed, Follower, feed_of
    from orchestration.live.journal import Journal, event_of
    from orchestration.live.rules import day_rules, kept_or_refused
    from orchestration.live.view import desk, standing
    from orchestration.live.wire import event_from
    from orchestration.stop_scores import ScoresOfDay

    try:
        import uvicorn

        from orchestration.live.web import create_app
    except ImportError:
        raise InputError("fivefold live needs the extra messages: pip install 'fivefold[messages]'") from None

    folder = day_folder(home, source, service_date.date())
    with Journal(folder, wait_s=standby) as journal:
        if not (folder / "day.json").exists():
            from orchestration.lake import Lake

            with Lake.open(home) as lake:
                write_day(folder, *begin_day(lake, source, service_date.date(), day_rules(given)))
        else:
            kept_or_refused(read_day(folder), given)
        midnight = midnight_of(folder)
        wall, by = _clock(service_date, clock, midnight)
        engine = Engine(read_day(folder), journal, wall_clock=wall)
        followers = [Follower(AnswersFeed(folder), engine, event_of)]
        if events_from:
            followers.append(Follower(feed_of(events_from, folder), engine, event_from))
        token, where = token_of(folder)
        # before its first event a day has the scores of its plan, made the evening before
        now = lambda: midnight + timedelta(seconds=max(0, engine.state.clock_s))  # noqa: E731
        scores = ScoresOfDay(home, source, service_date.date(), now)
        ending = threading.Event()
        # the server hears a signal first and passes it on only when it has ended
        app = create_app(engine, token, scores, lambda: server.should_exit)
        config = uvicorn.Config(
            app, host, port, log_level="warning", lifespan="off", timeout_graceful_shutdown=LAST_ANSWERS_S
        )
        server = uvicorn.Server(config)
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, lambda *_: ending.set())
        day = engine.state.day
        hand = threading.Thread(target=_hand_over, args=(home, folder, day, source, midnight, ending), daemon=True)
        watch = threading.Thread(target=_watch, args=(server, engine, ending, tick_seconds), daemon=True)
        socket = config.bind_socket()
        socket.listen(2_048)  # whoever reads the address may knock at once
        address = f"http://{host}:{socket.getsockname()[1]}"
        click.echo(f"Live day of {source}, {service_date.date()}: {address}  (token: {where}{by})", err=True)
        watch.start()
        hand.start()
        server.run([socket])
        for one in followers:
            one.close()
        engine.close()
        ending.set()
        hand.join(30)
        events, decisions = journal.counts()
        failed = "" if engine.failed == "stopped" else engine.failed
        result = {"address": address, "events": events, "decisions": decisions, "failed": failed}
        result |= {"desk": desk(engine.state), "standing": standing(engine.state)}
    return result, lambda: click.echo(f"{events} events, {decisions} decisions")


def _clock(service_date: datetime, wanted: str | None, midnight: datetime) -> tuple[Callable[[], int] | None, str]:
    """Which second of the day it is now, None: the events say; and what there is to say about that."""
    from domain.errors import InputError
    from operations.state.events import EARLIEST_S, LATEST_S

    def now_s() -> int:
        return int(time.time() - midnight.timestamp())

    if EARLIEST_S <= now_s() <= LATEST_S:
        return (None if wanted == "events" else now_s), ""
    if wanted == "wall":
        raise InputError(f"{service_date.date()} is not today: its events are not seen now; use --clock events")
    return None, f"; {service_date.date()} is not today: the clock goes by its events"


def _hand_over(home: Path, folder: Path, day: Any, source: str, midnight: datetime, ending: threading.Event) -> None:
    """Decisions into the outbox as they are made, and what is left at the end."""
    from orchestration.live.journal import Journal
    from orchestration.live.outbox import DecisionOutbox
    from orchestration.messaging.store import OutboxStore

    with Journal(folder, write=False) as journal, OutboxStore(home / "outbox") as store:
        outbox = DecisionOutbox(store, journal, day, source, midnight)
        while not ending.wait(HAND_OVER_S):
            outbox.deliver()
        outbox.deliver()


def _watch(server: Any, engine: Any, ending: threading.Event, tick_seconds: float) -> None:
    """Let time pass until the day is over, and end the server when it is asked to, or when the engine cannot go on."""
    from operations.state import Event
    from operations.state.events import LATEST_S

    number = 0
    while not ending.wait(tick_seconds or 0.2):
        if engine.failed:
            break
        if tick_seconds and engine.wall_clock is not None and (now := engine.wall_clock()) <= LATEST_S:
            number += 1
            engine.submit([Event(f"tick-{now}-{number}", "tick", now, now)])
    server.should_exit = True
