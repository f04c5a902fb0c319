"""Everything that can be wrong with data: each kept aside or refused by name, nothing lost, counts add up."""

import json
import re
from datetime import date
from functools import cached_property

import pytest

from domain.errors import InputError, MappingError
from orchestration.ingestion import diagnose, ingest, load_mapping
from orchestration.lake import Lake, LakeSettings

MAPPING = """
name: city
title: a city
licence: none
timezone: Europe/Amsterdam
inputs:
  depots: {path: depots.csv}
  fleets: {path: fleets.csv}
  vans: {path: vans.csv}
  visits: {path: "visits/*.csv"}
tables:
  depots:
    input: depots
    columns: {depot_id: id, lat: lat, lon: lon, timezone: "'Europe/Amsterdam'", event_time: "date '2026-01-01'"}
  fleets:
    input: fleets
    columns: {fleet_id: id, kind: "'captive'", control_mode: "'routed'", event_time: "date '2026-01-01'"}
  vehicles:
    input: vans
    columns:
      vehicle_id: id
      fleet_id: fleet
      depot_id: depot
      capacity_g: {value: kg, unit: kg}
      event_time: "date '2026-01-01'"
  shifts:
    input: vans
    columns:
      shift_id: id
      service_date: day
      depot_id: depot
      fleet_id: fleet
      vehicle_id: id
      starts_at: "cast(day as date) + interval 8 hours"
      ends_at: "cast(day as date) + to_hours(cast(hours as integer))"
      event_time: "date '2026-01-01'"
  orders:
    input: visits
    columns:
      order_id: id
      service_date: day
      kind: "'delivery'"
      depot_id: depot
      lat: lat
      lon: lon
      window_start: slot_from
      window_end: slot_to
      mass_g: {value: kg, unit: kg}
      service_s: {value: minutes, unit: min}
      event_time: accepted
    rules:
      - name: accepted_before_delivered
        condition: "cast(delivered as timestamp) >= cast(accepted as timestamp)"
        field: event_time
        message: delivered before it was accepted
"""
DEPOTS = "id,lat,lon\nnorth,52.40,4.90\n"
FLEETS = "id\nown\n"
VANS = "id,fleet,depot,kg,day,hours\nv1,own,north,900,2026-01-02,18\n"
HEADER = "id,day,depot,lat,lon,slot_from,slot_to,kg,minutes,accepted,delivered"
GOOD = "a,2026-01-02,north,52.1,4.9,2026-01-02 09:00,2026-01-02 11:00,1.5,3,2026-01-01 10:00,2026-01-02 10:00"


class City:
    """A source of four files in a folder, and a lake that is made when first used."""

    def __init__(self, place):
        self.home, self.mapping, self.folder = place / "home", place / "city.yml", place / "files"
        (self.folder / "visits").mkdir(parents=True)
        self.mapping.write_text(MAPPING)
        self.write("depots.csv", DEPOTS)
        self.write("fleets.csv", FLEETS)
        self.write("vans.csv", VANS)

    @cached_property
    def lake(self):
        return Lake.open(self.home, LakeSettings("sqlite", str(self.home / "lake")))

    def write(self, name, text):
        (self.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    def visits(self, *rows, name="visits/one.csv"):
        lines = [HEADER, *rows]
        self.write(name, b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines) + b"\n")

    def load(self):
        report = ingest(self.lake, load_mapping(self.mapping), self.folder)
        for counts in report.tables.values():
            assert counts.rows_read == counts.rows_landed + counts.rows_quarantined + counts.rows_known
        return report

    def quarantine(self):
        return self.lake.query("select * from control.quarantine order by row_number, rule")


@pytest.fixture
def city(tmp_path):
    city = City(tmp_path)
    yield city
    if "lake" in vars(city):
        city.lake.close()


def bad(**changes):
    """The good row with another id and some fields changed."""
    values = dict(zip(HEADER.split(","), GOOD.split(","), strict=True)) | {"id": "b"} | changes
    return ",".join(values.values())


