"""The door of the live day: events in, decisions out, over HTTP. FastAPI, imported when it is opened."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from domain.errors import InputError
from operations.decide import Decision
from operations.state import Event
from orchestration.live.engine import Engine, OverloadedError, StoppedError, metrics
from orchestration.live.suppose import supposed, what_if
from orchestration.live.view import brief, overview, places, routes
from orchestration.live.wire import MOST_TEXT, event_from
from orchestration.stop_scores import NewestScore

MOST_EVENTS = 1_000
MOST_SUPPOSED = 100
MOST_BYTES = 4_000_000
ANSWER_S = 60.0
STREAM_WAITING = 1_000
"""Decisions that may wait for one reader of the stream; a reader that is slower is let go and may come back."""
STREAM_LOOK_S = 0.5
"""How often a quiet stream looks whether its reader or the service is going."""
STREAM_STILL_S = 5.0
"""How often a quiet stream says that it is there."""

PARTS = {"page.css": "text/css", "page.js": "text/javascript", "map.js": "text/javascript"}
POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'"
GUARDED = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}


def asset(name: str) -> str:
    """A file of the dispatcher's page."""
    return files("orchestration.live").joinpath("page").joinpath(name).read_text()


def create_app(
    engine: Engine,
    token: str,
    scores: Callable[[], list[NewestScore]] | None = None,
    ending: Callable[[], bool] = lambda: False,
) -> FastAPI:
    """The application of one engine. Everything but ``/health`` and the empty page asks for the bearer ``token``.

    ``scores``: the newest score of every open stop, those most at risk first; without it none is known.
    """
    app = FastAPI(title="Fivefold live", docs_url=None, redoc_url=None, openapi_url=None)
    bearer = HTTPBearer(auto_error=False)

    def known(given: HTTPAuthorizationCredentials | None = Depends(bearer)) -> None:  # noqa: B008
        if given is None or not hmac.compare_digest(given.credentials.encode(), token.encode()):
            raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})

    @app.get("/", response_class=HTMLResponse)
    def page() -> HTMLResponse:
        return HTMLResponse(asset("page.html"), headers=GUARDED)

    @app.get("/page/{name}")
    def part(name: str) -> Response:
        if name not in PARTS:
            raise HTTPException(404, "there is no such part")
        return Response(asset(name), media_type=PARTS[name], headers=GUARDED)

    @app.get("/health")
    def health() -> dict[str, Any]:
        if engine.failed:
            raise HTTPException(503, engine.failed)
        return {"status": "ok", "lag_s": round(engine.lag_s(), 3), "waiting": engine.waiting}

    @app.get("/metrics", response_class=PlainTextResponse, dependencies=[Depends(known)])
    def prometheus() -> PlainTextResponse:
        return PlainTextResponse(metrics(engine), media_type="text/plain; version=0.0.4")

    @app.post("/v1/events", dependencies=[Depends(known)])
    async def events(request: Request) -> dict[str, Any]:
        return {"results": await _take(engine, _events(await _object(request)))}

    @app.post("/v1/what-if", dependencies=[Depends(known)])
    async def suppose(request: Request) -> dict[str, Any]:
        body = await _object(request)
        if "events" not in body:
            try:
                wished = supposed(engine.state, body)
            except InputError as error:
                raise HTTPException(422, str(error)) from None
            return await run_in_threadpool(what_if, engine.state, wished)
        rows = [event_from(row) for row in _events(body)]
        wrong = next((one for one in rows if isinstance(one, str)), "")
        if wrong or len(rows) > MOST_SUPPOSED:
            raise HTTPException(422, wrong or f"{MOST_SUPPOSED} events at most")
        return await run_in_threadpool(what_if, engine.state, [one for one in rows if isinstance(one, Event)])

    @app.get("/v1/decisions", dependencies=[Depends(known)])
    def decisions(after: int = Query(0, ge=0), most: int = Query(500, ge=1, le=5_000)) -> dict[str, Any]:
        return {"decisions": engine.journal.decisions(after, most)}

    @app.get("/v1/refused", dependencies=[Depends(known)])
    def refused(after: int = Query(0, ge=0), most: int = Query(500, ge=1, le=5_000)) -> dict[str, Any]:
        return {"refused": engine.journal.refused(after, most), "events": engine.quarantined}

    @app.get("/v1/day", dependencies=[Depends(known)])
    def day() -> dict[str, Any]:
        return overview(engine)

    @app.get("/v1/places", dependencies=[Depends(known)])
    def where() -> dict[str, Any]:
        return places(engine.state)

    @app.get("/v1/routes", dependencies=[Depends(known)])
    def ways(vehicles: str = Query("", max_length=20_000)) -> dict[str, Any]:
        state = engine.state
        return {"routes": routes(state, vehicles.split(",") if vehicles else sorted(state.vehicles))}

    @app.get("/v1/scores", dependencies=[Depends(known)])
    def risks(order: str = Query("", max_length=MOST_TEXT), most: int = Query(20, ge=1, le=5_000)) -> dict[str, Any]:
        known_now = scores() if scores is not None else []
        wanted = [one for one in known_now if one.order_id == order] if order else known_now[:most]
        return {"scores": [one.summary() for one in wanted]}

    @app.get("/v1/stream", dependencies=[Depends(known)])
    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(
            _decisions(engine, request, ending), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    return app


async def _object(request: Request) -> dict[str, Any]:
    size, parts = 0, []
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise HTTPException(413, f"{MOST_BYTES} bytes at most; send several batches")
        parts.append(part)
    try:
        body = json.loads(b"".join(parts))
    except (ValueError, RecursionError):
        raise HTTPException(422, 'the body must be {"events": [...]}') from None
    if not isinstance(body, dict):
        raise HTTPException(422, 'the body must be {"events": [...]}')
    return body


def _events(body: dict[str, Any]) -> list[Any]:
    rows = body.get("events")
    if not isinstance(rows, list) or len(rows) > MOST_EVENTS:
        raise HTTPException(422, f'the body must be {{"events": [...]}}, {MOST_EVENTS} events at most')
    return rows


async def _take(engine: Engine, rows: list[Any]) -> list[dict[str, str]]:
    read = [event_from(row) for row in rows]
    good = [one for one in read if isinstance(one, Event)]
    try:
        done = engine.submit(good)
        taken = iter(await asyncio.wait_for(asyncio.wrap_future(done), ANSWER_S))
    except OverloadedError:
        raise HTTPException(429, "too many events wait; come back", {"Retry-After": "1"}) from None
    except (StoppedError, TimeoutError) as error:
        # not known to be taken: the client sends it again, and what was taken is known by its name
        raise HTTPException(503, f"not taken: {error}", {"Retry-After": "1"}) from None
    results = []
    for row, one in zip(rows, read, strict=True):
        if isinstance(one, str):
            name = row.get("event_id", "") if isinstance(row, dict) else ""
            results.append({"event_id": str(name)[:MOST_TEXT], "result": "refused", "reason": one})
        else:
            found = next(taken)
            results.append({"event_id": found.event_id, "result": found.result, "reason": found.reason})
    return results


async def _decisions(engine: Engine, request: Request, ending: Callable[[], bool]) -> AsyncIterator[str]:
    """Decisions as server-sent events until the reader goes, is too slow, or the service ends.

    A server ends once its answers have: a stream that went on would keep the day from whoever stands by.
    """
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[Decision] = asyncio.Queue(STREAM_WAITING)
    gone = asyncio.Event()

    def put(decision: Decision) -> None:
        try:
            waiting.put_nowait(decision)
        except asyncio.QueueFull:
            gone.set()

    def listener(decision: Decision) -> None:
        loop.call_soon_threadsafe(put, decision)

    engine.listeners.append(listener)
    try:
        yield ": open\n\n"
        quiet_s = 0.0
        while not gone.is_set() and not ending() and not await request.is_disconnected():
            try:
                decision = await asyncio.wait_for(waiting.get(), STREAM_LOOK_S)
            except TimeoutError:
                quiet_s += STREAM_LOOK_S
                if quiet_s >= STREAM_STILL_S:
                    quiet_s = 0.0
                    yield ": still here\n\n"
                continue
            quiet_s = 0.0
            yield f"event: decision\ndata: {json.dumps(brief(decision))}\n\n"
    finally:
        engine.listeners.remove(listener)
