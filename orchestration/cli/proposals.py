"""``fivefold proposals``: what of a running day waits for a person, and the answers, without a page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command

SHOWN = 12
"""Orders of one proposal that are shown one by one."""


@fivefold_command(
    "What waits for a person on DATE of SOURCE: each with its price, its reason, what else could be done, and until "
    "when it waits.",
    example="fivefold proposals list demo 2026-03-02\nfivefold proposals list demo 2026-03-02 --json",
)
def list_them(home: Path, source: str, service_date: datetime) -> Any:
    from orchestration.live.answers import waiting

    result = waiting(home, source, service_date.date())
    return result, lambda: _show(result, f"{source} {service_date.date()}")


@fivefold_command(
    "Say yes to a proposal: all of it is done, at a tenth more than was proposed at most. The beginning of its name "
    "will do. --for-good lets its sort be done from now on without asking, where that is offered.",
    example="fivefold proposals approve demo 2026-03-02 evt-17 --by ann\n"
    "fivefold proposals approve demo 2026-03-02 evt-17 --by ann --for-good",
)
def approve(
    home: Path,
    source: str,
    service_date: datetime,
    proposal: str,
    by: str,
    moment: datetime | None,
    reason: str,
    for_good: bool,
) -> Any:
    facts = {"by": by} | ({"reason": reason} if reason else {}) | ({"standing": "yes"} if for_good else {})
    return _said(home, source, service_date.date(), "approved", moment, facts, proposal=proposal)


@fivefold_command(
    "Say no to a proposal: that choice is not made for its orders any more, the next best is proposed.",
    example="fivefold proposals reject demo 2026-03-02 evt-17 --by ann --reason 'the customer comes himself'",
)
def reject(
    home: Path, source: str, service_date: datetime, proposal: str, by: str, moment: datetime | None, reason: str
) -> Any:
    facts = {"by": by, "reason": reason}
    return _said(home, source, service_date.date(), "rejected", moment, facts, proposal=proposal)


@fivefold_command(
    "Decide otherwise for one order, whether or not it waits: onto a vehicle, to a fleet by tender, or left for "
    "another day. What cannot be done is refused, with why.",
    example="fivefold proposals override demo 2026-03-02 o-17 --vehicle van-3 --by ann --reason 'on its way'\n"
    "fivefold proposals override demo 2026-03-02 o-17 --leave --by ann --reason 'the shop is closed'",
)
def override(
    home: Path,
    source: str,
    service_date: datetime,
    order: str,
    vehicle: str | None,
    fleet: str | None,
    leave: bool,
    by: str,
    moment: datetime | None,
    reason: str,
) -> Any:
    from domain.errors import InputError

    if (vehicle is not None) + (fleet is not None) + leave != 1:
        raise InputError("where should it go? one of --vehicle NAME, --fleet NAME, --leave")
    facts = {"by": by, "reason": reason} | ({"leave": "yes"} if leave else {})
    whom = {"order_id": order, "vehicle_id": vehicle or "", "fleet_id": fleet or ""}
    return _said(home, source, service_date.date(), "override", moment, facts, **whom)


@fivefold_command(
    "Say yes, no, or no more to a standing answer of this day that is offered or in force (list names them). Of "
    "days that begin later: fivefold standing.",
    example="fivefold proposals stand demo 2026-03-02 driver_no_show/carrier/assign@2026-03-02/1 --accept --by ann",
)
def stand(
    home: Path,
    source: str,
    service_date: datetime,
    name: str,
    what: str | None,
    limit: int | None,
    late: int | None,
    by: str,
    moment: datetime | None,
    reason: str,
) -> Any:
    from domain.errors import InputError

    less = {key: one for key, one in (("limit_minor", limit), ("late_s", late)) if one is not None}
    if what is None or (less and what != "accepted"):
        raise InputError(
            "what becomes of it? one of --accept (with --limit or --late-seconds, for less than is offered), "
            "--decline, --withdraw"
        )
    facts = {"standing": name, "by": by, "reason": reason} | less
    return _said(home, source, service_date.date(), f"standing_{what}", moment, facts)


def _said(
    home: Path, source: str, day: date, kind: str, moment: datetime | None, facts: dict[str, Any], **about: str
) -> Any:
    from orchestration.live.answers import carried_out, say

    said = say(home, source, day, kind, facts=facts, moment=moment or datetime.now(UTC), **about)
    result = carried_out(home, source, day, said)

    def show() -> None:
        words = {
            "taken": "",
            "known": "that was said before; nothing is done twice",
            "kept": "kept; whoever decides the day takes it in: the next fivefold dispatch, or the live service",
        }
        if words[result["result"]]:
            click.echo(words[result["result"]])
        for one in result["decisions"]:
            whom = one["vehicle_id"] or one["fleet_id"]
            price = f"  {one['price_minor'] / 100:.2f}" if one["price_minor"] else ""
            click.echo(
                f"{one['kind']:>9}  {', '.join(one['orders'])}{f' -> {whom}' if whom else ''}{price}: {one['reason']}"
            )

    return result, show


def _show(result: dict[str, Any], day: str) -> None:
    from operations.dispatch.decisions import clock, money, reach

    currency = result["currency"]
    if result["answers_under_way"]:
        click.echo(f"{result['answers_under_way']} answers are under way to whoever decides the day")
    for one in result["queue"]:
        items = one["items"]
        click.echo(
            f"{one['proposal']}: {one['because']}; {len(items)} order{'s' * (len(items) > 1)}, "
            f"{money(one['price_minor'], currency)}; waits until {clock(one['until_s'])}"
        )
        for item in items[:SHOWN]:
            whom = item["vehicle_id"] or item["fleet_id"]
            click.echo(
                f"    {item['kind']} {item['order_id']}{f' -> {whom}' if whom else ''}  "
                f"{money(item['price_minor'], currency)}: {item['reason']}"
            )
            others = [f"{other['what']} {money(other['price_minor'], currency)}" for other in item["alternatives"]]
            if others:
                click.echo(f"        instead: {', '.join(others)}")
        if len(items) > SHOWN:
            click.echo(f"    and {len(items) - SHOWN} orders more; all of them with --json")
        for stands in one["would_stand"]:
            limit = reach(stands["limit_minor"], stands["late_s"], currency)
            click.echo(f"    --for-good would let {stands['sort']} be done up to {limit}")
    for stands in result["standing"]["offered"]:
        limit = reach(stands["limit_minor"], stands["late_s"], currency)
        click.echo(f"{stands['standing']}: offered to be done without asking, up to {limit}")
    for stands in result["standing"]["in_force"]:
        click.echo(
            f"{stands['standing']}: done without asking, up to "
            f"{reach(stands['limit_minor'], stands['late_s'], currency)}, of "
            f"{stands['by']}; today {stands['causes_today']} causes"
        )
    if not result["queue"]:
        click.echo("nothing waits for a person")
        return
    click.echo(
        f"answer with: fivefold proposals approve|reject {day} NAME --by YOU [--reason ...]\n"
        f"             fivefold proposals override {day} ORDER --vehicle|--fleet|--leave ... --by YOU --reason ..."
    )


def _with(command: click.Command, *parts: Callable[[click.Command], click.Command]) -> click.Command:
    """A command with arguments in their order, and options."""
    for part in parts:
        command = part(command)
    return command


DAY = (click.argument("source"), click.argument("service_date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE"))
REASON = click.option("--reason", required=True, help="Why; it is kept.")
SAID = (
    click.option("--by", required=True, help="Who says so."),
    click.option(
        "--at",
        "moment",
        type=click.DateTime(["%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z"]),
        help="Moment of it, with its offset (replays).  [default: now; on another date the day's own clock]",
    ),
)


@click.group(
    help="What of a running day waits for a person: list it, approve it, reject it, decide otherwise.\n\n\b\nExample:\n"
    "  fivefold proposals list demo 2026-03-02",
    context_settings={"help_option_names": ["-h", "--help"]},
)
def command() -> None:
    """Subcommands below."""


command.add_command(_with(list_them, *DAY), "list")
command.add_command(
    _with(
        approve,
        *DAY,
        click.argument("proposal"),
        *SAID,
        click.option("--reason", default="", help="Why; it is kept."),
        click.option("--for-good", is_flag=True, help="And from now on without asking, where that is offered."),
    ),
    "approve",
)
command.add_command(_with(reject, *DAY, click.argument("proposal"), *SAID, REASON), "reject")
command.add_command(
    _with(
        stand,
        *DAY,
        click.argument("name"),
        click.option("--accept", "what", flag_value="accepted", help="Let it be done without asking."),
        click.option("--decline", "what", flag_value="declined", help="Ask as before."),
        click.option("--withdraw", "what", flag_value="withdrawn", help="Ask again from now on."),
        click.option("--limit", type=click.IntRange(1), help="With --accept: up to less than is offered, minor units."),
        click.option(
            "--late-seconds", "late", type=click.IntRange(0), help="With --accept: late by no more than that."
        ),
        *SAID,
        click.option("--reason", default="", help="Why; it is kept. --decline and --withdraw need one."),
    ),
    "stand",
)
command.add_command(
    _with(
        override,
        *DAY,
        click.argument("order"),
        click.option("--vehicle", help="Onto the route of this vehicle."),
        click.option("--fleet", help="Ask this fleet by tender."),
        click.option("--leave", is_flag=True, help="For another day."),
        *SAID,
        REASON,
    ),
    "override",
)
