"""The cost ledger: double entry in integer minor units, estimated, then accrued, then invoiced.

An *obligation* is one thing that is owed: the transport share of an order, a contact, a message. What is believed of
it is *posted*: as an estimate (the plan), an accrual (what happened) or an invoice (what was asked for). Each posting
releases what the one before it held and books the difference as cost, so that the lines of every posting add up to 0,
the cost account always shows the newest belief, and the four accounts of any slice add up to 0: the difference of a
reconciliation is a test of the books and not a tolerance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import pandas as pd

from domain.errors import InputError
from domain.tables import COST_LEDGER


class CostKind(StrEnum):
    """The split of cost per delivery; the kinds add up to it exactly."""

    TRANSPORT = "transport"
    FAILURE = "failure"
    CONTACT = "contact"
    MESSAGE = "message"
    PENALTY = "penalty"
    SHORTFALL = "shortfall"
    INTERVENTION = "intervention"


class Stage(StrEnum):
    """How firm a posting is; a later stage may follow an earlier one, never the reverse."""

    ESTIMATED = "estimated"
    ACCRUED = "accrued"
    INVOICED = "invoiced"


COST_ACCOUNT = "cost"
STAGES = tuple(Stage)
SCOPE = ("source", "depot_id", "fleet_id", "tenant_id", "order_id", "route_id")
POSTING_COLUMNS = ("obligation_id", "service_date", *SCOPE, "kind", "component", "stage", "amount_minor", "currency")
"""Columns of a posting: an obligation's scope, what it is for, and how much it is believed to be."""


