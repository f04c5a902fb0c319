"""The driver's hours: rests, driving time, working time, rest since the last shift."""

from __future__ import annotations

from solvers.families.base import Parameter, RouteView, RuleType, number, over, text
from solvers.problem import Order, Rule, Vehicle
from solvers.schedule import BreakPolicy

HOUR = 3_600


def _eu_breaks(rule: Rule) -> tuple[BreakPolicy, ...]:
    return (BreakPolicy("driving", number(rule, "break_s", 45 * 60), number(rule, "driving_s", 4 * HOUR + 1_800)),)


def _us_breaks(rule: Rule) -> tuple[BreakPolicy, ...]:
    return (BreakPolicy("driving", number(rule, "break_s", 30 * 60), number(rule, "driving_s", 8 * HOUR)),)


def _duty_breaks(rule: Rule) -> tuple[BreakPolicy, ...]:
    return (BreakPolicy("duty", number(rule, "break_s", 30 * 60), number(rule, "work_s", 6 * HOUR)),)


def _meal(rule: Rule) -> tuple[BreakPolicy, ...]:
    return (
        BreakPolicy(
            "window",
            number(rule, "break_s", 30 * 60),
            start_s=number(rule, "earliest_s"),
            end_s=number(rule, "latest_s"),
        ),
    )


def _eu_excess(rule: Rule, view: RouteView) -> int:
    """Driving beyond the daily limit; the breaks themselves are in the times already."""
    return over(view.timing.driving_s, number(rule, "daily_driving_s", 9 * HOUR))


def _us_excess(rule: Rule, view: RouteView) -> int:
    """Driving beyond 11 hours, or being on duty beyond the 14-hour window."""
    return over(view.timing.driving_s, number(rule, "daily_driving_s", 11 * HOUR)) + over(
        view.timing.end_s - view.timing.start_s, number(rule, "window_s", 14 * HOUR)
    )


def _kept_by_the_schedule(rule: Rule, view: RouteView) -> int:
    return 0


def _driving(rule: Rule, view: RouteView) -> int:
    return over(view.timing.driving_s, number(rule, "limit_s"))


def _working(rule: Rule, view: RouteView) -> int:
    rested = sum(one.end_s - one.start_s for one in view.timing.breaks)
    return over(view.timing.end_s - view.timing.start_s - rested, number(rule, "limit_s"))


def _daily_rest(rule: Rule, view: RouteView) -> int:
    """The route may start only when the driver has rested since the shift of the day before."""
    last_end = view.vehicle.attributes.get("last_shift_end_s")
    if not isinstance(last_end, int):
        return 0
    return over(number(rule, "rest_s", 11 * HOUR), view.timing.start_s + number(rule, "day_s", 24 * HOUR) - last_end)


def _same_driver(rule: Rule, vehicle: Vehicle, order: Order) -> int:
    """One order with another driver than the one named is one unit."""
    name = text(rule, "attribute", "usual_driver")
    usual = order.attributes.get(name)
    return int(usual is not None and vehicle.driver_id != usual)


def _seconds(words: str, default: int | None = None) -> Parameter:
    return Parameter("integer", f"{words}, seconds", default)


TYPES = (
    RuleType(
        "eu561",
        "driver",
        "EU regulation 561/2006: a break of 45 minutes after 4 h 30 of driving, 9 hours of driving a day",
        "s",
        {
            "driving_s": _seconds("driving before a break", 4 * HOUR + 1_800),
            "break_s": _seconds("the break", 45 * 60),
            "daily_driving_s": _seconds("driving in a day", 9 * HOUR),
        },
        route=_eu_excess,
        breaks=_eu_breaks,
        hard_only=True,
        authority="law",
    ),
    RuleType(
        "fmcsa",
        "driver",
        "49 CFR 395.3: 30 minutes after 8 hours of driving, 11 hours of driving within a window of 14",
        "s",
        {
            "driving_s": _seconds("driving before a break", 8 * HOUR),
            "break_s": _seconds("the break", 30 * 60),
            "daily_driving_s": _seconds("driving in a day", 11 * HOUR),
            "window_s": _seconds("from the start to the end of duty", 14 * HOUR),
        },
        route=_us_excess,
        breaks=_us_breaks,
        hard_only=True,
        authority="law",
    ),
    RuleType(
        "working_time_break",
        "driver",
        "a rest after some hours of work (EU 2002/15: 30 minutes after 6 hours)",
        "s",
        {"work_s": _seconds("work before a rest", 6 * HOUR), "break_s": _seconds("the rest", 30 * 60)},
        route=_kept_by_the_schedule,
        breaks=_duty_breaks,
        hard_only=True,
        authority="law",
    ),
    RuleType(
        "meal_break",
        "driver",
        "a break that begins inside a window of the day",
        "s",
        {
            "earliest_s": _seconds("earliest begin"),
            "latest_s": _seconds("latest begin"),
            "break_s": _seconds("the break", 30 * 60),
        },
        route=_kept_by_the_schedule,
        breaks=_meal,
        hard_only=True,
        authority="law",
    ),
    RuleType(
        "max_driving",
        "driver",
        "driving time of the route",
        "s",
        {"limit_s": _seconds("limit")},
        route=_driving,
        relax=("limit_s", 1),
    ),
    RuleType(
        "max_working",
        "driver",
        "time on duty without breaks",
        "s",
        {"limit_s": _seconds("limit")},
        route=_working,
        relax=("limit_s", 1),
        monotone=False,
    ),
    RuleType(
        "daily_rest",
        "driver",
        "rest since the end of the last shift (vehicle attribute last_shift_end_s, seconds of the day before)",
        "s",
        {"rest_s": _seconds("rest", 11 * HOUR), "day_s": _seconds("length of a day", 24 * HOUR)},
        route=_daily_rest,
        monotone=False,
        vehicles_have=("last_shift_end_s",),
        authority="law",
    ),
    RuleType(
        "usual_driver",
        "driver",
        "the customer's usual driver",
        "order",
        {"attribute": Parameter("text", "the order's attribute that names the driver", "usual_driver")},
        pair=_same_driver,
        orders_have=("usual_driver",),
        authority="preference",
    ),
)
