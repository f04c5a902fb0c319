"""The pictures of the README, taken from a workspace that ``make demo`` made: ``python docs/pictures/make.py [HOME]``.

The page of the day is the file that the demo wrote. The dispatcher's page is served by ``fivefold live``, which is told
the day's events up to noon and then a fault that did not happen. The assets are in Dagster's UI. Needs Chromium.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from domain.errors import InputError
from operations.state import Event
from orchestration.lake import Lake
from orchestration.live.begin import day_folder, events_of
from orchestration.live.dayfile import midnight_of

HERE = Path(__file__).parent
SOURCE, DATE = "demo", date(2026, 3, 30)
UNTIL_S = 12 * 3_600 + 20 * 60
BROKEN = "captive-v07"
TOKEN = "pictures"  # noqa: S105  of a service that lives for a minute on this machine
COMMAND = Path(sys.executable).with_name("fivefold")
LIVE, GRAPH = "http://127.0.0.1:8417", "http://127.0.0.1:3017"


@contextmanager
def served(home: Path, url: str, *arguments: str) -> Iterator[None]:
    """A service of Fivefold's, from when ``url`` answers."""
    environment = {**os.environ, "FIVEFOLD_LIVE_TOKEN": TOKEN}
    process = subprocess.Popen([COMMAND, "--home", str(home), *arguments], env=environment)
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(url, timeout=5)  # noqa: S310  an address of ours
                break
            except OSError:
                time.sleep(0.5)
        yield
    finally:
        process.terminate()
        process.wait(60)


def tell(events: list[Event]) -> None:
    """Events to the live service, as any client sends them."""
    for first in range(0, len(events), 500):
        rows = [asdict(one) for one in events[first : first + 500]]
        request = urllib.request.Request(f"{LIVE}/v1/events", json.dumps({"events": rows}).encode())  # noqa: S310
        request.add_header("Authorization", f"Bearer {TOKEN}")
        request.add_header("Content-Type", "application/json")
        urllib.request.urlopen(request, timeout=120).read()  # noqa: S310


def dispatcher(page: Page, home: Path) -> None:
    """A van breaks down at noon, and what is to be done waits for a person."""
    folder = day_folder(home, SOURCE, DATE)
    if folder.exists():
        raise InputError(f"{folder} has a day already; the picture is of one that begins: remove it first")
    local = datetime.min.replace(hour=UNTIL_S // 3_600, minute=UNTIL_S % 3_600 // 60).time()
    subprocess.run(
        [COMMAND, "score", SOURCE, str(DATE), "--at", f"{DATE}T{local:%H:%M}", "--home", str(home)], check=True
    )
    asked = ("--approve", "assign", "--approve", "tender", "--approve", "leave")
    with served(home, f"{LIVE}/health", "live", SOURCE, str(DATE), "--port", "8417", "--clock", "events", *asked):
        with Lake.open(home) as lake:
            known = events_of(lake, SOURCE, DATE, midnight_of(folder))
        tell([one for one in known if one.seen_s <= UNTIL_S])
        tell([Event("a-fault", "vehicle_fault", UNTIL_S, UNTIL_S, vehicle_id=BROKEN)])
        page.set_viewport_size({"width": 1560, "height": 900})
        page.goto(LIVE)
        page.locator("#token").fill(TOKEN)
        page.keyboard.press("Enter")
        page.locator("#queue li[aria-selected=true]").wait_for()
        page.wait_for_timeout(3_000)
        page.screenshot(path=HERE / "dispatcher.png")


def main(home: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto((home / "reports" / f"report-{SOURCE}-{DATE}.html").resolve().as_uri())
        page.locator("#map, svg").first.wait_for()
        page.screenshot(path=HERE / "day.png")
        dispatcher(page, home)
        with served(home, f"{GRAPH}/server_info", "ui", "--port", "3017", "--reports-port", "3018"):
            page.goto(f"{GRAPH}/assets/daily_plan?view=partitions&partition={DATE}", timeout=120_000)
            page.get_by_text("[Show Markdown]").first.click(timeout=60_000)
            page.locator(f"img[alt='routes of {DATE}']").wait_for(timeout=30_000)
            page.wait_for_timeout(1_000)
            page.screenshot(path=HERE / "assets.png")
        browser.close()
    for picture in sorted(HERE.glob("*.png")):
        few = Image.open(picture).convert("RGB").quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        few.save(picture, optimize=True)  # a third of the bytes


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ".fivefold"))
