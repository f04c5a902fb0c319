"""Interventions through their doors: what each does and undoes, what is refused, what is picked, what is learned."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.codes import InterventionAction as Action
from domain.errors import InputError
from domain.tables import INTERVENTIONS
from operations.alerts import AlertKind, RouteSeen, alerts
from operations.interventions import (
    CATALOGUE,
    Book,
    Candidate,
    Efficacy,
    Intervention,
    OrderState,
    Permission,
    Policy,
    RefusedError,
    RouteState,
    apply,
    pick,
    pooled,
    soft_labels,
    undo,
)
from operations.interventions.book import CHANGES
from operations.interventions.efficacy import prevented_share
from operations.interventions.policy import Spent, audit_row, efficacies, options, threshold

DAY = date(2026, 3, 30)
NOW = datetime(2026, 3, 30, 8, 0, tzinfo=UTC)
PROMISE = (NOW + timedelta(hours=4), NOW + timedelta(hours=6))


def book() -> Book:
    orders = {name: OrderState(name, DAY, PROMISE, zone_id="z1") for name in ("o1", "o2", "o3")}
    orders["o4"] = OrderState("o4", DAY, PROMISE, zone_id="z2", needs=frozenset({"age_check"}))
    orders["o5"] = OrderState("o5", DAY, None, zone_id="z2", done=True)
    routes = {
        "r1": RouteState("r1", "captive", "v1", "d1", ("o1", "o2", "o3", "o4"), frozenset({"age_check"})),
        "r2": RouteState("r2", "3pl", "v2", None),
    }
    return Book(orders, routes)


TOMORROW = (PROMISE[0] + timedelta(days=1), PROMISE[1] + timedelta(days=1))
EXAMPLES = {
    Action.CONFIRM_AVAILABILITY: {"order_ids": ("o1",)},
    Action.CALL_CUSTOMER: {"order_ids": ("o1",)},
    Action.OFFER_RESCHEDULE: {"order_ids": ("o1",), "arguments": {"window": TOMORROW}},
    Action.DIVERT_LOCKER: {"order_ids": ("o1",), "arguments": {"place": "locker 7"}},
    Action.SAFE_PLACE: {"order_ids": ("o1",), "arguments": {"place": "shed"}},
    Action.FIX_ADDRESS: {"order_ids": ("o1",), "arguments": {"note": "door at the back"}},
    Action.RESEQUENCE: {"route_id": "r1", "order_ids": ("o4", "o3", "o2", "o1")},
    Action.ADD_SLACK: {"order_ids": ("o1",), "arguments": {"slack_s": 1_800}},
    Action.SWAP_DRIVER_OR_VEHICLE: {"route_id": "r1", "arguments": {"driver_id": "d9"}},
    Action.MOVE_TO_OTHER_FLEET: {"order_ids": ("o1", "o2"), "arguments": {"route_id": "r2"}},
    Action.TENDER_TO_GIG: {"order_ids": ("o1",), "arguments": {"new_route_id": "g1", "vehicle_id": "bike"}},
    Action.SPLIT_ROUTE: {"order_ids": ("o1", "o2"), "arguments": {"new_route_id": "r3", "vehicle_id": "v3"}},
    Action.PULL_FORWARD: {"order_ids": ("o3",)},
    Action.DEFER_ZONE: {"order_ids": ("o1",), "arguments": {"zone_id": "z1"}},
    Action.EXTRA_ATTEMPT: {"order_ids": ("o5",), "route_id": "r2"},
}


def intervention(action: Action, agreed_by: str | None = "somebody", **changes) -> Intervention:
    return Intervention("demo", DAY, action, NOW, agreed_by=agreed_by, **{**EXAMPLES[action], **changes})


def test_every_action_of_the_vocabulary_is_in_the_catalogue_and_does_something():
    assert set(CATALOGUE) == set(CHANGES) == set(EXAMPLES) == set(Action)


@pytest.mark.parametrize("action", Action)
def test_an_action_changes_the_day_once_and_is_undone_whole(action):
    before, one = book(), intervention(action)
    after = apply(before, one)
    assert (after.orders, after.routes) != (before.orders, before.routes)
    assert apply(after, one) == after
    assert undo(after, one.key) == before
    with pytest.raises(RefusedError, match="not in force"):
        undo(before, one.key)


@pytest.mark.parametrize("action", [one for one in Action if CATALOGUE[one].permission is not Permission.AUTO])
def test_what_needs_an_agreement_is_refused_without(action):
    with pytest.raises(RefusedError, match="to agree"):
        apply(book(), intervention(action, agreed_by=None))


@given(st.lists(st.sampled_from(list(Action)), max_size=8), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_any_interventions_undone_in_reverse_leave_the_day_as_it_was(actions, random):
    day, done = book(), []
    for number, action in enumerate(actions):
        names = random.sample(["o1", "o2", "o3", "o4"], k=random.randint(1, 2))
        own = (
            {}
            if action in (Action.RESEQUENCE, Action.EXTRA_ATTEMPT, Action.SWAP_DRIVER_OR_VEHICLE)
            else {"order_ids": tuple(names[:1] if action is Action.PULL_FORWARD else names)}
        )
        arguments = {**EXAMPLES[action].get("arguments", {})}
        if "new_route_id" in arguments:
            arguments |= {"new_route_id": f"n{number}", "vehicle_id": f"b{number}"}
        one = intervention(action, version=number, arguments=arguments, **own)
        try:
            day = apply(day, one)
        except RefusedError:
            continue
        done.append(one.key)
        on = [name for route in day.routes.values() for name in route.order_ids]
        assert len(on) == len(set(on)), "an order is on two routes"
        for route in day.routes.values():
            assert all(day.orders[name].needs <= route.holds for name in route.order_ids), "against the law"
    for key in reversed(done):
        day = undo(day, key)
    assert day == book()


@pytest.mark.parametrize(
    ("action", "changes", "why"),
    [
        (Action.SAFE_PLACE, {"order_ids": ("o4",)}, "the law wants it handed to a person"),
        (Action.DIVERT_LOCKER, {"order_ids": ("o4",)}, "the law"),
        (Action.MOVE_TO_OTHER_FLEET, {"order_ids": ("o4",)}, "the law wants a driver with age_check"),
        (Action.TENDER_TO_GIG, {"order_ids": ("o4",)}, "the law"),
        (Action.SWAP_DRIVER_OR_VEHICLE, {"arguments": {"driver_id": "d9", "holds": ()}}, "the law"),
        (Action.OFFER_RESCHEDULE, {"arguments": {"window": (NOW - timedelta(hours=1), PROMISE[1])}}, "in the past"),
        (Action.OFFER_RESCHEDULE, {"arguments": {"window": PROMISE[::-1]}}, "must end after"),
        (Action.OFFER_RESCHEDULE, {"arguments": {}}, "needs a window"),
        (Action.FIX_ADDRESS, {"arguments": {"note": " "}}, "needs the note"),
        (Action.RESEQUENCE, {"order_ids": ("o1", "o2")}, "exactly its open orders"),
        (Action.ADD_SLACK, {"arguments": {"slack_s": -5}}, "above 0"),
        (Action.SWAP_DRIVER_OR_VEHICLE, {"arguments": {"vehicle_id": "v2"}}, "drives route r2"),
        (Action.MOVE_TO_OTHER_FLEET, {"arguments": {"route_id": "r9"}}, "no route 'r9'"),
        (Action.SPLIT_ROUTE, {"arguments": {"new_route_id": "r2", "vehicle_id": "x"}}, "needs a new_route_id"),
        (Action.DEFER_ZONE, {"arguments": {"zone_id": "z9"}}, "no open order"),
        (Action.EXTRA_ATTEMPT, {"order_ids": ("o1",)}, "no attempt to repeat"),
        (Action.CALL_CUSTOMER, {"order_ids": ("o5",)}, "is done"),
        (Action.CALL_CUSTOMER, {"order_ids": ("o9",)}, "not of this day"),
    ],
)
def test_what_cannot_or_may_not_be_is_refused_with_a_reason(action, changes, why):
    with pytest.raises(RefusedError, match=why):
        apply(book(), intervention(action, **changes))


def test_what_is_being_served_stays_on_its_route():
    day = book()
    day = replace(day, routes={**day.routes, "r1": replace(day.routes["r1"], started=frozenset({"o1"}))})
    for action in (Action.MOVE_TO_OTHER_FLEET, Action.SPLIT_ROUTE, Action.DEFER_ZONE):
        with pytest.raises(RefusedError, match="being served"):
            apply(day, intervention(action))
    after = apply(day, intervention(Action.RESEQUENCE, order_ids=("o4", "o3", "o2")))
    assert after.routes["r1"].order_ids == ("o1", "o4", "o3", "o2")


def test_an_undo_over_a_later_change_is_refused():
    first, second = intervention(Action.SAFE_PLACE), intervention(Action.DIVERT_LOCKER)
    day = apply(apply(book(), first), second)
    with pytest.raises(RefusedError, match="changed since"):
        undo(day, first.key)


def candidate(number: int = 1, probability: float = 0.5, task: str = "failed", **changes) -> Candidate:
    actions = {Action.CONFIRM_AVAILABILITY: 0, Action.CALL_CUSTOMER: 0, Action.ADD_SLACK: 0}
    return Candidate("demo", f"o{number}", task, probability, 1_720, **{"actions": actions, **changes})


MEAN = Policy(explore=False)


def test_the_best_expected_net_value_wins_and_the_others_are_kept():
    found = options(candidate(), efficacies({}, MEAN, NOW), NOW)
    assert [one.action for one in found] == [Action.CONFIRM_AVAILABILITY, Action.CALL_CUSTOMER]
    assert found[0].net_minor == pytest.approx(0.5 * 0.25 * 1_720 - 6)
    sure = Efficacy(Action.CALL_CUSTOMER, 1_000, 5, 1_000, 500, (3, 5))
    assert (
        options(candidate(), efficacies({Action.CALL_CUSTOMER: sure}, MEAN, NOW), NOW)[0].action is Action.CALL_CUSTOMER
    )
    costly = candidate(actions={Action.CONFIRM_AVAILABILITY: 300})
    assert options(costly, efficacies({}, MEAN, NOW), NOW)[0].net_minor < 0


def test_an_action_that_would_come_too_late_is_no_option():
    assert options(candidate(visit_at=NOW + timedelta(minutes=59)), efficacies({}, MEAN, NOW), NOW) == ()
    choices, _ = pick([candidate(visit_at=NOW)], {}, MEAN, Spent(), NOW, DAY)
    assert (choices[0].assigned, choices[0].why) == ("none", "no action can work in time")


def test_the_holdout_is_random_seeded_and_logged():
    many = [candidate(number, 0.9) for number in range(4_000)]
    policy = Policy(weekly_budget=100_000, holdout=0.1, explore=False)
    choices, _ = pick(many, {}, policy, Spent(), NOW, DAY)
    held = [one for one in choices if one.assigned == "holdout"]
    assert 330 < len(held) < 470
    assert {one.propensity for one in choices} == {0.9}
    again, _ = pick(many[::-1], {}, policy, Spent(), NOW, DAY)
    assert {one.candidate.order_id for one in held} == {o.candidate.order_id for o in again if o.assigned == "holdout"}
    other, _ = pick(many, {}, replace(policy, seed=1), Spent(), NOW, DAY)
    assert {one.candidate.order_id for one in held} != {o.candidate.order_id for o in other if o.assigned == "holdout"}


@given(st.lists(st.integers(0, 120), min_size=14, max_size=14), st.integers(0, 200), st.integers(0, 9))
@settings(max_examples=15, deadline=None)
def test_no_week_spends_more_than_its_budget(sizes, budget, seed):
    random, spent, taken = np.random.default_rng(seed), Spent(), []
    policy = Policy(weekly_budget=budget, explore=False)
    for number, size in enumerate(sizes):
        day = DAY + timedelta(days=number)  # a Monday
        many = [candidate(1_000 * number + n, float(p)) for n, p in enumerate(random.random(size))]
        choices, spent = pick(many, {}, policy, spent, NOW, day)
        assert len(choices) == size
        taken.append(sum(one.assigned != "none" for one in choices))
    assert sum(taken[:7]) <= budget
    assert sum(taken[7:]) <= budget


def test_the_budget_floats_to_the_day_that_needs_it():
    random = np.random.default_rng(0)
    spent, taken = Spent(), []
    for number in range(28):
        storm = number == 23  # a Wednesday
        risks = random.beta(1, 15, 400) + (0.25 if storm else 0)
        many = [candidate(1_000 * number + n, float(min(1, p))) for n, p in enumerate(risks)]
        choices, spent = pick(many, {}, Policy(weekly_budget=280, explore=False), spent, NOW, DAY + timedelta(number))
        taken.append(sum(one.assigned != "none" for one in choices))
    assert taken[23] > 3 * np.mean(taken[7:21])
    assert np.mean(taken[7:21]) == pytest.approx(40, abs=6)
    assert threshold(Policy(weekly_budget=0), Spent(), DAY, [1.0]) == float("inf")


def test_an_audit_row_fits_the_table():
    (choice,), _ = pick([candidate()], {}, Policy(holdout=0.0), Spent(), NOW, DAY)
    row = audit_row(choice, NOW, DAY, as_of=NOW)
    assert set(row) <= set(INTERVENTIONS.column_names)
    assert {column.name for column in INTERVENTIONS.columns if column.required} <= set(row)
    assert row == audit_row(choice, NOW, DAY, as_of=NOW)


def test_efficacy_is_learned_from_the_holdout_and_not_from_the_treated_alone():
    belief = Efficacy.believed(Action.CALL_CUSTOMER)
    for number in range(2_000):
        belief = belief.learned(treated=True, failed=number % 10 == 0)
    assert belief.mean == pytest.approx(3 / 8), "without a holdout only the declared belief"
    for number in range(400):
        belief = belief.learned(treated=False, failed=number % 5 == 0)
    assert belief.mean == pytest.approx(0.5, abs=0.06)
    assert belief.draw(0.05) < belief.mean < belief.draw(0.95)


def test_actions_with_few_outcomes_learn_from_one_another():
    """Each action alone knows nothing yet; together they tell that the declared beliefs are three times too high."""
    random, truth = np.random.default_rng(5), 0.08
    actions = (Action.CONFIRM_AVAILABILITY, Action.SAFE_PLACE, Action.OFFER_RESCHEDULE, Action.DIVERT_LOCKER)
    alone, together = [], []
    for _ in range(40):
        beliefs = {}
        for one in actions:
            held, treated = random.binomial(120, 0.15), random.binomial(1_080, 0.15 * (1 - truth))
            beliefs[one] = Efficacy(one, 1_080, int(treated), 120, int(held), CATALOGUE[one].prior)
        alone.append(np.mean([one.mean for one in beliefs.values()]))
        together.append(np.mean([one.mean for one in pooled(beliefs).values()]))
    assert abs(np.mean(together) - truth) < 0.6 * abs(np.mean(alone) - truth)
    assert pooled({}) == {}
    fresh = {one: Efficacy.believed(one) for one in actions}
    assert {name: one.mean for name, one in pooled(fresh).items()} == pytest.approx(
        {n: o.mean for n, o in fresh.items()}
    )


@pytest.mark.parametrize("truth", [0.0, 0.3, 0.7])
def test_the_interval_of_the_prevented_share_covers_the_truth(truth):
    random, covered = np.random.default_rng(3), 0
    for trial in range(200):
        held, treated = random.binomial(600, 0.2), random.binomial(5_400, 0.2 * (1 - truth))
        _, low, high = prevented_share(5_400, treated, 600, held, seed=trial)
        covered += low <= truth <= high
    assert 182 <= covered <= 198


def test_soft_labels_keep_the_risk_that_naive_labels_lose():
    random = np.random.default_rng(1)
    p = random.beta(1, 4, 200_000)
    treated, efficacy = p > 0.3, np.full(200_000, 0.6)
    would = random.random(200_000) < p
    failed = would & ~(treated & (random.random(200_000) < 0.6))
    soft = soft_labels(failed, treated, p, efficacy)
    assert soft[treated].mean() == pytest.approx(would[treated].mean(), rel=0.01)
    assert failed[treated].mean() < 0.5 * would[treated].mean()
    assert (soft[~treated] == failed[~treated]).all()
    assert ((soft >= 0) & (soft <= 1)).all()


@pytest.mark.parametrize("settings_", [{"holdout": 1.0}, {"weekly_budget": -1}])
def test_impossible_policies_are_refused(settings_):
    with pytest.raises(InputError, match="intervention policy"):
        Policy(**settings_)


def test_threshold_alerts_come_after_the_fact():
    route = RouteSeen("r1", NOW, open_orders={"o1": NOW + timedelta(hours=1), "o2": None})
    assert alerts([route], NOW + timedelta(minutes=15)) == []
    late = alerts([route], NOW + timedelta(minutes=16))
    assert [one.kind for one in late] == [AlertKind.LATE_DEPARTURE]
    still = replace(route, started_at=NOW, last_event_at=NOW, behind_s=1_801)
    kinds = {one.kind for one in alerts([still], NOW + timedelta(minutes=61))}
    assert kinds == {AlertKind.STOPPAGE, AlertKind.DEVIATION, AlertKind.WINDOW_BREACH}
    assert alerts([replace(still, open_orders={})], NOW + timedelta(hours=9)) == []