BAD_ROWS = [
    (bad(kg="heavy"), "mass_g_is_integer", "mass_g", "not a integer"),
    (bad(kg="1,5").replace("1,5", '"1,5"'), "mass_g_is_integer", "mass_g", "not a integer"),
    (bad(kg="inf"), "mass_g_is_integer", "mass_g", "not a integer"),
    (bad(minutes="three"), "service_s_is_integer", "service_s", "not a integer"),
    (bad(day="2026-02-30"), "service_date_is_date", "service_date", "not a date"),
    (bad(slot_from="soon"), "window_start_is_timestamp", "window_start", "not a timestamp"),
    (bad(day=""), "service_date_is_given", "service_date", "service_date is missing"),
    (bad(delivered="2025-12-31 10:00"), "accepted_before_delivered", "event_time", "delivered before"),
    (bad(lat="4.9", lon="52.1"), "position_is_not_swapped", "lat", "swapped"),
    (bad(lat="0", lon="0.0"), "position_is_real", "lat", "both 0"),
    (bad(lat="52.1", lon=""), "position_is_whole", "lat", "together"),
    (bad(lat="91"), "lat_in_range", "lat", "from -90 to 90"),
    (bad(kg="-3"), "mass_g_in_range", "mass_g", "at least 0"),
    (bad(slot_from="2026-01-02 12:00"), "window_starts_before_it_ends", "window_end", "ends after"),
    (bad(depot="south"), "depot_id_is_known", "depot_id", "no such depot"),
    ("b,2026-01-02,north", "row_is_readable", None, "Columns"),
    (bad() + ",more,columns", "row_is_readable", None, "Columns"),
    (b"b\xff" + bad().encode()[1:], "order_id_is_decodable", "order_id", "declared encoding"),
    (bad(id=""), "order_id_is_given", "order_id", "order_id is missing"),
]
"""Row, the rule it breaks, the field and words of the message; all of them stand in one file between two good rows."""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The account of one load of all the bad rows, and what is kept aside."""
    city = City(tmp_path_factory.mktemp("city"))
    rows = []
    for number, (row, *_) in enumerate(BAD_ROWS):
        encoded = row if isinstance(row, bytes) else row.encode()
        rows.append(re.sub(rb"^b", b"b%d" % number, encoded))
    city.visits(GOOD, *rows, GOOD.replace("a,", "c,", 1))
    counts = city.load().tables["orders"]
    landed = set(city.lake.query("select order_id from raw.orders")["order_id"])
    kept = city.quarantine()
    city.lake.close()
    return counts, landed, kept


def test_of_many_bad_rows_each_is_kept_aside_once_and_the_good_ones_land(told):
    counts, landed, kept = told
    assert (counts.rows_read, counts.rows_landed, counts.rows_quarantined) == (len(BAD_ROWS) + 2, 2, len(BAD_ROWS))
    assert landed == {"a", "c"}
    assert set(kept["row_number"]) == set(range(2, len(BAD_ROWS) + 2))


@pytest.mark.parametrize("number", range(len(BAD_ROWS)), ids=[f"{n}-{row[1]}" for n, row in enumerate(BAD_ROWS)])
def test_a_bad_row_is_told_by_file_row_and_rule(told, number):
    _, rule, field, words = BAD_ROWS[number]
    kept = told[2][told[2]["row_number"] == number + 2]
    assert set(kept["path"]) == {"visits/one.csv"}
    found = kept[kept["rule"] == rule]
    assert len(found) == 1, kept["rule"].tolist()
    assert words in found["message"].iloc[0]
    assert (found["field"].iloc[0] if field else field) == field
    content = json.dumps(json.loads(found["content"].iloc[0]))  # the row itself is kept
    assert (f"b{number}" if rule not in ("order_id_is_given", "order_id_is_decodable") else "2026-01-02") in content


def test_rows_after_a_broken_line_keep_their_numbers_also_in_several_files(city):
    broken = "x,2026"
    city.visits(GOOD, broken, bad(kg="heavy"), broken, bad(id="d", kg="-1"))
    city.visits(bad(id="e", kg="-1"), broken, name="visits/two.csv")
    counts = city.load().tables["orders"]
    assert (counts.rows_read, counts.rows_landed, counts.rows_quarantined) == (7, 1, 6)
    kept = city.quarantine()
    told = set(zip(kept["path"], kept["row_number"], kept["rule"], strict=True))
    assert told == {
        ("visits/one.csv", 2, "row_is_readable"),
        ("visits/one.csv", 3, "mass_g_is_integer"),
        ("visits/one.csv", 4, "row_is_readable"),
        ("visits/one.csv", 5, "mass_g_in_range"),
        ("visits/two.csv", 1, "mass_g_in_range"),
        ("visits/two.csv", 2, "row_is_readable"),
    }


def test_a_quote_that_is_never_closed_loses_nothing(city):
    city.visits(GOOD, '"b' + GOOD[1:], GOOD.replace("a,", "c,", 1))
    counts = city.load().tables["orders"]
    assert counts.rows_landed == 1 and counts.rows_quarantined >= 1
    kept = "".join(city.quarantine()["content"])
    assert '"b' in json.loads(city.quarantine()["content"].iloc[0])["line"] and "c,2026" in kept


def test_text_in_a_computed_column_keeps_that_row_aside_only(city):
    city.write("vans.csv", VANS + "v2,own,north,900,2026-01-02,all day\n")
    city.visits(GOOD)
    report = city.load()
    assert report.tables["shifts"].rows_landed == 1
    told = city.quarantine().set_index("rule").loc["ends_at_is_timestamp"]
    assert told["message"] == "hours is not a int" and told["row_number"] == 2


def test_an_unknown_fleet_is_named(city):
    city.write("vans.csv", VANS + "v2,hired,north,900,2026-01-02,18\n")
    city.visits(GOOD)
    report = city.load()
    assert (report.tables["vehicles"].rows_quarantined, report.tables["shifts"].rows_quarantined) == (1, 1)
    rule = next(one for one in report.broken if one.table == "vehicles")
    assert (rule.rule, rule.file, rule.row) == ("fleet_id_is_known", "vans.csv", 2)
    assert "there is no such fleet" in str(rule)


TARIFFS = """
  tariff_rules:
    input: prices
    columns:
      contract_id: contract
      rule_id: rule
      fleet_id: "'own'"
      component: rule
      amount_minor: {value: price, unit: major}
      currency: "'EUR'"
      valid_from: begins
      valid_to: ends
      event_time: "date '2026-01-01'"
