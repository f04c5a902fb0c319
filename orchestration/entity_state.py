"""State of entities of a source, kept by day in the lake, and what it adds to the rows that models read.

A snapshot holds the entities whose numbers changed since the one before, bit for bit: an entity nothing happened to
decays by itself. The state at any moment is the newest row of every entity up to the newest snapshot before it, and the
outcomes known in between; so any past score can be derived again. Training replays all outcomes (``models.state``'s
batch door), scoring goes on from a snapshot (its live door): both give the same bits.
"""

from __future__ import annotations

import base64
from datetime import date, datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from domain import tables
from domain.errors import LakeError
from models.state import EntityState, entity_values, replay, seconds
from orchestration.lake import Lake

WET_MM = 0.5
KNOWN_BEFORE = (
    *("zone_id", "customer_id>zone_id", "zone_id*window_start_hour>zone_id", "tenant_id", "depot_id"),
    *("depot_id*wet>depot_id", "depot_id*zone_id>depot_id"),
)
"""Whose history the evening can ask for: zone, customer, zone and slot, shipper, depot, weather cell, lane."""
KNOWN_ON_THE_ROAD = ("fleet_id", "driver_id>fleet_id", "driver_id*zone_id>driver_id", "vehicle_id>fleet_id")
"""Whose history needs a plan: carrier, driver, driver and zone, vehicle."""
ENTITIES = (*KNOWN_BEFORE, *KNOWN_ON_THE_ROAD)
OUTCOMES = ("failed", "late", "arrival_error_s", "service_s")
HALF_LIVES_DAYS = (7.0, 30.0, 120.0)
ON_THE_ROAD = ("fleet_id", "driver_id", "vehicle_id")
ALL = "all"
"""Name of the entity of everything."""
COLUMNS = tuple(dict.fromkeys(name for one in ENTITIES for name in one.partition(">")[0].split("*")))
READ = {
    "failed": ("count", "rate_7d", "rate_30d", "last"),
    "late": ("late_rate_7d", "late_rate_30d"),
    "eta": ("arrival_error_s_rate_7d", "arrival_error_s_rate_30d", "service_s_rate_30d"),
}
FEATURES: dict[str, tuple[str, ...]] = {
    head: tuple(f"{one.partition('>')[0]}__{name}" for one in KNOWN_BEFORE for name in names)
    for head, names in READ.items()
}
"""Features of the state by head; heads of an exception class read those of ``failed``."""


READ_BY_HEADS = tuple(dict.fromkeys(name for names in FEATURES.values() for name in names))


def fresh_state() -> EntityState:
    """A state that has learned nothing."""
    return EntityState(ENTITIES, OUTCOMES, HALF_LIVES_DAYS)


def state_at(lake: Lake, source: str, moment: datetime) -> tuple[EntityState, datetime | None]:
    """The state as of the newest snapshot at or before ``moment``, and that snapshot's moment (None: there is none)."""
    rows = lake.query(
        """
        select entity, entity_value, numbers, as_of from prediction.entity_states
        where source = ? and as_of <= ?
        qualify row_number() over (partition by entity, entity_value order by as_of desc) = 1
        order by entity, entity_value
        """,
        [source, moment],
    )
    state = fresh_state()
    if rows.empty:
        return state, None
    names = [one.name for one in state.entities]
    table = [np.frombuffer(base64.b64decode(text), dtype="<f8") for text in rows["numbers"]]
    empty = state.to_arrays()["table"]
    values: list[list[list[Any]]] = [[] for _ in names]
    out = [*empty]
    for entity, value, numbers in zip(rows["entity"], rows["entity_value"], table, strict=True):
        if entity == ALL:
            out[0] = numbers
            continue
        values[names.index(entity)].append([value, len(out)])
        out.append(numbers)
    state.from_arrays({"table": np.array(out), "values": values})
    # every snapshot has a row of everything
    return state, pd.Timestamp(rows.loc[rows["entity"] == ALL, "as_of"].iloc[0]).to_pydatetime()


