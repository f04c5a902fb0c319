"""From a dispatcher's override over HTTP to a rule that the next plan obeys: every step by its public door."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("fastapi")

from orchestration.cli import main
from orchestration.lake import Lake
from orchestration.planning import plan_day, publish
from tests.orchestration.loop.conftest import build_town

ROOT = Path(__file__).resolve().parents[3]
CODE = "from orchestration.cli import main; main()"
TODAY, TOMORROW = date(2026, 3, 7), date(2026, 3, 8)
AT = "2026-03-07T17:00"
TOKEN = "of-this-test"  # noqa: S105


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A workspace with a published plan of today: its stops with vehicle and shipper."""
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    monkeypatch.setenv("FIVEFOLD_LIVE_TOKEN", TOKEN)
    with Lake.open(tmp_path) as lake:
        build_town(lake, orders=150)
        publish(lake, plan_day(lake, "town", TODAY, iterations=15))
        routes = lake.query(
            "select stops.order_id, routes.vehicle_id, routes.depot_id, orders.tenant_id from plan.plan_stops as stops "
            "join plan.routes as routes using (plan_id, route_id) join raw.orders as orders using (order_id) "
            "where stops.service_date = ?",
            [TODAY],
        )
    return tmp_path, routes


def run(home, *arguments):
    done = CliRunner().invoke(main, ["--home", str(home), *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def overridden(home, events):
    """Decisions of a live service of today that is sent ``events`` over HTTP, and then stopped."""
    arguments = ["live", "town", str(TODAY), "--port", "0", "--clock", "events", "--tick-seconds", "0"]
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, "--home", str(home), *arguments],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
    )
    try:
        line = process.stderr.readline()
        address = line.split("http://")[1].split()[0]
        own = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        body = json.dumps({"events": events}).encode()
        with urllib.request.urlopen(
            urllib.request.Request(f"http://{address}/v1/events", body, own), timeout=60
        ) as got:
            assert {one["result"] for one in json.load(got)["results"]} == {"taken"}
        with urllib.request.urlopen(
            urllib.request.Request(f"http://{address}/v1/decisions", headers=own), timeout=20
        ) as got:
            return json.load(got)["decisions"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def vehicles_of(home, tenant):
    """Vehicles that tomorrow's published plan gives the orders of a shipper."""
    with Lake.open(home) as lake:
        return set(
            lake.query(
                "select distinct routes.vehicle_id from plan.plan_stops as stops "
                "join plan.routes as routes using (plan_id, route_id) join raw.orders as orders using (order_id) "
                "where stops.service_date = ? and orders.tenant_id = ?",
                [TOMORROW, tenant],
            )["vehicle_id"]
        )


def most_to_move(routes):
    """The shipper and the own van of which most orders in the van's depot are on other vehicles, and those orders."""
    found = []
    for van, depot in routes[["vehicle_id", "depot_id"]].drop_duplicates().itertuples(index=False):
        away = routes[(routes["depot_id"] == depot) & (routes["vehicle_id"] != van)]
        if van.startswith("captive"):
            found += [(str(tenant), str(van), list(own["order_id"])) for tenant, own in away.groupby("tenant_id")]
    return max(found, key=lambda one: len(one[2]))


@pytest.mark.slow
def test_an_override_that_is_repeated_becomes_a_rule_that_the_next_plan_obeys(workspace):
    home, routes = workspace
    tenant, van, others = most_to_move(routes)
    events = [
        {
            "event_id": f"override-{number}",
            "kind": "override",
            "at_s": 20_000 + number,
            "seen_s": 20_000 + number,
            "order_id": one,
            "vehicle_id": van,
            "facts": {"reason": "knows their yard", "by": "ann"},
        }
        for number, one in enumerate(others)
    ]
    made = overridden(home, events)
    assert sum(one["reason"].startswith("override by ann: knows their yard") for one in made) >= 10

    arguments = ["--home", str(home), "overrides", "town", "--date", str(TOMORROW), "--iterations", "15", "--json"]
    said = subprocess.run([sys.executable, "-c", CODE, *arguments], stdout=subprocess.PIPE, cwd=ROOT, check=True)
    found = json.loads(said.stdout)
    (one,) = [row for row in found["proposals"] if row["scope"] == "tenant_id"]
    assert (one["value"], one["allowed"]) == (tenant, van)
    assert one["times"] >= 10
    assert isinstance(one["adopting_costs_minor"], int)

    run(home, "plan", "town", str(TOMORROW), "--seconds", "2")
    assert vehicles_of(home, tenant) - {van}  # nothing is adopted by itself
    refused = CliRunner().invoke(main, ["--home", str(home), "overrides", "town", "--adopt", "another", "--by", "ann"])
    assert refused.exit_code == 2
    run(home, "overrides", "town", "--adopt", one["name"], "--by", "ben", "--hard", "--at", AT)
    run(home, "plan", "town", str(TOMORROW), "--seconds", "2")
    assert vehicles_of(home, tenant) <= {van}
    run(home, "overrides", "town", "--withdraw", one["name"], "--by", "ben", "--at", "2026-03-07T18:00")
    with Lake.open(home) as lake:
        later = plan_day(lake, "town", TOMORROW, iterations=15, as_of=datetime(2026, 3, 7, 18, 30, tzinfo=UTC))
    assert not later.problem.rules
