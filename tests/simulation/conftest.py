"""A small city that several tests play; it is never changed by them."""

from datetime import date

import pytest

from simulation import City, scenario_from

SMALL = {"customers": {"count": 900}, "demand": {"orders_per_day": 120}, "stops_per_route": 40}


@pytest.fixture(scope="session")
def day():
    return date(2026, 3, 3)


@pytest.fixture(scope="session")
def city():
    return City(scenario_from(SMALL))


@pytest.fixture(scope="session")
def plan(city, day):
    return city.baseline_plan(day)
