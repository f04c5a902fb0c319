"""Positions lie on the way, noisy and with gaps, and belong to the vehicle and the second."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from domain.errors import InputError
from domain.tables import DELIVERY_EVENTS
from simulation.landing import simulate
from simulation.tracks import GAP_SHARE

DAY = date(2026, 3, 3)


def test_positions_lie_on_the_way_between_what_happened(city, plan):
    played = city.play_day(DAY, plan)
    track = played.positions(60)
    assert set(track.columns) <= set(DELIVERY_EVENTS.column_names)
    assert track["event_id"].is_unique
    assert (track["ingest_time"] > track["event_time"]).all()
    assert track["ingest_time"].is_monotonic_increasing
    log, row = played.log, int(np.flatnonzero(played.log.went)[3])
    origin = played.setup.orders.origin
    waiting = track[
        (track["route_id"] == played.setup.plan.route_ids[int(log.route[row])])
        & (track["event_time"] >= origin + pd.Timedelta(seconds=int(log.arrive_s[row])))
        & (track["event_time"] <= origin + pd.Timedelta(seconds=int(log.end_s[row])))
    ]
    order = log.order[row]
    metres = np.hypot(
        (waiting["lat"] - played.setup.orders.lat[order]) * 111_195,
        (waiting["lon"] - played.setup.orders.lon[order]) * 111_195 * np.cos(np.radians(52.4)),
    )
    assert (metres < 60).all()  # six standard deviations of the receiver
    hours = (log.route_end_s - log.route_start_s).sum() / 60
    assert len(track) == pytest.approx(hours * (1 - GAP_SHARE), rel=0.05)


def test_another_sequence_moves_no_noise(city, plan):
    one = city.play_day(DAY, plan).positions(300)
    other = city.play_day(DAY, plan.assign(sequence=plan["sequence"].max() - plan["sequence"])).positions(300)
    both = one.merge(other, on="event_id")
    assert len(both) > 50
    assert (both["ingest_time_x"] == both["ingest_time_y"]).all()


def test_a_day_without_vans_has_no_positions_and_a_silly_pace_is_refused(city, plan):
    assert len(city.play_day(DAY, plan.head(0)).positions()) == 0
    with pytest.raises(InputError, match="at least 1"):
        city.play_day(DAY, plan).positions(0)


def test_simulate_adds_positions_on_demand(city, tmp_path):
    with_them = next(simulate(city.scenario, DAY, 1, tmp_path / "a", positions_s=120))
    without = next(simulate(city.scenario, DAY, 1, tmp_path / "b"))
    assert with_them.events > without.events
    rows = pd.read_parquet(tmp_path / "a" / "delivery_events" / "2026-03-03.parquet")
    assert (rows["event_type"] == "position").sum() == with_them.events - without.events
