"""One order's trail: the SQL is that of the dbt view ``marts.order_trail``, read for one order."""

from __future__ import annotations

import json
import re
from typing import Any

import pandas as pd

from domain.errors import InputError
from orchestration.lake import Lake
from orchestration.sources import PROJECT

MODEL = PROJECT / "dbt_project" / "models" / "trail" / "order_trail.sql"
SOURCE_CALL = re.compile(r"\{\{ source\('(\w+)', '(\w+)'\) \}\}")


def trail_sql() -> str:
    """The view's SQL without dbt: sources are tables of the lake."""
    return SOURCE_CALL.sub(r"lake.\1.\2", MODEL.read_text(encoding="utf-8"))


def order_trail(lake: Lake, order_id: str, source: str | None = None) -> list[dict[str, Any]]:
    """Steps of an order in time; ``details`` as objects.

    Raises:
        InputError: the order is unknown, or several sources have one of this name.
    """
    rows = lake.query(
        f"select * from ({trail_sql()}) where order_id = ? and (? is null or source = ?) "
        "order by source, happened_at, step_number, what",
        [order_id, source, source],
    )
    if rows.empty:
        raise InputError(f"there is no order {order_id!r}{f' of {source}' if source else ''} in the lake")
    if rows["source"].nunique() > 1:
        names = ", ".join(sorted(rows["source"].unique()))
        raise InputError(f"{order_id!r} is an order of {names}: choose one with --source")
    rows = rows.drop(columns=["step_number"])
    return [
        {**one, "details": json.loads(one["details"]), "amount_minor": _whole(one["amount_minor"])}
        for one in rows.to_dict("records")
    ]


def _whole(value: Any) -> int | None:
    return None if value is None or pd.isna(value) else int(value)
