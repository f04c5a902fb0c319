"""The dispatcher's page in a real browser, by keyboard: decisions as they are made, approvals, overrides, what if."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

pytest.importorskip("fastapi")

from domain import tables
from operations.state import Approvals, Coming
from orchestration.lake import Lake
from tests.operations.days import DATE, created, event
from tests.orchestration.test_live import DAY, TOKEN, address_of, begin, send

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def scored(order_id):
    at = datetime(DATE.year, DATE.month, DATE.day, tzinfo=UTC)
    eta = {f"eta_p{level:02d}": at + timedelta(hours=10, minutes=level) for level in (5, 10, 50, 90, 95)}
    factors = json.dumps({"failed": [], "late": [["behind the plan", 0.3]]})
    return {
        "source": "demo", "service_date": DATE, "route_id": "r1", "order_id": order_id, "moment": "departure",
        "stops_before": 2, **eta, "p_late": 0.4, "p_failed": 0.1, "p_vehicle_issue": 0.0, "p_weather_or_road": 0.0,
        "p_exception": 0.45, "factors": factors, "model_version": "m1", "as_of": at - timedelta(hours=20),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_dispatcher_works_a_day_by_keyboard(tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api")
    with Lake.open(tmp_path) as lake:
        lake.append(tables.STOP_SCORES, pd.DataFrame([scored("o3")]))
    # what can leave hours from now may wait; the orders of the morning may not
    coming = Coming((0.0,) * 24, (), review_s=25_000, policy="last_chance")
    approvals = Approvals(("assign", "tender", "leave"), standing_after=2)
    process = begin(tmp_path, day=replace(DAY, approvals=approvals, coming=coming))
    try:
        address = address_of(process)
        with sync_api.sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1500, "height": 900})
            problems: list[str] = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda one: problems.append(one.text) if "Content Security" in one.text else None)
            page.goto(f"http://{address}/")
            page.keyboard.press("Tab")
            page.locator("#token").fill("wrong")
            page.keyboard.press("Enter")
            page.get_by_text("That token does not open this day.").wait_for()
            page.locator("#token").fill(TOKEN)
            page.keyboard.press("Tab")
            page.keyboard.type("Ana")
            page.keyboard.press("Enter")
            page.get_by_text("connected", exact=True).wait_for()
            assert page.locator("#vehicles tr").count() == 2
            assert page.evaluate("map.orders.size") == 8 and page.evaluate("map.holder.size") == 8
            # something is drawn: the map is not one colour
            colours = page.evaluate(
                "new Set(map.canvas.getContext('2d').getImageData(0, 0, map.canvas.width, map.canvas.height).data).size"
            )
            assert colours > 10

            # who is at risk, by the newest scores of the day
            page.locator("#risks tr", has_text="departure").click()
            assert "40 %" in page.locator("#risks").inner_text()
            page.locator("#stop .score", has_text="behind the plan +0.30").wait_for()

            # a proposal comes by the stream; it is approved by one key
            send(address, [created("n1", "<img src=x onerror=alert(1)>", 9, 27_000)])
            page.locator("#queue li[aria-selected=true]").wait_for()
            card = page.locator("#queue > li").first.inner_text()
            assert "assign" in card and "<img src=x" in card and "or tender" in card
            # the route as it would be is drawn, with the order that is proposed for it
            (way,) = page.evaluate("Object.values(map.marked.proposed)")
            assert "<img src=x onerror=alert(1)>" in way and len(way) > 1
            page.keyboard.press("a")
            page.locator("#decisions tr", has_text="approved by Ana").wait_for()
            assert page.evaluate("map.marked.proposed") == {}
            assert page.locator("#decisions img").count() == 0 and page.locator("#queue > li").count() == 0

            # another is rejected with a reason: the next best is proposed
            send(address, [created("n2", "new2", 10, 27_100)])
            page.locator("#queue li[aria-selected=true]", has_text="new2").wait_for()
            page.keyboard.press("r")
            page.keyboard.type("that van is for the hospital")
            page.keyboard.press("Enter")
            page.locator("#decisions tr", has_text="rejected by Ana: that van is for the hospital").wait_for()
            page.locator("#queue li[aria-selected=true]", has_text="new2").wait_for()

            # and overridden: to a fleet that is asked
            page.keyboard.press("o")
            page.locator("#choice").select_option("f:gig-b")
            page.locator("#why").fill("they owe us one")
            page.keyboard.press("Enter")
            page.locator("#decisions tr", has_text="override by Ana: they owe us one").wait_for()
            page.get_by_text("3 touches").wait_for()

            # one that may wait does: the page says until when and why, and does not call it unplaced
            send(address, [created("n3", "evening", 11, 27_150, window=(60_000, 75_000))])
            waits = page.locator("#held tr", has_text="evening")
            waits.wait_for()
            assert "until one must go" in waits.inner_text() and ":" in waits.locator("td.n").inner_text()
            assert "1 held back" in page.locator("#numbers").inner_text()
            assert "1 with other fleets" in page.locator("#numbers").inner_text()
            assert "unplaced" not in page.locator("#numbers").inner_text()
            waits.click()
            page.locator("#stop", has_text="waits until").wait_for()
            page.screenshot(path=tmp_path / "held.png")

            # alike for the second time: yes for good by one key; what stands is seen, and ended by its button
            send(address, [created("n4", "new4", 12, 27_160)])
            page.locator("#queue > li", has_text="new4").click()
            page.keyboard.press("a")
            page.locator("#queue > li", has_text="new4").wait_for(state="detached")
            send(address, [created("n5", "new5", 9, 27_170)])
            page.locator("#queue > li", has_text="new5").click()
            page.get_by_text("s: yes, and from now on without asking: order_created/-/assign up to").wait_for()
            page.keyboard.press("s")
            page.locator("#stand li", has_text="of Ana; today 0 of 4").wait_for()
            send(address, [created("n6", "new6", 10, 27_180)])
            page.locator("#decisions tr", has_text="standing answer of Ana until").first.wait_for()
            page.locator("#stand li", has_text="today 1 of 4").wait_for()
            page.screenshot(path=tmp_path / "stand.png")
            page.locator("#stand button", has_text="Withdraw").click()
            page.locator("#why").fill("a new contract")
            page.keyboard.press("Enter")
            page.locator("#decisions tr", has_text="withdrawn by Ana: a new contract").wait_for()
            page.locator("#stand li").wait_for(state="detached")

            # what nothing describes is said, and does no harm
            at = {"lat_e6": 60_170_000, "lon_e6": 24_900_000}
            ghost = event("p1", "position", 27_190, vehicle_id="<b>ghost</b>", facts=at)
            send(address, [ghost, event("p2", "delivered", 27_190, order_id="nobody")])
            page.locator("#numbers", has_text="unknown orders nobody · unknown vehicles <b>ghost</b>").wait_for()

            # what if, without touching the day
            page.keyboard.press("w")
            page.locator("#van").select_option("v1")
            page.locator("#more").fill("10")
            page.keyboard.press("Enter")
            page.locator("#answer table").wait_for()
            assert "10" in page.locator("#answer").inner_text()
            assert page.locator("#vehicles tr", has_text="broken").count() == 0
            send(
                address,
                [
                    event(
                        "f", "vehicle_fault", 27_300, vehicle_id=max(DAY.planned, key=lambda one: len(DAY.planned[one]))
                    )
                ],
            )
            # what one cause calls for stands by who takes it, an order a chip; the next order by its key
            chosen = page.locator("#queue .chip.mine")
            chosen.wait_for()
            first = chosen.inner_text()
            assert page.locator("#queue .item .head", has_text="orders").count() >= 1
            assert "broken" in page.locator("#queue > li[aria-selected=true]").inner_text()
            page.keyboard.press("Escape")  # out of the field
            page.keyboard.press("]")
            chosen.filter(has_not_text=first).wait_for()
            assert page.locator("#queue .item.mine ul li", has_text="or ").count() >= 1
            page.screenshot(path=tmp_path / "page.png")
            assert problems == []
            browser.close()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
