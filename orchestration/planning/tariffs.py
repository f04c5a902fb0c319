"""Which tariff rules hold on a date, and what is wrong where they cannot all hold."""

from __future__ import annotations

from datetime import date

import pandas as pd

from domain.errors import InputError


def rules_on(rules: pd.DataFrame, source: str, service_date: date, shifts: pd.DataFrame) -> pd.DataFrame:
    """The rules that hold on ``service_date``, of all rules of a source.

    A fleet that never had a rule costs nothing; one whose contract has ended would look as if it did, so it is refused
    as long as it has shifts.

    Raises:
        InputError: a fleet with shifts has rules, but none that holds; two contracts of a fleet price the same thing;
            or the rules are in more than one currency. Names source, table, fleet, contract, component and date.
    """
    first, last = pd.to_datetime(rules["valid_from"]), pd.to_datetime(rules["valid_to"])
    day = pd.Timestamp(service_date)
    holds = (first <= day) & (last.isna() | (last >= day))
    valid = rules[holds].reset_index(drop=True)
    where = f"source {source!r}: tariff_rules"
    for fleet in sorted(set(shifts["fleet_id"].dropna()) & set(rules["fleet_id"]) - set(valid["fleet_id"])):
        own = rules["fleet_id"] == fleet
        before = last[own & (last < day)]
        told = (
            f"the contract expired on {before.max():%Y-%m-%d}"
            if len(before)
            else f"the contract begins on {first[own].min():%Y-%m-%d}"
        )
        raise InputError(
            f"{where}: fleet {fleet!r} has shifts on {service_date}, but no rule that holds then: {told}; "
            "correct valid_from or valid_to, or load its new contract"
        )
    if len(currencies := sorted(set(valid["currency"].dropna()))) > 1:
        raise InputError(
            f"{where}: currency: rules in {' and '.join(currencies)} hold on {service_date}; one is possible"
        )
    same = ["fleet_id", "component", "vehicle_class"]
    for (fleet, component, vehicle_class), own in valid.groupby(same, dropna=False):
        if own["contract_id"].nunique() > 1:
            a, b = own.drop_duplicates("contract_id").sort_values("contract_id")[:2].itertuples()
            kind = "" if pd.isna(vehicle_class) else f" of class {vehicle_class!r}"
            raise InputError(
                f"{where}: component: contracts {a.contract_id!r} ({a.amount_minor}) and {b.contract_id!r} "
                f"({b.amount_minor}) both price {component} of fleet {fleet!r}{kind} on {service_date}; "
                "end one of them with valid_to"
            )
    return valid
