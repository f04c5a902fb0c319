"""Standing answers between days: what a day begins with, what holds, and how a person sets or ends one."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from domain import tables
from domain.errors import InputError
from operations.state import Approvals, Said, Sort, StandingAnswer
from operations.state.standing import ACCEPTED, DECLINED, WITHDRAWN
from orchestration.lake import Lake
from orchestration.live.said import TABLE, answer_row

REMEMBERED_DAYS = 28
USUAL = Approvals()
KINDS = ("assign", "tender", "leave")


def standing_of(
    lake: Lake, source: str, service_date: date, midnight: datetime
) -> tuple[tuple[StandingAnswer, ...], tuple[Said, ...]]:
    """Standing answers in force on a date, and what people said about matters of the four weeks before it.

    What was said before the date begins counts; that one was withdrawn counts whenever it was said.
    """
    rows = _rows(lake, source)
    rows = rows[(rows["said_at"] < pd.Timestamp(midnight)) | (rows["said"] == WITHDRAWN)]
    recent = rows[rows["said_at"] >= pd.Timestamp(midnight) - pd.Timedelta(days=REMEMBERED_DAYS)]
    said = [
        # whoever lets nothing stand has begun anew with what they say yes to
        Said(_sort(row), row.said == "yes", int(row.price_minor), _late_s(row))
        if row.said in ("yes", "no")
        else Said(_sort(row), False, 0)
        for row in recent[recent["said"] != ACCEPTED].itertuples()
    ]
    return tuple(one for one in _answers(rows) if one.until >= service_date and one.status == ACCEPTED), tuple(said)


def listed(lake: Lake, source: str, today: date) -> list[dict[str, Any]]:
    """Every standing answer of a source with what has become of it, the newest first."""
    found, currency = [], _currency(lake, source)
    for one in reversed(_answers(_rows(lake, source))):
        status = "expired" if one.status == ACCEPTED and one.until < today else one.status
        found.append(
            {
                "standing_id": one.standing_id,
                "sort": one.sort.name,
                "limit_minor": one.limit_minor,
                "a_day": one.a_day,
                "late_s": one.late_s,
                "currency": currency,
                "until": one.until.isoformat(),
                "status": "in force" if status == ACCEPTED else status,
                "by": one.by,
                "reason": one.reason,
            }
        )
    return found


def known_source(lake: Lake, source: str) -> None:
    """Nothing, where the lake has a depot of the source or somebody has said something about its matters.

    Raises:
        InputError: it has neither; the sources there are are named.
    """
    there = lake.query(f"select source from raw.depots union select source from {TABLE} order by source")["source"]
    if source not in set(there):
        names = ", ".join(map(str, there)) or "none yet"
        raise InputError(
            f"source {source!r} is not in the lake (there are: {names}); load it: fivefold ingest {source}"
        )


def allow(
    lake: Lake,
    source: str,
    sort: str,
    limit_minor: int,
    until: date,
    by: str,
    reason: str,
    *,
    a_day: int = USUAL.standing_a_day,
    late_s: int = 0,
) -> dict[str, Any]:
    """Let a sort of matters (``cause/fleet/kind``; fleet ``-``: none) be done up to a limit; the row that was written.

    It holds for days that begin from now on, in the place of what was in force for the sort. ``late_s``: how much later
    than promised it may serve somebody.
    """
    cause, fleet, kind = [*sort.split("/"), "", ""][:3]
    if sort.count("/") != 2 or not cause or kind not in KINDS:
        raise InputError(f"a sort of matters is CAUSE/FLEET/KIND with one of {', '.join(KINDS)}, is {sort!r}")
    if limit_minor <= 0:
        raise InputError("a standing answer needs a limit above 0")
    whose = Sort(cause, "" if fleet == "-" else fleet, kind)
    _end(lake, source, whose, by, f"replaced: {reason}")
    name = f"{whose.name}@{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"
    return _write(
        lake, source, StandingAnswer(name, whose, limit_minor, a_day, until, ACCEPTED, by, reason, late_s=late_s)
    )


def withdraw(lake: Lake, source: str, name: str, by: str, reason: str) -> list[dict[str, Any]]:
    """End what holds for a sort, by its name or that of a standing answer, for days that begin from now on.

    Raises:
        InputError: there is none in force.
    """
    known = [one for one in _answers(_rows(lake, source)) if one.status == ACCEPTED]
    sort = next((one.sort for one in known if name in (one.standing_id, one.sort.name)), None)
    if sort is None:
        there = ", ".join(sorted({one.sort.name for one in known})) or "none"
        raise InputError(f"source {source!r} has no standing answer {name!r} in force; there are {there}")
    return _end(lake, source, sort, by, reason)


def _end(lake: Lake, source: str, sort: Sort, by: str, reason: str) -> list[dict[str, Any]]:
    known = [one for one in _answers(_rows(lake, source)) if one.status == ACCEPTED and one.sort == sort]
    return [_write(lake, source, one, said=WITHDRAWN, by=by, reason=reason) for one in known]


def _write(
    lake: Lake, source: str, one: StandingAnswer, said: str = ACCEPTED, by: str = "", reason: str = ""
) -> dict[str, Any]:
    moment = datetime.now(UTC)
    facts = one.facts() | {"by": by or one.by, "reason": reason or one.reason}
    row = answer_row(f"{source}/{uuid.uuid4()}", source, moment.date(), said, facts, moment, _currency(lake, source))
    lake.append(tables.DISPATCH_ANSWERS, pd.DataFrame([row]))
    return {**row, "valid_until": one.until.isoformat(), "service_date": moment.date().isoformat()}


def _currency(lake: Lake, source: str) -> str:
    """What the tariffs of a source are in; EUR where it has none."""
    found = lake.query("select max(currency) as one from raw.tariff_rules where source = ?", [source])["one"].iloc[0]
    return "EUR" if pd.isna(found) else str(found)


def _rows(lake: Lake, source: str) -> pd.DataFrame:
    rows = lake.query(f"select * from {TABLE} where source = ? order by said_at, answer_id", [source])
    return rows.assign(said_at=pd.to_datetime(rows["said_at"], utc=True))


def _sort(row: Any) -> Sort:
    return Sort(str(row.cause), "" if pd.isna(row.fleet_id) else str(row.fleet_id), str(row.kind))


def _late_s(row: Any) -> int:
    """Nothing was said of it before there was a column for it."""
    return 0 if pd.isna(row.late_s) else int(row.late_s)


def _answers(rows: pd.DataFrame) -> list[StandingAnswer]:
    """Standing answers by when they were first heard of; the last word about each holds, and no more is final."""
    found: dict[str, StandingAnswer] = {}
    for row in rows[rows["said"].isin([ACCEPTED, DECLINED, WITHDRAWN])].itertuples():
        name, before = str(row.standing_id), found.get(str(row.standing_id))
        if before is not None and before.status != ACCEPTED:
            continue
        until = pd.Timestamp(row.valid_until).date()
        why = "" if pd.isna(row.why) else str(row.why)
        whose = (_sort(row), int(row.price_minor), int(row.a_day), until, str(row.said), str(row.said_by), why)
        found[name] = StandingAnswer(name, *whose, late_s=_late_s(row))
    return list(found.values())


def default_until(today: date) -> date:
    """How long one holds that says nothing else."""
    return today + timedelta(days=USUAL.standing_days)
