"""From an order to a page: words in the customer's language, times in the order's zone, forms for what is on offer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from babel.dates import format_date, format_time
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from operations.answers import IN_WORDS, AnswerAction, Offer, Tracked, shows_courier, window_of
from operations.communication.templates import catalogue
from orchestration.messaging.answers import Answer

FOLDER = Path(__file__).parent / "pages"
LANGUAGES = tuple(sorted(path.stem for path in FOLDER.glob("*.yml")))
PAGES = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
EMPTY: dict[str, Any] = {
    "alert": "", "success": "", "facts": (), "progress": (), "forms": (), "link": None, "small": "",
}  # fmt: skip
STEPS = ("planned", "on_the_way", "delivered")
PAST_TENSE = {"partially_delivered": "delivered", "diverted": "delivered", "attempt_failed": "failed"}


@cache
def words(language: str) -> Mapping[str, str]:
    """Words of the pages."""
    content: Mapping[str, str] = yaml.safe_load((FOLDER / f"{language}.yml").read_text(encoding="utf-8"))
    return content


def choose_language(preferred: str | None, accept: str) -> str:
    """The customer's language, else the first that the browser names and we have, else English."""
    named = [preferred or "", *(one.split(";")[0] for one in accept.split(","))]
    for one in named:
        tag = one.strip().lower().replace("_", "-").split("-")[0]
        if tag in LANGUAGES:
            return tag
    return "en"


def render(language: str, title: str, **fields: Any) -> str:
    """The one page there is, with what it is given."""
    return PAGES.get_template("page.html").render({**EMPTY, "language": language, "title": title, **fields})


def message_page(language: str, name: str) -> str:
    """A page that says one thing: ``no_link``, ``slow`` or ``wrong``."""
    own = words(language)
    return render(language, own[f"{name}_title"], alert=own[name])


def facts(order: Tracked, answered: Answer | None, language: str) -> list[tuple[str, str, bool]]:
    """Promise, live interval, reason of a change, the courier when near, and what was chosen."""
    own, found = words(language), []
    moved = answered is not None and answered.action == AnswerAction.RESCHEDULE
    if answered is not None:
        found.append((own["chosen"], _chosen(answered, order, language), True))
    if order.interval and order.open and order.status != "attempt_failed" and not moved:
        found.append((own["expected"], between(order.interval, order.timezone, language), True))
    if order.promise:
        found.append((own["promise"], between(order.promise, order.timezone, language), False))
    if order.reason and not moved:
        reason = catalogue(language)["reasons"].get(order.reason) or catalogue(language)["reasons"]["unknown"]
        found.append((own["reason"], own["because"].format(reason=reason), False))
    if shows_courier(order) and order.courier_m is not None:
        km = f"{max(order.courier_m, 100) / 1_000:.1f}"
        found.append((own["on_the_way"], own["courier"].format(km=km, stops=order.stops_before), False))
    return found


def progress(order: Tracked, language: str) -> list[tuple[str, str]]:
    """The way of an order, with the step it is at."""
    own, status = words(language), PAST_TENSE.get(order.status, order.status)
    if status in ("failed", "cancelled"):
        return [(own["planned"], "done"), (own[status], "now")]
    at = STEPS.index(status) if status in STEPS else 0
    return [(own[one], "done" if n < at else "now" if n == at else "later") for n, one in enumerate(STEPS)]


def forms(offered: list[Offer], order: Tracked, language: str) -> list[dict[str, Any]]:
    """One form an action."""
    own, found = words(language), []
    for action in AnswerAction:
        mine = [one for one in offered if one.action is action]
        if not mine:
            continue
        found.append(
            {
                "action": str(action),
                "title": own[f"{action}_title"],
                "button": own[f"{action}_button"],
                "legend": own.get(f"{action}_legend", ""),
                "note": own[f"{action}_note"] if action in IN_WORDS else "",
                "choices": [(one.choice, _label(one, order, language)) for one in mine],
            }
        )
    return found


def _label(offer: Offer, order: Tracked, language: str) -> str:
    if offer.window:
        return between(offer.window, order.timezone, language)
    if offer.action is AnswerAction.LOCKER and order.locker:
        return words(language)["locker_label"].format(name=order.locker.name, metres=max(50, order.locker.metres))
    return ""


def between(span: tuple[datetime, datetime], timezone: str, language: str) -> str:
    """A span in words, in the order's zone."""
    low, high = (one.astimezone(ZoneInfo(timezone)) for one in span)
    return words(language)["between"].format(
        day=format_date(low.date(), "EEEE d MMMM", locale=language),
        start=format_time(low, "HH:mm", locale=language),
        end=format_time(high, "HH:mm", locale=language),
    )


def _chosen(answer: Answer, order: Tracked, language: str) -> str:
    own = words(language)
    if answer.action == AnswerAction.RESCHEDULE:
        return between(window_of(answer.choice, order.timezone), order.timezone, language)
    if answer.action == AnswerAction.LOCKER and order.locker and answer.choice == order.locker.locker_id:
        return f"{own[answer.action]}: {order.locker.name}"
    return f"{own[answer.action]}: {answer.note}" if answer.note else own[answer.action]
