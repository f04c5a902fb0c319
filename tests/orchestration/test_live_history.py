"""What a day may still bring is counted from orders that were asked for on their own day."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from domain.tables import TABLES
from orchestration.lake import Lake
from orchestration.live.history import coming_of, orders_of_their_day
from tests.operations.days import DATE, make_day

DAY = make_day(orders=6, vans=2, iterations=20)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


def order(name, day, asked, ends, **fields):
    moment = pd.Timestamp(f"2026-02-{day:02d}", tz="UTC")
    asked, ends = (moment + pd.Timedelta(hours=one) for one in (asked, ends))
    known = {"source": "demo", "order_id": name, "service_date": moment.date(), "kind": "delivery", "file_id": "f"}
    known |= {"event_time": asked, "ingest_time": asked, "window_end": ends, "lat": 60.17, "lon": 24.9}
    return dict.fromkeys(TABLES["raw.orders"].column_names) | known | {"retracted": False} | fields


def history(tmp_path, *rows):
    with Lake.open(tmp_path) as lake:
        lake.append(TABLES["raw.orders"], pd.DataFrame(rows))
        return orders_of_their_day(lake, "demo", DATE, MIDNIGHT)


@pytest.fixture(autouse=True)
def sqlite(monkeypatch):
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")


def test_only_orders_of_their_own_day_count_by_the_hour_they_were_asked_for(tmp_path):
    past, days = history(
        tmp_path,
        order("a", 3, 9.5, 12),
        order("b", 3, 9.75, 12),
        order("c", 4, 15, 20, lat=60.2),
        order("the evening before", 4, -5, 12),
        order("ends before it is asked for", 4, 10, 9),
        order("a pickup", 4, 10, 12, kind="pickup"),
        order("taken back", 4, 10, 12, retracted=True),
        order("no place", 4, 10, 12, lat=None, lon=None),
        order("another source", 4, 10, 12, source="other"),
        order("too long ago", 1, 10, 12),
        order("not known yet", 5, 10, 12, ingest_time=MIDNIGHT + pd.Timedelta(hours=1)),
    )
    assert days == 2 and past["second"].tolist() == [34_200.0, 35_100.0, 54_000.0]
    coming = coming_of(past, days, DAY.problem, DAY.places)
    assert (coming.per_hour[9], coming.per_hour[15], sum(coming.per_hour)) == (1.0, 0.5, 1.5)
    assert [one.windows[0].end_s for one in coming.examples] == [9_000, 8_100, 18_000]
    assert coming.expected(9 * 3_600, 10 * 3_600 + 1_800) == pytest.approx(1.0)
    assert {one.location for one in coming.examples} <= {one.location for one in DAY.problem.orders}


def test_a_source_whose_orders_are_all_known_the_evening_before_expects_nothing(tmp_path):
    past, days = history(tmp_path, order("a", 3, -5, 12))
    assert coming_of(past, days, DAY.problem, DAY.places) is None