def allocate(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Split a sum over weights so that the parts add up to it exactly (largest remainder, ties to the first).

    Weights are non-negative; if all are 0 the parts are as equal as they can be. A negative total (a credit) is split
    as its absolute value.

    Raises:
        InputError: there is nothing to split over, or a weight is negative.
    """
    if not weights:
        raise InputError("a cost cannot be split over nothing")
    if min(weights) < 0:
        raise InputError(f"a weight of a cost split must not be negative, is {min(weights)}")
    shares = list(weights) if sum(weights) else [1] * len(weights)
    whole, sign, scale = abs(total_minor), 1 if total_minor >= 0 else -1, sum(shares)
    parts = [whole * share // scale for share in shares]
    remainders = [whole * share % scale for share in shares]
    for position in sorted(range(len(shares)), key=lambda one: (-remainders[one], one))[: whole - sum(parts)]:
        parts[position] += 1
    return [sign * part for part in parts]


def post(postings: pd.DataFrame, basis: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Ledger lines of postings: rows of ``operation.cost_ledger``.

    Args:
        postings: one row a posting with ``POSTING_COLUMNS`` in the order in which they became known. Several postings
            of an obligation replace each other; ``tenant_id``, ``order_id``, ``route_id``, ``fleet_id`` may be null.
        basis: ``as_of`` and ``lake_snapshot`` of the rows.

    Returns:
        Lines with ``account`` (cost, estimated, accrued, invoiced) and a signed ``amount_minor``; the lines of a
        ``transaction_id`` add up to 0. Cost is the sum of the lines of account ``cost``.

    Raises:
        InputError: a column is missing, a kind or stage is unknown, an amount is not a whole number, an obligation
            changes its scope or currency, or goes back from a firmer stage to a weaker one.
    """
    rows = _checked(postings)
    own = rows.groupby("obligation_id", sort=False)
    before_amount = own["amount_minor"].shift(fill_value=0)
    before_stage = own["stage"].shift()
    rows["transaction_id"] = rows["obligation_id"] + "#" + own.cumcount().astype(str)
    release = rows.assign(account=before_stage, amount_minor=before_amount, side="release")[before_stage.notna()]
    cost = rows.assign(account=COST_ACCOUNT, amount_minor=rows["amount_minor"] - before_amount, side="cost")
    hold = rows.assign(account=rows["stage"], amount_minor=-rows["amount_minor"], side="hold")
    lines = pd.concat([release, cost, hold], ignore_index=True)
    lines = lines[lines["amount_minor"] != 0].sort_values(["transaction_id", "side"], kind="stable", ignore_index=True)
    lines["entry_id"] = lines["transaction_id"] + "/" + lines["side"]
    for name, value in (basis or {}).items():
        lines[name] = value
    return lines.reindex(columns=list(COST_LEDGER.column_names))


def _checked(postings: pd.DataFrame) -> pd.DataFrame:
    if missing := [name for name in POSTING_COLUMNS if name not in postings.columns]:
        raise InputError(f"postings: column {missing[0]!r} is missing")
    rows = postings.loc[:, list(POSTING_COLUMNS)].reset_index(drop=True)
    for name, allowed in (("kind", set(map(str, CostKind))), ("stage", set(map(str, Stage)))):
        if unknown := set(rows[name].map(str)) - allowed:
            raise InputError(f"postings: {name} {min(unknown)!r} is unknown; known: {', '.join(sorted(allowed))}")
        rows[name] = rows[name].map(str).astype(object)
    amounts = pd.to_numeric(rows["amount_minor"], errors="coerce")
    if (bad := amounts.isna() | (amounts != amounts.round())).any():
        one = rows[bad].iloc[0]
        raise InputError(
            f"postings: obligation {one['obligation_id']!r}: amount_minor must be a whole number, "
            f"is {one['amount_minor']!r}"
        )
    rows["amount_minor"] = amounts.astype("int64")
    rows["obligation_id"] = rows["obligation_id"].astype(str)
    fixed = ["service_date", *SCOPE, "kind", "currency"]
    several = rows.groupby("obligation_id", sort=False)[fixed].nunique(dropna=False).max(axis=1) > 1
    if several.any():
        raise InputError(f"postings: obligation {several.idxmax()!r} changes its scope, kind or currency")
    rank = rows["stage"].map({str(one): number for number, one in enumerate(STAGES)}).astype("int64")
    back = rank < rank.groupby(rows["obligation_id"]).shift(fill_value=0)
    if back.any():
        one = rows[back].iloc[0]
        raise InputError(f"postings: obligation {one['obligation_id']!r} goes back to {one['stage']}")
    return rows


def costs(lines: pd.DataFrame) -> pd.DataFrame:
    """The cost lines of a ledger: what may be summed to a cost."""
    return lines[lines["account"] == COST_ACCOUNT]


def reconcile(lines: pd.DataFrame, by: Sequence[str] = ("fleet_id", "tenant_id")) -> pd.DataFrame:
    """Books per slice, month and currency: what each account holds, and the difference, which is 0 in sound books.

    Returns:
        One row a slice: ``month`` (YYYY-MM), ``by``, ``currency``, ``cost_minor``, ``estimated_minor``,
        ``accrued_minor``, ``invoiced_minor`` (what is owed at each stage) and ``difference_minor`` = cost less the
        three. Nulls (a cost of no tenant) are a slice of their own.
    """
    keys = ["month", *by, "currency"]
    frame = lines.assign(month=pd.to_datetime(lines["service_date"]).dt.strftime("%Y-%m"))
    names = {COST_ACCOUNT: "cost_minor", **{str(stage): f"{stage}_minor" for stage in STAGES}}
    for account, name in names.items():
        sign = 1 if account == COST_ACCOUNT else -1
        frame[name] = (sign * frame["amount_minor"]).where(frame["account"] == account, 0).astype("int64")
    books = frame.groupby(keys, dropna=False, observed=True)[list(names.values())].sum().reset_index()
    held = books["estimated_minor"] + books["accrued_minor"] + books["invoiced_minor"]
    books["difference_minor"] = books["cost_minor"] - held
    return books.sort_values(keys, ignore_index=True)


def unbalanced(lines: pd.DataFrame) -> list[str]:
    """Transactions whose lines do not add up to 0; empty for a sound ledger."""
    sums = lines.groupby("transaction_id")["amount_minor"].sum()
    return sorted(sums.index[sums != 0])
