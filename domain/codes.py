"""Codes of the vocabulary: what may happen to an order, why it fails, and who may decide.

Names follow GS1 EPCIS, Open Trip Model and the X12 1651 / EDIFACT 9013 status reasons where they name a thing.
"""

from enum import StrEnum


class StopKind(StrEnum):
    DELIVERY = "delivery"
    PICKUP = "pickup"
    RETURN = "return"


class FleetKind(StrEnum):
    """Sources of capacity known by name; any other text is allowed in data (a crowd, a drone network)."""

    CAPTIVE = "captive"
    THIRD_PARTY = "3pl"
    GIG = "gig"
    LOCKER = "locker"


class ControlMode(StrEnum):
    """Who decides the sequence: ``routed`` by us, or offered as a whole route or order by order."""

    ROUTED = "routed"
    TENDERED_ROUTE = "tendered_route"
    TENDERED_ORDER = "tendered_order"


class EventType(StrEnum):
    ORDER_CREATED = "order_created"
    ORDER_CHANGED = "order_changed"
    PROMISE_SET = "promise_set"
    SORTED = "sorted"
    LOADED = "loaded"
    LOAD_MISSING = "load_missing"
    ROUTE_STARTED = "route_started"
    DEPARTED = "departed"
    POSITION = "position"
    ARRIVED = "arrived"
    SERVICE_STARTED = "service_started"
    DELIVERED = "delivered"
    ATTEMPT_FAILED = "attempt_failed"
    PARTIALLY_DELIVERED = "partially_delivered"
    DIVERTED = "diverted"
    RETURNED_TO_DEPOT = "returned_to_depot"
    ROUTE_ENDED = "route_ended"
    BREAK_STARTED = "break_started"
    BREAK_ENDED = "break_ended"
    VEHICLE_FAULT = "vehicle_fault"
    DRIVER_NO_SHOW = "driver_no_show"
    TENDER_SENT = "tender_sent"
    TENDER_ACCEPTED = "tender_accepted"
    TENDER_DECLINED = "tender_declined"
    TENDER_EXPIRED = "tender_expired"
    CANCELLED = "cancelled"
    CONTACT_RECEIVED = "contact_received"
    RESCHEDULED = "rescheduled"


CONCLUDING_EVENTS = frozenset(
    {EventType.DELIVERED, EventType.ATTEMPT_FAILED, EventType.PARTIALLY_DELIVERED, EventType.DIVERTED}
)
"""Events that end an attempt and so give a stop its outcome."""


class ExceptionClass(StrEnum):
    CUSTOMER_UNAVAILABLE = "customer_unavailable"
    FAILED_DELIVERY = "failed_delivery"
    CAPACITY_SHORTFALL = "capacity_shortfall"
    WEATHER_OR_ROAD = "weather_or_road"
    VEHICLE_ISSUE = "vehicle_issue"
    CASCADE = "cascade"


FAILURE_REASONS: dict[str, ExceptionClass] = {
    "recipient_absent": ExceptionClass.CUSTOMER_UNAVAILABLE,
    "business_closed": ExceptionClass.CUSTOMER_UNAVAILABLE,
    "customer_requested_later": ExceptionClass.CUSTOMER_UNAVAILABLE,
    "refused": ExceptionClass.FAILED_DELIVERY,
    "address_wrong": ExceptionClass.FAILED_DELIVERY,
    "access_denied": ExceptionClass.FAILED_DELIVERY,
    "outside_area": ExceptionClass.FAILED_DELIVERY,
    "payment_or_id_missing": ExceptionClass.FAILED_DELIVERY,
    "damaged": ExceptionClass.FAILED_DELIVERY,
    "missing": ExceptionClass.FAILED_DELIVERY,
    "ran_out_of_time": ExceptionClass.CAPACITY_SHORTFALL,
    "no_capacity": ExceptionClass.CAPACITY_SHORTFALL,
    "carrier_declined": ExceptionClass.CAPACITY_SHORTFALL,
    "driver_unavailable": ExceptionClass.CAPACITY_SHORTFALL,
    "cut_off_missed": ExceptionClass.CAPACITY_SHORTFALL,
    "weather": ExceptionClass.WEATHER_OR_ROAD,
    "traffic_or_road": ExceptionClass.WEATHER_OR_ROAD,
    "breakdown": ExceptionClass.VEHICLE_ISSUE,
    "accident": ExceptionClass.VEHICLE_ISSUE,
    "previous_stop_overrun": ExceptionClass.CASCADE,
}
"""Failure reason -> exception class. A reason belongs to exactly one class."""


