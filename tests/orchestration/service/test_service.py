"""The customers' pages: links, answers, rate limits, two answers at once; and in a real browser without JavaScript."""

import re
import shutil
import socket
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
from fastapi.testclient import TestClient

from operations.answers import AnswerError, Locker, Tracked, check_answer, offers
from operations.links import Claims, Purpose, sign_link
from orchestration.messaging.answers import AnswerStore
from orchestration.messaging.people import PeopleStore, Person
from orchestration.messaging.settings import link_secret
from orchestration.service import view
from orchestration.service.app import create_app
from orchestration.service.limits import RateLimit
from orchestration.service.tracking import TrackingStore

NOW = datetime(2026, 3, 30, 8, 0, tzinfo=UTC)  # Monday, 10:00 in Amsterdam
ORDER = Tracked(
    "demo",
    "o1",
    promise=(NOW + timedelta(hours=4), NOW + timedelta(hours=6)),
    interval=(NOW + timedelta(hours=5), NOW + timedelta(hours=5, minutes=40)),
    timezone="Europe/Amsterdam",
    locker=Locker("locker-3", "Station", 420),
)


@pytest.fixture
def home(tmp_path):
    put(tmp_path, ORDER)
    with PeopleStore(tmp_path) as people:
        people.add([Person("demo", "c1", name="Jane", email="jane@example.org", language="en", channels="email")])
    return tmp_path


def put(home, order):
    with TrackingStore(home) as tracking:
        tracking.put([order], NOW)


def client(home, clock=lambda: NOW, **settings):
    settings = {"reads_a_minute": 1_000, "writes_a_minute": 1_000, **settings}
    return TestClient(create_app(home, clock=clock, **settings), follow_redirects=False)


def token(home, purpose=Purpose.ANSWER, order="o1", until=NOW + timedelta(days=1)):
    return sign_link([link_secret(home)], Claims("demo", order, "c1", purpose, until))


def hidden(page: str, name: str) -> str:
    return re.search(f'name="{name}" value="([^"]*)"', page).group(1)


def send(web, link, action, choice, note="", page=None, **headers):
    page = page or web.get(f"/answer/{link}").text
    form = {"action": action, "choice": choice, "note": note}
    form |= {name: hidden(page, name) for name in ("basis", "check")}
    return web.post(f"/answer/{link}", data=form, headers=headers)


def answers(home):
    with AnswerStore(home) as store:
        return store.of_order("demo", "o1")


@pytest.mark.parametrize(
    ("action", "choice", "note"),
    [("confirm", "yes", ""), ("locker", "locker-3", ""), ("safe_place", "note", " in the\nshed "),
     ("reschedule", "20260331T09-13", "")],
)  # fmt: skip
def test_an_answer_is_written_shown_and_nothing_else_changes(home, action, choice, note):
    web, link = client(home), token(home)
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and "answers" not in path.name}
    done = send(web, link, action, choice, note)
    assert done.status_code == 303
    page = web.get(done.headers["location"]).text
    assert "Thank you" in page
    assert "You chose" in page
    (one,) = answers(home)
    assert (one.action, one.choice, one.note) == (action, choice, note.strip().replace("\n", " "))
    after = {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and "answers" not in path.name}
    assert before == after


def test_looking_changes_nothing(home):
    web, link = client(home), token(home)
    for _ in range(3):
        assert web.get(f"/answer/{link}").status_code == 200
    assert answers(home) == []


def test_an_altered_an_expired_and_an_unknown_link_look_the_same(home):
    web, link = client(home), token(home)
    pages = [
        web.get(f"/answer/{link[:-3]}AAA"),
        web.get(f"/answer/{token(home, until=NOW)}"),
        web.get("/answer/nonsense"),
        web.get(f"/answer/{token(home, Purpose.TRACK)}"),
        web.get(f"/track/{link}"),
        web.get("/order/o1"),
        web.get("/"),
    ]
    assert {one.status_code for one in pages} == {404}
    assert len({one.text for one in pages}) == 1
    assert "expired or is not complete" in pages[0].text
    assert web.post(f"/answer/{token(home, until=NOW)}", data={}).status_code == 404
    assert answers(home) == []


def test_a_link_to_follow_a_delivery_does_not_change_it(home):
    web = client(home)
    page = web.get(f"/track/{token(home, Purpose.TRACK)}").text
    assert "/answer/" not in page
    assert "<form" not in page


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_a_form_of_another_site_is_refused(home, headers):
    done = send(client(home), token(home), "confirm", "yes", **headers)
    assert done.status_code == 403
    assert answers(home) == []


def test_a_form_without_the_pages_check_is_refused(home):
    web, link = client(home), token(home)
    assert web.post(f"/answer/{link}", data={"action": "confirm", "choice": "yes", "basis": ""}).status_code == 403
    other = token(home, until=NOW + timedelta(days=2))
    stolen = hidden(web.get(f"/answer/{other}").text, "check")
    form = {"action": "confirm", "choice": "yes", "basis": "", "check": stolen}
    assert web.post(f"/answer/{link}", data=form).status_code == 403
    assert answers(home) == []


