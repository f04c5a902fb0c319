"""``fivefold bench decision``: what one event costs to decide about while 2,000 stops are open, in processor time.

Each event is taken into the state and dispatch decides (``operations.decide``); if it tells where a van is, its route
is projected and every customer that is still to come is considered for a message; and the policy weighs what could be
done about the risk of each open stop. The search of the solver runs beside it and is not in these figures.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import numpy as np

from orchestration.cli.options import fivefold_command

TARGET_MS = 200.0
STEPS = ("state_and_dispatch", "messages", "interventions")


def _percentiles(values: list[float]) -> dict[str, float]:
    ms = 1_000 * np.array(values)
    return {f"p{q}_ms": round(float(np.percentile(ms, q)), 2) for q in (50, 95, 99)} | {"mean_ms": round(ms.mean(), 2)}


class _Day:
    """Everything that is decided on, with 2,000 open stops."""

    def __init__(self, seed: int) -> None:
        from benchmarks.live import DATE, busy_day
        from operations.communication import Told
        from operations.interventions import Policy
        from operations.interventions.policy import Spent
        from operations.state.fold import start
        from operations.watch import TimeModel

        random = np.random.default_rng(seed)
        self.day, self.date = busy_day(seed), DATE
        self.state = start(self.day)
        self.midnight = datetime(DATE.year, DATE.month, DATE.day, tzinfo=UTC)
        self.visits = {route.vehicle_id: list(route.visits) for route in self.day.plan.routes}
        spread = np.exp(random.normal(0, 0.35, 500))
        self.model = TimeModel(0.0, 1.0, 0.0, 1.0, spread, spread)
        names = [visit.order_id for visits in self.visits.values() for visit in visits]
        self.risk = dict(zip(names, random.beta(1, 12, len(names)).tolist(), strict=True))
        self.told = dict.fromkeys(names, Told())
        self.policy, self.spent = Policy(), Spent()

    def dispatch(self, event: Any) -> None:
        """Take the event in and decide who serves what."""
        from operations.decide import step

        self.state, _ = step(self.state, event)

    def messages(self, event: Any) -> None:
        """Project the route of the event and consider every customer that is still to come."""
        from operations.communication import Preferences, Rules, Sighting, decide
        from operations.watch import pace_spread, project

        visits = self.visits.get(event.vehicle_id)
        if not visits or event.kind not in ("delivered", "route_started"):
            return
        gone = next((n for n, one in enumerate(visits) if one.order_id == event.order_id), -1)
        rest = self.visits[event.vehicle_id] = visits[gone + 1 :]
        if not rest:
            return
        who, rules = Preferences(channels=("sms",)), Rules(quiet_from=0, quiet_until=0)
        legs = np.array([float(one.leg_s) for one in rest])
        doors = np.array([float(one.departure_s - one.service_start_s) for one in rest])
        opens, closes = np.full(len(rest), 28_800.0), np.full(len(rest), 64_800.0)
        ahead = project(self.model, event.at_s, legs, doors, opens, spread=pace_spread(3_600.0), seed=event.at_s)
        late, (low, high) = ahead.p_after(closes), ahead.quantiles([0.1, 0.9])
        now = self.midnight + timedelta(seconds=event.seen_s)
        promise = tuple(self.midnight + timedelta(seconds=one) for one in (28_800, 64_800))
        for place, one in enumerate(rest):
            span = tuple(self.midnight + timedelta(seconds=float(at[place])) for at in (low, high))
            seen = Sighting(
                "bench", one.order_id, "c", now, promise=(promise[0], promise[1]), interval=(span[0], span[1]),
                p_late=float(late[place]), stops_before=place,
            )  # fmt: skip
            self.told[one.order_id], _, _ = decide(self.told[one.order_id], seen, who, rules)

    def interventions(self, event: Any) -> None:
        """Weigh what can be done about every open stop's risk, under the week's budget."""
        from domain.codes import InterventionAction as Act
        from operations.interventions import Candidate, pick

        actions = dict.fromkeys((Act.CONFIRM_AVAILABILITY, Act.CALL_CUSTOMER, Act.SAFE_PLACE, Act.OFFER_RESCHEDULE), 0)
        now = self.midnight + timedelta(seconds=event.seen_s)
        open_now = [one for name, one in self.state.orders.items() if name in self.risk and one.concluded_s is None]
        candidates = [
            Candidate("bench", one.order_id, "failed", self.risk[one.order_id], 1_720, actions) for one in open_now
        ]
        pick(candidates, {}, self.policy, self.spent, now, self.date)


def measure(events: int, seed: int) -> dict[str, Any]:
    """Processor seconds of each event and step."""
    from benchmarks.live import happenings

    one = _Day(seed)
    spent: dict[str, list[float]] = {name: [] for name in STEPS}
    totals, stops = [], []
    for event in happenings(one.day, seed)[:events]:
        stops.append(sum(1 for state in one.state.orders.values() if state.concluded_s is None))
        marks = [time.process_time()]
        for step in (one.dispatch, one.messages, one.interventions):
            step(event)
            marks.append(time.process_time())
        for name, took in zip(STEPS, np.diff(marks), strict=True):
            spent[name].append(float(took))
        totals.append(marks[-1] - marks[0])
    result: dict[str, Any] = {**_percentiles(totals), "target_p95_ms": TARGET_MS, "events": len(totals)}
    result |= {"open_stops_mean": round(float(np.mean(stops))), "clock": "cpu"}
    return result | {"steps": {name: _percentiles(values) for name, values in spent.items()}}


@fivefold_command(
    "Processor time of one event with 2,000 open stops: state, dispatch, messages of its route, interventions of all.",
    example="fivefold bench decision --json",
)
def command(events: int, seed: int, home: Any) -> Any:
    result = measure(events, seed)

    def show() -> None:
        for key, value in result.items():
            click.echo(f"{key:>18}  {value}")

    return result, show


command = click.option("--events", default=400, show_default=True, help="Events of the day's beginning.")(command)
command = click.option("--seed", default=1, show_default=True, help="Seed of the day.")(command)