class Hardness(StrEnum):
    HARD = "hard"
    SOFT = "soft"


class Authority(StrEnum):
    """Who owns a constraint, strongest first. ``law`` is never relaxed."""

    LAW = "law"
    CONTRACT = "contract"
    PROMISE = "promise"
    POLICY = "policy"
    PREFERENCE = "preference"


class TariffComponent(StrEnum):
    PER_ROUTE = "per_route"
    PER_STOP = "per_stop"
    PER_PARCEL = "per_parcel"
    PER_KM = "per_km"
    PER_HOUR = "per_hour"
    OVERTIME_PER_HOUR = "overtime_per_hour"
    FAILED_ATTEMPT = "failed_attempt"
    MINIMUM_VOLUME_SHORTFALL = "minimum_volume_shortfall"


class Task(StrEnum):
    """What a prediction is about."""

    FAILED = "failed"
    LATE = "late"
    ETA = "eta"


class ScoreMoment(StrEnum):
    """When a stop of a planned route is scored: by the plan, at set times before it, and on every material event."""

    PLAN = "plan"
    DEPARTURE = "departure"
    T_MINUS_60 = "t_minus_60"
    T_MINUS_30 = "t_minus_30"
    ARRIVAL = "arrival"
    COMPLETION = "completion"
    SKIP = "skip"
    REPLAN = "replan"
    CANCELLED = "cancelled"
    FAULT = "fault"
    SILENCE = "silence"


class Trigger(StrEnum):
    """Why a customer is written to."""

    ORDER_CONFIRMED = "order_confirmed"
    WINDOW_OFFERED = "window_offered"
    DAY_BEFORE_CONFIRM = "day_before_confirm"
    PLANNED_INTERVAL = "planned_interval"
    OUT_FOR_DELIVERY = "out_for_delivery"
    NEXT_IN_N_STOPS = "next_in_n_stops"
    ETA_THRESHOLD = "eta_threshold"
    INTERVAL_SHIFT = "interval_shift"
    LATE_RISK = "late_risk"
    EARLY_RISK = "early_risk"
    DELIVERED = "delivered"
    FAILED_WITH_OPTIONS = "failed_with_options"
    RESCHEDULED = "rescheduled"
    FEEDBACK_REQUEST = "feedback_request"


class InterventionAction(StrEnum):
    """What can be done about a risk."""

    CONFIRM_AVAILABILITY = "confirm_availability"
    OFFER_RESCHEDULE = "offer_reschedule"
    DIVERT_LOCKER = "divert_locker"
    SAFE_PLACE = "safe_place"
    FIX_ADDRESS = "fix_address"
    CALL_CUSTOMER = "call_customer"
    RESEQUENCE = "resequence"
    ADD_SLACK = "add_slack"
    SWAP_DRIVER_OR_VEHICLE = "swap_driver_or_vehicle"
    MOVE_TO_OTHER_FLEET = "move_to_other_fleet"
    TENDER_TO_GIG = "tender_to_gig"
    SPLIT_ROUTE = "split_route"
    PULL_FORWARD = "pull_forward"
    DEFER_ZONE = "defer_zone"
    EXTRA_ATTEMPT = "extra_attempt"
