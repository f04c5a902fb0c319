"""What `fivefold solve` says to files that cannot be meant: the field by name and exit code 2, or a complete plan."""

import copy
import json

import pytest
from click.testing import CliRunner

from orchestration.cli.solve import command

GOOD = {
    "format": "fivefold-problem",
    "travel": {
        "distance_m": [[0, 900, 1800], [900, 0, 900], [1800, 900, 0]],
        "duration_s": [[0, 90, 180], [90, 0, 90], [180, 90, 0]],
    },
    "depots": [{"depot_id": "d", "location": 0}],
    "orders": [
        {"order_id": "a", "location": 1, "penalty_minor": 9000, "load": {"mass_g": 5}},
        {"order_id": "b", "location": 2, "penalty_minor": 9000, "windows": [{"start_s": 0, "end_s": 9000}]},
    ],
    "vehicles": [
        {"vehicle_id": "v", "fleet_id": "f", "depot_id": "d", "start_s": 0, "end_s": 20000, "capacity": {"mass_g": 50}}
    ],
}


def solved(tmp_path, text):
    path = tmp_path / "problem.json"
    path.write_text(text)
    done = CliRunner().invoke(command, [str(path), "--seconds", "0.3", "--iterations", "20", "--quiet"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def changed(**at):
    """GOOD with one field changed: ``orders__0__load={...}``."""
    problem = copy.deepcopy(GOOD)
    for path, value in at.items():
        *way, last = [int(one) if one.isdigit() else one for one in path.split("__")]
        here = problem
        for one in way:
            here = here[one]
        here[last] = value
    return json.dumps(problem)


REFUSED = [
    (changed(orders__0__location=9), "location"),
    (changed(orders__0__depot_id="nowhere"), "nowhere"),
    (changed(orders__0__pickup_of="zz", orders__0__kind="pickup"), "zz"),
    (changed(orders__0__banned_vehicles=3), "banned_vehicles"),
    (changed(vehicles__0__depot_id="x"), "x"),
    (changed(vehicles__0__profile="truck"), "truck"),
    (changed(orders__0__service_s=-5), "service_s"),
    (changed(orders__0__service_s="@").replace('"@"', "NaN"), "NaN"),
    (changed(orders__0__service_s=1.5), "service_s"),
    (changed(orders__0__load={"mass_g": 10**40}), "mass_g"),
    (changed(orders__1__windows=[{"start_s": 9, "end_s": 3}]), "window"),
    (changed(orders__1__order_id="a"), "there twice"),
    (changed(orders__0__order_id=""), "empty"),
    (changed(travel__distance_m=[[0, 1], [1, 0, 2]]), "distance_m"),
    (changed(travel__duration_s=[[0, 90, 180], [90, 0, 90]]), "duration_s"),
    (changed(travel__duration_s=[[0, -90, 180], [90, 0, 90], [1, 2, 0]]), "negative"),
    (changed(locks=[{"vehicle_id": "v", "orders": ["a"]}, {"vehicle_id": "v", "orders": ["b"]}]), "another lock"),
    (changed(locks=[{"vehicle_id": "w", "orders": ["a"]}]), "'w'"),
    (changed(locks=[{"vehicle_id": "v", "orders": ["zz"]}]), "zz"),
    (changed(locks=[{"vehicle_id": "v", "orders": ["a"], "level": "all"}]), "start_s"),
    (
        changed(orders__0__banned_vehicles=["v"], locks=[{"vehicle_id": "v", "orders": ["a"]}]),
        "banned",
    ),
    (changed(rules=[{"rule_id": "r", "type": "max_stopps", "parameters": {"limit": 1}}]), "max_stops"),
    (changed(orders__0__strange="x" * 1_000_000), "strange"),
    (changed(orders__0__kind="x" * 1_000_000), "kind"),
]


@pytest.mark.parametrize(("text", "word"), REFUSED, ids=[str(n) for n in range(len(REFUSED))])
def test_what_cannot_be_meant_is_refused_by_name(text, word, tmp_path):
    done = solved(tmp_path, text)
    assert done.exit_code == 2
    assert word in done.output and "Traceback" not in done.output
    assert len(done.output) < 2_000


PLANNED = [
    (changed(vehicles=[]), {"a", "b"}),
    (changed(orders__0__load={"mass_g": 10**9, "volume_ml": 10**9, "parcels": 10**9}), {"a"}),
    (changed(orders__1__windows=[{"start_s": 90_000, "end_s": 95_000}]), {"b"}),
    (changed(orders__0__order_id="x" * 1_000_000), set()),
    (changed(orders__0__banned_vehicles=["v"]), {"a"}),
    (changed(travel__duration_s=[[0, 90_000, 180], [90, 0, 90], [180, 90, 0]]), set()),
    (changed(orders=[]), set()),
    (changed(vehicles__0__capacity={"mass_g": 2**40}, orders__0__load={"mass_g": 2**40}), set()),
]


@pytest.mark.parametrize(("text", "left"), PLANNED, ids=[str(n) for n in range(len(PLANNED))])
def test_what_can_be_meant_is_planned_and_what_is_left_is_explained(text, left, tmp_path):
    path = tmp_path / "problem.json"
    path.write_text(text)
    done = CliRunner().invoke(command, [str(path), "--seconds", "0.3", "--iterations", "20", "--quiet"])
    assert done.exit_code == 0, done.output[-500:]
    words = {line.split()[1].rstrip(":") for line in done.output.splitlines() if line.split()[:1] == ["unserved"]}
    assert words == left
