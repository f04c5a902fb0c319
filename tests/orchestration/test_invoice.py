"""``fivefold invoice``: files in, lines owed out, a carrier's invoice held against them; bad files named by row."""

import csv
import json

import pytest
from click.testing import CliRunner

from orchestration.cli.invoice import command

CONTRACT = """
contract_id: acme-2026
fleet_id: acme
currency: EUR
versions:
  - valid_from: 2026-01-01
    valid_to: 2026-12-31
    rules:
      - {rule_id: start, how: base, unit: route, amount_minor: 4000}
      - {rule_id: drop, how: base, unit: stop, amount_minor: 310}
      - {rule_id: island, how: add, unit: stop, amount_minor: 150, when: {zones: [island]}}
      - {rule_id: km, how: add, unit: km, amount_minor: 80, free: 20}
    monthly:
      - {rule_id: minimum, kind: minimum_volume, volume: 4, amount_minor: 100}
"""
ROUTES = "service_date,route_id,distance_m,duration_s\n2026-03-02,a,33333,20000\n"
STOPS = "service_date,route_id,order_id,zone\n2026-03-02,a,o1,island\n2026-03-02,a,o2,\n"
OWED = 4_000 + 2 * 310 + 150 + 1_067 + 2 * 100
"""13.333 km x 80 = 1066.64; two stops short of four."""


@pytest.fixture
def files(tmp_path):
    for name, text in (("c.yml", CONTRACT), ("routes.csv", ROUTES), ("stops.csv", STOPS)):
        (tmp_path / name).write_text(text)
    return tmp_path


def run(folder, *more):
    base = ["--contract", "c.yml", "--routes", "routes.csv", "--stops", "stops.csv"]
    arguments = [str(folder / one) if one.endswith((".yml", ".csv")) else one for one in [*base, *more]]
    return CliRunner().invoke(command, arguments)


def as_json(folder, capfd, *more):
    base = ["--contract", "c.yml", "--routes", "routes.csv", "--stops", "stops.csv", "--json"]
    arguments = [str(folder / one) if one.endswith((".yml", ".csv")) else one for one in [*base, *more]]
    try:
        command.main(arguments, standalone_mode=False)
    except SystemExit as left:
        assert left.code == 1  # it does not agree
    return json.loads(capfd.readouterr().out)


def test_what_is_owed_and_what_is_asked(files, capfd):
    found = as_json(files, capfd, "--out", "owed.csv")
    assert found["owed_minor"] == OWED
    assert found["by_rule"] == {"drop": 620, "island": 150, "start": 4_000, "km": 1_067, "minimum": 200}
    # our own lines, asked for, agree; a cent more is found with its row
    assert as_json(files, capfd, "--check", "owed.csv")["agreed"] and run(files, "--check", "owed.csv").exit_code == 0
    rows = list(csv.DictReader((files / "owed.csv").open()))
    rows[0]["amount_minor"] = str(int(rows[0]["amount_minor"]) + 1)
    with (files / "asked.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, rows[0])
        out.writeheader()
        out.writerows([*rows, rows[1]])
    found = as_json(files, capfd, "--check", "asked.csv")
    assert not found["agreed"] and found["difference_minor"] == 1 + int(rows[1]["amount_minor"])
    assert [(one["status"], one["number"]) for one in found["findings"]] == [
        ("amount_differs", 2),
        ("asked_twice", len(rows) + 2),
    ]
    shown = run(files, "--check", "asked.csv")
    assert "asked 3.11 EUR, owed 3.10 EUR: the contract says 3.10" in shown.output and shown.exit_code == 1


def test_a_month_that_is_not_over_owes_no_shortfall(files, capfd):
    assert as_json(files, capfd, "--open-month")["owed_minor"] == OWED - 200


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.yml", CONTRACT.replace("310", "-310"), "rule 'drop': amount_minor must not be negative"),
        ("c.yml", "a: [", "is not YAML"),
        ("c.yml", CONTRACT.replace("2026-12-31", "2026-02-28"), "expired on 2026-02-28"),
        ("c.yml", "!!python/object/apply:os.system ['true']", "is not YAML"),
        (
            "routes.csv",
            ROUTES.replace("33333", "far"),
            "row 2: distance_m must be a whole number, is 'far'",
        ),
        ("routes.csv", ROUTES.replace("33333", "-1"), "row 2: distance_m must be between 0"),
        ("routes.csv", ROUTES + ROUTES.splitlines()[1], "row 3: route 'a' is there twice on 2026-03-02"),
        ("routes.csv", "service_date,route_id\n", "column 'distance_m' is missing"),
        ("stops.csv", STOPS.replace("a,o1", "b,o1"), "row 2: route 'b' of 2026-03-02 is not in"),
        ("stops.csv", STOPS.replace("2026-03-02,a,o1", "2.3.26,a,o1"), "row 2: service_date must be a date"),
        ("stops.csv", STOPS.replace("o1", ""), "row 2: order_id is empty"),
        ("stops.csv", STOPS + "2026-03-02,a,o3,x,y\n", "row 4: more fields than the header has"),
    ],
)
def test_files_that_are_wrong_are_named_with_row_and_field(files, name, text, message):
    (files / name).write_text(text)
    done = run(files)
    assert done.exit_code == 2
    assert message in done.output and "Traceback" not in done.output