def test_of_two_answers_at_once_the_first_holds_and_the_second_is_told(home):
    web, link = client(home), token(home)
    page = web.get(f"/answer/{link}").text
    assert send(web, link, "confirm", "yes", page=page).status_code == 303
    second = send(web, link, "locker", "locker-3", page=page)
    assert second.status_code == 409
    assert "in the meantime" in second.text
    assert [one.action for one in answers(home)] == ["confirm"]
    assert send(web, link, "locker", "locker-3").status_code == 303, "having seen it, one may change it"
    assert [one.action for one in answers(home)] == ["confirm", "locker"]


def test_the_same_answer_sent_twice_is_one(home):
    web, link = client(home), token(home)
    page = web.get(f"/answer/{link}").text
    assert [send(web, link, "confirm", "yes", page=page).status_code for _ in range(3)] == [303] * 3
    assert len(answers(home)) == 1


def test_many_at_once_leave_one_answer(home):
    link, statuses = token(home), []
    page = client(home).get(f"/answer/{link}").text

    def answer(action, choice):
        statuses.append(send(client(home), link, action, choice, page=page).status_code)

    threads = [threading.Thread(target=answer, args=one) for one in [("confirm", "yes"), ("locker", "locker-3")] * 3]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert set(statuses) == {303, 409}
    assert len(answers(home)) == 1


@pytest.mark.parametrize(
    ("action", "choice", "note", "why"),
    [
        ("reschedule", "20260330T09-13", "", "no longer on offer"),  # the past
        ("reschedule", "20260405T09-13", "", "no longer on offer"),  # a Sunday
        ("reschedule", "tomorrow", "", "no longer on offer"),
        ("safe_place", "note", "   ", "few words"),
        ("safe_place", "note", "x" * 201, "few words"),
        ("explode", "yes", "", "no longer on offer"),
        ("locker", "locker-9", "", "no longer on offer"),  # not the one that was offered
    ],
)
def test_what_is_not_on_offer_is_refused_with_a_reason(home, action, choice, note, why):
    done = send(client(home), token(home), action, choice, note)
    assert done.status_code == 422
    assert why in done.text
    assert answers(home) == []


def test_a_page_that_was_open_over_the_cut_off_does_not_reschedule_into_the_past(home):
    link = token(home)
    page = client(home).get(f"/answer/{link}").text
    assert "20260331T09-13" in page
    evening = client(home, clock=lambda: NOW + timedelta(hours=9))  # 19:00 in Amsterdam
    done = send(evening, link, "reschedule", "20260331T09-13", page=page)
    assert (done.status_code, "no longer on offer" in done.text) == (422, True)


def test_against_the_law_nothing_is_offered_and_nothing_taken(home):
    web, link = client(home), token(home)
    page = web.get(f"/answer/{link}").text
    put(home, replace(ORDER, needs=frozenset({"age_check"})))
    assert "locker" not in web.get(f"/answer/{link}").text.lower()
    done = send(web, link, "safe_place", "note", "in the shed", page=page)
    assert done.status_code == 422
    assert "The law wants" in done.text


def test_a_locker_is_offered_by_name_only_where_one_is_near(home):
    web, link = client(home), token(home)
    assert "Station, about 420 m from your door" in web.get(f"/answer/{link}").text
    assert send(web, link, "locker", "locker-3").status_code == 303
    assert "a locker: Station" in web.get(f"/answer/{link}").text
    put(home, replace(ORDER, locker=None))
    assert "locker-3" not in web.get(f"/answer/{link}").text


@pytest.mark.parametrize("changes", [{"status": "delivered"}, {"status": "on_the_way", "stops_before": 0}])
def test_when_it_is_too_late_nothing_can_be_chosen(home, changes):
    web, link = client(home), token(home)
    page = web.get(f"/answer/{link}").text
    put(home, replace(ORDER, **changes))
    assert "<form" not in web.get(f"/answer/{link}").text
    assert send(web, link, "confirm", "yes", page=page).status_code == 422


def test_an_order_that_is_not_planned_has_a_page_too(home):
    web = client(home)
    assert "still planning" in web.get(f"/answer/{token(home, order='o2')}").text
    assert "still planning" in web.get(f"/track/{token(home, Purpose.TRACK, order='o2')}").text


def test_too_many_requests_are_slowed_down(home):
    web = client(home, reads_a_minute=3)
    statuses = [web.get("/answer/guess").status_code for _ in range(5)]
    assert statuses == [404, 404, 404, 429, 429]
    slow = web.get(f"/answer/{token(home)}")
    assert slow.headers["retry-after"] == "60"
    limit = RateLimit(60, clock=lambda: now[0])
    now = [0.0]
    assert [limit.allows("a") for _ in range(61)] == [True] * 60 + [False]
    assert limit.allows("b")
    now[0] = 1.0
    assert [limit.allows("a"), limit.allows("a")] == [True, False]


@pytest.mark.parametrize("body", [b"x" * 20_000, b"action=\xff\xfe", b"&".join(b"a=1" for _ in range(50)), b"", b"{}"])
def test_bodies_that_are_no_form_are_refused(home, body):
    done = client(home).post(f"/answer/{token(home)}", content=body)
    assert done.status_code in (403, 413, 422)
    assert answers(home) == []


