"""What customers are told: triggers and their guards, texts in several languages, the linter; replays are equal."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.codes import EventType, Trigger
from domain.errors import InputError
from operations.communication import Held, Notice, Preferences, Rules, Sighting, Told, compose, decide
from operations.communication.lint import TextError, clock_times, lint_text
from operations.communication.policy import quiet_end, zone_of
from operations.communication.templates import FOLDER, languages, render

NOON = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)  # 12:00 in Amsterdam
RULES = Rules()
JANE = Preferences(channels=("email", "sms"), timezone="Europe/Amsterdam")


def minutes(first: float, last: float, start: datetime = NOON) -> tuple[datetime, datetime]:
    return start + timedelta(minutes=first), start + timedelta(minutes=last)


def seen(at: datetime = NOON, **changes) -> Sighting:
    values = {"promise": minutes(0, 120), "interval": minutes(60, 100)}
    return Sighting("demo", "o1", "c1", at, **{**values, **changes})


def fold(sightings, who=JANE, rules=RULES, told=None):
    told, notices, held = told or Told(), [], []
    for one in sightings:
        told, notice, back = decide(told, one, who, rules)
        notices += [notice] if notice else []
        held += back
    return told, notices, held


def late(minute: int, p: float, **changes) -> Sighting:
    at = NOON + timedelta(minutes=minute)
    return seen(at, p_late=p, interval=minutes(100, 140), **changes)


@pytest.mark.parametrize(
    ("changes", "trigger"),
    [
        ({"event": "order_created", "interval": None}, Trigger.ORDER_CONFIRMED),
        ({"event": "promise_set", "interval": None}, Trigger.WINDOW_OFFERED),
        ({"event": "plan_published"}, Trigger.PLANNED_INTERVAL),
        ({"event": "plan_published", "p_failed": 0.3}, Trigger.DAY_BEFORE_CONFIRM),
        ({"event": "route_started"}, Trigger.OUT_FOR_DELIVERY),
        ({"event": "delivered", "interval": None}, Trigger.DELIVERED),
        ({"event": "attempt_failed", "interval": None, "reason": "recipient_absent"}, Trigger.FAILED_WITH_OPTIONS),
        ({"event": "rescheduled", "interval": None}, Trigger.RESCHEDULED),
        ({"event": "feedback_due", "interval": None}, Trigger.FEEDBACK_REQUEST),
        ({"stops_before": 3}, Trigger.NEXT_IN_N_STOPS),
        ({"interval": minutes(40, 60)}, Trigger.ETA_THRESHOLD),
        ({"p_late": 0.9}, Trigger.LATE_RISK),
        ({"p_early": 0.9}, Trigger.EARLY_RISK),
    ],
)
def test_each_trigger_has_its_cause_and_its_words_in_every_language(changes, trigger):
    _, notice, _ = decide(Told(), seen(**changes), JANE, RULES)
    assert notice is not None
    assert notice.trigger is trigger
    for language in languages():
        message = compose(notice, replace(JANE, language=language), RULES)
        assert message.subject
        assert message.language == language
        assert set(message.links.values()) <= {"answer", "track"}
        assert message.channel == "email"
        assert message.fallback == ("sms",)


def test_an_interval_that_moves_is_told_again_with_the_new_one():
    first = seen(event="plan_published", interval=minutes(60, 100))
    small = seen(NOON + timedelta(minutes=25), interval=minutes(75, 115))
    large = seen(NOON + timedelta(minutes=50), interval=minutes(110, 150), reason="traffic_or_road")
    told, notices, _ = fold([first, small, large])
    assert [one.trigger for one in notices] == [Trigger.PLANNED_INTERVAL, Trigger.INTERVAL_SHIFT]
    assert told.interval == large.interval
    text = compose(notices[1], JANE, RULES).text
    assert "13:50 and 14:30" in text
    assert "heavy traffic" in text


def test_hysteresis_a_risk_that_flickers_is_told_once():
    flicker = [late(5 * n, 0.95 if n % 2 else 0.5) for n in range(9)]
    _, notices, _ = fold(flicker)
    assert [one.trigger for one in notices] == [Trigger.LATE_RISK]
    gone_and_back = [late(0, 0.9), late(30, 0.1), late(60, 0.9)]
    _, notices, _ = fold(gone_and_back)
    assert [(one.trigger, one.version) for one in notices] == [(Trigger.LATE_RISK, 1), (Trigger.LATE_RISK, 2)]


def test_a_delay_that_is_not_sure_is_told_when_waiting_would_be_too_late():
    risky = replace(late(0, 0.7), interval=minutes(200, 300))
    ends = risky.promise[1]
    early = replace(risky, at=ends - timedelta(minutes=60))
    last = replace(risky, at=ends - timedelta(minutes=44))
    assert decide(Told(), early, JANE, RULES)[1] is None
    told, notice, _ = decide(Told(), last, JANE, RULES)
    assert notice is not None
    assert notice.trigger is Trigger.LATE_RISK
    assert decide(told, replace(last, at=ends - timedelta(minutes=34)), JANE, RULES)[1] is None
    assert decide(Told(), replace(last, p_late=0.5), JANE, RULES)[1] is None


def test_cool_down_holds_back_what_is_not_urgent_and_says_so():
    near = seen(NOON + timedelta(minutes=5), stops_before=2)
    _, notices, held = fold([seen(event="route_started"), near, late(6, 0.95)])
    assert [one.trigger for one in notices] == [Trigger.OUT_FOR_DELIVERY, Trigger.LATE_RISK]
    assert (held[0].trigger, "within 20 min" in held[0].why) == (Trigger.NEXT_IN_N_STOPS, True)


def test_the_budget_is_for_all_but_the_urgent():
    rules = Rules(budget=1, cool_down_s=0)
    _, notices, held = fold([seen(event="route_started"), seen(stops_before=1), late(10, 0.95)], rules=rules)
    assert [one.trigger for one in notices] == [Trigger.OUT_FOR_DELIVERY, Trigger.LATE_RISK]
    assert "budget" in held[0].why


def test_without_consent_nothing_goes_and_the_trail_says_why():
    _, notices, held = fold([seen(event="route_started"), late(10, 0.99)], who=Preferences())
    assert notices == []
    assert {one.why for one in held} == {"the customer agreed to no channel"}


def test_of_two_triggers_at_once_the_more_telling_goes():
    _, notice, held = decide(Told(interval=minutes(0, 20)), late(0, 0.9), JANE, RULES)
    assert notice is not None
    assert notice.trigger is Trigger.LATE_RISK
    assert notice.delay
    assert next((one.trigger, one.why) for one in held) == (Trigger.INTERVAL_SHIFT, "superseded by late_risk")


def test_after_the_end_there_is_only_feedback():
    done = seen(event="delivered", interval=None)
    _, notices, _ = fold([done, late(30, 0.99), seen(NOON + timedelta(days=1), event="feedback_due", interval=None)])
    assert [one.trigger for one in notices] == [Trigger.DELIVERED, Trigger.FEEDBACK_REQUEST]


def test_a_shift_within_the_promise_is_no_delay():
    told = Told(interval=minutes(0, 20))
    _, notice, _ = decide(told, seen(interval=minutes(60, 100)), JANE, RULES)
    assert notice is not None
    assert (notice.trigger, notice.delay) == (Trigger.INTERVAL_SHIFT, False)


def night(hour: int, minute: int = 0, day: int = 27) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=ZoneInfo("Europe/Amsterdam")).astimezone(UTC)


def test_quiet_hours_are_the_customers_own():
    evening = night(22)
    assert quiet_end(evening, JANE, RULES) == night(8, day=28)
    assert quiet_end(evening, replace(JANE, timezone="America/New_York"), RULES) is None
    assert quiet_end(evening, replace(JANE, quiet_from=23, quiet_until=7), RULES) is None
    assert quiet_end(evening, replace(JANE, quiet_from=0, quiet_until=0), RULES) is None


def test_quiet_hours_end_on_the_wall_clock_when_it_changes():
    before_change = night(23, day=28)  # clocks go forward in the night to 29 March
    end = quiet_end(before_change, JANE, RULES)
    assert end is not None
    assert end - before_change == timedelta(hours=8)


def test_what_can_wait_waits_for_the_morning_and_what_cannot_is_held_back():
    evening = night(22)
    visit = minutes(0, 60, night(14, day=28))
    _, notice, _ = decide(Told(), seen(evening, event="plan_published", interval=visit, promise=visit), JANE, RULES)
    assert notice is not None
    assert notice.not_before == night(8, day=28)
    assert notice.expires_at == visit[0]
    _, notice, held = decide(Told(), seen(evening, stops_before=1, interval=minutes(10, 30, evening)), JANE, RULES)
    assert notice is None
    assert "quiet hours" in held[0].why
    early = minutes(0, 30, night(7, day=28))
    _, notice, held = decide(Told(), seen(evening, event="plan_published", interval=early, promise=early), JANE, RULES)
    assert notice is None, "it would come after the visit"


@pytest.mark.parametrize("name", [None, "", "Mars/Olympus", "../etc/passwd"])
def test_a_customer_without_a_zone_gets_the_depots(name):
    assert zone_of(Preferences(timezone=name), RULES).key == "Europe/Amsterdam"


MOMENTS = st.integers(0, 600)
ANY_SIGHTING = st.builds(
    lambda at, event, p_late, p_early, low, width, stops: seen(
        NOON + timedelta(minutes=at),
        event=event,
        p_late=p_late,
        p_early=p_early,
        interval=minutes(low, low + width),
        stops_before=stops,
    ),
    MOMENTS,
    st.sampled_from([None, None, None, "plan_published", "feedback_due", *map(str, EventType)]),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(0, 1),
    st.integers(0, 600),
    st.integers(0, 200),
    st.none() | st.integers(0, 50),
)
DAYS = st.lists(ANY_SIGHTING, max_size=25).map(lambda day: sorted(day, key=lambda one: one.at))


@given(DAYS)
@settings(max_examples=30, deadline=None)
def test_a_replayed_day_decides_the_same_messages_under_different_keys_each(day):
    _, notices, held = fold(day)
    assert (notices, held) == fold(day)[1:]
    keys = [compose(one, JANE, RULES).key for one in notices]
    assert keys == [compose(one, JANE, RULES).key for one in fold(day)[1]]
    assert len(keys) == len(set(keys))


@given(DAYS)
@settings(max_examples=30, deadline=None)
def test_guards_hold_on_any_day(day):
    told, notices, _ = fold(day)
    calm = [one for one in notices if one.trigger not in ("late_risk", "failed_with_options", "rescheduled")]
    for before, after in itertools.pairwise(notices):
        if after in calm:
            assert after.seen.at - before.seen.at >= timedelta(seconds=RULES.cool_down_s)
    assert all(one.not_before < one.expires_at for one in notices)
    assert all(quiet_end(one.not_before, JANE, RULES) is None for one in notices)
    assert told.count == len(notices)


@given(DAYS)
@settings(max_examples=30, deadline=None)
def test_every_text_of_any_day_passes_the_linter_in_every_language(day):
    for notice in fold(day)[1]:
        for language in languages():
            compose(notice, replace(JANE, language=language, timezone="Pacific/Apia"), RULES)


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("at 14:05 or 9.30", [(14, 5)]),
        ("à 14h05", [(14, 5)]),
        ("at 3 pm, not 11 a.m.", [(15, 0), (11, 0)]),
        ("order 12:345 of 30.03.", []),
        ("between 08:00 and 24:10", [(8, 0)]),
    ],
)
def test_the_linter_finds_clock_times(text, times):
    found = clock_times(text)
    assert found == times or found == [*times, (9, 30)]


WIDE, NARROW = minutes(0, 21), minutes(0, 20)


@pytest.mark.parametrize(
    ("text", "span", "allowed"),
    [
        ("We come between 10:00 and 10:21", WIDE, True),
        ("We come at 10:10", WIDE, False),
        ("We come at 10:00", WIDE, False),
        ("We come until 10:21", WIDE, False),
        ("We come at 10:10", NARROW, True),
        ("We come at 10:30", NARROW, False),
        ("We come today", WIDE, True),
    ],
)
def test_a_point_in_time_needs_a_narrow_interval(text, span, allowed):
    if allowed:
        lint_text(text, [span])
    else:
        with pytest.raises(TextError, match="point in time"):
            lint_text(text, [span])


def test_a_narrow_interval_over_midnight_bears_a_point():
    lint_text("at 00:05", [minutes(0, 15, datetime(2026, 3, 30, 23, 55, tzinfo=UTC))])


def template(tmp_path, text: str, subject: str = "Hi"):
    content = yaml.safe_load((FOLDER / "en.yml").read_text())
    content["messages"] = {"late_risk": {"subject": subject, "text": text, "links": ["track"]}}
    (tmp_path / "en.yml").write_text(yaml.safe_dump(content))
    return tmp_path


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Hello {{ nobody }}", "'nobody' is undefined"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{% for x in y %}", "Unexpected end"),
        ("{{ order.__init__.__globals__ }}", "unsafe"),
        ("{{ 'x' * 9000 }}", "longer than"),
    ],
)
def test_a_bad_template_is_refused_and_named(tmp_path, text, why):
    with pytest.raises(TextError, match=f"en: late_risk: .*{why}"):
        render(Trigger.LATE_RISK, "en", {"order": "o1"}, {"track": "x"}, template(tmp_path, text))


def test_html_is_escaped_and_a_subject_is_one_line(tmp_path):
    folder = template(tmp_path, "Hello {{ shop }}", subject="A\n{{ shop }}")
    texts = render(Trigger.LATE_RISK, "en", {"shop": "<script>&\n"}, {"track": 'http://x/"><b>'}, folder)
    assert "<script>" not in texts.html
    assert '"><b>' not in texts.html
    assert texts.subject == "A <script>&"
    with pytest.raises(TextError, match=r"interval_shift.*missing"):
        render(Trigger.INTERVAL_SHIFT, "en", {}, {}, folder)


def test_every_language_has_every_message_reason_and_link():
    catalogues = {one: yaml.safe_load((FOLDER / f"{one}.yml").read_text()) for one in languages()}
    assert len(catalogues) >= 4
    for language, words in catalogues.items():
        assert set(words["messages"]) == set(map(str, Trigger)), language
        assert set(words["reasons"]) == set(catalogues["en"]["reasons"]), language
        for name, own in words["messages"].items():
            assert own["links"] == catalogues["en"]["messages"][name]["links"], (language, name)


@pytest.mark.parametrize("language", ["", "xx", "pt-BR", "../../secret", "de-AT", "DE_de"])
def test_an_unknown_language_is_english_and_a_region_is_its_language(language):
    _, notice, _ = decide(Told(), seen(event="route_started"), JANE, RULES)
    assert notice is not None
    message = compose(notice, replace(JANE, language=language), RULES)
    assert message.language == ("de" if language[:2].lower() == "de" else "en")


@pytest.mark.parametrize("changes", [{"late_on": 0.2}, {"late_last_on": 0.95}, {"early_off": 0.9}, {"budget": -1}])
def test_impossible_rules_are_refused(changes):
    with pytest.raises(InputError, match="communication rules"):
        Rules(**changes)


def test_an_interval_that_ends_before_it_begins_is_refused():
    with pytest.raises(InputError, match="interval ends before"):
        seen(interval=minutes(10, 0))


def test_what_was_held_back_is_part_of_the_trail():
    _, notice, held = decide(Told(), seen(stops_before=1), replace(JANE, quiet_from=8, quiet_until=20), RULES)
    assert notice is None
    assert isinstance(held[0], Held)
    assert not isinstance(held[0], Notice)
