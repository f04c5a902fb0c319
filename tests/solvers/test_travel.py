"""Travel: roads from OpenStreetMap, OSRM over HTTP, times of day in which nobody overtakes."""

import heapq
import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import PlanningError
from solvers.clock import arrival_s, durations_at
from solvers.osm import ACCESS_KMH, PROFILES, RoadNetwork
from solvers.problem import Travel
from solvers.proof.roads import _at
from solvers.time_of_day import by_time_of_day
from solvers.travel import fit_travel, haversine_m, osrm_matrices

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "osm"


def table(draw, legs=3):
    starts = tuple(sorted(draw(st.sets(st.integers(0, 20_000), min_size=1, max_size=5))))
    values = draw(st.lists(st.integers(0, 5_000), min_size=len(starts) * legs**2, max_size=len(starts) * legs**2))
    by_start = np.array(values, dtype=np.int64).reshape(len(starts), legs, legs)
    return Travel(by_start[0], by_start[0], starts, by_start, draw(st.booleans()))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_nobody_overtakes_and_search_proof_and_matrices_agree(data):
    travel = table(data.draw)
    moments = sorted(data.draw(st.lists(st.integers(-100, 25_000), min_size=2, max_size=12)))
    arrivals = [arrival_s(travel, 0, 1, one) for one in moments]
    assert arrivals == sorted(arrivals)
    for moment, arrival in zip(moments, arrivals, strict=True):
        assert arrival >= moment
        assert durations_at(travel, moment)[0, 1] == arrival - moment
        column = tuple(int(one) for one in travel.by_start_s[:, 0, 1])
        assert _at((travel.starts_s, column, travel.smooth), moment) == arrival - moment


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20_000), st.dictionaries(st.integers(0, 86_399), st.integers(20, 200), min_size=1, max_size=5))
def test_speeds_by_hour_slow_and_quicken_legs_within_their_bounds(seconds, percent):
    one = np.array([[0, seconds], [seconds, 0]], dtype=np.int64)
    timed = by_time_of_day(Travel(one, one), percent)
    low, high = 100 * seconds / max(percent.values()), 100 * seconds / min(percent.values())
    assert (timed.by_start_s[:, 0, 1] >= low - 1).all() and (timed.by_start_s[:, 0, 1] <= high + 5).all()
    assert (timed.by_start_s[:, 0, 0] == 0).all()
    late = [start + int(s) for start, s in zip(timed.starts_s, timed.by_start_s[:, 0, 1], strict=True)]
    assert late == sorted(late)


def test_speeds_that_cannot_be_are_refused():
    one = np.zeros((2, 2), dtype=np.int64)
    for percent, words in (({0: 0}, "at least 1"), ({90_000: 90}, "outside the day")):
        with pytest.raises(PlanningError, match=words):
            by_time_of_day(Travel(one, one), percent)


def town(path):
    """A grid of 5 x 5 crossings 200 m apart: a fast road, a one-way street, a footway, a one-way cul-de-sac."""
    ways = []
    nodes = [
        f'<node id="{row * 5 + column + 1}" lat="{48 + row * 0.0018}" lon="{11 + column * 0.0027}"/>'
        for row in range(5)
        for column in range(5)
    ]
    nodes.append('<node id="99" lat="48.02" lon="11.02"/>')

    def way(refs, **tags):
        inside = "".join(f'<nd ref="{one}"/>' for one in refs) + "".join(
            f'<tag k="{key}" v="{value}"/>' for key, value in tags.items()
        )
        ways.append(f'<way id="{len(ways) + 1}">{inside}</way>')

    for row in range(5):
        refs = [row * 5 + column + 1 for column in range(5)]
        way(refs, highway="primary" if row == 0 else "residential", **({"oneway": "yes"} if row == 2 else {}))
    for column in range(5):
        refs = [row * 5 + column + 1 for row in range(5)]
        way(refs, highway="footway" if column == 3 else "tertiary", maxspeed="30 mph" if column == 1 else "none")
    way([25, 99], highway="residential", oneway="yes")
    path.write_text(f'<osm version="0.6">{"".join(nodes + ways)}</osm>', encoding="utf-8")
    return path


def dijkstra(network, source):
    arcs = {}
    for a, b, d, m in zip(network.start, network.end, network.deciseconds, network.metres, strict=True):
        arcs.setdefault(int(a), []).append((int(b), int(d), int(m)))
    best, heap = {source: (0, 0)}, [(0, 0, source)]
    while heap:
        spent, metres, node = heapq.heappop(heap)
        if (spent, metres) > best[node]:
            continue
        for there, d, m in arcs.get(node, []):
            if (spent + d, metres + m) < best.get(there, (10**18, 0)):
                best[there] = (spent + d, metres + m)
                heapq.heappush(heap, (spent + d, metres + m, there))
    return best


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_matrices_are_the_quickest_ways_of_a_small_town(tmp_path, profile):
    pytest.importorskip("osmium")
    network = RoadNetwork.read(town(tmp_path / "town.osm"), profile)
    assert len(network.lat) == (26 if profile == "bike" else 25)  # cyclists come back out of the cul-de-sac
    travel = network.matrices(network.lat, network.lon)
    for source in range(len(network.lat)):
        ways = dijkstra(network, source)
        assert [ways[n][1] for n in range(len(network.lat))] == travel.distance_m[source].tolist()
        assert all(abs(ways[n][0] / 10 - travel.duration_s[source, n]) <= 0.5 for n in range(len(network.lat)))
    away = network.matrices(network.lat[:2] + 0.0005, network.lon[:2])
    assert away.duration_s[0, 1] >= travel.duration_s[0, 1] + 2 * 50 / (ACCESS_KMH / 3.6)
    with pytest.raises(PlanningError, match="from every road"):
        network.matrices(np.array([49.0]), np.array([11.0]))


