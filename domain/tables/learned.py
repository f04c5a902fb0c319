"""What outcomes taught, and who used it."""

from domain.tables.columns import (
    BASIS,
    NUMBER,
    SERVICE_DATE,
    TEXT,
    Column,
    Table,
    amount,
    identifier,
    moment,
)

PARAMETERS = Table(
    "learned",
    "parameters",
    "What outcomes taught about travel, time at the door, acceptance, reliability and interventions: posteriors",
    "one parameter as of a moment",
    (
        identifier("source", "Mapping"),
        SERVICE_DATE,
        identifier("kind", "travel_time, service_time, acceptance, reliability, efficacy or risk"),
        identifier("subject", "What it is about: all, band=2, hour=8|weather=wet, zones=a>b, building=flat, fleet=gig"),
        Column("family", TEXT, "normal (of the factor's logarithm) or beta", True, allowed=("normal", "beta")),
        Column("mean", NUMBER, "Posterior mean", True),
        Column("sd", NUMBER, "Posterior standard deviation", True, minimum=0),
        Column("alpha", NUMBER, "First parameter of a Beta posterior", minimum=0),
        Column("beta", NUMBER, "Second parameter of a Beta posterior", minimum=0),
        Column("value", NUMBER, "What decisions read: a factor or a probability", True, minimum=0),
        Column("unit", TEXT, "Unit of the value", True),
        amount("evidence", "Outcomes behind it", True),
        Column("effective", NUMBER, "What they are worth after old ones are discounted", True, minimum=0),
        moment("window_start", "Oldest outcome behind it"),
        moment("window_end", "Newest outcome behind it"),
        moment("newest_outcome", "When the newest outcome behind it became known"),
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
        identifier("source", "Mapping"),
        SERVICE_DATE,
        identifier("plan_id", "Plan"),
        identifier("kind", "Kind of parameter"),
        identifier("subject", "What the parameter is about"),
        Column("value", NUMBER, "Value that was read", True),
        amount("times", "How many orders, legs or matrices read it", True),
        moment("parameter_as_of", "Version of the parameter", True),
        *BASIS,
    ),
    ("plan_id", "kind", "subject"),
    ("service_date",),
)