def outcome_rows(lake: Lake, source: str, after: datetime | None, until: datetime) -> pd.DataFrame:
    """Outcomes of first attempts that became known after ``after`` and up to ``until``."""
    features, outcomes = (_columns(lake, name) for name in ("feat_exception", "fct_outcomes"))
    own = [f"f.{name}" for name in (*COLUMNS, "forecast_precipitation_mm") if name in features - set(ON_THE_ROAD)]
    told = [name for name in ON_THE_ROAD if name in outcomes]
    late = "case when o.late then 1.0 when not o.late then 0.0 end" if "late" in outcomes else "null"
    seconds_of = {name: f"cast({f'o.{name}' if name in outcomes else 'null'} as double)" for name in OUTCOMES[2:]}
    rows = lake.query(
        f"""
        select f.order_id, f.as_of, {", ".join([*own, *(f"o.{name}" for name in told)])},
            -- an outcome that claims to be known before its own decision counts after it
            greatest(o.label_time, f.as_of + interval 1 microsecond) as label_time,
            case when o.outcome = 'failed' then 1.0 else 0.0 end as failed, cast({late} as double) as late,
            {", ".join(f"{text} as {name}" for name, text in seconds_of.items())}
        from marts.feat_exception f join marts.fct_outcomes o using (source, order_id)
        where f.source = ? and o.attempt = 1
            and greatest(o.label_time, f.as_of + interval 1 microsecond) > ?
            and greatest(o.label_time, f.as_of + interval 1 microsecond) <= ?
        order by f.as_of, f.order_id
        """,
        [source, after or datetime(1970, 1, 1).astimezone(), until],
    )
    return _prepared(rows)


def _columns(lake: Lake, mart: str) -> set[str]:
    return set(lake.query(f"describe marts.{mart}")["column_name"])


