"""The dispatcher's page in a real browser: opened by keyboard with the token, it shows decisions as they are made."""

from __future__ import annotations

import shutil
import signal

import pytest

pytest.importorskip("fastapi")

from tests.operations.days import created
from tests.orchestration.test_live import TOKEN, address_of, begin, send

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_page_shows_decisions_as_they_are_made(tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api")
    process = begin(tmp_path)
    try:
        address = address_of(process)
        with sync_api.sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page()
            problems: list[str] = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.goto(f"http://{address}/")
            page.keyboard.press("Tab")
            page.keyboard.type("wrong")
            page.keyboard.press("Enter")
            page.get_by_text("That token does not open this day.").wait_for()
            page.locator("#token").fill(TOKEN)
            page.keyboard.press("Enter")
            page.get_by_text("connected", exact=True).wait_for()
            assert page.locator("#vehicles tr").count() == 2
            send(address, [created("n1", "<img src=x onerror=alert(1)>", 9, 27_000)])
            page.locator("#decisions tr").wait_for()
            row = page.locator("#decisions tr").first.inner_text()
            assert "assign" in row and "<img src=x" in row and "instead of" in row
            assert page.locator("#decisions img").count() == 0
            page.screenshot(path=tmp_path / "page.png", full_page=True)
            assert problems == []
            browser.close()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
