"""Events from a real PostgreSQL and a real NATS JetStream: each once, none left out, whoever is slow or dies."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

from domain.errors import InputError
from orchestration.live.engine import Engine
from orchestration.live.feeds import Follower, NatsFeed, PostgresFeed, feed_of
from orchestration.live.journal import Journal
from orchestration.live.wire import event_from
from tests.operations.days import created, event
from tests.orchestration.test_live import DAY, as_row

NATS = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")


def until(holds, seconds=30.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def names(journal):
    return [one.event_id for one, _ in journal.entries()]


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    from orchestration.lake.embedded import start_embedded

    server, where = start_embedded(tmp_path_factory.mktemp("events"))
    host = dict(one.split("=", 1) for one in where.split())["host"]
    yield f"postgresql://postgres@/postgres?host={host}"
    server.cleanup()


@pytest.mark.slow
def test_rows_of_postgresql_come_once_and_a_slow_transaction_is_not_left_out(tmp_path, postgres):
    import psycopg

    with Journal(tmp_path) as journal:
        engine = Engine(DAY, journal)
        follower = Follower(PostgresFeed(f"{postgres}&table=day_events", tmp_path), engine, event_from)
        put = "insert into day_events (body) values (%s)"
        with psycopg.connect(postgres) as slow, psycopg.connect(postgres, autocommit=True) as quick:
            slow.execute(put, [json.dumps(as_row(created("n1", "new1", 9, 27_000)))])
            quick.execute(put, [json.dumps(as_row(event("t1", "tick", 27_100)))])
            quick.execute(put, [json.dumps("nonsense")])
            time.sleep(0.5)
            assert names(journal) == []  # an older transaction still runs
            slow.commit()
            until(lambda: follower.refused == 1 and len(names(journal)) == 2)
        follower.close()
        # a process that died before it could note how far it was reads again, and takes nothing twice
        (tmp_path / "feed-day_events.json").unlink()
        again = Follower(PostgresFeed(f"{postgres}&table=day_events", tmp_path), engine, event_from)
        with psycopg.connect(postgres, autocommit=True) as quick:
            quick.execute(put, [json.dumps(as_row(event("t2", "tick", 27_200)))])
        until(lambda: again.taken == 1)  # counted once it is on disk
        assert sorted(names(journal)) == ["n1", "t1", "t2"]
        again.close()
        engine.close()


@pytest.mark.slow
@pytest.mark.skipif(NATS is None, reason="no nats-server on this machine")
def test_messages_of_nats_jetstream_come_once_and_survive_the_reader(tmp_path):
    nats = pytest.importorskip("nats")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [NATS, "-js", "-a", "127.0.0.1", "-p", str(port), "-sd", str(tmp_path / "nats")]
    server = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    url = f"nats://127.0.0.1:{port}"

    async def publish(*rows):
        client = await nats.connect(url)
        for row in rows:
            await client.jetstream().publish("fivefold.events", row)
        await client.close()

    def send(*events):
        asyncio.run(publish(*(json.dumps(as_row(one)).encode() for one in events)))

    def listening():
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(listening)
        with Journal(tmp_path / "day") as journal:
            engine = Engine(DAY, journal)
            follower = Follower(NatsFeed(url, "demo"), engine, event_from)
            send(created("n1", "new1", 9, 27_000), event("t1", "tick", 27_100))
            asyncio.run(publish(b"\xff not json"))
            until(lambda: len(names(journal)) == 2 and follower.refused == 1)
            follower.close()
            # what comes while nobody reads waits for the next reader; what was acknowledged does not come again
            send(event("t2", "tick", 27_200), event("t1", "tick", 27_100))
            again = Follower(NatsFeed(url, "demo"), engine, event_from)
            until(lambda: again.taken == 1)
            assert names(journal) == ["n1", "t1", "t2"]
            again.close()
            engine.close()
    finally:
        server.terminate()
        server.wait(20)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://there", "not from ftp"),
        ("postgresql://nobody@127.0.0.1:1/x", "events from PostgreSQL"),
        ("postgresql://nobody@127.0.0.1:1/x?table=a;drop", "plain name"),
    ],
)
def test_a_feed_that_is_none_is_said_to_be(tmp_path, url, reason):
    with pytest.raises(InputError, match=reason):
        feed_of(url, tmp_path)
