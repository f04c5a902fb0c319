"""``fivefold serve``: the customers' pages."""

from __future__ import annotations

from pathlib import Path

import click

from orchestration.cli.options import DEFAULT_HOME


@click.command(
    help="Serve the customers' pages behind signed links: answers (confirm, another day, safe place, locker) and "
    "tracking. It writes answers and nothing else. Put a proxy with TLS before it; public_url in messaging.yml is "
    "where links lead.\n\n\b\nExample:\n  fivefold serve --port 8700",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--home", type=click.Path(file_okay=False), default=None, help="Workspace.  [default: .fivefold]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8700, show_default=True, help="Port.")
@click.option("--behind-proxy", is_flag=True, help="Trust the last address of X-Forwarded-For.")
@click.pass_context
def command(ctx: click.Context, home: str | None, host: str, port: int, behind_proxy: bool) -> None:
    try:
        import uvicorn

        from orchestration.service.app import create_app
    except ImportError as error:
        raise click.ClickException(f"{error.name} is missing: pip install 'fivefold[messages]'") from None
    folder = Path(home or (ctx.obj or {}).get("home") or DEFAULT_HOME).resolve()
    app = create_app(folder, behind_proxy=behind_proxy)
    click.echo(f"Customers' pages of {folder}: http://{host}:{port}   (Ctrl-C ends it)")
    # links are secrets of the customer: the access log would keep them
    uvicorn.run(app, host=host, port=port, access_log=False, log_level="warning", server_header=False)