def test_headers_keep_links_private_and_pages_inert(home):
    for path in (f"/answer/{token(home)}", "/nothing", "/style.css"):
        headers = client(home).get(path).headers
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "set-cookie" not in headers


def test_words_of_customers_are_escaped(home):
    web, link = client(home), token(home)
    send(web, link, "safe_place", "note", "<script>alert(1)</script>")
    page = web.get(f"/answer/{link}").text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_courier_is_shown_only_when_near(home):
    web, link = client(home), token(home, Purpose.TRACK)
    near = replace(ORDER, status="on_the_way", stops_before=2, courier_m=1_240, reason="traffic_or_road")
    put(home, near)
    page = web.get(f"/track/{link}").text
    assert "1.2 km away, 2 stops" in page
    assert "heavy traffic" in page
    for far in (replace(near, stops_before=9), replace(near, courier_m=9_000), replace(near, status="planned")):
        put(home, far)
        assert "km away" not in web.get(f"/track/{link}").text


def test_what_is_older_changes_nothing(home):
    put(home, replace(ORDER, status="delivered"))
    with TrackingStore(home) as tracking:
        tracking.put([replace(ORDER, updated_at=NOW - timedelta(minutes=1))], NOW)
        assert tracking.get("demo", "o1").status == "delivered"


@pytest.mark.parametrize("language", view.LANGUAGES)
def test_every_language_has_every_word(home, language):
    assert set(view.words(language)) == set(view.words("en"))
    with PeopleStore(home) as people:
        people.add([Person("demo", "c1", language=language, channels="email")])
    web = client(home)
    page = web.get(f"/answer/{token(home)}").text
    assert f'lang="{language}"' in page
    assert view.words(language)["reschedule_title"] in page


def test_without_a_known_language_the_browsers_is_used():
    assert view.choose_language(None, "pt-BR,nl;q=0.8,en;q=0.5") == "nl"
    assert view.choose_language("fr_FR", "de") == "fr"
    assert view.choose_language(None, "") == "en"


def test_offers_keep_to_the_wall_clock_when_it_changes():
    saturday = datetime(2026, 3, 28, 10, 0, tzinfo=UTC)  # clocks go forward on Sunday the 29th
    windows = [one.window for one in offers(ORDER, saturday) if one.window]
    assert {one[0].astimezone(UTC).hour for one in windows} == {7, 11, 15}
    assert all(one[0] > saturday for one in windows)
    with pytest.raises(AnswerError):
        check_answer(replace(ORDER, status="cancelled"), "confirm", "yes", "", NOW)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_customer_reschedules_on_a_phone_without_javascript(home, monkeypatch):
    import os

    import uvicorn
    from playwright.sync_api import sync_playwright

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    put(home, replace(ORDER, reason="traffic_or_road"))
    app = create_app(home, clock=lambda: NOW)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    pictures = Path(os.environ.get("FIVEFOLD_TEST_PICTURES", home))
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            phone = browser.new_context(
                java_script_enabled=False, viewport={"width": 360, "height": 740}, device_scale_factor=2, is_mobile=True
            )
            page = phone.new_page()
            page.goto(f"http://127.0.0.1:{port}/answer/{token(home)}")
            page.screenshot(path=pictures / "answer.png", full_page=True)
            page.get_by_label("Tuesday 31 March, 13:00 to 17:00").check()
            page.get_by_role("button", name="Deliver then").click()
            assert page.get_by_role("status").inner_text() == "Thank you. We have noted it."
            assert "Tuesday 31 March, 13:00 to 17:00" in page.locator("dl").inner_text()
            page.screenshot(path=pictures / "answered.png", full_page=True)
            page.get_by_role("link", name="Where your delivery is").click()
            facts = page.locator("dl").inner_text()
            assert "Tuesday 31 March" in facts
            assert "Expected" not in facts, "the visit of today is off"
            page.screenshot(path=pictures / "track.png", full_page=True)
            box = page.locator("main").bounding_box()
            assert box["width"] <= 360, "nothing is cut off"
            near = replace(ORDER, order_id="o7", status="on_the_way", stops_before=2, courier_m=1_240)
            put(home, replace(near, reason="traffic_or_road"))
            page.goto(f"http://127.0.0.1:{port}/track/{token(home, Purpose.TRACK, order='o7')}")
            facts = page.locator("dl").inner_text()
            for words in ("Promised", "Expected", "heavy traffic", "1.2 km away, 2 stops"):
                assert words in facts
            page.screenshot(path=pictures / "near.png", full_page=True)
            put(home, replace(near, stops_before=8))
            page.reload()
            assert "km away" not in page.locator("dl").inner_text(), "far away, nobody is told where the courier is"
            page.goto(f"http://127.0.0.1:{port}/answer/expired")
            page.screenshot(path=pictures / "expired.png", full_page=True)
            browser.close()
    finally:
        server.should_exit = True
        thread.join(5)
    assert [one.choice for one in answers(home)] == ["20260331T13-17"]
