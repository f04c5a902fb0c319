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


NEEDS_DATA = pytest.mark.skipif(not DATA.is_dir(), reason="the Bosnian distributor's files are not here")
KEYS = {"date", "served", "unserved", "cost_minor", "km", "vehicles", "verified", "plan"}


def rows(folder, name):
    with (folder / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def minutes(moment, day):
    local = datetime.fromisoformat(moment).replace(tzinfo=None)
    return (local - datetime.combine(day, datetime.min.time())) / timedelta(minutes=1)


def plan_all(folder, home, seconds):
    done = subprocess.run(
        [FIVEFOLD, "demo", "--source", "bosnia", "--data", folder, "--seconds", seconds, "--home", home, "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={**os.environ, "FIVEFOLD_CATALOG": "sqlite"},
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout)


def check(folder, result):
    """Every day by the source's own numbers; nothing of ours is used."""
    customers = defaultdict(dict)
    for one in rows(folder, "customers.csv"):
        customers[one["ROUTE_ID"]][f"{one['ROUTE_ID']}-{one['CUSTOMER_NUMBER']}"] = one
    vehicles = {(one["ROUTE_ID"], one["VEHICLE_CODE"]): one for one in rows(folder, "vehicles.csv")}
    bans = {
        (one["ROUTE_ID"], one["SDVRP_CONSTRAINT_CUSTOMER_CODE"], one["SDVRP_CONSTRAINT_VEHICLE_CODE"])
        for one in rows(folder, "constraints_customer_vehicle.csv")
    }
    roads = {
        (f"{one['ROUTE_ID']}-{one['CUSTOMER_NUMBER']}", one["DIRECTION"].partition("->")[0]): one
        for one in rows(folder, "customer_depot_distances.csv")
    }
    numbers = sorted(customers, key=int)
    assert len(result["days"]) == len(numbers)
    for number, planned in zip(numbers, result["days"], strict=True):
        assert set(planned) == KEYS
        assert planned["verified"]
        left = {one["order_id"] for one in result["unserved"][planned["date"]]}
        assert len(left) == planned["unserved"]
        assert Path(result["reports"][planned["date"]]).exists()
        served = check_day(
            number, date.fromisoformat(planned["date"]), planned, customers[number], vehicles, bans, roads
        )
        assert served | left == set(customers[number])
        assert not served & left


def check_day(number, day, planned, customers, vehicles, bans, roads):
    with Path(planned["plan"]).open(newline="") as file:
        stops = list(csv.DictReader(file))
    assert len({stop["order_id"] for stop in stops}) == len(stops) == planned["served"]
    routes = defaultdict(list)
    for stop in stops:
        routes[stop["route_id"]].append(stop)
    assert len(routes) == planned["vehicles"]
    for route in routes.values():
        route.sort(key=lambda stop: int(stop["sequence"]))
        assert [int(stop["sequence"]) for stop in route] == list(range(1, len(route) + 1))
        vehicle = vehicles[number, route[0]["vehicle_id"]]
        visited = [customers[stop["order_id"]] for stop in route]
        assert sum(float(one["TOTAL_WEIGHT_KG"]) for one in visited) <= float(vehicle["VEHICLE_TOTAL_WEIGHT_KG"]) + 1e-6
        assert sum(float(one["TOTAL_VOLUME_M3"]) for one in visited) <= float(vehicle["VEHICLE_TOTAL_VOLUME_M3"]) + 1e-6
        out, back = roads[route[0]["order_id"], "DEPOT"], roads[route[-1]["order_id"], "CUSTOMER"]
        assert abs(int(route[0]["leg_m"]) - float(out["DISTANCE_KM"]) * 1_000) <= 1
        assert abs(int(route[0]["leg_s"]) - float(out["TIME_DISTANCE_MIN"]) * 60) <= 1
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
        home = free_at + float(back["TIME_DISTANCE_MIN"])
        assert home <= float(vehicle["VEHICLE_AVAILABLE_TIME_TO_MIN"]) + 1 / 60
    return {stop["order_id"] for stop in stops}


@pytest.mark.slow
@NEEDS_DATA
def test_every_day_is_planned_and_holds_by_the_sources_own_numbers(tmp_path):
    check(DATA, plan_all(DATA, tmp_path, "1"))


@pytest.mark.slow
@NEEDS_DATA
def test_another_folder_with_one_day_another_depot_and_fewer_vehicles_is_planned_and_again(tmp_path):
    folder = tmp_path / "one day"
    folder.mkdir()
    chosen = sorted({one["ROUTE_ID"] for one in rows(DATA, "customers.csv")}, key=int)[2]

    def write(name, change=lambda one: one, keep=lambda one: True):
        found = [change(one) for one in rows(DATA, name) if one["ROUTE_ID"] == chosen and keep(one)]
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, found[0].keys() if found else rows(DATA, name)[0].keys())
            writer.writeheader()
            writer.writerows({**one, "ROUTE_ID": "77"} for one in found)

    few = sorted(one["VEHICLE_CODE"] for one in rows(DATA, "vehicles.csv") if one["ROUTE_ID"] == chosen)[:3]
    write("customers.csv")
    write("depots.csv", lambda one: {**one, "DEPOT_CODE": "D-2"})
    write("customer_depot_distances.csv", lambda one: {**one, "DEPOT_CODE": "D-2"})
    write("constraints_customer_vehicle.csv")
    write("vehicles.csv", keep=lambda one: one["VEHICLE_CODE"] in few)
    home = tmp_path / "home"
    first = plan_all(folder, home, "1")
    assert len(first["days"]) == 1
    check(folder, first)
    again = plan_all(folder, home, "1")
    assert again["ingested"]["rows_landed"] == 0
    check(folder, again)
