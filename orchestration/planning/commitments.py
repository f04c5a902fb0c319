"""What one more stop of each fleet is worth on a date, from its contract and the month in the lake."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd

from domain.codes import CONCLUDING_EVENTS
from domain.errors import InputError
from orchestration.invoices import load_contract
from orchestration.lake import Lake
from solvers.contracts import Contract, month_ahead, worth_of

SETTING = "FIVEFOLD_CONTRACTS"
"""Folder of contracts (``*.yml``) whose monthly rules the night's plan weighs; unset: none."""
USUAL_DAYS = 28


def contracts_of(folder: str | None) -> list[Contract]:
    """The contracts of a folder, by file name.

    Raises:
        InputError: there is no such folder, a file is no contract, or two are with the same fleet.
    """
    if not folder:
        return []
    if not Path(folder).is_dir():
        raise InputError(f"{SETTING}: {folder} is not a folder")
    contracts: dict[str, Contract] = {}
    for path in sorted(Path(folder).glob("*.yml")):
        one = load_contract(path)
        if one.fleet_id in contracts:
            raise InputError(f"{path}: fleet_id: fleet {one.fleet_id!r} has a contract in another file already")
        contracts[one.fleet_id] = one
    return list(contracts.values())


def commitments(lake: Lake, source: str, day: date, as_of: datetime, snapshot: int) -> dict[str, int]:
    """Fleet -> what one more stop on ``day`` is worth by the month's end, by what was known at ``as_of``.

    A stop is an order whose attempt was recorded with the fleet; days without any count as such from the first on.

    Raises:
        ContractError: a contract does not hold on ``day``; names it and the day it ended.
    """
    contracts = contracts_of(os.environ.get(SETTING))
    if not contracts:
        return {}
    first = min(day.replace(day=1), day - timedelta(days=USUAL_DAYS))
    seen = lake.query(
        """
        select fleet_id, service_date, count(distinct order_id) as stops from (
            select event_id, fleet_id, service_date, order_id, event_type, retracted from raw.delivery_events
            where source = ? and ingest_time <= ? and service_date >= ? and service_date < ?
            qualify row_number() over (partition by event_id order by ingest_time desc, file_id desc) = 1
        ) where not retracted and list_contains(?::varchar[], event_type)
        group by all
        """,
        [source, as_of, first, day, sorted(CONCLUDING_EVENTS)],
        snapshot=snapshot,
    )
    seen["service_date"] = pd.to_datetime(seen["service_date"]).dt.date
    found = {}
    for contract in contracts:
        own = seen[seen["fleet_id"] == contract.fleet_id].set_index("service_date")["stops"].astype(int).to_dict()
        done = sum(count for when, count in own.items() if when >= day.replace(day=1))
        recent = [when for when in own if when >= day - timedelta(days=USUAL_DAYS)]
        span = (day - min(recent)).days if recent else 0
        usual = [own.get(day - timedelta(days=n), 0) for n in range(1, span + 1)]
        found[contract.fleet_id] = worth_of(contract, day, month_ahead(day, done, usual))
    return found
