"""The page of a planned day: what it shows, in a real browser, and what it never lets through."""

import shutil
import urllib.error
import urllib.request
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from domain import tables
from domain.errors import InputError
from orchestration.lake import Lake
from orchestration.report import route_map_png, write_day_report
from orchestration.report.drawing import beside, clock, projection, scale_bar, shade
from orchestration.report.plots import calibration_plot, eta_error_plot
from orchestration.report.server import serve_reports

DAY = date(2026, 3, 30)
NASTY = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
DEPOT = {
    "depot_id": "d",
    "name": NASTY,
    "lat": 52.0,
    "lon": 4.9,
    "timezone": "Europe/Amsterdam",
    "source": "shop",
    "file_id": "f",
    "ingest_time": datetime(2026, 3, 1, tzinfo=UTC),
    "event_time": datetime(2026, 3, 1, tzinfo=UTC),
    "retracted": False,
}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def frame(table, rows):
    return pd.DataFrame(rows).reindex(columns=list(table.column_names))


def planned_frames():
    start = datetime(2026, 3, 30, 6, tzinfo=UTC)
    basis = {"service_date": DAY, "source": "shop", "as_of": start - timedelta(hours=12), "lake_snapshot": 1}
    key = {**basis, "plan_id": "p"}
    routes, stops = [], []
    for number, kind in enumerate(("captive", "gig")):
        route = {**key, "route_id": f"r{number}"}
        routes.append(
            {
                **route,
                "depot_id": "d",
                "fleet_id": kind,
                "fleet_kind": kind,
                "vehicle_id": f"van{number} {NASTY}",
                "driver_id": NASTY,
                "starts_at": start,
                "ends_at": start + timedelta(hours=2),
                "stops": 3,
                "distance_m": 9_000,
                "duration_s": 7_200,
                "mass_g": 5_000,
                "volume_ml": 9,
                "parcels": 3,
                "cost_minor": 4_500,
            }
        )
        for sequence in (1, 2, 3):
            arrival = start + timedelta(minutes=25 * sequence)
            stops.append(
                {
                    **route,
                    "sequence": sequence,
                    "order_id": f"o{number}{sequence}{NASTY}",
                    "arrival": arrival,
                    "service_start": arrival,
                    "departure": arrival + timedelta(minutes=3),
                    "leg_m": 3_000,
                    "leg_s": 600,
                    "lat": 52.0 + 0.01 * sequence,
                    "lon": 4.9 + 0.02 * number,
                    "window_start": start,
                    "window_end": start + timedelta(hours=1),
                    "p_failed": 0.1 * sequence,
                    "p_late": 0.05,
                    "eta_p10": arrival - timedelta(minutes=5),
                    "eta_p50": arrival,
                    "eta_p90": arrival + timedelta(minutes=15),
                }
            )
    plan = {
        **key,
        "depot_id": "d",
        "cost_minor": 9_100,
        "currency": "EUR",
        "transport_minor": 9_000,
        "risk_minor": 100,
        "penalty_minor": 0,
        "served": 6,
        "unserved": 1,
        "routes": 2,
        "distance_m": 18_000,
        "duration_s": 14_400,
        "solver_s": 1.0,
        "engine": "pyvrp",
        "verified": True,
        "seed": 0,
    }
    left = {**key, "order_id": "x", "reason": "no_capacity", "explanation": NASTY, "penalty_minor": 5}
    return {
        "plan.plans": frame(tables.PLANS, [plan]),
        "plan.routes": frame(tables.ROUTES, routes),
        "plan.plan_stops": frame(tables.PLAN_STOPS, stops),
        "plan.unserved_orders": frame(tables.UNSERVED_ORDERS, [left]),
    }


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIVEFOLD_CATALOG", "sqlite")
        with Lake.open(home) as lake:
            lake.append(tables.DEPOTS, frame(tables.DEPOTS, [DEPOT]))
            for name, rows in planned_frames().items():
                lake.append(tables.TABLES[name], rows)
            with pytest.raises(InputError, match="no plan of 2026-04-01"):
                write_day_report(lake, "shop", date(2026, 4, 1), home)
            yield write_day_report(lake, "shop", DAY, home / "reports")