def test_roads_and_matrices_are_kept_and_read_again(tmp_path):
    pytest.importorskip("osmium")
    path = town(tmp_path / "town.osm")
    first = RoadNetwork.read(path, "van", cache=tmp_path / "cache")
    travel = first.matrices(first.lat, first.lon, cache=tmp_path / "cache")
    kept = sorted(one.name for one in (tmp_path / "cache").iterdir())
    assert [one.partition("-")[0] for one in kept] == ["roads", "travel"]
    again = RoadNetwork.read(path, "van", cache=tmp_path / "cache")
    assert (again.matrices(again.lat, again.lon, cache=tmp_path / "cache").duration_s == travel.duration_s).all()
    path.write_text(path.read_text().replace('lat="48.0018"', 'lat="48.0019"'))
    changed = RoadNetwork.read(path, "van", cache=tmp_path / "cache")
    assert not np.array_equal(changed.lat, first.lat)


@pytest.mark.parametrize(
    ("text", "words"), [("<osm", "cannot be read"), ('<osm version="0.6"></osm>', "no road"), (None, "no such file")]
)
def test_extracts_that_are_none_are_refused(tmp_path, text, words):
    pytest.importorskip("osmium")
    path = tmp_path / "x.osm"
    if text is not None:
        path.write_text(text)
    with pytest.raises(PlanningError, match=words):
        RoadNetwork.read(path)


def test_helsinki_is_a_town_of_detours():
    pytest.importorskip("osmium")
    if not (SHARED / "Helsinki.osm.pbf").is_file():
        pytest.skip("needs ../shared/data/osm")
    network = RoadNetwork.read(SHARED / "Helsinki.osm.pbf", "van")
    pick = np.arange(0, len(network.lat), 40)
    lat, lon = network.lat[pick], network.lon[pick]
    travel = network.matrices(lat, lon)
    straight = haversine_m(lat[:, None], lon[:, None], lat[None], lon[None])
    assert 1.2 < travel.distance_m.sum() / straight.sum() < 2.2
    assert (travel.distance_m >= np.floor(straight) - 5).all()
    assert not np.array_equal(travel.duration_s, travel.duration_s.T)  # one-way streets
    seconds = travel.duration_s
    assert all((seconds <= seconds[:, [k]] + seconds[[k], :] + 2).all() for k in range(0, len(pick), 7))


class Osrm(BaseHTTPRequestHandler):
    """Answers as OSRM's table service does; metres are ten times the difference of longitudes in thousandths."""

    wrong = False

    def do_GET(self):
        path, _, asked = self.path.partition("?")
        places = [tuple(map(float, one.split(","))) for one in path.rpartition("/")[2].split(";")]
        query = parse_qs(asked)
        rows, columns = ([int(n) for n in query[key][0].split(";")] for key in ("sources", "destinations"))
        metres = [[round(abs(places[a][0] - places[b][0]) * 10_000) for b in columns] for a in rows]
        body = json.dumps({"distances": metres[1:] if Osrm.wrong else metres, "durations": metres}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_osrm_is_asked_in_blocks_and_wrong_tables_are_refused():
    server = HTTPServer(("127.0.0.1", 0), Osrm)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    lon = np.linspace(10, 11, 23)
    try:
        travel = osrm_matrices(url, np.full(23, 50.0), lon, block=7)
        assert (travel.distance_m == np.rint(np.abs(lon[:, None] - lon[None]) * 10_000)).all()
        Osrm.wrong = True
        with pytest.raises(PlanningError, match="table of"):
            osrm_matrices(url, np.full(3, 50.0), lon[:3])
    finally:
        Osrm.wrong = False
        server.shutdown()
    with pytest.raises(PlanningError, match="gave no table"):
        osrm_matrices(url, np.full(3, 50.0), lon[:3], timeout_s=1)
    with pytest.raises(PlanningError, match="http"):
        osrm_matrices("file:///etc/passwd", np.full(3, 50.0), lon[:3])


def test_blocks_of_rows_give_the_same_matrices(monkeypatch):
    rng = np.random.default_rng(1)
    lat, lon = rng.uniform(50, 50.2, 40), rng.uniform(8, 8.3, 40)
    none = np.array([])
    model = fit_travel(none, none, none, none, none, none)
    whole = model.matrices(lat, lon)
    monkeypatch.setattr("solvers.travel.ROWS", 7)
    parts = model.matrices(lat, lon)
    assert (whole.distance_m == parts.distance_m).all() and (whole.duration_s == parts.duration_s).all()


def test_timed_matrices_of_another_shape_are_refused():
    from tests.solvers.days import day

    problem = day(1, timed=True)
    for change, words in (
        ({"starts_s": (0, 0, 1, 2)}, "must rise"),
        ({"by_start_s": problem.travel.by_start_s[:2]}, "must be 4 x"),
        ({"by_start_s": None}, "missing"),
        ({"by_start_s": -problem.travel.by_start_s - 1}, "from 0"),
    ):
        with pytest.raises(PlanningError, match=words):
            replace(problem, travel=replace(problem.travel, **change))