"""


def test_a_negative_price_and_a_contract_that_ends_before_it_begins_are_kept_aside_by_name(city):
    mapping = MAPPING.replace("inputs:\n", "inputs:\n  prices: {path: prices.csv}\n")
    city.mapping.write_text(mapping.replace("tables:\n", "tables:" + TARIFFS, 1))
    rows = ["c,per_km,0.50,2026-01-01,", "c,per_stop,-1.20,2026-01-01,", "c,per_hour,20.00,2026-02-01,2026-01-01"]
    city.write("prices.csv", "\n".join(["contract,rule,price,begins,ends", *rows]) + "\n")
    city.visits(GOOD)
    report = city.load()
    assert (report.tables["tariff_rules"].rows_landed, report.tables["tariff_rules"].rows_quarantined) == (1, 2)
    told = {one.rule: one for one in report.broken if one.table == "tariff_rules"}
    assert set(told) == {"amount_minor_in_range", "valid_from_before_valid_to"}
    assert (told["amount_minor_in_range"].file, told["amount_minor_in_range"].row) == ("prices.csv", 2)
    assert "at least 0" in str(told["amount_minor_in_range"])


def test_a_key_with_different_content_is_kept_aside_whole_and_an_equal_row_is_known(city):
    city.visits(GOOD, bad(), bad(kg="9"), GOOD)
    counts = city.load().tables["orders"]
    assert (counts.rows_landed, counts.rows_quarantined, counts.rows_known) == (1, 2, 1)
    kept = city.quarantine()
    assert set(kept["rule"]) == {"key_is_unique"} and set(kept["row_number"]) == {2, 3}
    assert "order_id" in kept["message"].iloc[0]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig"])
def test_a_declared_encoding_is_read(city, encoding):
    city.mapping.write_text(MAPPING.replace('"visits/*.csv"', f'"visits/*.csv", encoding: {encoding}'))
    city.write(
        "visits/one.csv", f"{HEADER}\n{bad(id='Kraków' if encoding != 'latin-1' else 'Çôté')}\n".encode(encoding)
    )
    assert city.load().tables["orders"].rows_landed == 1
    assert city.lake.query("select order_id from raw.orders")["order_id"].iloc[0] in ("Kraków", "Çôté")


def test_mixed_encodings_and_line_ends_are_read_line_by_line(city):
    city.mapping.write_text(MAPPING.replace('"visits/*.csv"', '"visits/*.csv", encoding: [utf-8, latin-1]'))
    rows = [GOOD.replace("a,", "é1,", 1).encode("utf-8"), GOOD.replace("a,", "é2,", 1).encode("latin-1")]
    city.write("visits/one.csv", b"\xef\xbb\xbf" + HEADER.encode() + b"\r" + rows[0] + b"\r\n" + rows[1] + b"\n")
    assert city.load().tables["orders"].rows_landed == 2
    assert set(city.lake.query("select order_id from raw.orders")["order_id"]) == {"é1", "é2"}


def test_missing_files_and_columns_are_named(city):
    with pytest.raises(InputError, match=r"inputs.visits: there is no file 'visits/\*.csv'"):
        city.load()
    city.write("visits/one.csv", HEADER.replace("slot_to", "slot_until") + "\n" + GOOD + "\n")
    with pytest.raises(MappingError, match=r"orders.window_end: column 'slot_to' is not in visits"):
        city.load()
    city.visits(GOOD)
    city.write("visits/two.csv", "id,day\nz,2026-01-02\n")
    with pytest.raises(InputError, match=r"visits/two.csv: the column 'depot' is missing"):
        city.load()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("id,day,id\n", "'id' is there twice"),
        ("id,,day\n", "column 2 of the first line has no name"),
        ("id,_row\n", "may not be called '_row'"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_name(city, text, words):
    city.write("visits/one.csv", text)
    with pytest.raises(InputError, match=rf"visits/one.csv: .*{words}"):
        city.load()


def test_a_file_without_rows_is_no_error(city):
    city.visits()
    counts = city.load().tables["orders"]
    assert (counts.rows_read, counts.rows_landed) == (0, 0)
    assert city.load().tables["orders"].rows_read == 0


def test_a_bad_correction_does_not_delete_what_it_fails_to_correct(city):
    city.visits(GOOD, GOOD.replace("a,", "c,", 1))
    city.load()
    city.visits(bad(id="a", kg="heavy"))
    report = city.load()
    assert (report.tables["orders"].rows_quarantined, report.tables["orders"].rows_retracted) == (1, 1)
    latest = city.lake.query(
        "select order_id, mass_g, retracted from raw.orders qualify row_number() over "
        "(partition by order_id order by ingest_time desc) = 1 order by order_id"
    )
    assert latest.to_numpy().tolist() == [["a", 1_500, False], ["c", 1_500, True]]
    assert report.stale_dates == ["2026-01-02"]


def test_an_order_that_moves_to_another_date_makes_both_dates_stale(city):
    city.visits(GOOD, bad(day="2026-01-09"))
    assert city.load().stale_dates == []
    city.visits(GOOD.replace("2026-01-02,north", "2026-01-09,north"), bad(day="2026-01-09"))
    assert city.load().stale_dates == ["2026-01-02", "2026-01-09"]
    marked = city.lake.query(
        "select cast(service_date as varchar) as day, rows from control.stale_partitions order by 1"
    )
    assert marked.to_numpy().tolist() == [["2026-01-02", 1], ["2026-01-09", 1]]


def test_another_day_under_the_same_name_takes_nothing_back(city):
    city.visits(GOOD, bad())
    city.load()
    city.visits(bad(id="x", day="2026-01-03"), bad(id="y", day="2026-01-03"))
    counts = city.load().tables["orders"]
    assert (counts.rows_landed, counts.rows_retracted) == (2, 0)
    city.visits(bad(id="x", day="2026-01-03"))  # and this one corrects it
    assert city.load().tables["orders"].rows_retracted == 1
    files = city.lake.query(
        "select replaces_file_id is not null as corrects from control.ingested_files where table_name = 'orders' "
        "order by ingest_time"
    )
    assert files["corrects"].tolist() == [False, False, True]


def test_json_lines_that_are_none_are_kept_aside(city):
    city.mapping.write_text(MAPPING.replace('"visits/*.csv"', '"visits/*.jsonl", format: jsonl'))
    row = dict(zip(HEADER.split(","), GOOD.split(","), strict=True))
    lines = [row, {**row, "id": "b", "kg": "heavy"}, {**row, "id": "c", "kg": 2.5}]
    text = "\n".join(map(json.dumps, lines[:1])) + "\n{not json\n" + "\n".join(map(json.dumps, lines[1:])) + "\n"
    city.write("visits/one.jsonl", text)
    counts = city.load().tables["orders"]
    assert (counts.rows_read, counts.rows_landed, counts.rows_quarantined) == (4, 2, 2)
    kept = city.quarantine()
    assert set(zip(kept["row_number"], kept["rule"], strict=True)) == {(2, "row_is_readable"), (3, "mass_g_is_integer")}


def test_broken_lines_behind_a_view_are_kept_aside_once(city):
    text = MAPPING.replace("tables:\n", "views:\n  all_visits: select * from visits order by _file, _row\ntables:\n", 1)
    city.mapping.write_text(text.replace("    input: visits\n", "    input: all_visits\n"))
    city.visits(GOOD, "x,y", bad(kg="-1"))
    counts = city.load().tables["orders"]
    assert (counts.rows_read, counts.rows_landed, counts.rows_quarantined) == (3, 1, 2)
    assert set(city.quarantine()["row_number"]) == {2, 3} and set(city.quarantine()["path"]) == {"visits/one.csv"}
    again = city.load().tables["orders"]
    assert (again.rows_read, again.rows_known) == (3, 3)


def test_the_doctor_tells_each_fault_in_a_line(city):
    city.visits(GOOD, bad(kg="heavy"), bad(id="c", depot="south"), "x,y")
    findings = [str(one) for one in diagnose(load_mapping(city.mapping), city.folder)]
    assert len(findings) == 3
    assert "1 lines are no rows; the first is row 4 of visits/one.csv" in findings[0]
    assert any("[mass_g_is_integer]; the first is row 2 of visits/one.csv" in one for one in findings)
    assert any("there is no such depot [depot_id_is_known]; the first is row 3" in one for one in findings)


@pytest.mark.parametrize("path", ["../*.csv", "/etc/*.csv", "visits/../../*.csv"])
def test_a_path_that_leads_out_is_refused(city, path):
    city.mapping.write_text(MAPPING.replace('"visits/*.csv"', f'"{path}"'))
    with pytest.raises(MappingError, match="leads out of the data folder"):
        load_mapping(city.mapping)


def test_links_that_lead_out_are_refused(city, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text(f"{HEADER}\n{GOOD}\n")
    city.visits(GOOD)
    (city.folder / "visits" / "link.csv").symlink_to(outside / "secret.csv")
    with pytest.raises(InputError, match=r"link.csv leads out of the data folder"):
        city.load()
    (city.folder / "visits" / "link.csv").unlink()
    city.mapping.write_text(
        MAPPING.replace('"visits/*.csv"', '"**/*.csv"').replace("path: depots.csv", "path: x/*.csv")
    )
    (city.folder / "x").symlink_to(outside)
    with pytest.raises(InputError, match="leads out of the data folder"):
        city.load()


REACHING = [
    "(select max(id) from visits)",
    "id from visits",
    "read_text('/etc/passwd')",
    "getenv('HOME')",
    "current_setting('home_directory')",
    "id; drop table visits",
    "count(*)",
    "query('select 1')",
    "id) from visits; attach 'x.db'; select (id",
    "exists (select 1)",
    "pragma_version()",
    "sniff_csv('/etc/passwd')",
]


@pytest.mark.parametrize("expression", REACHING)
@pytest.mark.parametrize("place", ["column", "rule", "where"])
def test_sql_beyond_the_columns_is_refused_everywhere(city, expression, place):
    quoted = json.dumps(expression)
    text = {
        "column": MAPPING.replace("order_id: id", f"order_id: {quoted}"),
        "rule": MAPPING.replace('"cast(delivered as timestamp) >= cast(accepted as timestamp)"', quoted),
        "where": MAPPING.replace("    input: visits\n", f"    input: visits\n    where: {quoted}\n"),
    }[place]
    assert text != MAPPING
    city.mapping.write_text(text)
    with pytest.raises(MappingError, match=r"city.yml: orders"):
        load_mapping(city.mapping)


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from information_schema.tables",
        "select * from duckdb_settings()",
        "insert into visits select * from visits",
        "copy visits to '/tmp/x.csv'",
        "select 1; select 2",
        "select getenv('HOME') as id from visits",
        "with t as (select * from glob('/*')) select * from t",
    ],
)
def test_a_view_reads_its_own_inputs_only(city, query):
    city.mapping.write_text(MAPPING.replace("tables:\n", f"views:\n  v: {json.dumps(query)}\ntables:\n", 1))
    with pytest.raises(MappingError, match=r"views.v"):
        load_mapping(city.mapping)


def test_values_of_a_table_are_never_sql(city):
    nasty = "'); drop table raw.orders; --"
    city.visits(GOOD, bad(id=nasty))
    assert city.load().tables["orders"].rows_landed == 2
    assert nasty in set(city.lake.query("select order_id from raw.orders")["order_id"])


def test_an_empty_day_and_a_day_without_drivers_have_a_clear_result(city):
    from orchestration.planning import plan_day

    city.visits(GOOD, bad(day="2026-01-03", slot_from="2026-01-03 09:00", slot_to="2026-01-03 11:00"))
    city.load()
    empty = plan_day(city.lake, "city", date(2026, 1, 9), seconds=0.1)
    assert (empty.metadata["served"], empty.metadata["unserved"], empty.verified) == (0, 0, True)
    idle = plan_day(city.lake, "city", date(2026, 1, 3), seconds=0.1)
    assert (idle.metadata["served"], idle.metadata["unserved"], idle.verified) == (0, 1, True)
    left = idle.frames["plan.unserved_orders"].iloc[0]
    assert left["order_id"] == "b" and left["reason"] and left["explanation"]