def _prepared(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with every column that names an entity; what a source does not have is nobody's history."""
    rain = rows["forecast_precipitation_mm"] if "forecast_precipitation_mm" in rows else pd.Series(np.nan, rows.index)
    wet = pd.Series(np.where(rain.astype(float) >= WET_MM, "wet", "dry"), index=rows.index, dtype=object)
    missing = {name: None for name in COLUMNS if name not in rows.columns and name != "wet"}
    rows = rows.assign(**missing, wet=wet.where(rain.notna(), None))
    hours = pd.to_numeric(rows["window_start_hour"], errors="coerce").to_numpy(float, na_value=np.nan)
    return rows.assign(window_start_hour=[None if pd.isna(one) else str(int(one)) for one in hours])


def advance(state: EntityState, rows: pd.DataFrame) -> dict[str, set[str]]:
    """Learn outcomes in the order they became known; returns the values of each entity that were touched."""
    order = np.argsort(seconds(rows["label_time"]), kind="stable")
    values = entity_values(rows, state.entities)
    y = rows[list(OUTCOMES)].to_numpy(float, na_value=np.nan)
    known = seconds(rows["label_time"])
    touched: dict[str, set[str]] = {one.name: set() for one in state.entities}
    for row in order.tolist():
        own = tuple(column[row] for column in values)
        state.learn(own, y[row], float(known[row]))
        for entity, value in zip(state.entities, own, strict=True):
            if value is not None:
                touched[entity.name].add(value)
    return touched


def snapshot_days(lake: Lake, source: str, first: date, last: date) -> dict[str, Any]:
    """Write the snapshots of a range of service dates, each as of its cut-off; counts for people.

    Where an outcome that an earlier snapshot took in was told again or taken back since, the state is built anew from
    the last snapshot before it, and the whole of it is written.
    """
    moments = lake.query(
        """
        select service_date, min(as_of) as as_of from marts.feat_exception
        where source = ? and service_date between ? and ? group by 1 order by 1
        """,
        [source, first, last],
    )
    dates = [pd.Timestamp(one).date() for one in moments["service_date"]]
    frames, learned = [], []
    state, before = None, None
    for day, at in zip(dates, moments["as_of"], strict=True):
        moment = pd.Timestamp(at).to_pydatetime()
        forgotten: dict[str, set[str]] | None = None
        if state is None or (before is not None and before > moment):
            state, before, forgotten = _state_before(lake, source, moment, dates)
        rows = outcome_rows(lake, source, before, moment)
        touched = advance(state, rows)
        told = rows[["order_id", "label_time"]]
        if forgotten is not None:
            touched, told = _everything(state, forgotten), _not_noted(lake, source, moment, dates, told)
        ids = {"source": source, "service_date": day, "as_of": moment}
        frames.append(_snapshot(state, touched, len(told)).assign(**ids))
        learned.append(told.assign(**ids))
        before = moment
    if not frames:
        return {"dates": 0, "rows": 0}
    frame = pd.concat(frames, ignore_index=True).assign(lake_snapshot=lake.snapshot_id())
    noted = pd.concat(learned, ignore_index=True).assign(lake_snapshot=lake.snapshot_id())
    days = [stamp.date() for stamp in pd.date_range(first, last)]
    where = {"source": [source], "service_date": days}

    def write(connection: duckdb.DuckDBPyConnection) -> None:
        lake.replace_in(connection, tables.ENTITY_STATES, where, frame)
        lake.replace_in(connection, tables.ENTITY_OUTCOMES, where, noted)

    lake.write(write)
    return {"dates": len(frames), "rows": len(frame), "entities": frame["entity"].value_counts().to_dict()}


def _newest(lake: Lake, source: str, until: datetime, but: list[date], or_at: bool = False) -> datetime | None:
    """Moment of the newest snapshot before ``until`` (``or_at``: or then) that is not of the dates ``but``."""
    found = lake.query(
        f"""
        select max(as_of) as t from prediction.entity_states
        where source = ? and as_of {"<=" if or_at else "<"} ? and not list_contains(?, service_date)
        """,
        [source, until, sorted(but)],
    )["t"].iloc[0]
    return None if pd.isna(found) else pd.Timestamp(found).to_pydatetime()


def _superseded(lake: Lake, source: str, moment: datetime, but: list[date]) -> datetime | None:
    """Moment of the first snapshot that took in an outcome which, by ``moment``, had been told again or taken back.

    What was told after ``moment`` changes nothing: a score of then is derived as it was.
    """
    found = lake.query(
        """
        with noted as (
            select order_id, label_time, min(as_of) as taken from prediction.entity_outcomes
            where source = ? and as_of <= ? and not list_contains(?, service_date) group by all
        ), current as (
            select o.order_id, greatest(o.label_time, f.as_of + interval 1 microsecond) as label_time
            from marts.feat_exception f join marts.fct_outcomes o using (source, order_id)
            where f.source = ? and o.attempt = 1
        ), later as (
            select order_id, max(ingest_time) as told from raw.delivery_events
            where source = ? and ingest_time <= ? and coalesce(attempt, 1) = 1 and order_id is not null group by 1
        )
        select min(noted.taken) as t from noted left join current using (order_id) left join later using (order_id)
        where (current.label_time <> noted.label_time and current.label_time <= ?)
            or (current.label_time is null and later.told > noted.label_time)
        """,
        [source, moment, sorted(but), source, source, moment, moment],
    )["t"].iloc[0]
    return None if pd.isna(found) else pd.Timestamp(found).to_pydatetime()


def _state_before(
    lake: Lake, source: str, moment: datetime, but: list[date], or_at: bool = False
) -> tuple[EntityState, datetime | None, dict[str, set[str]] | None]:
    """The state of the newest snapshot before ``moment`` (``or_at``: or then) on which can be built, and its moment.

    Not on those of the dates ``but``, which are made anew, and on none with an outcome that no longer stands: then
    the third value has every entity that the snapshots after it know, else it is None.
    """
    newest = _newest(lake, source, moment, but, or_at)
    wrong = None if newest is None else _superseded(lake, source, moment, but)
    if wrong is None:
        return (fresh_state(), None, None) if newest is None else (*state_at(lake, source, newest), None)
    known = lake.query(
        "select distinct entity, entity_value from prediction.entity_states where source = ? and as_of <= ?",
        [source, newest],
    )
    forgotten = {str(name): set(own) for name, own in known.groupby("entity")["entity_value"] if name != ALL}
    base = _newest(lake, source, wrong, but)
    return (fresh_state(), None, forgotten) if base is None else (*state_at(lake, source, base), forgotten)


def _everything(state: EntityState, forgotten: dict[str, set[str]]) -> dict[str, set[str]]:
    """Every value of every entity of a state; what it does not know of ``forgotten`` becomes as good as never seen."""
    out: dict[str, set[str]] = {}
    for number, (entity, own) in enumerate(zip(state.entities, state.to_arrays()["values"], strict=True)):
        seen = {str(value) for value, _ in own}
        for value in sorted(forgotten.get(entity.name, set()) - seen):
            state.note(number, value)
        out[entity.name] = seen | forgotten.get(entity.name, set())
    return out


def _not_noted(lake: Lake, source: str, moment: datetime, but: list[date], told: pd.DataFrame) -> pd.DataFrame:
    """Outcomes that no snapshot before has noted as they are now."""
    noted = lake.query(
        """
        select distinct order_id, label_time, true as noted from prediction.entity_outcomes
        where source = ? and as_of <= ? and not list_contains(?, service_date)
        """,
        [source, moment, sorted(but)],
    )
    merged = told.merge(noted, on=["order_id", "label_time"], how="left")
    return merged.loc[merged["noted"].isna(), ["order_id", "label_time"]]


def _snapshot(state: EntityState, touched: dict[str, set[str]], learned: int) -> pd.DataFrame:
    arrays = state.to_arrays()
    table = np.ascontiguousarray(arrays["table"], dtype="<f8")

    def packed(row: int) -> str:
        return base64.b64encode(table[row].tobytes()).decode()

    rows = [(ALL, ALL, packed(0))]  # also of a day without outcomes: it says up to when the state is known
    for entity, own in zip(state.entities, arrays["values"], strict=True):
        rows += [(entity.name, value, packed(code)) for value, code in own if value in touched[entity.name]]
    return pd.DataFrame(rows, columns=["entity", "entity_value", "numbers"]).assign(learned=learned)


def with_state(lake: Lake, source: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of a mart with the features of the state at each row's ``as_of``, from snapshots and what came since."""
    if rows.empty:
        return rows
    out = np.full((len(rows), len(fresh_state().names)), np.nan)
    asked = _keys(lake, source, rows)
    values = entity_values(asked, fresh_state().entities)
    moments = pd.to_datetime(asked["as_of"], utc=True)
    state, before = None, None
    for moment in sorted(moments.unique()):
        at = pd.Timestamp(moment).to_pydatetime()
        if state is None:
            state, before, _ = _state_before(lake, source, at, [], or_at=True)
        advance(state, outcome_rows(lake, source, before, at))
        before = at
        second = float(seconds(pd.Series([moment]))[0])
        for row in np.flatnonzero((moments == moment).to_numpy()).tolist():
            state.features(tuple(column[row] for column in values), second, out[row])
    return _joined(rows, pd.DataFrame(out, columns=fresh_state().names, index=rows.index))


def replayed(lake: Lake, source: str, rows: pd.DataFrame) -> pd.DataFrame:
    """As ``with_state`` for many moments: all outcomes are gone through once, from the first."""
    if rows.empty:
        return rows
    asked = _keys(lake, source, rows)
    history = outcome_rows(lake, source, None, pd.to_datetime(rows["as_of"], utc=True).max().to_pydatetime())
    never = pd.Series(pd.NaT, index=asked.index, dtype="datetime64[us, UTC]")
    questions = asked.assign(label_time=never, **dict.fromkeys(OUTCOMES, np.nan), asked=True)
    told = history.assign(asked=False)
    columns = [*COLUMNS, "as_of", "label_time", *OUTCOMES, "asked"]
    both = pd.concat([told[columns], questions[columns]], ignore_index=True)
    both["decision_time"] = both["as_of"]
    found = replay(both, ENTITIES, outcomes=OUTCOMES, half_lives_days=HALF_LIVES_DAYS)
    own = found[both["asked"].to_numpy(bool)]
    return _joined(rows, own.set_index(rows.index))


def _keys(lake: Lake, source: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the columns that name their entities; a mart that lacks some has them from the exception features."""
    absent = [one for one in ("customer_id", "tenant_id") if one not in rows.columns]
    if absent:
        try:
            more = lake.query(
                f"select order_id, {', '.join(absent)} from marts.feat_exception where source = ?", [source]
            )
            rows = rows.merge(more.drop_duplicates("order_id"), on="order_id", how="left")
        except LakeError as error:
            if not isinstance(error.__cause__, duckdb.Error):
                raise
    return _prepared(rows)


def _joined(rows: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([rows, features[list(READ_BY_HEADS)].set_axis(rows.index)], axis=1)
