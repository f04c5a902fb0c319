"""The one place that says which tables exist, their columns, types, keys and meaning.

Lake DDL, dbt sources, Great Expectations suites and the data dictionary in ``docs/`` are all derived from here.
"""

from dataclasses import dataclass
from enum import StrEnum

from domain import codes


class ColumnType(StrEnum):
    """Logical types; ``sql`` is their DuckDB name."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    DATE = "date"
    JSON = "json"

    @property
    def sql(self) -> str:
        return {
            "text": "VARCHAR",
            "integer": "BIGINT",
            "number": "DOUBLE",
            "boolean": "BOOLEAN",
            "timestamp": "TIMESTAMP WITH TIME ZONE",
            "date": "DATE",
            "json": "VARCHAR",
        }[self.value]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: logical type, meaning, and the rules every value of it must keep."""

    name: str
    type: ColumnType
    meaning: str
    required: bool = False
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class OrderRule:
    """``first`` must not be greater than ``second`` in one row (rows where either is null pass)."""

    name: str
    first: str
    second: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the lake. ``key`` names one fact; several rows of a key are versions by ``ingest_time``."""

    schema: str
    name: str
    meaning: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    rules: tuple[OrderRule, ...] = ()

    @property
    def qualified_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column called ``name``; raises ``KeyError`` if the table has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.qualified_name} has no column {name!r}")


TEXT, INTEGER, NUMBER, BOOLEAN = ColumnType.TEXT, ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.BOOLEAN
TIMESTAMP, DATE, JSON = ColumnType.TIMESTAMP, ColumnType.DATE, ColumnType.JSON


def _identifier(name: str, meaning: str, required: bool = True) -> Column:
    return Column(name, TEXT, meaning, required=required)


def _amount(name: str, meaning: str, required: bool = False) -> Column:
    """A count, load, duration, distance or sum of money that cannot be negative."""
    return Column(name, INTEGER, meaning, required=required, minimum=0)


def _latitude(required: bool = False) -> Column:
    return Column("lat", NUMBER, "WGS84 latitude in degrees", required, minimum=-90, maximum=90)


def _longitude(required: bool = False) -> Column:
    return Column("lon", NUMBER, "WGS84 longitude in degrees", required, minimum=-180, maximum=180)


def _moment(name: str, meaning: str, required: bool = False) -> Column:
    return Column(name, TIMESTAMP, meaning, required=required)


ORIGIN = (
    _identifier("source", "Mapping that brought the row (name of the file in sources/)"),
    _identifier("file_id", "Content hash of the file or query result the row came from"),
    _moment("ingest_time", "When we could know it (EPCIS record time)", required=True),
    Column("retracted", BOOLEAN, "True when a corrected file no longer holds this key", required=True),
)
"""Columns that ingestion adds to every raw row. A correction is a later row with the same key."""

SERVICE_DATE = Column("service_date", DATE, "Date of service in the depot's time zone", required=True)
EVENT_TIME = _moment("event_time", "When it happened (EPCIS event time)", required=True)

DEPOTS = Table(
    "raw",
    "depots",
    "Places that routes start from and return to",
    "one depot",
    (
        _identifier("depot_id", "Depot"),
        Column("name", TEXT, "Name for people"),
        _latitude(True),
        _longitude(True),
        Column("timezone", TEXT, "IANA time zone that service dates and local hours refer to", required=True),
        Column("opens_s", INTEGER, "Opening time, seconds after local midnight", minimum=0, maximum=172_800),
        Column("closes_s", INTEGER, "Closing time, seconds after local midnight", minimum=0, maximum=172_800),
        EVENT_TIME,
        *ORIGIN,
    ),
    ("source", "depot_id"),
    rules=(OrderRule("opens_before_closes", "opens_s", "closes_s", "a depot opens before it closes"),),
)

LOCKERS = Table(
    "raw",
    "lockers",
    "Parcel lockers and shops that orders can be diverted to",
    "one locker",
    (
        _identifier("locker_id", "Locker"),
        Column("name", TEXT, "Name for people"),
        _latitude(True),
        _longitude(True),
        _amount("capacity_parcels", "Parcels it takes a day"),
        EVENT_TIME,
        *ORIGIN,
    ),
    ("source", "locker_id"),
)

FLEETS = Table(
    "raw",
    "fleets",
    "Sources of capacity",
    "one fleet",
    (
        _identifier("fleet_id", "Fleet"),
        Column("kind", TEXT, "captive, 3pl, gig, locker or a name of the company's own", required=True),
        Column("control_mode", TEXT, "Who decides the sequence", required=True, allowed=tuple(codes.ControlMode)),
        Column("name", TEXT, "Name for people"),
        EVENT_TIME,
        *ORIGIN,
    ),
    ("source", "fleet_id"),
)

TARIFF_RULES = Table(
    "raw",
    "tariff_rules",
    "What a fleet costs: the components of its contract",
    "one component of one contract version",
    (
        _identifier("contract_id", "Contract"),
        _identifier("rule_id", "Rule within the contract"),
        _identifier("fleet_id", "Fleet the contract is with"),
        Column("component", TEXT, "What is paid for", required=True, allowed=tuple(codes.TariffComponent)),
        _amount("amount_minor", "Price of one unit, minor units", required=True),
        Column("currency", TEXT, "ISO 4217", required=True),
        Column("vehicle_class", TEXT, "Only vehicles of this class; null: all"),
        Column("valid_from", DATE, "First service date it holds", required=True),
        Column("valid_to", DATE, "Last service date it holds; null: open"),
        EVENT_TIME,
        *ORIGIN,
    ),
    ("source", "contract_id", "rule_id"),
    rules=(OrderRule("valid_from_before_valid_to", "valid_from", "valid_to", "a rule begins before it ends"),),
)

VEHICLES = Table(
    "raw",
    "vehicles",
    "Vehicles and what they can carry",
    "one vehicle",
    (
        _identifier("vehicle_id", "Vehicle"),
        _identifier("fleet_id", "Fleet it belongs to"),
        _identifier("depot_id", "Home depot"),
        Column("vehicle_class", TEXT, "Class, such as van, truck, cargo_bike"),
        _amount("capacity_g", "Payload, grams"),
        _amount("capacity_ml", "Load space, millilitres"),
        _amount("capacity_parcels", "Most parcels it carries"),
        EVENT_TIME,
        *ORIGIN,
    ),
    ("source", "vehicle_id"),
)

DRIVERS = Table(
    "raw",
    "drivers",
    "Drivers; no personal data but the pseudonymous id",
    "one driver",
    (
        _identifier("driver_id", "Driver"),
        _identifier("fleet_id", "Fleet"),
        _identifier("depot_id", "Home depot"),
        EVENT_TIME,
        *ORIGIN,
    ),
    ("source", "driver_id"),
)

CERTIFICATIONS = Table(
    "raw",
    "certifications",
    "What a driver may do, and until when",
    "one certification of one driver",
    (
        _identifier("driver_id", "Driver"),
        _identifier("certification", "Code, such as adr, age_check, two_person"),
        _moment("expires_at", "End of validity; null: open"),
        EVENT_TIME,
        *ORIGIN,
    ),
    ("source", "driver_id", "certification"),
)

SHIFTS = Table(
    "raw",
    "shifts",
    "Capacity of a service date: a vehicle with its driver and hours",
    "one shift",
    (
        _identifier("shift_id", "Shift"),
        SERVICE_DATE,
        _identifier("depot_id", "Depot it starts from and returns to"),
        _identifier("fleet_id", "Fleet"),
        _identifier("vehicle_id", "Vehicle"),
        Column("driver_id", TEXT, "Driver; null where the fleet sends whom it likes"),
        _moment("starts_at", "Earliest departure", True),
        _moment("ends_at", "Latest return", True),
        _amount("capacity_g", "Mass the vehicle holds on this shift, where it differs from the vehicle's"),
        _amount("capacity_ml", "Volume it holds on this shift, where it differs"),
        _amount("capacity_parcels", "Parcels it holds on this shift, where it differs"),
        EVENT_TIME,
        *ORIGIN,
    ),
    ("source", "shift_id"),
    ("service_date",),
    rules=(OrderRule("shift_starts_before_it_ends", "starts_at", "ends_at", "a shift starts before it ends"),),
)

ORDERS = Table(
    "raw",
    "orders",
    "What shippers ask for, with the promise first made",
    "one version of one order",
    (
        _identifier("order_id", "Order"),
        SERVICE_DATE,
        Column("kind", TEXT, "Kind of visit", required=True, allowed=tuple(codes.StopKind)),
        Column("tenant_id", TEXT, "Shipper"),
        Column("customer_id", TEXT, "Recipient, pseudonymous"),
        Column("address_id", TEXT, "Address, pseudonymous"),
        Column("depot_id", TEXT, "Depot it is served from"),
        Column("zone_id", TEXT, "Zone (H3 cell or the source's own)"),
        _latitude(),
        _longitude(),
        Column("origin_lat", NUMBER, "Latitude of the pickup, where it is not the depot", minimum=-90, maximum=90),
        Column("origin_lon", NUMBER, "Longitude of the pickup, where it is not the depot", minimum=-180, maximum=180),
        _moment("window_start", "Start of the original promise"),
        _moment("window_end", "End of the original promise"),
        _amount("service_s", "Expected time at the door, seconds"),
        _amount("mass_g", "Mass, grams"),
        _amount("volume_ml", "Volume, millilitres"),
        _amount("parcels", "Number of parcels"),
        _amount("distance_m", "Distance of the trip as the source knows it, metres"),
        Column("required_certifications", TEXT, "Codes a driver must hold, joined by +"),
        Column("attributes", JSON, "What else the source knows before the attempt, as one JSON object"),
        EVENT_TIME,
        *ORIGIN,
    ),
    ("source", "order_id"),
    ("service_date",),
    rules=(OrderRule("window_starts_before_it_ends", "window_start", "window_end", "a window ends after it starts"),),
)

DELIVERY_EVENTS = Table(
    "raw",
    "delivery_events",
    "What happened to orders and routes",
    "one event",
    (
        _identifier("event_id", "Event"),
        SERVICE_DATE,
        Column("event_type", TEXT, "What happened", required=True, allowed=tuple(codes.EventType)),
        Column("order_id", TEXT, "Order, where the event is about one"),
        Column("stop_id", TEXT, "Stop (one attempt of one order), where the event is about one"),
        Column("attempt", INTEGER, "Attempt number, from 1", minimum=1, maximum=20),
        Column("route_id", TEXT, "Route"),
        Column("depot_id", TEXT, "Depot"),
        Column("fleet_id", TEXT, "Fleet"),
        Column("vehicle_id", TEXT, "Vehicle"),
        Column("driver_id", TEXT, "Driver, courier or rider"),
        Column("exception_class", TEXT, "Class of exception", allowed=tuple(codes.ExceptionClass)),
        Column("failure_reason", TEXT, "Why an attempt failed", allowed=tuple(codes.FAILURE_REASONS)),
        _moment("planned_time", "When the plan said it would happen"),
        _latitude(),
        _longitude(),
        EVENT_TIME,
        *ORIGIN,
    ),
    ("source", "event_id"),
    ("service_date",),
)

CONSTRAINTS = Table(
    "raw",
    "constraint_instances",
    "Rules of the operation as data",
    "one constraint instance",
    (
        _identifier("constraint_id", "Constraint"),
        Column("service_date", DATE, "Date it holds for; null: every date"),
        _identifier("type", "Registered constraint type, such as vehicle_ban"),
        Column("order_id", TEXT, "Order in scope"),
        Column("customer_id", TEXT, "Customer in scope"),
        Column("vehicle_id", TEXT, "Vehicle in scope"),
        Column("parameters", JSON, "Parameters of the type"),
        Column("hardness", TEXT, "hard or soft", required=True, allowed=tuple(codes.Hardness)),
        _amount("price_minor", "Price per unit of violation, where soft"),
        Column("authority", TEXT, "Who owns it", required=True, allowed=tuple(codes.Authority)),
        EVENT_TIME,
        *ORIGIN,
    ),
    ("source", "constraint_id"),
)

TRAVEL_OBSERVATIONS = Table(
    "raw",
    "travel_observations",
    "Road distances and times that are known",
    "one trip or table entry",
    (
        _identifier("observation_id", "Observation"),
        Column("from_lat", NUMBER, "Latitude of the start", True, minimum=-90, maximum=90),
        Column("from_lon", NUMBER, "Longitude of the start", True, minimum=-180, maximum=180),
        Column("to_lat", NUMBER, "Latitude of the end", True, minimum=-90, maximum=90),
        Column("to_lon", NUMBER, "Longitude of the end", True, minimum=-180, maximum=180),
        _amount("distance_m", "Road distance, metres"),
        _amount("duration_s", "Travel time, seconds"),
        EVENT_TIME,
        *ORIGIN,
    ),
    ("source", "observation_id"),
)

WEATHER = Table(
    "raw",
    "weather",
    "Weather as forecast (issued before) or observed (issued at or after) the hour",
    "one depot, hour and issue",
    (
        _identifier("depot_id", "Depot"),
        _moment("target_time", "Hour it is about", True),
        Column("temperature_c", NUMBER, "Degrees Celsius", minimum=-90, maximum=60),
        Column("precipitation_mm", NUMBER, "Millimetres in the hour", minimum=0, maximum=500),
        Column("wind_ms", NUMBER, "Metres a second", minimum=0, maximum=120),
        EVENT_TIME,
        *ORIGIN,
    ),
    ("source", "depot_id", "target_time", "event_time"),
)

INVOICES = Table(
    "raw",
    "invoices",
    "What fleets asked for, line by line",
    "one line of one invoice",
    (
        _identifier("invoice_id", "Invoice"),
        _identifier("line_id", "Line within the invoice"),
        SERVICE_DATE,
        _identifier("fleet_id", "Fleet that asks"),
        Column("route_id", TEXT, "Route; null: the whole fleet"),
        Column("component", TEXT, "What is paid for", required=True, allowed=tuple(codes.TariffComponent)),
        Column("quantity", NUMBER, "How many units", minimum=0),
        _amount("unit_price_minor", "Price of one unit, minor units"),
        Column("amount_minor", INTEGER, "Minor units; a credit is negative", required=True),
        Column("currency", TEXT, "ISO 4217", required=True),
        EVENT_TIME,
        *ORIGIN,
    ),
    ("source", "invoice_id", "line_id"),
    ("service_date",),
)

RAW_TABLES = (
    DEPOTS,
    LOCKERS,
    FLEETS,
    TARIFF_RULES,
    VEHICLES,
    DRIVERS,
    CERTIFICATIONS,
    SHIFTS,
    ORDERS,
    DELIVERY_EVENTS,
    CONSTRAINTS,
    TRAVEL_OBSERVATIONS,
    WEATHER,
    INVOICES,
)

INGESTED_FILES = Table(
    "control",
    "ingested_files",
    "Every file ever offered, and what became of its rows",
    "one load of one file",
    (
        _identifier("file_id", "Content hash"),
        _identifier("source", "Mapping"),
        _identifier("path", "File as the mapping names it, relative to the data folder"),
        _identifier("table_name", "Table it was loaded into"),
        _moment("ingest_time", "When", True),
        _amount("rows_read", "Rows in the file", True),
        _amount("rows_landed", "Rows that landed", True),
        _amount("rows_quarantined", "Rows kept aside", True),
        _amount("rows_known", "Rows that were already known", True),
        Column("replaces_file_id", TEXT, "File it corrects"),
    ),
    ("source", "table_name", "file_id"),
)

QUARANTINE = Table(
    "control",
    "quarantine",
    "Rows that broke a rule, kept whole",
    "one row and rule",
    (
        _identifier("source", "Mapping"),
        _identifier("table_name", "Table it was meant for"),
        _identifier("file_id", "Content hash"),
        _identifier("path", "File"),
        _amount("row_number", "Row in the file, 1 is the first data row", True),
        _identifier("rule", "Rule it broke"),
        Column("field", TEXT, "Column the rule is about"),
        Column("message", TEXT, "The rule in words", True),
        Column("content", JSON, "The row as it was read", True),
        _moment("ingest_time", "When", True),
    ),
    ("source", "file_id", "table_name", "row_number", "rule"),
)

STALE_PARTITIONS = Table(
    "control",
    "stale_partitions",
    "Service dates that late rows have made out of date",
    "one table, date and load",
    (
        _identifier("source", "Mapping"),
        _identifier("table_name", "Table the late rows landed in"),
        SERVICE_DATE,
        _moment("ingest_time", "When the late rows landed", True),
        _amount("rows", "How many", True),
    ),
    ("source", "table_name", "service_date", "ingest_time"),
)

CONTROL_TABLES = (INGESTED_FILES, QUARANTINE, STALE_PARTITIONS)

BASIS = (
    _moment("as_of", "Nothing ingested later was used", True),
    Column("lake_snapshot", INTEGER, "Snapshot of the lake that was read"),
)
"""Columns of everything derived: what it was based on."""

PREDICTIONS = Table(
    "prediction",
    "predictions",
    "Probabilities and quantiles of stops",
    "one task, stop and as_of",
    (
        _identifier("task", "What it is about"),
        _identifier("source", "Mapping the order came from"),
        _identifier("order_id", "Order"),
        SERVICE_DATE,
        Column("probability", NUMBER, "Chance that it happens (failed, late)", minimum=0, maximum=1),
        Column("p10_s", NUMBER, "10 % quantile, seconds (ETA)"),
        Column("p50_s", NUMBER, "Median, seconds"),
        Column("p90_s", NUMBER, "90 % quantile, seconds"),
        Column("p05_s", NUMBER, "5 % quantile, seconds: lower end of the 90 % interval"),
        Column("p95_s", NUMBER, "95 % quantile, seconds: upper end of the 90 % interval"),
        _identifier("model_version", "Version in the registry"),
        *BASIS,
    ),
    ("task", "source", "order_id", "as_of"),
    ("service_date",),
)

PLANS = Table(
    "plan",
    "plans",
    "One plan a depot and service date",
    "one plan",
    (
        _identifier("plan_id", "Plan"),
        SERVICE_DATE,
        _identifier("source", "Mapping"),
        _identifier("depot_id", "Depot"),
        _amount(
            "cost_minor", "Total by contract, penalty and soft rules (those with the first depot), minor units", True
        ),
        Column("currency", TEXT, "ISO 4217", True),
        _amount("transport_minor", "Transport by contract", True),
        _amount("risk_minor", "Expected cost of failures and lateness", True),
        _amount("penalty_minor", "Penalties of unserved orders", True),
        _amount("served", "Orders on a route", True),
        _amount("unserved", "Orders on none", True),
        _amount("routes", "Routes used", True),
        _amount("distance_m", "Driven metres", True),
        _amount("duration_s", "Route seconds", True),
        Column("solver_s", NUMBER, "Wall time of the solver", True, minimum=0),
        Column("engine", TEXT, "Engine whose plan won", True),
        Column("verified", BOOLEAN, "No violation found by the verifier", True),
        Column("seed", INTEGER, "Seed", True),
        *BASIS,
    ),
    ("plan_id",),
    ("service_date",),
)

ROUTES = Table(
    "plan",
    "routes",
    "Routes of a plan",
    "one route",
    (
        _identifier("plan_id", "Plan"),
        _identifier("route_id", "Route"),
        SERVICE_DATE,
        _identifier("source", "Mapping"),
        _identifier("depot_id", "Depot"),
        _identifier("fleet_id", "Fleet"),
        Column("fleet_kind", TEXT, "Kind of fleet", True),
        _identifier("vehicle_id", "Vehicle"),
        Column("driver_id", TEXT, "Driver"),
        _moment("starts_at", "Departure from the depot", True),
        _moment("ends_at", "Return", True),
        _amount("stops", "Stops", True),
        _amount("distance_m", "Metres", True),
        _amount("duration_s", "Seconds from departure to return", True),
        _amount("mass_g", "Load, grams", True),
        _amount("volume_ml", "Load, millilitres", True),
        _amount("parcels", "Parcels", True),
        _amount("cost_minor", "Cost by contract", True),
        *BASIS,
    ),
    ("plan_id", "route_id"),
    ("service_date",),
)

PLAN_STOPS = Table(
    "plan",
    "plan_stops",
    "Stops of a route in sequence",
    "one stop of one route",
    (
        _identifier("plan_id", "Plan"),
        _identifier("route_id", "Route"),
        _amount("sequence", "Position on the route, from 1", True),
        SERVICE_DATE,
        _identifier("source", "Mapping"),
        _identifier("order_id", "Order"),
        _moment("arrival", "Planned arrival", True),
        _moment("service_start", "Planned start of service", True),
        _moment("departure", "Planned departure", True),
        _amount("leg_m", "Metres from the stop before", True),
        _amount("leg_s", "Seconds from the stop before", True),
        _latitude(True),
        _longitude(True),
        _moment("window_start", "Promise", False),
        _moment("window_end", "Promise", False),
        Column("p_failed", NUMBER, "Chance of a failed attempt", minimum=0, maximum=1),
        Column("p_late", NUMBER, "Chance of a start after the window", minimum=0, maximum=1),
        _moment("eta_p10", "10 % quantile of arrival"),
        _moment("eta_p50", "Median of arrival"),
        _moment("eta_p90", "90 % quantile of arrival"),
        *BASIS,
    ),
    ("plan_id", "route_id", "sequence"),
    ("service_date",),
)

UNSERVED_ORDERS = Table(
    "plan",
    "unserved_orders",
    "Orders no route could take, with the reason",
    "one order of one plan",
    (
        _identifier("plan_id", "Plan"),
        SERVICE_DATE,
        _identifier("source", "Mapping"),
        _identifier("order_id", "Order"),
        _identifier("reason", "Code of the binding rule"),
        Column("explanation", TEXT, "In words", True),
        _amount("penalty_minor", "What leaving it costs", True),
        *BASIS,
    ),
    ("plan_id", "order_id"),
    ("service_date",),
)

COST_LEDGER = Table(
    "operation",
    "cost_ledger",
    "What is owed, by kind: double entry, the lines of a transaction add up to 0; cost is the account cost",
    "one line of one transaction",
    (
        _identifier("entry_id", "Line"),
        _identifier("transaction_id", "Posting it is a line of"),
        _identifier("obligation_id", "Thing that is owed; its postings replace each other"),
        SERVICE_DATE,
        _identifier("source", "Mapping"),
        Column("depot_id", TEXT, "Depot"),
        Column("fleet_id", TEXT, "Fleet"),
        Column("tenant_id", TEXT, "Shipper"),
        Column("order_id", TEXT, "Order"),
        Column("route_id", TEXT, "Route"),
        Column("kind", TEXT, "transport, failure, contact, message, penalty, shortfall, intervention", True),
        Column("component", TEXT, "What within the kind, such as wasted_attempt"),
        Column("account", TEXT, "Account", True, allowed=("cost", "estimated", "accrued", "invoiced")),
        Column("amount_minor", INTEGER, "Minor units, signed", True),
        Column("currency", TEXT, "ISO 4217", True),
        *BASIS,
    ),
    ("entry_id",),
    ("service_date",),
)

INTERVENTIONS = Table(
    "operation",
    "interventions",
    "What was decided about a risk: treated, held out at random or left, with the alternatives not taken",
    "one decision on one order and risk",
    (
        _identifier("intervention_id", "Idempotency key"),
        _identifier("source", "Mapping"),
        SERVICE_DATE,
        _identifier("order_id", "Order"),
        _identifier("task", "Risk it is about: failed or late"),
        _identifier("action", "Action, or none"),
        Column("assigned", TEXT, "What the draw said", True, allowed=("treated", "holdout", "none")),
        _moment("decided_at", "When", True),
        Column("permission", TEXT, "Who must agree: auto, approve, customer"),
        Column("agreed_by", TEXT, "Who agreed, where somebody had to (pseudonymous)"),
        Column("probability", NUMBER, "Risk if nothing is done", minimum=0, maximum=1),
        Column("efficacy", NUMBER, "Share of failures the action was believed to prevent", minimum=0, maximum=1),
        _amount("failure_minor", "What a failure would cost"),
        _amount("cost_minor", "What the action costs"),
        Column("plan_delta_minor", INTEGER, "What it adds to the plan's cost"),
        Column("net_value_minor", INTEGER, "Expected net value"),
        Column(
            "propensity", NUMBER, "Probability of being treated, given the order and the policy", minimum=0, maximum=1
        ),
        _amount("threshold_minor", "Least net value that the week's budget bore"),
        Column("why", TEXT, "Reason in words", True),
        Column("alternatives", JSON, "Actions considered with their net values, best first"),
        Column("arguments", JSON, "What the action needs, and what it replaced, so that it can be undone"),
        Column(
            "state",
            TEXT,
            "asked, to_do, waiting (for who must agree), in_force, refused, undone, held or none",
            allowed=("asked", "to_do", "waiting", "in_force", "refused", "undone", "held", "none"),
        ),
        Column("model_version", TEXT, "Model the risk is from"),
        *BASIS,
    ),
    ("intervention_id",),
    ("service_date",),
)

DISPATCH_DECISIONS = Table(
    "operation",
    "dispatch_decisions",
    "What the live day decided on an event: who serves which order, at which price, and instead of what",
    "one decision",
    (
        _identifier("decision_id", "Event and number of the decision on it"),
        _identifier("source", "Mapping"),
        SERVICE_DATE,
        Column(
            "kind",
            TEXT,
            "assign, tender, leave, resequence, drop, expire, withdraw, lost, propose, reject, refuse",
            True,
        ),
        Column("order_id", TEXT, "Order; the first where it is about several"),
        Column("orders", JSON, "All orders it is about"),
        Column("vehicle_id", TEXT, "Vehicle"),
        Column("fleet_id", TEXT, "Fleet"),
        Column("price_minor", INTEGER, "Expected cost, minor units; below 0 what it saves", True),
        Column("currency", TEXT, "ISO 4217", True),
        Column(
            "why", TEXT, "Reason in words; of an approval, a rejection or an override also who said it and why", True
        ),
        Column("alternatives", JSON, "What else was considered, with its expected cost"),
        _moment("decided_at", "When", True),
        *BASIS,
    ),
    ("decision_id",),
    ("service_date",),
)

NOTIFICATIONS = Table(
    "operation",
    "notifications",
    "What a customer was told, or was to be told and why it was held back; no personal data",
    "one message decided or held back",
    (
        _identifier("notification_id", "Idempotency key"),
        _identifier("source", "Mapping"),
        SERVICE_DATE,
        _identifier("order_id", "Order"),
        Column("trigger", TEXT, "Why", True, allowed=tuple(codes.Trigger)),
        Column("version", INTEGER, "Which time this trigger fired for the order, from 1", minimum=0),
        _moment("decided_at", "When it was decided", True),
        Column("channel", TEXT, "First channel; null: held back"),
        Column("language", TEXT, "Language of the text"),
        _moment("not_before", "Earliest moment it may go (quiet hours)"),
        _moment("expires_at", "When it stops being true"),
        _moment("interval_from", "Interval told"),
        _moment("interval_until", "Interval told"),
        Column("delay", BOOLEAN, "It tells of a start after the promise", True),
        Column("held_because", TEXT, "Guard that held it back; null: it goes"),
        Column("state", TEXT, "pending, delivered, dead or held", True),
        _moment("sent_at", "When a channel accepted it"),
        _amount("attempts", "Attempts to deliver it"),
        _amount("cost_minor", "Price"),
        *BASIS,
    ),
    ("notification_id",),
    ("service_date",),
)

KPIS = Table(
    "operation",
    "kpis",
    "KPIs as numerator and denominator",
    "one KPI, date and segment",
    (
        _identifier("kpi", "Name (docs/kpis)"),
        SERVICE_DATE,
        _identifier("source", "Mapping"),
        _identifier("segment_kind", "fleet, depot, zone, tenant, hour or all"),
        _identifier("segment", "Value of the segment"),
        Column("numerator", NUMBER, "Numerator", True),
        Column("denominator", NUMBER, "Denominator", True, minimum=0),
        *BASIS,
    ),
    ("kpi", "service_date", "source", "segment_kind", "segment"),
    ("service_date",),
)

PARAMETERS = Table(
    "learned",
    "parameters",
    "What outcomes taught about travel, time at the door, acceptance, reliability and interventions: posteriors",
    "one parameter as of a moment",
    (
        _identifier("source", "Mapping"),
        SERVICE_DATE,
        _identifier("kind", "travel_time, service_time, acceptance, reliability, efficacy or risk"),
        _identifier(
            "subject", "What it is about: all, band=2, hour=8|weather=wet, zones=a>b, building=flat, fleet=gig"
        ),
        Column("family", TEXT, "normal (of the factor's logarithm) or beta", True, allowed=("normal", "beta")),
        Column("mean", NUMBER, "Posterior mean", True),
        Column("sd", NUMBER, "Posterior standard deviation", True, minimum=0),
        Column("alpha", NUMBER, "First parameter of a Beta posterior", minimum=0),
        Column("beta", NUMBER, "Second parameter of a Beta posterior", minimum=0),
        Column("value", NUMBER, "What decisions read: a factor or a probability", True, minimum=0),
        Column("unit", TEXT, "Unit of the value", True),
        _amount("evidence", "Outcomes behind it", True),
        Column("effective", NUMBER, "What they are worth after old ones are discounted", True, minimum=0),
        _moment("window_start", "Oldest outcome behind it"),
        _moment("window_end", "Newest outcome behind it"),
        _moment("newest_outcome", "When the newest outcome behind it became known"),
        Column("feeds", TEXT, "Driver that reads it", True, allowed=("routing", "dispatch", "exceptions")),
        *BASIS,
    ),
    ("source", "service_date", "kind", "subject"),
    ("service_date",),
)

PARAMETER_USES = Table(
    "learned",
    "uses",
    "Which learned parameters a published plan was made with",
    "one parameter of one plan",
    (
        _identifier("source", "Mapping"),
        SERVICE_DATE,
        _identifier("plan_id", "Plan"),
        _identifier("kind", "Kind of parameter"),
        _identifier("subject", "What the parameter is about"),
        Column("value", NUMBER, "Value that was read", True),
        _amount("times", "How many orders, legs or matrices read it", True),
        _moment("parameter_as_of", "Version of the parameter", True),
        *BASIS,
    ),
    ("plan_id", "kind", "subject"),
    ("service_date",),
)

DERIVED_TABLES = (
    PREDICTIONS,
    PLANS,
    ROUTES,
    PLAN_STOPS,
    UNSERVED_ORDERS,
    INTERVENTIONS,
    DISPATCH_DECISIONS,
    NOTIFICATIONS,
    COST_LEDGER,
    KPIS,
    PARAMETERS,
    PARAMETER_USES,
)

TABLES: dict[str, Table] = {table.qualified_name: table for table in (*RAW_TABLES, *CONTROL_TABLES, *DERIVED_TABLES)}
"""Every table by qualified name."""
