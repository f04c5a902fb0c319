"""Eight real days of a distributor, planned by the command; the plans are checked from the source's own files."""

import csv
import json
import os
import subprocess
import sys
from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIVEFOLD = str(Path(sys.executable).with_name("fivefold"))
DATA = Path(os.environ.get("FIVEFOLD_DATA", ROOT.parent / "shared" / "data")) / "bosnia"


def rows(name):
    with (DATA / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def minutes(moment, day):
    local = datetime.fromisoformat(moment).replace(tzinfo=None)
    return (local - datetime.combine(day, datetime.min.time())) / timedelta(minutes=1)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the Bosnian distributor's files are not here")
def test_every_day_is_planned_and_holds_by_the_sources_own_numbers(tmp_path):
    done = subprocess.run(
        [FIVEFOLD, "demo", "--source", "bosnia", "--seconds", "2", "--home", str(tmp_path), "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={**os.environ, "FIVEFOLD_CATALOG": "sqlite"},
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    result = json.loads(done.stdout)
    customers = defaultdict(dict)
    for one in rows("customers.csv"):
        customers[one["ROUTE_ID"]][f"{one['ROUTE_ID']}-{one['CUSTOMER_NUMBER']}"] = one
    vehicles = {(one["ROUTE_ID"], one["VEHICLE_CODE"]): one for one in rows("vehicles.csv")}
    bans = {
        (one["ROUTE_ID"], one["SDVRP_CONSTRAINT_CUSTOMER_CODE"], one["SDVRP_CONSTRAINT_VEHICLE_CODE"])
        for one in rows("constraints_customer_vehicle.csv")
    }
    numbers = sorted(customers, key=int)
    assert len(result["days"]) == len(numbers)
    for number, planned in zip(numbers, result["days"], strict=True):
        assert planned["verified"]
        assert planned["served"] + planned["unserved"] == len(customers[number])
        assert Path(planned["report"]).exists()
        check_day(number, date.fromisoformat(planned["date"]), planned, customers[number], vehicles, bans)


def check_day(number, day, planned, customers, vehicles, bans):
    with Path(planned["plan"]).open(newline="") as file:
        stops = list(csv.DictReader(file))
    assert len({stop["order_id"] for stop in stops}) == len(stops) == planned["served"]
    routes = defaultdict(list)
    for stop in stops:
        routes[stop["route_id"]].append(stop)
    assert len(routes) == planned["vehicles"]
    for route in routes.values():
        route.sort(key=lambda stop: int(stop["sequence"]))
        vehicle = vehicles[number, route[0]["vehicle_id"]]
        visited = [customers[stop["order_id"]] for stop in route]
        assert sum(float(one["TOTAL_WEIGHT_KG"]) for one in visited) <= float(vehicle["VEHICLE_TOTAL_WEIGHT_KG"]) + 1e-6
        assert sum(float(one["TOTAL_VOLUME_M3"]) for one in visited) <= float(vehicle["VEHICLE_TOTAL_VOLUME_M3"]) + 1e-6
        free_at = float(vehicle["VEHICLE_AVAILABLE_TIME_FROM_MIN"])
        for stop, customer in zip(route, visited, strict=True):
            assert (number, customer["CUSTOMER_CODE"], vehicle["VEHICLE_CODE"]) not in bans
            arrival, start = minutes(stop["arrival"], day), minutes(stop["service_start"], day)
            assert arrival >= free_at + int(stop["leg_s"]) / 60 - 1e-6
            assert float(customer["CUSTOMER_TIME_WINDOW_FROM_MIN"]) - 1e-6 <= start
            assert start <= float(customer["CUSTOMER_TIME_WINDOW_TO_MIN"]) + 1e-6
            assert start >= arrival
            free_at = minutes(stop["departure"], day)
            service = float(customer["CUSTOMER_DELIVERY_SERVICE_TIME_MIN"])
            assert free_at >= start + service - 0.51 / 60
        assert free_at <= float(vehicle["VEHICLE_AVAILABLE_TIME_TO_MIN"]) + 1e-6
