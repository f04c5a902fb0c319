"""The FastAPI application: two pages behind signed links and one form handler that writes an answer.

GET never changes anything (mail scanners follow links). A POST needs the link, a check that only the page made for this
link holds, and, where the browser says where the form came from, our own origin. There are no cookies. An altered, an
expired and an unknown link look the same, and cost the same rate limit.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from operations.answers import AnswerError, Tracked, check_answer, offers
from operations.links import Claims, LinkError, Purpose, read_link, sign_link
from orchestration.messaging.answers import Answer, AnswerStore
from orchestration.messaging.people import PeopleStore
from orchestration.messaging.settings import link_secret
from orchestration.service import view
from orchestration.service.limits import RateLimit
from orchestration.service.tracking import TrackingStore

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Cross-Origin-Opener-Policy": "same-origin",
}
LONGEST_BODY = 10_000
READS_A_MINUTE, WRITES_A_MINUTE = 60, 12
NOT_FOUND, TOO_MANY, TOO_LARGE, FORBIDDEN, CONFLICT, UNPROCESSABLE = 404, 429, 413, 403, 409, 422


@dataclass
class Desk:
    """What the pages read and write."""

    secrets: list[str]
    tracking: TrackingStore
    answers: AnswerStore
    people: PeopleStore
    clock: Callable[[], datetime]

    def check(self, token: str) -> str:
        """What a form made for this link holds."""
        return hmac.new(self.secrets[-1].encode(), b"form\x1f" + token.encode(), hashlib.sha256).hexdigest()[:32]


class Stop(Exception):  # noqa: N818 - not an error of ours: it ends a request with a page
    """End a request with one of the pages that say one thing."""

    def __init__(self, status: int, name: str) -> None:
        self.status, self.name = status, name


def create_app(
    home: Path,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    reads_a_minute: int = READS_A_MINUTE,
    writes_a_minute: int = WRITES_A_MINUTE,
    behind_proxy: bool = False,
) -> FastAPI:
    """The service on a workspace. ``behind_proxy``: the caller's address is the last of ``X-Forwarded-For``."""
    # a link to follow a delivery does not lead to one that changes it: the first may be passed on more lightly
    app = FastAPI(title="Fivefold", docs_url=None, redoc_url=None, openapi_url=None)
    desk = Desk([link_secret(home)], TrackingStore(home), AnswerStore(home), PeopleStore(home), clock)
    reads, writes = RateLimit(reads_a_minute), RateLimit(writes_a_minute)

    def caller(request: Request) -> str:
        forwarded = request.headers.get("x-forwarded-for", "")
        if behind_proxy and forwarded:
            return forwarded.split(",")[-1].strip()
        return request.client.host if request.client else "unknown"

    def opened(request: Request, token: str, purpose: Purpose, limit: RateLimit) -> tuple[Claims, Tracked | None, str]:
        if not limit.allows(caller(request)):
            raise Stop(TOO_MANY, "slow")
        try:
            claims = read_link(desk.secrets, token, desk.clock())
        except LinkError:
            raise Stop(NOT_FOUND, "no_link") from None
        if claims.purpose is not purpose:
            raise Stop(NOT_FOUND, "no_link")
        person = desk.people.get(claims.source, claims.customer_id)
        language = _language_of(request, person.language if person else None)
        return claims, desk.tracking.get(claims.source, claims.order_id), language

    _guard(app)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/style.css")
    def style() -> Response:
        return Response((view.FOLDER / "style.css").read_text(encoding="utf-8"), media_type="text/css")

    @app.get("/track/{token}")
    def track(request: Request, token: str) -> Response:
        claims, order, language = opened(request, token, Purpose.TRACK, reads)
        own = view.words(language)
        if order is None:
            return HTMLResponse(
                view.render(language, own["track_title"], facts=[(own["expected"], own["unknown"], True)])
            )
        answered = desk.answers.newest(claims.source, claims.order_id)
        return HTMLResponse(
            view.render(
                language,
                own["track_title"],
                facts=view.facts(order, answered, language),
                progress=view.progress(order, language),
                small=own["small"],
            )
        )

    @app.get("/answer/{token}")
    def show(request: Request, token: str, done: str = "") -> Response:
        claims, order, language = opened(request, token, Purpose.ANSWER, reads)
        own = view.words(language)
        return _answer_page(claims, order, language, token, 200, success=own["thanks"] if done == "1" else "")

    @app.post("/answer/{token}")
    async def answer(request: Request, token: str) -> Response:
        claims, order, language = opened(request, token, Purpose.ANSWER, writes)
        own, form = view.words(language), await _fields(request)
        genuine = hmac.compare_digest(form.get("check", "").encode(), desk.check(token).encode())
        if not genuine or not _same_origin(request):
            raise Stop(FORBIDDEN, "wrong")
        now = desk.clock()
        try:
            if order is None:
                raise AnswerError("closed", "the order is not planned yet")
            offer, note = check_answer(order, form.get("action", ""), form.get("choice", ""), form.get("note", ""), now)
        except AnswerError as error:
            return _answer_page(
                claims,
                order,
                language,
                token,
                UNPROCESSABLE,
                alert=own["words_missing" if error.code == "note" else error.code],
            )
        given = Answer(
            claims.source, claims.order_id, claims.customer_id, str(offer.action), offer.choice, note,
            form.get("basis", ""), now,
        )  # fmt: skip
        taken, _ = desk.answers.add(given)
        if not taken:
            return _answer_page(claims, order, language, token, CONFLICT, alert=own["changed"])
        return RedirectResponse(f"/answer/{token}?done=1", status_code=303)

    def _answer_page(
        claims: Claims, order: Tracked | None, language: str, token: str, status: int, **said: str
    ) -> Response:
        own = view.words(language)
        answered = desk.answers.newest(claims.source, claims.order_id)
        offered = offers(order, desk.clock()) if order else []
        if not offered and not said.get("alert"):
            said["alert"] = own["closed"] if order else own["unknown"]
        track_token = sign_link(desk.secrets, _with_purpose(claims, Purpose.TRACK))
        page = view.render(
            language,
            own["answer_title"],
            facts=view.facts(order, answered, language) if order else (),
            forms=view.forms(offered, order, language) if order else (),
            action=f"/answer/{token}",
            basis=answered.answer_id if answered else "",
            check=desk.check(token),
            link=(own["track_title"], f"/track/{track_token}"),
            small=own["small"],
            **said,
        )
        return HTMLResponse(page, status)

    return app


