"""What each fleet asks for a day, line by line, by its tariff."""

from __future__ import annotations

import numpy as np
import pandas as pd

from domain.codes import TariffComponent
from simulation.batch import NOT_BEGUN, DayLog
from simulation.columns import coded, moments
from simulation.doors import CODE
from simulation.setup import DaySetup
from simulation.streams import Floats

OVERTIME_AFTER_S = 8 * 3_600
ISSUED_S = 24 * 3_600 + 6 * 3_600
"""Invoices of a date are issued at 06:00 the morning after."""


def route_quantities(setup: DaySetup, log: DayLog) -> dict[TariffComponent, Floats]:
    """What is paid for, by route: counts, kilometres, hours."""
    count = len(setup.plan.route_ids)
    begun = log.route_start_s != NOT_BEGUN
    hours = np.where(begun, log.route_end_s - log.route_start_s, 0) / 3_600
    # couriers are paid for orders they carried, wherever the failure lay
    served = log.went.astype(np.float64)
    failed = (log.went & (log.code != 0) & (log.code != CODE["diverted"])).astype(np.float64)
    parcels = np.where(log.went, setup.orders.parcels[log.order], 0).astype(np.float64)

    def total(values: Floats) -> Floats:
        return np.bincount(log.route, weights=values, minlength=count).astype(np.float64)

    return {
        TariffComponent.PER_ROUTE: begun.astype(np.float64),
        TariffComponent.PER_STOP: total(served),
        TariffComponent.PER_PARCEL: total(parcels),
        TariffComponent.PER_KM: np.where(begun, log.route_m / 1_000, 0.0),
        TariffComponent.PER_HOUR: hours,
        TariffComponent.OVERTIME_PER_HOUR: np.maximum(0.0, hours - OVERTIME_AFTER_S / 3_600),
        TariffComponent.FAILED_ATTEMPT: total(failed),
    }


def invoices_frame(setup: DaySetup, log: DayLog) -> pd.DataFrame:
    """One line a route and component that costs something: quantity, unit price, amount (minor units).

    A minimum volume is settled over a month, not on a day's invoice.
    """
    fleets, plan = setup.world.scenario.fleets, setup.plan
    fleet = np.array([setup.world.drivers[one].fleet for one in plan.vehicle.tolist()], dtype=np.int64)
    components = list(route_quantities(setup, log).items())
    routes, kinds, quantity, price = [], [], [], []
    for number, (component, amounts) in enumerate(components):
        unit = np.array([one.tariff.get(component, 0) for one in fleets], dtype=np.int64)[fleet]
        own = np.flatnonzero((unit > 0) & (amounts > 0))
        routes.append(own)
        kinds.append(np.full(len(own), number, dtype=np.int64))
        quantity.append(np.round(amounts[own], 3))
        price.append(unit[own])
    route, kind = np.concatenate(routes), np.concatenate(kinds)
    amount, unit_price = np.concatenate(quantity), np.concatenate(price)
    rows = np.lexsort((kind, route))
    route, kind, amount, unit_price = route[rows], kind[rows], amount[rows], unit_price[rows]
    issued = moments(setup.orders.origin, np.full(len(route), ISSUED_S, dtype=np.int64))
    return pd.DataFrame(
        {
            "invoice_id": [f"i-{setup.orders.day}-{fleets[one].fleet_id}" for one in fleet[route].tolist()],
            "line_id": [
                f"{plan.route_ids[one]}/{components[what][0].value}" for one, what in zip(route, kind, strict=True)
            ],
            "service_date": np.full(len(route), setup.orders.day, dtype=object),
            "fleet_id": coded([one.fleet_id for one in fleets], fleet[route]),
            "route_id": coded(list(plan.route_ids), route),
            "component": coded([one.value for one, _ in components], kind),
            "quantity": amount,
            "unit_price_minor": unit_price,
            "amount_minor": np.floor(amount * unit_price + 0.5).astype(np.int64),
            "currency": setup.world.scenario.currency,
            "event_time": issued,
            "ingest_time": issued,
            "retracted": np.zeros(len(route), dtype=bool),
        }
    )
