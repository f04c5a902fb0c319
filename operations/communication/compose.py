"""From a decision to a message of the outbox: times in the customer's zone and language, a reason, options."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_time

from operations.communication import templates
from operations.communication.lint import lint_text
from operations.communication.policy import Preferences, Rules, zone_of
from operations.communication.triggers import Notice
from operations.outbox import Message, message_key

LINKS = {"answer": "[[answer-link]]", "track": "[[track-link]]"}
"""Placeholders in what is kept; the sender puts the signed links in."""
ROUND_S = 300


def compose(notice: Notice, who: Preferences, rules: Rules, **more: Any) -> Message:
    """The message of a decision on the customer's first channel, the others being its fallback.

    Args:
        notice, who, rules: as decided.
        more: further fields a template may use (``shop``, ``place``).

    Raises:
        TextError: a template lacks a field, or tells a time that its interval does not bear.
    """
    seen, zone, locale = notice.seen, zone_of(who, rules), _locale(who.language)
    words = templates.catalogue(who.language)
    spans = [_rounded(one, zone) for one in (seen.interval, seen.promise) if one is not None]
    fields: dict[str, Any] = {"order": seen.order_id, **more}
    for name, span in (("interval", seen.interval), ("promise", seen.promise)):
        if span is not None:
            low, high = _rounded(span, zone)
            fields[f"{name}_from"], fields[f"{name}_until"] = _clock(low, locale), _clock(high, locale)
            fields[f"{name}_day"] = format_date(low.date(), "EEEE d MMMM", locale=locale)
    if seen.stops_before is not None:
        fields["stops"] = seen.stops_before
    reasons = words.get("reasons", {})
    fields["reason"] = reasons.get(seen.reason or "", reasons.get("unknown", ""))
    texts = templates.render(notice.trigger, who.language, fields, LINKS)
    for text in (texts.subject, texts.text):
        lint_text(text, spans, rules.widest_point_s)
    channel, *fallback = notice.channels
    return Message(
        key=message_key(seen.source, seen.order_id, notice.trigger, notice.version, channel),
        source=seen.source,
        order_id=seen.order_id,
        trigger=str(notice.trigger),
        channel=channel,
        recipient=seen.customer_id,
        subject=texts.subject,
        text=texts.text,
        html=texts.html,
        created_at=seen.at,
        not_before=notice.not_before,
        expires_at=notice.expires_at,
        language=str(words.get("language", who.language)),
        fallback=tuple(fallback),
        links={place: purpose for purpose, place in LINKS.items() if place in texts.text},
        data={
            "version": notice.version,
            "delay": notice.delay,
            "interval": [one.isoformat() for one in seen.interval] if seen.interval else None,
            "promise": [one.isoformat() for one in seen.promise] if seen.promise else None,
            "reason": seen.reason,
        },
    )


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language, sep="-" if "-" in language else "_")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(templates.DEFAULT_LANGUAGE)


def _clock(moment: datetime, locale: Locale) -> str:
    return format_time(moment, "HH:mm", locale=locale)


def _rounded(span: tuple[datetime, datetime], zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A span in local time, to whole five minutes outwards: no text tells seconds it does not know."""
    low, high = span
    before = timedelta(seconds=low.timestamp() % ROUND_S)
    after = timedelta(seconds=-high.timestamp() % ROUND_S)
    return (low - before).astimezone(zone), (high + after).astimezone(zone)
