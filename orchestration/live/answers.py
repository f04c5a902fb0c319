"""What people say about a running day without its page: what waits for them, and their answers.

An answer is an event like those of the page. It is kept beside the day's journal at once and taken in by whoever
decides the day: a live service within a second, else the next micro-batch. What would be refused then is refused here.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from domain.errors import InputError
from operations.decide import step
from operations.state import DayState, Event, ProposalState, why_refused
from operations.state.events import ABOUT_STANDING, EARLIEST_S, LATEST_S, OVERRIDE, Fact
from operations.state.proposals import OPEN
from orchestration.live.begin import day_folder
from orchestration.live.dayfile import midnight_of, read_day
from orchestration.live.engine import restored
from orchestration.live.journal import Journal, event_of
from orchestration.live.view import brief, queue, standing
from orchestration.live.wire import event_from

TAKEN, KNOWN, KEPT = "taken", "known", "kept"
"""What became of an answer: it is done; it was given before; whoever decides the day will take it in."""
WAIT_S, LOOK_S = 10.0, 0.1


def waiting(home: Path, source: str, service_date: date) -> dict[str, Any]:
    """What of a day waits for a person, as of all that was decided and answered so far."""
    folder = _begun(home, source, service_date)
    with Journal(folder, write=False) as journal:
        state = _as_answered(folder, journal)
        return {
            "service_date": service_date.isoformat(),
            "clock_s": state.clock_s,
            "currency": state.day.problem.currency,
            "queue": queue(state),
            "standing": standing(state),
            "answers_under_way": len(journal.answers()),
        }


def say(
    home: Path,
    source: str,
    service_date: date,
    kind: str,
    *,
    proposal: str = "",
    order_id: str = "",
    vehicle_id: str = "",
    fleet_id: str = "",
    facts: Mapping[str, Fact],
    moment: datetime,
) -> dict[str, Any]:
    """Keep what a person says; its name, whether it is new, and what would be decided on it now.

    The same said again is known by its name. ``proposal`` may be the beginning of its name; of an override it is found
    by its order. ``moment`` counts where it is of that day, else the day's own clock does (a day that is played).

    Raises:
        InputError: the day has not begun, or what is said would be refused; it says why.
    """
    folder = _begun(home, source, service_date)
    with Journal(folder, write=False) as journal:
        newest = journal.last_answer()  # before what was said so far is looked at
        state = _as_answered(folder, journal)
        about: dict[str, Fact] = {}
        if kind == OVERRIDE:
            about = {"proposal": one} if (one := _proposal_of(state, order_id)) else {}
        elif kind not in ABOUT_STANDING:
            about = {"proposal": named(proposal, state.proposals.values())}
        subject = order_id or str(about.get("proposal") or facts.get("standing"))
        now_s = int((moment - midnight_of(folder)).total_seconds())
        at_s = max(0, state.clock_s, now_s if EARLIEST_S <= now_s <= LATEST_S else 0)
        row = {"kind": kind, "at_s": at_s, "order_id": order_id, "vehicle_id": vehicle_id, "fleet_id": fleet_id}
        name, known = _name(journal, subject, row | {"facts": {**about, **facts}})
        event = event_from(row | {"event_id": name, "facts": {**about, **facts}})
        if isinstance(event, str):
            raise InputError(event)
        if known:
            return {"event_id": name, "result": KNOWN}
        if reason := why_refused(event):
            raise InputError(reason)
        _refused_or_not(state, event, subject)
        if journal.say(event, newest):
            return {"event_id": name, "result": KEPT}
    # somebody has said something meanwhile: the same is known by now, another thing is refused for it
    whom = {"proposal": proposal, "order_id": order_id, "vehicle_id": vehicle_id, "fleet_id": fleet_id}
    return say(home, source, service_date, kind, facts=facts, moment=moment, **whom)


def carried_out(home: Path, source: str, service_date: date, said: Mapping[str, Any]) -> dict[str, Any]:
    """Have an answer taken in: by a batch, or by whoever serves the day. With what was decided on it then."""
    from orchestration.live.batch import decide_batch

    name, folder = said["event_id"], day_folder(home, source, service_date)
    with Journal(folder, write=False) as journal:
        made = journal.decided(name)
        if made is None:
            until = time.monotonic() + (WAIT_S if decide_batch(home, source, service_date).served else 0)
            while (made := journal.decided(name)) is None and time.monotonic() < until:
                time.sleep(LOOK_S)
    result = said["result"] if made is None or said["result"] == KNOWN else TAKEN
    return {**said, "result": result, "decisions": [brief(one) for one in made or ()]}


def named(wanted: str, proposals: Iterable[ProposalState]) -> str:
    """The proposal of a name, or of the beginning of one.

    Raises:
        InputError: there is none, or there are several.
    """
    there = [one for one in proposals if one.items]
    if any(one.proposal_id == wanted for one in there):
        return wanted
    found = [one.proposal_id for one in there if wanted and one.proposal_id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{wanted!r} is the beginning of several proposals: {', '.join(sorted(found)[:5])}")
    open_now = sorted(one.proposal_id for one in there if one.status == OPEN and one.open_items)
    more = f" and {len(open_now) - 5} more" if len(open_now) > 5 else ""
    raise InputError(f"there is no proposal {wanted!r}; waiting: {', '.join(open_now[:5]) or 'none'}{more}")


def _begun(home: Path, source: str, service_date: date) -> Path:
    folder = day_folder(home, source, service_date)
    if not (folder / "day.json").exists():
        raise InputError(
            f"the day {service_date} of {source!r} has not begun: fivefold dispatch {source} {service_date} begins it"
        )
    return folder


def _as_answered(folder: Path, journal: Journal) -> DayState:
    """The day as decided so far, and as it will be once answers that are under way are taken in."""
    under_way = journal.answers()  # first: one that is taken in meanwhile is in one of both
    state = restored(read_day(folder), journal)
    for _, row in under_way:
        if row["event_id"] not in state.names:
            state, _ = step(state, event_of(row))
    return state


def _proposal_of(state: DayState, order_id: str) -> str:
    """The proposal that waits with an order in it, if any."""
    waits = [one for one in state.proposals.values() if one.status == OPEN]
    return next((one.proposal_id for one in waits if any(item.order_id == order_id for item in one.open_items)), "")


def _name(journal: Journal, subject: str, row: Mapping[str, Any]) -> tuple[str, bool]:
    """The name of what is said about something: the first that is free, or of the last word, where that is the same."""
    stem = f"said/{hashlib.sha256(subject.encode()).hexdigest()[:16]}"
    number, last = 1, None
    while (one := journal.answer(f"{stem}/{number}")) is not None:
        number, last = number + 1, one
    if last is not None:
        again = event_from({**row, "event_id": last.event_id, "at_s": last.at_s, "seen_s": last.seen_s})
        # by what it says, the proposal apart: that of an order is open no more once it was answered
        if isinstance(again, Event) and _words(again) == _words(last):
            return last.event_id, True
    return f"{stem}/{number}", False


def _words(event: Event) -> Event:
    facts = {name: value for name, value in event.facts.items() if name != "proposal" or event.kind != OVERRIDE}
    return replace(event, facts=facts)


def _refused_or_not(state: DayState, event: Event, subject: str) -> None:
    """Raises:
    InputError: the day would refuse the answer.
    """
    _, made = step(state, event)
    refused = next((one for one in made if one.kind == "refuse"), None)
    if refused is not None:
        raise InputError(f"{subject}: {refused.reason}")
