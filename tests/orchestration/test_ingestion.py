"""Rows land, or are kept aside with their rule; counts add up; a mapping cannot reach beyond its files."""

import textwrap

import pytest

from domain.errors import InputError, MappingError
from orchestration.ingestion import begin_reading, diagnose, ingest, load_mapping
from orchestration.lake import Lake, LakeSettings

MAPPING = """
name: shop
title: a shop
licence: none
timezone: Europe/Amsterdam
inputs:
  visits: {path: "*.csv"}
tables:
  orders:
    input: visits
    columns:
      order_id: id
      service_date: day
      kind: "'delivery'"
      lat: lat
      lon: lon
      mass_g: {value: kg, unit: kg}
      window_start: slot_from
      window_end: slot_to
      event_time: created
"""
HEADER = "id,day,lat,lon,kg,slot_from,slot_to,created\n"
GOOD = "a,2026-01-02,52.1,4.9,1.5,2026-01-02 09:00,2026-01-02 11:00,2026-01-01 10:00\n"


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.yml"
    path.write_text(MAPPING)
    folder = tmp_path / "files"
    folder.mkdir()
    with Lake.open(tmp_path / "home", LakeSettings("sqlite", str(tmp_path / "home" / "lake"))) as lake:
        yield lake, path, folder


def load(shop, *files):
    lake, path, folder = shop
    for name, text in files:
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    report = ingest(lake, load_mapping(path), folder)
    total = report.total
    assert total.rows_read == total.rows_landed + total.rows_quarantined + total.rows_known
    return report


def test_reading_may_begin_before_the_lake_is_open_and_what_is_wrong_with_the_files_is_told_then(shop):
    lake, path, folder = shop
    mapping = load_mapping(path)
    with pytest.raises(InputError, match=r"there is no file '\*\.csv'"):
        ingest(lake, mapping, folder, begun=begin_reading(mapping, folder))
    (folder / "one.csv").write_text(HEADER + GOOD)
    begun = begin_reading(mapping, folder)
    (folder / "two.csv").write_text(HEADER + GOOD.replace("a,", "b,"))  # the next load finds it
    landed = [ingest(lake, mapping, folder, begun=one).total.rows_landed for one in (begun, None)]
    assert sum(landed) == 2


def test_a_key_twice_with_other_content_is_kept_aside_and_the_same_row_twice_is_known(shop):
    other = GOOD.replace("1.5", "2.5")
    report = load(shop, ("one.csv", HEADER + GOOD + other + GOOD.replace("a,", "b,") * 2))
    assert (report.total.rows_quarantined, report.total.rows_landed, report.total.rows_known) == (2, 1, 1)


def test_a_file_is_loaded_once_and_a_corrected_one_replaces_it(shop):
    lake, *_ = shop
    load(shop, ("one.csv", HEADER + GOOD + GOOD.replace("a,", "b,")))
    before = lake.snapshot_id()
    assert load(shop).total.rows_known == 2
    report = load(shop, ("one.csv", HEADER + GOOD.replace("1.5", "2")))
    assert (report.total.rows_landed, report.tables["orders"].rows_retracted) == (1, 1)
    assert report.stale_dates == ["2026-01-02"]
    latest = lake.query(
        "select order_id, mass_g, retracted from raw.orders qualify row_number() over "
        "(partition by order_id order by ingest_time desc) = 1 order by order_id"
    )
    assert latest.to_numpy().tolist() == [["a", 2_000, False], ["b", 1_500, True]]
    assert len(lake.query("select * from raw.orders", snapshot=before)) == 2


def test_missing_file_and_column_are_named(shop):
    lake, path, folder = shop
    with pytest.raises(InputError, match=r"no file '\*.csv'"):
        ingest(lake, load_mapping(path), folder)
    (folder / "one.csv").write_text(HEADER.replace("slot_to", "slot_until") + GOOD)
    with pytest.raises(MappingError, match=r"'slot_to' is not in visits.*Did you mean 'slot_until'"):
        ingest(lake, load_mapping(path), folder)
    assert any("slot_until" in str(one) for one in diagnose(load_mapping(path), folder))


@pytest.mark.parametrize(
    "expression",
    [
        "(select 1)",
        "id from visits",
        "read_text('/etc/passwd')",
        "getenv('HOME')",
        "id; drop table x",
        "count(*)",
    ],
)
def test_sql_beyond_the_columns_is_refused(tmp_path, expression):
    path = tmp_path / "shop.yml"
    path.write_text(MAPPING.replace("order_id: id", f'order_id: "{expression}"'))
    with pytest.raises(MappingError):
        load_mapping(path)


def test_paths_outside_the_folder_are_refused(shop, tmp_path):
    _, path, folder = shop
    outside = tmp_path / "secret.csv"
    outside.write_text(HEADER + GOOD)
    (folder / "link.csv").symlink_to(outside)
    with pytest.raises(InputError, match="leads out"):
        load(shop)
    path.write_text(MAPPING.replace('"*.csv"', '"../*.csv"'))
    with pytest.raises(MappingError, match="leads out"):
        load_mapping(path)


def test_a_typo_in_a_mapping_names_the_nearest_key(tmp_path):
    path = tmp_path / "shop.yml"
    path.write_text(MAPPING.replace("timezone:", "timezon:"))
    with pytest.raises(MappingError, match="timezone"):
        load_mapping(path)
    path.write_text(textwrap.dedent(MAPPING).replace("mass_g:", "mass_kg:"))
    with pytest.raises(MappingError, match="mass_g"):
        load_mapping(path)


def test_every_shipped_mapping_loads():
    from orchestration.sources import source_names

    assert {load_mapping(name).name for name in source_names()} == set(source_names())