def _guard(app: FastAPI) -> None:
    """Headers on every answer, bodies of a sensible size only, and a page for whatever goes wrong."""

    @app.middleware("http")
    async def with_headers(request: Request, call_next: Any) -> Response:
        length = request.headers.get("content-length", "0")
        if request.method == "POST" and (not length.isdigit() or int(length) > LONGEST_BODY):
            response: Response = _page(_language_of(request), TOO_LARGE, "wrong")
        else:
            response = await call_next(request)
        for name, value in HEADERS.items():
            response.headers[name] = value
        return response

    @app.exception_handler(Stop)
    async def stopped(request: Request, stop: Stop) -> Response:
        response = _page(_language_of(request), stop.status, stop.name)
        if stop.status == TOO_MANY:
            response.headers["Retry-After"] = "60"
        return response

    @app.exception_handler(NOT_FOUND)
    @app.exception_handler(405)
    async def nothing(request: Request, _: Exception) -> Response:
        return _page(_language_of(request), NOT_FOUND, "no_link")

    @app.exception_handler(500)
    async def broken(request: Request, _: Exception) -> Response:
        return _page(_language_of(request), 500, "wrong")


def _language_of(request: Request, preferred: str | None = None) -> str:
    return view.choose_language(preferred, request.headers.get("accept-language", ""))


def _with_purpose(claims: Claims, purpose: Purpose) -> Claims:
    return Claims(claims.source, claims.order_id, claims.customer_id, purpose, claims.expires_at)


def _page(language: str, status: int, name: str) -> HTMLResponse:
    return HTMLResponse(view.message_page(language, name), status, headers=HEADERS)


def _same_origin(request: Request) -> bool:
    """True unless the browser says that the form is another site's."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    # a page without referrer sends "null"; then only the check of the form speaks
    return origin in (None, "null") or urlsplit(origin).netloc == request.headers.get("host")


async def _fields(request: Request) -> dict[str, str]:
    from urllib.parse import parse_qsl

    body = await request.body()
    if len(body) > LONGEST_BODY:
        raise Stop(TOO_LARGE, "wrong")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=10))
    except (UnicodeDecodeError, ValueError):
        raise Stop(UNPROCESSABLE, "wrong") from None
