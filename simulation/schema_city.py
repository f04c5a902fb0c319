"""A city in a scenario: where it is, its buildings, its law of travel; and the weather over all cities."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from simulation.schema_base import Name, Natural, Positive, Section, Share, Spread, Weight

HOURLY = (1.25,) * 6 + (1.15, 1.12, 1.08, 1.07, 1.09, 1.04, 1.0, 1.0, 0.96, 0.95, 0.93, 0.89, 0.96, 1.01) + (1.12,) * 4
"""Speed by hour: 8 to 19 h as Sendy's motorcycles, to the power 1.4 (vans cannot pass a queue); the rest declared."""


class Traffic(Section):
    """The law of travel of a city: seconds = access + distance at a speed that the hour, rain and quarter change.

    Attributes:
        access_s: fixed time of a leg (leaving, parking).
        speed_kmh: moving speed of the first ``near_km``; ``fast_kmh`` beyond. With access, quarters and noise
            they give Amazon's Austin speeds by leg length (19 km/h at 0.35 km, 28 at 1.4, 44 at 7).
        circuity: road over great circle (Bosnia: 1.35 in the median).
        hourly: factor on speed by local hour, 24 numbers; its mean over 8 to 19 h is taken out.
        rain_per_mm: share by which a millimetre of rain an hour lengthens a leg.
        centre_share: share by which a leg into the innermost quarter is slower.
        leg_spread, day_spread: log standard deviations of one leg and of a driver's whole day.
    """

    access_s: Natural = 23
    speed_kmh: Positive = 36.0
    fast_kmh: Positive = 62.0
    near_km: Positive = 2.0
    circuity: Annotated[float, Field(ge=1, le=3, strict=True)] = 1.35
    hourly: Annotated[tuple[Positive, ...], Field(min_length=24, max_length=24)] = HOURLY
    weekend_factor: Positive = 1.07
    rain_per_mm: Share = 0.03
    snow_share: Share = 0.15
    centre_share: Share = 0.15
    leg_spread: Spread = 0.18
    day_spread: Spread = 0.06


class Buildings(Section):
    """Weights of building types among addresses."""

    house: Weight = 0.42
    flat: Weight = 0.36
    gated: Weight = 0.08
    office: Weight = 0.09
    shop: Weight = 0.05


class CityPart(Section):
    """One city: where it is, how large, its depots, quarters, streets, buildings and traffic law.

    Attributes:
        depot_distance: depots' distance from the centre over ``radius_km`` (Amazon's stations lie beyond the city).
        street_addresses: addresses a street, which lie along 300 m; people are not spread like rain.
        service_spread: log spread of time at the door between quarters (lifts, parking), a declared assumption.
    """

    name: Name = "city"
    latitude: Annotated[float, Field(ge=-80, le=80, strict=True)] = 52.37
    longitude: Annotated[float, Field(ge=-180, le=180, strict=True)] = 4.90
    radius_km: Positive = 9.0
    depots: Annotated[int, Field(ge=1, le=99, strict=True)] = 2
    depot_distance: Annotated[float, Field(ge=0, le=10, strict=True)] = 0.55
    quarters: Annotated[int, Field(ge=1, le=99, strict=True)] = 8
    street_addresses: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 12
    service_spread: Spread = 0.25
    demand_weight: Positive = 1.0
    buildings: Buildings = Buildings()
    traffic: Traffic = Traffic()


class Weather(Section):
    """Rain, warmth, storms, and how good forecasts are (log spread of rain, a day ahead)."""

    rain_share: Share = 0.25
    rain_mm: Annotated[float, Field(ge=0, le=50, strict=True)] = 1.3
    storm_share: Share = 0.008
    mean_c: Annotated[float, Field(ge=-40, le=45, strict=True)] = 12.0
    amplitude_c: Annotated[float, Field(ge=0, le=40, strict=True)] = 9.0
    forecast_spread: Spread = 0.5
