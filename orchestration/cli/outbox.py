"""``fivefold outbox``: messages decided, delivered, waiting and dead."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from operations.outbox import DeliveryState
from orchestration.cli.options import fivefold_command


def _line(kept: Any) -> dict[str, Any]:
    message, delivery = kept.message, kept.delivery
    return {
        "key": message.key,
        "order_id": message.order_id,
        "trigger": message.trigger,
        "channel": message.channel,
        "state": str(delivery.state),
        "attempts": delivery.attempts,
        "due_at": delivery.due_at,
        "created_at": message.created_at,
        "error": delivery.error,
    }


@fivefold_command(
    "List messages, newest first, and how many are in each state.",
    example="fivefold outbox list --state dead\nfivefold outbox list --order o-17 --json",
)
def list_messages(state: str | None, order_id: str | None, limit: int, home: Path) -> Any:
    from orchestration.messaging.store import OutboxStore

    with OutboxStore(home / "outbox") as store:
        kept = store.messages(state=state, order_id=order_id, limit=limit)
        result = {"counts": store.counts(), "messages": [_line(one) for one in kept]}

    def show() -> None:
        from rich.console import Console
        from rich.table import Table

        table = Table("key", "order", "trigger", "channel", "state", "tries", "decided", "error")
        for one in result["messages"]:
            when = one["created_at"].strftime("%m-%d %H:%M")
            table.add_row(
                one["key"][:10],
                one["order_id"],
                one["trigger"],
                one["channel"],
                one["state"],
                str(one["attempts"]),
                when,
                one["error"][:60],
            )
        Console().print(table)
        click.echo("  ".join(f"{name} {count}" for name, count in result["counts"].items()))

    return result, show


list_messages = click.option(
    "--state", type=click.Choice([str(one) for one in DeliveryState]), default=None, help="Only these."
)(list_messages)
list_messages = click.option("--order", "order_id", default=None, help="Only those of one order.")(list_messages)
list_messages = click.option("--limit", default=100, show_default=True, help="At most so many.")(list_messages)


@fivefold_command(
    "Show one message: its text as kept (without names, addresses and live links) and every attempt.",
    example="fivefold outbox show 3f9a2c",
)
def show_message(key: str, home: Path) -> Any:
    from orchestration.messaging.store import OutboxStore

    with OutboxStore(home / "outbox") as store:
        kept = store.message(key)
        attempts = store.attempts(kept.message.key)
    message = kept.message
    result = {
        **_line(kept),
        "expires_at": message.expires_at,
        "language": message.language,
        "subject": message.subject,
        "text": message.text,
        "log": attempts,
    }

    def show() -> None:
        for name, value in result.items():
            if name not in ("text", "log"):
                click.echo(f"{name:>12}  {value}")
        click.echo(f"\n{message.text}\n")
        for one in attempts:
            click.echo(f"  {one['at']:%Y-%m-%d %H:%M:%S}  attempt {one['attempt']}  {one['verdict']}  {one['detail']}")

    return result, show


show_message = click.argument("key")(show_message)


@fivefold_command(
    "Deliver what is due through the channels of messaging.yml (the local outbox folder without one).",
    example="fivefold outbox send\nfivefold outbox send --watch",
)
def send(watch: bool, threads: int, home: Path) -> Any:
    from orchestration.messaging.office import open_office

    with open_office(home) as office:
        worker = office.worker(threads)
        try:
            counts = worker.run(until_empty=False) if watch else worker.deliver_due()
        except KeyboardInterrupt:
            counts = office.store.counts()
    return counts, lambda: click.echo("  ".join(f"{name} {count}" for name, count in counts.items()))


send = click.option("--watch", is_flag=True, help="Go on until interrupted.")(send)
send = click.option("--threads", default=8, show_default=True, help="Messages sent at the same time.")(send)


@fivefold_command(
    "Give dead messages another life: those whose KEY is given, or --all.",
    example="fivefold outbox retry 3f9a2c\nfivefold outbox retry --all",
)
def retry(keys: tuple[str, ...], everything: bool, home: Path) -> Any:
    from domain.errors import InputError
    from orchestration.messaging.store import OutboxStore

    if bool(keys) == everything:
        raise InputError("name the messages to retry, or --all dead ones")
    with OutboxStore(home / "outbox") as store:
        wanted = (
            [one.message.key for one in store.messages(state="dead", limit=1_000_000)]
            if everything
            else [store.message(key).message.key for key in keys]
        )
        count = store.retry(wanted, datetime.now(UTC))
    result = {"retried": count, "not_dead": len(wanted) - count}
    return result, lambda: click.echo(f"{count} messages wait to be sent again: fivefold outbox send")


retry = click.argument("keys", nargs=-1, metavar="[KEY]...")(retry)
retry = click.option("--all", "everything", is_flag=True, help="Every dead message.")(retry)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", type=click.Path(file_okay=False), default=None, help="Workspace folder.  [default: .fivefold]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.pass_context
def command(ctx: click.Context, home: str | None, as_json: bool) -> None:
    """Messages decided, delivered, waiting and dead.

    \b
    Example:
      fivefold outbox
      fivefold outbox send
      fivefold outbox list --state dead
      fivefold outbox retry --all
    """
    if home:
        ctx.obj = {**(ctx.obj or {}), "home": home}
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_messages, home=home, as_json=as_json, state=None, order_id=None, limit=100)


command.add_command(list_messages, "list")
command.add_command(show_message, "show")
command.add_command(send, "send")
command.add_command(retry, "retry")
