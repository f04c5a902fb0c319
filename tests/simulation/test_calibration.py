"""The default world has the figures it is calibrated to (docs/simulation.md names their sources)."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from simulation import City, load_scenario
from simulation.realism.compare import attempts_figures, legs_figures, stops_figures, trips_figures, windows_figures
from simulation.realism.played import densely_visited, play_rows

DAYS = 50


@pytest.fixture(scope="module")
def attempts():
    return attempts_figures(play_rows(densely_visited(load_scenario(), DAYS), DAYS, ["attempts"])["attempts"])


@pytest.fixture(scope="module")
def rows():
    return play_rows(load_scenario(), 21, ["stops", "legs", "trips", "windows"])


@pytest.mark.slow
def test_failures_are_as_often_as_persistent_and_as_concentrated_as_in_changshu(attempts):
    assert attempts["failed first attempts"] == pytest.approx(0.042, abs=0.006)
    assert attempts["failed after a failure"] == pytest.approx(0.342, abs=0.05)
    assert attempts["failed after a success"] == pytest.approx(0.029, abs=0.004)
    assert attempts["failed after a failure on another day"] == pytest.approx(0.218, abs=0.05)
    assert attempts["failed after a failure on the same day"] == pytest.approx(0.676, abs=0.1)
    assert attempts["customers who never fail"] == pytest.approx(0.58, abs=0.08)
    assert attempts["failures of the top tenth of customers"] == pytest.approx(0.63, abs=0.08)
    assert attempts["highest weekday"] - attempts["lowest weekday"] < 0.025


def test_time_at_the_door_is_lognormal_as_amazons(rows):
    stops = rows["stops"]
    figures = stops_figures(stops)
    assert figures["service, mean of ln s"] == pytest.approx(4.33, abs=0.15)
    assert figures["service, deviation of ln s"] == pytest.approx(0.71, abs=0.07)
    assert figures["service, deviation between routes' means"] == pytest.approx(0.38, abs=0.12)
    assert figures["service and parcels, correlation of logs"] == pytest.approx(0.53, abs=0.08)
    assert stops["parcels"].mean() == pytest.approx(1.6, abs=0.1)
    assert stops["parcels"].quantile([0.05, 0.5, 0.75, 0.95]).tolist() == [1, 1, 2, 4]
    assert (stops["volume_l"] / stops["parcels"]).median() == pytest.approx(5.7, rel=0.25)
    log = np.log(stops["service_s"])
    assert abs(((log - log.mean()) ** 3).mean() / log.std() ** 3) < 0.5  # hardly skewed on the log scale


def test_speed_grows_with_the_length_of_a_leg_as_in_austin(rows):
    figures = legs_figures(rows["legs"])
    for band, kmh in (("0.5 to 1", 26), ("1 to 2", 28), ("2 to 5", 34), ("5 to 10", 44)):
        assert figures[f"speed of legs of {band} km, km/h"] == pytest.approx(kmh, rel=0.15)
    short = rows["legs"].query("0.2 <= km < 0.5")
    assert short["km"].sum() / short["minutes"].sum() * 60 == pytest.approx(19, rel=0.2)


def test_speed_falls_through_the_day_as_sendys(rows):
    figures = trips_figures(rows["trips"])
    morning, evening = (figures[f"speed at {hour} h over the mean"] for hour in (9, 17))
    assert 1.0 < morning < 1.12
    assert 0.85 < evening < 0.98


def test_lateness_is_a_few_in_a_hundred(rows):
    assert 0.01 < windows_figures(rows["windows"])["late"] < 0.07  # LaDe: 1.4 %, with two-hour windows


def test_the_evening_is_harder_as_changshus_last_slots():
    city = City(load_scenario())
    days = [date(2026, 3, 2) + timedelta(days=number) for number in range(10)]
    truth = pd.concat([city.play_day(day, city.baseline_plan(day)).truth.frames["orders"] for day in days])
    noon, evening = (
        truth[[f"truth_fails_at_{hour}" for hour in hours]].mean().mean() for hours in ((11, 12), (18, 19))
    )
    assert noon == pytest.approx(0.04, abs=0.012)  # Changshu: 3.5 to 4 %
    assert evening == pytest.approx(0.115, abs=0.035)  # Changshu: 9 to 11 %
