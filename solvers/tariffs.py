"""What a route costs by its tariff, to the minor unit."""

from __future__ import annotations

from solvers.problem import Tariff


def divide_half_up(numerator: int, denominator: int) -> int:
    """Integer division rounded half up: the one rounding rule of prices per km and per hour."""
    return (2 * numerator + denominator) // (2 * denominator)


def units_price(amount: int, price: int, steps: tuple[tuple[int, int], ...]) -> int:
    """Price of ``amount`` units: ``price`` each, from each step on the step's own (the steps rise)."""
    total, begun = 0, 0
    for start, next_price in steps:
        if amount <= start:
            break
        total += price * (start - begun)
        begun, price = start, next_price
    return total + price * (amount - begun)


def route_cost_minor(
    tariff: Tariff, *, stops: int, parcels: int, distance_m: int, duration_s: int, driving_s: int = 0
) -> int:
    """Cost of a route with at least one stop; each component is rounded on its own, as on an invoice."""
    overtime_s = max(0, duration_s - tariff.overtime_after_s) if tariff.overtime_after_s is not None else 0
    overtime = divide_half_up(tariff.overtime_per_hour_minor * overtime_s, 3_600)
    overtime += divide_half_up(tariff.per_driving_hour_minor * driving_s, 3_600)
    if not tariff.piecewise:
        return (
            tariff.per_route_minor
            + tariff.per_stop_minor * stops
            + tariff.per_parcel_minor * parcels
            + divide_half_up(tariff.per_km_minor * distance_m, 1_000)
            + divide_half_up(tariff.per_hour_minor * duration_s, 3_600)
            + overtime
        )
    total = (
        tariff.per_route_minor
        + units_price(stops, tariff.per_stop_minor, tariff.stop_steps)
        + units_price(parcels, tariff.per_parcel_minor, tariff.parcel_steps)
        + divide_half_up(units_price(distance_m, tariff.per_km_minor, tariff.km_steps), 1_000)
        + divide_half_up(units_price(duration_s, tariff.per_hour_minor, tariff.hour_steps), 3_600)
        + overtime
    )
    return max(total, tariff.minimum_minor)
