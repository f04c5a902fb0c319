"""The door of the live day: events in, decisions out, over HTTP. FastAPI, imported when it is opened."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib.resources import files
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from operations.decide import OURS, Decision, step
from operations.dispatch.ahead import ahead
from operations.dispatch.repair import stranded
from operations.state import DayState, Event
from operations.state.events import ORDER_LEFT, ROUTE_SET
from orchestration.live.engine import Engine, OverloadedError, StoppedError, metrics

MOST_EVENTS = 1_000
MOST_SUPPOSED = 100
MOST_BYTES = 4_000_000
MOST_TEXT = 200
ANSWER_S = 60.0
STREAM_WAITING = 1_000
"""Decisions that may wait for one reader of the stream; a reader that is slower is let go and may come back."""
TEXTS = ("event_id", "kind", "order_id", "vehicle_id", "fleet_id", "tender_id", "corrects")
NUMBERS = ("at_s", "seen_s")


def event_from(row: Any) -> Event | str:
    """The event of a JSON object, or why it is none."""
    if not isinstance(row, dict):
        return "an event is an object"
    if unknown := sorted(set(row) - {*TEXTS, *NUMBERS, "facts"}):
        return f"there is no field {unknown[0][:40]!r}"
    values: dict[str, Any] = {}
    for name in TEXTS:
        value = row.get(name, "")
        if not isinstance(value, str) or len(value) > MOST_TEXT:
            return f"{name} must be a text of {MOST_TEXT} characters at most"
        values[name] = value
    for name in NUMBERS:
        value = row.get(name, row.get("at_s"))
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 10**9:
            return f"{name} must be a whole number of seconds after midnight"
        values[name] = value
    facts = row.get("facts", {})
    if not isinstance(facts, dict) or len(facts) > 40:
        return "facts must be an object of 40 fields at most"
    for name, value in facts.items():
        number = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**40
        if not number and not (isinstance(value, str) and len(value) <= MOST_TEXT):
            return f"fact {name[:40]!r} must be a whole number or a short text"
    if values["event_id"].startswith(OURS) or values["kind"] in (ROUTE_SET, ORDER_LEFT):
        return "that is for the service to say"
    return Event(**values, facts=facts)


def create_app(engine: Engine, token: str) -> FastAPI:
    """The application of one engine. Everything but ``/health`` and the empty page asks for the bearer ``token``."""
    app = FastAPI(title="Fivefold live", docs_url=None, redoc_url=None, openapi_url=None)
    bearer = HTTPBearer(auto_error=False)

    def known(given: HTTPAuthorizationCredentials | None = Depends(bearer)) -> None:  # noqa: B008
        if given is None or not hmac.compare_digest(given.credentials.encode(), token.encode()):
            raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})

    @app.get("/", response_class=HTMLResponse)
    def page() -> HTMLResponse:
        text = files("orchestration.live").joinpath("page.html").read_text()
        policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
        return HTMLResponse(text, headers={"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"})

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
        return {"results": await _take(engine, await _body(request))}

    @app.post("/v1/what-if", dependencies=[Depends(known)])
    async def suppose(request: Request) -> dict[str, Any]:
        rows = [event_from(row) for row in await _body(request)]
        wrong = next((one for one in rows if isinstance(one, str)), "")
        if wrong or len(rows) > MOST_SUPPOSED:
            raise HTTPException(422, wrong or f"{MOST_SUPPOSED} events at most")
        return await run_in_threadpool(what_if, engine.state, [one for one in rows if isinstance(one, Event)])

    @app.get("/v1/decisions", dependencies=[Depends(known)])
    def decisions(after: int = Query(0, ge=0), most: int = Query(500, ge=1, le=5_000)) -> dict[str, Any]:
        return {"decisions": engine.journal.decisions(after, most)}

    @app.get("/v1/day", dependencies=[Depends(known)])
    def day() -> dict[str, Any]:
        return overview(engine)

    @app.get("/v1/stream", dependencies=[Depends(known)])
    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(
            _decisions(engine, request), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    return app


async def _body(request: Request) -> list[Any]:
    size, parts = 0, []
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise HTTPException(413, f"{MOST_BYTES} bytes at most; send several batches")
        parts.append(part)
    try:
        rows = json.loads(b"".join(parts))["events"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise HTTPException(422, 'the body must be {"events": [...]}') from None
    if not isinstance(rows, list) or len(rows) > MOST_EVENTS:
        raise HTTPException(422, f"events must be a list of {MOST_EVENTS} at most")
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


async def _decisions(engine: Engine, request: Request) -> AsyncIterator[str]:
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
        while not gone.is_set() and not await request.is_disconnected():
            try:
                decision = await asyncio.wait_for(waiting.get(), 5.0)
            except TimeoutError:
                yield ": still here\n\n"
                continue
            yield f"event: decision\ndata: {json.dumps(brief(decision))}\n\n"
    finally:
        engine.listeners.remove(listener)


def what_if(state: DayState, events: list[Event]) -> dict[str, Any]:
    """What would be decided if these events came now. The state is a value: the day itself is not touched."""
    made: list[Decision] = []
    refused = []
    for event in events:
        state, decisions = step(state, replace(event, seen_s=max(state.clock_s, event.at_s)))
        made += decisions
        if event.event_id in state.refused:
            refused.append({"event_id": event.event_id, "reason": state.refused[event.event_id].reason})
    return {
        "decisions": [brief(one) for one in made],
        "cost_minor": sum(one.price_minor for one in made),
        "unplaced": [one.order_id for one in stranded(state)],
        "refused": refused,
    }


def brief(decision: Decision) -> dict[str, Any]:
    """A decision as a person reads it."""
    return {
        "decision_id": decision.decision_id,
        "kind": decision.kind,
        "orders": list(decision.order_ids),
        "vehicle_id": decision.vehicle_id,
        "fleet_id": decision.fleet_id,
        "price_minor": decision.price_minor,
        "reason": decision.reason,
        "alternatives": [{"what": one.what, "price_minor": one.price_minor} for one in decision.alternatives],
    }


def overview(engine: Engine) -> dict[str, Any]:
    """The day in numbers, and each vehicle with what it has left and how late it is."""
    state = engine.state
    statuses: dict[str, int] = {}
    for order in state.orders.values():
        statuses[order.status] = statuses.get(order.status, 0) + 1
    vehicles = []
    for name in sorted(state.vehicles):
        vehicle = state.vehicles[name]
        if name not in state.day.vehicles:
            continue
        route = ahead(state, vehicle)
        vehicles.append(
            {
                "vehicle_id": name,
                "fleet_id": state.day.vehicles[name].fleet_id,
                "status": vehicle.status,
                "done": len(vehicle.visited),
                "left": len(route.stops),
                "late": sum(stop.late_s > 0 for stop in route.stops),
                "ends_s": route.end_s,
                "next": route.stops[0].order_id if route.stops else "",
            }
        )
    return {
        "service_date": state.day.service_date.isoformat(),
        "clock_s": state.clock_s,
        "currency": state.day.problem.currency,
        "orders": statuses,
        "unplaced": [one.order_id for one in stranded(state)],
        "unknown": state.unknown_orders,
        "refused": len(state.refused),
        "vehicles": vehicles,
        "lag_s": round(engine.lag_s(), 3),
    }


__all__ = ["create_app", "event_from", "overview"]
