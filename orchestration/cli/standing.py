"""``fivefold standing``: what dispatchers let be done without being asked again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import fivefold_command


@click.option("--allow", "allowed", metavar="SORT", help="Let CAUSE/FLEET/KIND be done (fleet -: of none, *: of any).")
@click.option("--limit", type=click.IntRange(1), help="With --allow: what one cause may come to, minor units.")
@click.option("--a-day", type=click.IntRange(1), default=4, show_default=True, help="With --allow: causes of a day.")
@click.option(
    "--late-seconds",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="With --allow: how much later than promised it may serve somebody.",
)
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="With --allow: the last date.  [default: in four weeks]"
)
@click.option("--withdraw", "withdrawn", metavar="NAME", help="End it: its name, or its sort.")
@click.option("--by", help="Who says so.")
@click.option("--reason", help="Why; it is kept.")
@click.argument("source")
@fivefold_command(
    "Standing answers of SOURCE's dispatchers: for which cause, fleet and decision, up to which price, until when, of "
    "whom, and what became of them. --allow and --withdraw hold for days that begin from now on; a day that is served "
    "has its own on its page. They answer only on days that begin with --standing-after.",
    example="fivefold standing demo\n"
    "fivefold standing demo --allow driver_no_show/carrier/assign --limit 40000 --by ann --reason 'as agreed'\n"
    "fivefold standing demo --allow 'vehicle_out/*/assign' --limit 60000 --late-seconds 1800 --by ann "
    "--reason 'any van that is out'\n"
    "fivefold standing demo --withdraw driver_no_show/carrier/assign --by ann --reason 'new carrier'",
)
def command(
    home: Path,
    source: str,
    allowed: str | None,
    limit: int | None,
    a_day: int,
    late_seconds: int,
    until: datetime | None,
    withdrawn: str | None,
    by: str | None,
    reason: str | None,
) -> Any:
    from domain.errors import InputError
    from operations.dispatch.decisions import reach
    from orchestration.acting.relay import relay
    from orchestration.lake import Lake
    from orchestration.live.standing import allow, default_until, known_source, listed, withdraw
    from orchestration.messaging.store import OutboxStore

    if (allowed or withdrawn) and not (by and reason):
        raise InputError("who says so, and why? add --by NAME --reason TEXT")
    if allowed and withdrawn:
        raise InputError("--allow or --withdraw, one at a time")
    if allowed and limit is None:
        raise InputError("up to which price? add --limit MINOR")
    today = datetime.now(UTC).date()
    with Lake.open(home) as lake, OutboxStore(home / "outbox") as store:
        relay(lake, store)  # what a live day has decided since
        known_source(lake, source)
        if allowed:
            last = until.date() if until else default_until(today)
            said = (last, str(by), str(reason))
            allow(lake, source, allowed, int(limit or 0), *said, a_day=a_day, late_s=late_seconds)
        if withdrawn:
            withdraw(lake, source, withdrawn, str(by), str(reason))
        rows = listed(lake, source, today)

    def show() -> None:
        if not rows:
            click.echo(f"no standing answers of {source}")
        for one in rows:
            click.echo(
                f"{one['status']:>9}  {one['sort']}: up to {reach(one['limit_minor'], one['late_s'], one['currency'])} "
                f"a cause, {one['a_day']} a day, until {one['until']}; {one['by']}: {one['reason']}\n"
                f"           {one['standing_id']}"
            )

    return {"standing": rows}, show