def test_a_carriers_own_file_is_read_by_its_own_words(files, capfd):
    theirs = "Datum;Tour;Sendung;Leistung;Betrag\n02.03.2026;a;;Anfahrt;40,00\n02.03.2026;a;o1;drop;3.10\n"
    theirs += "02.03.2026;a;o2;drop;3,5\n"
    (files / "theirs.csv").write_text("\ufeff" + theirs)
    named = ["service_date=Datum", "route_id=Tour", "order_id=Sendung", "rule_id=Leistung", "amount=Betrag"]
    words = [word for one in named for word in ("--column", one)]
    found = as_json(files, capfd, "--check", "theirs.csv", *words, "--rule", "start=Anfahrt")
    assert found["asked_minor"] == 4_660 and found["counts"]["agreed"] == 2
    differs = [(one["number"], one["asked_minor"], one["owed_minor"]) for one in found["findings"] if one["number"]]
    assert differs == [(4, 350, 310)]
    shown = run(files, "--check", "theirs.csv", *words).output
    assert "row 2: 2026-03-02 Anfahrt a: asked 40.00 EUR, owed 0.00 EUR" in shown and shown.endswith("not agreed\n")
    for more, message in (
        (
            words[2:],
            "column 'service_date' is missing; it has Datum, Tour, Sendung, Leistung, Betrag; where it is called",
        ),
        ([*words[:-2]], "column 'amount_minor' (or 'amount', such as 40.00) is missing"),
        ([*words, "--column", "vat=MwSt"], "an invoice has no column 'vat'; it has service_date, rule_id"),
        ([*words[2:], "--column", "service_date=Tag"], "there is no column 'Tag'; it has Datum"),
        ([*words, "--rule", "toll=Maut"], "the contract has no rule 'toll'; it has drop, island, km, minimum, start"),
        ([*words, "--rule", "drop"], "--rule drop: must be OURS=THEIRS"),
    ):
        done = run(files, "--check", "theirs.csv", *more)
        assert done.exit_code == 2 and message in done.output, done.output
    for text, message in (
        (theirs.replace("40,00", "1.040,00"), "row 2: amount must be money such as 40.00"),
        (theirs.replace("02.03.2026;a;;", "02/03/2026;a;;"), "row 2: service_date must be a date such as"),
        ("", "the file is empty: its first row names the columns"),
    ):
        (files / "theirs.csv").write_text(text)
        assert message in run(files, "--check", "theirs.csv", *(words if text else ())).output
    (files / "theirs.csv").write_bytes(b"PK\x03\x04\xba\xff")
    assert "save the sheet as CSV (UTF-8)" in run(files, "--check", "theirs.csv").output


def test_what_a_month_needs_is_asked_for_by_its_option(files, capfd):
    fuel = "      - {rule_id: fuel, kind: fuel_index, base_index: 15000, amount_bp: 3000}\n"
    (files / "c.yml").write_text(CONTRACT + fuel)
    done = run(files)
    assert done.exit_code == 2 and "needs the fuel index of 2026-03: add --fuel-index, or --open-month" in done.output
    assert as_json(files, capfd, "--fuel-index", "16500")["by_rule"]["fuel"] > 0


def test_a_name_that_a_spreadsheet_would_run_is_written_as_text(files, capfd):
    (files / "routes.csv").write_text(ROUTES.replace(",a,", ",=cmd(),"))
    (files / "stops.csv").write_text(STOPS.replace(",a,", ",=cmd(),"))
    as_json(files, capfd, "--out", "owed.csv")
    assert {row["route_id"] for row in csv.DictReader((files / "owed.csv").open())} == {"'=cmd()", ""}
