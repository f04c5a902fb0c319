"""Serve the pages and plans of a workspace on this machine, so that links in the Dagster UI open them."""

from __future__ import annotations

import html
import threading
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

SERVED = (".html", ".csv")


class ReportHandler(SimpleHTTPRequestHandler):
    """GET of the pages and plans in one folder, and a list of them; nothing else, nowhere else."""

    def do_GET(self) -> None:
        name = unquote(urlsplit(self.path).path).lstrip("/")
        if name == "":
            self._list()
        elif "/" in name or "\\" in name or not name.endswith(SERVED):
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            super().do_GET()

    do_HEAD = do_GET  # noqa: N815 - the name is the library's

    def _list(self) -> None:
        folder = Path(self.directory)
        names = sorted((one.name for one in folder.glob("*.html")), reverse=True) if folder.is_dir() else []
        items = "".join(f'<li><a href="/{quote(name)}">{html.escape(name)}</a></li>' for name in names)
        page = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Fivefold: planned days</title>'
            '<body style="font:15px system-ui,sans-serif;margin:2rem"><h1>Planned days</h1>'
            f"<ul>{items or '<li>None yet: run fivefold demo</li>'}</ul></body></html>"
        ).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(page)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the terminal is the UI's."""


def serve_reports(folder: Path, port: int, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """Start serving ``folder`` in a thread; ``shutdown()`` of the result ends it.

    Raises:
        OSError: the port is taken.
    """
    server = ThreadingHTTPServer((host, port), partial(ReportHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