def test_a_day_without_routes_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    frames = planned_frames()
    plan = frames["plan.plans"].assign(served=0, unserved=1, routes=0, distance_m=0, duration_s=0)
    with Lake.open(tmp_path) as lake:
        lake.append(tables.DEPOTS, frame(tables.DEPOTS, [DEPOT]))
        lake.append(tables.PLANS, plan)
        lake.append(tables.UNSERVED_ORDERS, frames["plan.unserved_orders"])
        text = write_day_report(lake, "shop", DAY, tmp_path / "reports").read_text()
    assert "No route: nothing could be served." in text
    assert "No predictions were made for this day." in text
    assert "no capacity" in text


def test_values_from_data_are_escaped(page):
    text = page.read_text()
    assert "<img src=x" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "{{7*7}}" in text
    assert "http://" not in text
    assert "https://" not in text


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_page_works_in_a_browser_without_a_network(page):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        view = browser.new_context(offline=True).new_page()
        troubles = []
        view.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        view.on("pageerror", lambda error: troubles.append(str(error)))
        view.on("dialog", lambda dialog: troubles.append("dialog"))
        view.goto(page.as_uri())
        assert view.locator("svg.map g.route").count() == 2
        assert view.locator("svg.map circle").count() == 6
        view.locator("input[data-kind=gig]").uncheck()
        assert view.locator("svg.map g.route:not(.hidden)").count() == 1
        view.locator("input[data-kind=gig]").check()
        view.locator("tr.pick").first.click(position={"x": 200, "y": 8})
        assert view.locator("svg.map g.route.dim").count() == 1
        view.locator("#nearer").click()
        width = view.evaluate("document.querySelector('svg.map').viewBox.baseVal.width")
        assert width < 1000
        view.locator("button[data-open]").first.click()
        assert view.locator("details[open] tbody tr").count() == 3
        view.locator("#all").click()
        view.locator("#find").fill("o12")
        assert view.locator("tr.found").inner_text().split()[0] == "2"
        assert view.locator("svg.map g.route.on").get_attribute("data-route") == "r1"
        assert view.locator("svg.map circle.risk").count() == 6
        phone = browser.new_context(offline=True, viewport={"width": 390, "height": 844}).new_page()
        phone.goto(page.as_uri())
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
        browser.close()
    assert troubles == []


def test_only_pages_and_plans_of_the_folder_are_served(page):
    (page.parent / "secret.txt").write_text("no")
    (page.parent.parent / "above.html").write_text("no")
    server = serve_reports(page.parent, 0)
    base = f"http://127.0.0.1:{server.server_address[1]}"

    def status(path):
        try:
            return urllib.request.urlopen(base + path, timeout=5).status
        except urllib.error.HTTPError as error:
            return error.code

    try:
        assert status("/") == 200
        assert page.name in urllib.request.urlopen(base, timeout=5).read().decode()
        assert status("/" + page.name) == 200
        assert status("/secret.txt") == 404
        assert status("/../above.html") == 404
        assert status("/%2e%2e/above.html") == 404
        assert status("/..%2fabove.html") == 404
    finally:
        server.shutdown()
        server.server_close()


def test_pictures_are_png():
    import numpy as np

    rng = np.random.default_rng(1)
    chance = rng.uniform(0, 0.4, 400)
    error = rng.normal(0, 300, 400)
    pictures = [
        route_map_png(planned_frames()),
        calibration_plot((rng.random(400) < chance).astype(float), chance),
        eta_error_plot(error, np.full(400, -300.0), np.zeros(400), np.full(400, 300.0)),
        route_map_png({name: rows[:0] for name, rows in planned_frames().items()}),
    ]
    assert all(one.startswith(b"\x89PNG") for one in pictures)


def test_the_drawing_holds_every_point_and_its_scale():
    place = projection([52.0, 52.1], [4.8, 5.0])
    corners = [place.point(lat, lon) for lat in (52.0, 52.1) for lon in (4.8, 5.0)]
    assert all(0 <= x <= 1_000 and 0 <= y <= 720 for x, y in corners)
    length, label = scale_bar(place)
    assert label == "2 km"
    assert place.metres(length) == pytest.approx(2_000)
    day = datetime(2026, 3, 30, 6, 20, tzinfo=UTC)
    axis = clock([day, day + timedelta(hours=9)])
    assert 0 < axis.percent(day) < 5
    assert shade("#0072b2", 0, 1) == "#0072b2"
    assert len({shade("#0072b2", number, 8) for number in range(8)}) == 8
    assert beside((990.0, 5.0)) == ((978.0, 18.0), "end")
    assert len(axis.hours(UTC)) == 11
