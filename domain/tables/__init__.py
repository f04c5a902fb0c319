"""The one place that says which tables exist, their columns, types, keys and meaning.

Lake DDL, dbt sources, Great Expectations suites and the data dictionary in ``docs/`` are all derived from here.
"""

from domain.tables.columns import (
    BASIS,
    EVENT_TIME,
    SERVICE_DATE,
    Column,
    ColumnType,
    OrderRule,
    Table,
)
from domain.tables.control import (
    CONTROL_TABLES,
    INGESTED_FILES,
    QUARANTINE,
    STALE_PARTITIONS,
)
from domain.tables.learned import (
    PARAMETER_USES,
    PARAMETERS,
)
from domain.tables.operations import (
    COST_LEDGER,
    DISPATCH_ANSWERS,
    DISPATCH_DECISIONS,
    INTERVENTIONS,
    KPIS,
    NOTIFICATIONS,
)
from domain.tables.planning import (
    ENTITY_OUTCOMES,
    ENTITY_STATES,
    PLAN_STOPS,
    PLANS,
    PREDICTIONS,
    ROUTES,
    STOP_SCORES,
    UNSERVED_ORDERS,
)
from domain.tables.raw import (
    CERTIFICATIONS,
    CONSTRAINTS,
    DELIVERY_EVENTS,
    DEPOTS,
    DRIVERS,
    FLEETS,
    INVOICES,
    LOCKERS,
    ORDERS,
    ORIGIN,
    RAW_TABLES,
    SHIFTS,
    TARIFF_RULES,
    TRAVEL_OBSERVATIONS,
    VEHICLES,
    WEATHER,
)

__all__ = [
    "BASIS",
    "CERTIFICATIONS",
    "CONSTRAINTS",
    "CONTROL_TABLES",
    "COST_LEDGER",
    "DELIVERY_EVENTS",
    "DEPOTS",
    "DERIVED_TABLES",
    "DISPATCH_ANSWERS",
    "DISPATCH_DECISIONS",
    "DRIVERS",
    "ENTITY_OUTCOMES",
    "ENTITY_STATES",
    "EVENT_TIME",
    "FLEETS",
    "INGESTED_FILES",
    "INTERVENTIONS",
    "INVOICES",
    "KPIS",
    "LOCKERS",
    "NOTIFICATIONS",
    "ORDERS",
    "ORIGIN",
    "PARAMETERS",
    "PARAMETER_USES",
    "PLANS",
    "PLAN_STOPS",
    "PREDICTIONS",
    "QUARANTINE",
    "RAW_TABLES",
    "ROUTES",
    "SERVICE_DATE",
    "SHIFTS",
    "STALE_PARTITIONS",
    "STOP_SCORES",
    "TABLES",
    "TARIFF_RULES",
    "TRAVEL_OBSERVATIONS",
    "UNSERVED_ORDERS",
    "VEHICLES",
    "WEATHER",
    "Column",
    "ColumnType",
    "OrderRule",
    "Table",
]

DERIVED_TABLES = (
    PREDICTIONS,
    STOP_SCORES,
    ENTITY_OUTCOMES,
    ENTITY_STATES,
    PLANS,
    ROUTES,
    PLAN_STOPS,
    UNSERVED_ORDERS,
    INTERVENTIONS,
    DISPATCH_ANSWERS,
    DISPATCH_DECISIONS,
    NOTIFICATIONS,
    COST_LEDGER,
    KPIS,
    PARAMETERS,
    PARAMETER_USES,
)

TABLES: dict[str, Table] = {table.qualified_name: table for table in (*RAW_TABLES, *CONTROL_TABLES, *DERIVED_TABLES)}
"""Every table by qualified name."""
