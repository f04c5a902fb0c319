"""Numbers of the page's cards, and what the lake knows beside the plan: outcomes, KPIs, the size of each hold."""

from __future__ import annotations

from datetime import date

import pandas as pd

from orchestration.lake import Lake
from orchestration.report.kpis import HEADLINES

Card = dict[str, str]
OUTCOME_COLUMNS = ["order_id", "outcome", "failure_reason", "started_at", "arrived_at"]


def money(minor: float, currency: str) -> str:
    """Minor units as people read them."""
    return f"{minor / 100:,.2f} {currency}"


def plan_cards(plans: pd.DataFrame, routes: pd.DataFrame, stops: pd.DataFrame) -> list[Card]:
    """The plan in a line of figures."""
    served, unserved = int(plans["served"].sum()), int(plans["unserved"].sum())
    currency, cost = str(plans["currency"].iloc[0]), int(plans["cost_minor"].sum())
    hours = plans["duration_s"].sum() / 3_600
    depots = "1 depot" if len(plans) == 1 else f"{len(plans)} depots"
    fleets = routes["fleet_id"].nunique()
    cards = [
        ("Served", f"{served:,}", f"of {served + unserved:,} orders"),
        ("Unserved", f"{unserved:,}", "each with its reason below" if unserved else "every order is on a route"),
        ("Routes", f"{len(routes):,}", f"{fleets} fleet{'' if fleets == 1 else 's'}, {depots}"),
        ("Distance", f"{plans['distance_m'].sum() / 1_000:,.0f} km", f"{hours:,.0f} route hours"),
        ("Cost", money(cost, currency), "transport, risk and penalties"),
        (
            "Transport per stop",
            money(plans["transport_minor"].sum() / max(1, served), currency),
            f"{served / hours:,.1f} stops per route hour" if hours else "",
        ),
    ]
    if stops["p_failed"].notna().any():
        cards.append(("Expected failed", f"{stops['p_failed'].sum():,.1f}", "attempts, by the predictor"))
    if stops["p_late"].notna().any():
        cards.append(("Expected late", f"{stops['p_late'].sum():,.1f}", "stops, by the predictor"))
    return [{"title": title, "value": value, "note": note} for title, value, note in cards]


def day_outcomes(lake: Lake, source: str, service_date: date) -> pd.DataFrame:
    """First concluded attempt of each order of the date; no rows where the features were never built."""
    built = lake.query(
        "select 1 as n from information_schema.tables "
        "where table_catalog = 'lake' and table_schema = 'marts' and table_name = 'fct_outcomes'"
    )
    if built.empty:
        return pd.DataFrame(columns=OUTCOME_COLUMNS)
    return lake.query(
        """
        select order_id, outcome, failure_reason, arrived_at,
            coalesce(service_started_at, arrived_at, concluded_at) as started_at
        from marts.fct_outcomes where source = ? and service_date = ?
        qualify row_number() over (partition by order_id order by attempt, stop_id) = 1
        """,
        [source, service_date],
    )


def outcome_cards(lake: Lake, source: str, service_date: date, stops: pd.DataFrame, currency: str) -> list[Card]:
    """How the day went: counts from the outcomes, rates from the KPIs where they were computed."""
    known = stops[stops["outcome"].notna()]
    failed = int((known["outcome"] == "failed").sum())
    late = int((known["started_at"] > known["window_end"]).sum())
    cards = [
        ("Delivered", f"{len(known) - failed:,}", f"of {len(known):,} attempts known"),
        ("Failed", f"{failed:,}", f"{stops['p_failed'].sum():,.1f} were expected" if stops["p_failed"].any() else ""),
        ("Late", f"{late:,}", f"{stops['p_late'].sum():,.1f} were expected" if stops["p_late"].any() else ""),
    ]
    kpis = lake.query(
        "select kpi, numerator / denominator as ratio from operation.kpis where source = ? and service_date = ? "
        "and segment_kind = 'all' and denominator > 0",
        [source, service_date],
    )
    found = dict(zip(kpis["kpi"], kpis["ratio"], strict=True))
    cards += [
        (
            title,
            (money(found[name], currency) if name == "cost_per_delivery" else HEADLINES[name][1](float(found[name]))),
            note,
        )
        for name, title, note in (
            ("cost_per_delivery", "Cost per delivery", "everything that is owed"),
            ("eta_coverage", "Inside 80 % interval", "of the arrivals"),
            ("eta_mae_s", "ETA error", "mean absolute"),
            ("execution_rate", "Served as planned", "same vehicle, in the window"),
        )
        if name in found
    ]
    return [{"title": title, "value": value, "note": note} for title, value, note in cards]


def day_capacities(lake: Lake, source: str, service_date: date) -> dict[str, tuple[float, float, float]]:
    """Grams, millilitres and parcels each vehicle takes on the date, by its shift or itself; NaN: no limit is known."""
    newest = "qualify row_number() over (partition by {} order by ingest_time desc, file_id desc) = 1"
    frame = lake.query(
        f"""
        with shifts as (select * from raw.shifts where source = ? and service_date = ? {newest.format("shift_id")}),
        vehicles as (select * from raw.vehicles where source = ? {newest.format("vehicle_id")})
        select shifts.vehicle_id, {
            ", ".join(
                f"max(coalesce(shifts.{name}, vehicles.{name})) as {name}"
                for name in ("capacity_g", "capacity_ml", "capacity_parcels")
            )
        }
        from shifts left join vehicles using (vehicle_id) where not shifts.retracted group by 1
        """,
        [source, service_date, source],
    )
    return {
        row.vehicle_id: (float(row.capacity_g), float(row.capacity_ml), float(row.capacity_parcels))
        for row in frame.itertuples()
    }
