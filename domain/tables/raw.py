"""Facts as sources tell them: append-only, a correction is a later row of the same key."""

from domain import codes
from domain.tables.columns import (
    BOOLEAN,
    DATE,
    EVENT_TIME,
    INTEGER,
    JSON,
    NUMBER,
    SERVICE_DATE,
    TEXT,
    Column,
    OrderRule,
    Table,
    amount,
    identifier,
    latitude,
    longitude,
    moment,
)

ORIGIN = (
    identifier("source", "Mapping that brought the row (name of the file in sources/)"),
    identifier("file_id", "Content hash of the file or query result the row came from"),
    moment("ingest_time", "When we could know it (EPCIS record time)", required=True),
    Column("retracted", BOOLEAN, "True when a corrected file no longer holds this key", required=True),
)
"""Columns that ingestion adds to every raw row. A correction is a later row with the same key."""

DEPOTS = Table(
    "raw",
    "depots",
    "Places that routes start from and return to",
    "one depot",
    (
        identifier("depot_id", "Depot"),
        Column("name", TEXT, "Name for people"),
        latitude(True),
        longitude(True),
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
        identifier("locker_id", "Locker"),
        Column("name", TEXT, "Name for people"),
        latitude(True),
        longitude(True),
        amount("capacity_parcels", "Parcels it takes a day"),
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
        identifier("fleet_id", "Fleet"),
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
        identifier("contract_id", "Contract"),
        identifier("rule_id", "Rule within the contract"),
        identifier("fleet_id", "Fleet the contract is with"),
        Column("component", TEXT, "What is paid for", required=True, allowed=tuple(codes.TariffComponent)),
        amount("amount_minor", "Price of one unit, minor units", required=True),
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
        identifier("vehicle_id", "Vehicle"),
        identifier("fleet_id", "Fleet it belongs to"),
        identifier("depot_id", "Home depot"),
        Column("vehicle_class", TEXT, "Class, such as van, truck, cargo_bike"),
        amount("capacity_g", "Payload, grams"),
        amount("capacity_ml", "Load space, millilitres"),
        amount("capacity_parcels", "Most parcels it carries"),
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
        identifier("driver_id", "Driver"),
        identifier("fleet_id", "Fleet"),
        identifier("depot_id", "Home depot"),
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
        identifier("driver_id", "Driver"),
        identifier("certification", "Code, such as adr, age_check, two_person"),
        moment("expires_at", "End of validity; null: open"),
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
        identifier("shift_id", "Shift"),
        SERVICE_DATE,
        identifier("depot_id", "Depot it starts from and returns to"),
        identifier("fleet_id", "Fleet"),
        identifier("vehicle_id", "Vehicle"),
        Column("driver_id", TEXT, "Driver; null where the fleet sends whom it likes"),
        moment("starts_at", "Earliest departure", True),
        moment("ends_at", "Latest return", True),
        amount("capacity_g", "Mass the vehicle holds on this shift, where it differs from the vehicle's"),
        amount("capacity_ml", "Volume it holds on this shift, where it differs"),
        amount("capacity_parcels", "Parcels it holds on this shift, where it differs"),
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
        identifier("order_id", "Order"),
        SERVICE_DATE,
        Column("kind", TEXT, "Kind of visit", required=True, allowed=tuple(codes.StopKind)),
        Column("tenant_id", TEXT, "Shipper"),
        Column("customer_id", TEXT, "Recipient, pseudonymous"),
        Column("address_id", TEXT, "Address, pseudonymous"),
        Column("depot_id", TEXT, "Depot it is served from"),
        Column("zone_id", TEXT, "Zone (H3 cell or the source's own)"),
        latitude(),
        longitude(),
        Column("origin_lat", NUMBER, "Latitude of the pickup, where it is not the depot", minimum=-90, maximum=90),
        Column("origin_lon", NUMBER, "Longitude of the pickup, where it is not the depot", minimum=-180, maximum=180),
        moment("window_start", "Start of the original promise"),
        moment("window_end", "End of the original promise"),
        amount("service_s", "Expected time at the door, seconds"),
        amount("mass_g", "Mass, grams"),
        amount("volume_ml", "Volume, millilitres"),
        amount("parcels", "Number of parcels"),
        amount("distance_m", "Distance of the trip as the source knows it, metres"),
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
        identifier("event_id", "Event"),
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
        moment("planned_time", "When the plan said it would happen"),
        latitude(),
        longitude(),
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
        identifier("constraint_id", "Constraint"),
        Column("service_date", DATE, "Date it holds for; null: every date"),
        identifier("type", "Registered constraint type, such as vehicle_ban"),
        Column("order_id", TEXT, "Order in scope"),
        Column("customer_id", TEXT, "Customer in scope"),
        Column("vehicle_id", TEXT, "Vehicle in scope"),
        Column("zone_id", TEXT, "Zone in scope: its orders"),
        Column("tenant_id", TEXT, "Shipper in scope: its orders"),
        Column("parameters", JSON, "Parameters of the type"),
        Column("hardness", TEXT, "hard or soft", required=True, allowed=tuple(codes.Hardness)),
        amount("price_minor", "Price per unit of violation, where soft"),
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
        identifier("observation_id", "Observation"),
        Column("from_lat", NUMBER, "Latitude of the start", True, minimum=-90, maximum=90),
        Column("from_lon", NUMBER, "Longitude of the start", True, minimum=-180, maximum=180),
        Column("to_lat", NUMBER, "Latitude of the end", True, minimum=-90, maximum=90),
        Column("to_lon", NUMBER, "Longitude of the end", True, minimum=-180, maximum=180),
        amount("distance_m", "Road distance, metres"),
        amount("duration_s", "Travel time, seconds"),
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
        identifier("depot_id", "Depot"),
        moment("target_time", "Hour it is about", True),
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
        identifier("invoice_id", "Invoice"),
        identifier("line_id", "Line within the invoice"),
        SERVICE_DATE,
        identifier("fleet_id", "Fleet that asks"),
        Column("route_id", TEXT, "Route; null: the whole fleet"),
        Column("component", TEXT, "What is paid for", required=True, allowed=tuple(codes.TariffComponent)),
        Column("quantity", NUMBER, "How many units", minimum=0),
        amount("unit_price_minor", "Price of one unit, minor units"),
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
