"""Standing answers: offered after answers alike, kept within their limit, said by whom, ended; never a back door."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.errors import InputError
from operations.decide import step
from operations.dispatch.standing import carried, would_offer
from operations.state import Approvals, Said, Sort, StandingAnswer, digest, fold, start, why_refused
from tests.operations.days import DATE, created, event, make_day

SORT = Sort("order_created", "", "assign")
RULE = Approvals(("assign", "tender", "leave"), standing_after=3, standing_band_bp=15_000)
DAY = replace(make_day(orders=6, vans=2, spare=8, iterations=50), approvals=RULE)


def run(day, *events):
    state, made = start(day), []
    for one in events:
        state, decisions = step(state, one)
        made += decisions
    return state, made


def new(n, at_s, **facts):
    return created(f"n{n}", f"new{n}", 7 + n % 8, at_s, **facts)


def yes(n, at_s, **facts):
    return event(f"y{n}", "approved", at_s, facts={"proposal": f"n{n}", "by": "Ana", "handled_ms": 1_000, **facts})


def word(name, kind, at_s, standing, **facts):
    facts = {"standing": standing, "by": "Ana", "reason": "as agreed", "handled_ms": 500, **facts}
    return event(name, kind, at_s, facts=facts)


def asked(count, at_s=27_000):
    """Orders that come and are agreed to, one after another."""
    return [one for n in range(count) for one in (new(n, at_s + 120 * n), yes(n, at_s + 120 * n + 60))]


LET = StandingAnswer("let", SORT, 10**6, 4, DATE + timedelta(days=20), by="Ana", reason="as agreed")
STANDING = replace(DAY, standing=(LET,))


def test_it_is_offered_after_answers_alike_and_answers_only_when_a_person_has_accepted_it():
    state, made = run(DAY, *asked(2))
    assert not state.standing.answers and state.standing.alike(SORT) == list(state.standing.said)
    state, made = run(DAY, *asked(3))
    (offered,) = state.standing.answers.values()
    prices = [one.price_minor for one in state.standing.alike(SORT)]
    assert (offered.status, offered.sort, offered.after) == ("offered", SORT, 3)
    assert offered.limit_minor == max(prices) * 15_000 // 10_000
    assert offered.until == DATE + timedelta(days=28) and "after 3 answers alike" in made[-1].reason
    assert step(state, new(3, 27_500))[1][0].kind == "propose"  # an offer is nobody's word

    state, made = step(state, word("s", "standing_accepted", 27_400, offered.standing_id))
    assert made[0].kind == "standing" and "accepted by Ana: as agreed" in made[0].reason
    assert state.desk.touches == 4  # three answers and the word that lets it stand
    state, made = step(state, new(3, 27_500))
    assert [one.kind for one in made] == ["assign"] and state.desk.touches == 4
    assert made[0].reason.startswith(
        f"standing answer of Ana until {offered.until}, up to {offered.limit_minor / 100:.2f}"
    )
    assert state.standing.spent_minor("n3", SORT) == made[0].price_minor and "n3" not in state.proposals


def test_yes_for_good_is_one_touch_and_a_person_may_allow_less_and_never_more():
    state, _ = run(DAY, *asked(2), new(2, 27_300))
    (offered,) = would_offer(state, state.proposals["n2"])
    for given, limit in ((300, 300), (10**9, offered.limit_minor)):
        after, made = step(state, yes(2, 27_360, standing="yes", limit_minor=given))
        (known,) = after.standing.answers.values()
        assert (known.status, known.by, known.limit_minor) == ("accepted", "Ana", limit)
        assert after.desk.touches == 3 and made[-1].kind == "standing"
    # before there are enough alike, for good is no more than yes
    state, _ = run(DAY, new(0, 27_000), yes(0, 27_060, standing="yes"))
    assert not state.standing.answers


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (replace(STANDING, standing=(replace(LET, limit_minor=1),)), "it is dearer"),
        (replace(STANDING, standing=(replace(LET, until=DATE - timedelta(days=1)),)), "it has expired"),
        (replace(STANDING, standing=(replace(LET, status="withdrawn"),)), "it was withdrawn"),
        (replace(STANDING, standing=(replace(LET, status="offered"),)), "nobody has accepted it"),
        (replace(STANDING, standing=(replace(LET, sort=Sort("order_created", "", "leave")),)), "another decision"),
        (replace(STANDING, standing=(replace(LET, sort=Sort("vehicle_fault", "own", "assign")),)), "another cause"),
        (replace(STANDING, approvals=replace(RULE, standing_kinds=("tender",))), "not of the day's kinds"),
        (replace(STANDING, approvals=replace(RULE, standing_most_minor=1)), "above what one may spend"),
        (replace(STANDING, approvals=replace(RULE, standing_after=None)), "the day knows none"),
    ],
)
def test_what_it_does_not_cover_is_asked(day, why):
    assert run(STANDING, new(0, 27_000))[1][0].kind == "assign"
    assert run(day, new(0, 27_000))[1][0].kind == "propose", why


def test_it_answers_so_many_causes_of_a_day_and_not_what_somebody_said_no_to():
    few = replace(STANDING, standing=(replace(LET, a_day=2),))
    _, made = run(few, *(new(n, 27_000 + 60 * n) for n in range(3)))
    assert [one.kind for one in made] == ["assign", "assign", "propose"]
    no = event("x", "rejected", 27_060, facts={"proposal": "n0", "by": "Ana", "reason": "not that van"})
    state, _ = run(replace(STANDING, standing=()), new(0, 27_000), no)
    # the next best of an order that was said no to is a person's to say
    state = replace(state, day=STANDING, standing=replace(state.standing, answers={"let": LET}))
    after, made = step(state, event("t", "tick", 28_000))
    assert [one.kind for one in made][:1] != ["assign"] and not after.standing.uses


def test_leaving_an_order_stays_asked_unless_the_day_says_otherwise():
    late = replace(make_day(orders=4, vans=1, offers=(), iterations=50), approvals=RULE)
    let = replace(LET, sort=Sort("order_created", "", "leave"))
    far = created("n", "far", 5, 27_000, window=(1, 2), penalty_minor=10)
    by_default = run(replace(late, standing=(let,)), far)[1]
    allowed = replace(late, standing=(let,), approvals=replace(RULE, standing_kinds=("leave",)))
    assert [one.kind for one in by_default] == ["propose"] and "leave" in by_default[0].reason
    assert [one.kind for one in run(allowed, far)[1]] == ["leave"]


def test_a_no_begins_anew_and_so_does_a_standing_answer_that_nobody_wants():
    no = event("x", "rejected", 27_290, facts={"proposal": "n2", "by": "Ana", "reason": "too dear"})
    state, _ = run(DAY, *asked(2), new(2, 27_250), no)
    assert state.standing.alike(SORT) == [] and not state.standing.answers
    state, _ = run(DAY, *asked(3))
    (offered,) = state.standing.answers
    state, made = step(state, word("d", "standing_declined", 27_400, offered))
    assert "declined by Ana" in made[0].reason and state.standing.alike(SORT) == []
    state, made = step(state, word("a", "standing_accepted", 27_410, offered))
    assert (made[0].kind, made[0].reason) == ("refuse", "it is declined")
    assert step(state, word("b", "standing_accepted", 27_420, "nothing"))[1][0].reason.startswith(
        "there is no standing"
    )


def test_it_is_withdrawn_by_a_person_or_by_deciding_otherwise_what_it_did():
    gone = word("w", "standing_withdrawn", 27_100, "let")
    state, made = run(STANDING, new(0, 27_000), gone, new(1, 27_200))
    assert [one.kind for one in made] == ["assign", "standing", "propose"] and "withdrawn by Ana" in made[1].reason
    assert carried(state)[0] == ()
    over = event(
        "o", "override", 27_100, order_id="new0", facts={"leave": "yes", "by": "Bo", "reason": "customer called"}
    )
    state, made = run(STANDING, new(0, 27_000), over, new(1, 27_200))
    assert "withdrawn by Bo: new0 was decided otherwise: customer called" in made[-2].reason
    assert made[-1].kind == "propose"


def test_a_cause_that_comes_to_more_than_the_limit_is_asked_about_as_a_whole():
    van = max(DAY.planned, key=lambda one: len(DAY.planned[one]))
    gone = event("g", "driver_no_show", 27_000, vehicle_id=van)
    kind = run(replace(DAY, approvals=Approvals()), gone)[1][0].kind
    sort = Sort("driver_no_show", "own", kind)
    dear = replace(RULE, kinds=(), above_minor=1)
    state, made = run(replace(DAY, approvals=dear, standing=(replace(LET, sort=sort),)), gone)
    whole, orders = state.standing.spent_minor("g", sort), {one.order_id for one in state.standing.uses}
    assert len(orders) > 1 and whole > 0 and orders == {one for own in made for one in own.order_ids}
    for limit, asked_ in ((whole, False), (whole - 1, True)):
        let = replace(LET, sort=sort, limit_minor=limit)
        state, made = run(replace(DAY, approvals=dear, standing=(let,)), gone)
        assert ({one.kind for one in made} == {"propose"}) == asked_ == (not state.standing.uses)
        assert not asked_ or {one.order_id for one in state.proposals["g"].items} == orders
    # where nobody would be asked, nobody's word is needed
    cheap = replace(RULE, kinds=(), above_minor=10**7)
    state, made = run(replace(DAY, approvals=cheap, standing=(replace(LET, sort=sort),)), gone)
    assert not state.standing.uses and not any("standing" in one.reason for one in made)


def test_what_stands_goes_on_to_the_next_day_and_is_offered_anew_in_its_last_week():
    state, _ = run(DAY, *asked(2), new(2, 27_300), yes(2, 27_360, standing="yes"))
    standing, said = carried(state)
    assert [one.sort for one in standing] == [SORT] and len(said) == 3 and all(one.yes for one in said)
    tomorrow = replace(DAY, service_date=DATE + timedelta(days=1), standing=standing, said=said)
    state, made = run(tomorrow, new(0, 27_000))
    assert [one.kind for one in made] == ["assign"]
    last = replace(DAY, service_date=standing[0].until, standing=standing, said=())
    state, made = run(last, new(0, 27_000))
    assert [one.kind for one in made] == ["assign", "standing"] and "offered for longer" in made[1].reason
    renewed = state.standing.offered(SORT)
    assert renewed.until > standing[0].until and renewed.limit_minor == standing[0].limit_minor
    state, _ = step(state, word("a", "standing_accepted", 27_100, renewed.standing_id))
    assert [one.standing_id for one in carried(state)[0]] == [renewed.standing_id]
    assert step(state, new(1, 27_200))[1][-1].kind == "assign"  # and is not offered a third time


def test_a_dearer_yes_widens_what_stands():
    cheap = replace(LET, limit_minor=1)
    history = tuple(Said(SORT, True, 10) for _ in range(2))
    state, _ = run(replace(DAY, standing=(cheap,), said=history), new(0, 27_000), yes(0, 27_060))
    offered = state.standing.offered(SORT)
    assert offered is not None and offered.limit_minor > cheap.limit_minor
    # one that goes further already is not offered again when a person is asked for another reason
    often = replace(DAY, standing=(replace(LET, a_day=1),), said=history)
    state, _ = run(often, new(0, 27_000), new(1, 27_060), yes(1, 27_120))
    assert len(state.proposals) == 1 and state.standing.offered(SORT) is None


def test_replays_are_the_same_and_disorder_gives_the_same_state():
    events = [
        *asked(2), new(2, 27_300), yes(2, 27_360, standing="yes"), new(3, 27_400),
        word("w", "standing_withdrawn", 27_500, f"{SORT.name}@{DATE}/1"), new(4, 27_600),
    ]  # fmt: skip
    state, made = run(DAY, *events)
    again, same = run(DAY, *events)
    assert digest(state) == digest(again) and made == same and state.standing.answers
    ours = [one for decision in made for one in decision.events]
    for seed in range(5):
        mixed = [*events, *ours, *ours[:4]]
        random.Random(seed).shuffle(mixed)
        assert digest(fold(start(DAY), *mixed)) == digest(state)


def test_what_is_said_of_it_too_briefly_is_refused_and_rules_that_make_no_sense_too():
    assert "no standing answer" in why_refused(event("a", "standing_accepted", 27_000, facts={"by": "Ana"}))
    assert "no reason" in why_refused(event("a", "standing_withdrawn", 27_000, facts={"standing": "let"}))
    for wrong in ({"standing_after": 1}, {"standing_days": 0}, {"standing_kinds": ("teleport",)}):
        with pytest.raises(InputError):
            Approvals(**wrong)


CARRIER, OWN = Sort("driver_no_show", "carrier", "assign"), Sort("vehicle_fault", "own", "assign")


def test_answers_alike_about_several_fleets_and_causes_that_come_to_the_same_suggest_one_for_all_of_them():
    van = max(DAY.planned, key=lambda one: len(DAY.planned[one]))
    kind = run(replace(DAY, approvals=Approvals()), event("g", "driver_no_show", 27_000, vehicle_id=van))[1][0].kind
    gone = event("g", "driver_no_show", 27_000, vehicle_id=van)
    ok = event("ok", "approved", 27_060, facts={"proposal": "g", "by": "Ana", "standing": "yes"})
    alike = tuple(Said(replace(one, kind=kind), True, 10) for one in (CARRIER, OWN))
    day = replace(DAY, approvals=replace(RULE, kinds=(), above_minor=1), said=alike)
    state, made = run(day, gone, ok)
    (stands,) = state.standing.answers.values()
    assert (stands.sort.name, stands.status) == (f"vehicle_out/*/{kind}", "accepted")
    assert made[-1].kind == "standing" and state.desk.touches == 1
    # of one fleet and one cause they suggest no more than that
    alike = tuple(Said(Sort("driver_no_show", "own", kind), True, 10) for _ in range(2))
    (stands,) = run(replace(day, said=alike), gone, ok)[0].standing.answers.values()
    assert stands.sort.name == f"driver_no_show/own/{kind}"
    # a no to one of them begins the count of all anew, and so does whoever lets nothing of the kind stand
    for no in (Sort("driver_no_show", "own", kind), Sort("vehicle_out", "*", kind)):
        said = (*(Said(replace(one, kind=kind), True, 10) for one in (CARRIER, OWN)), Said(no, False, 10))
        assert not run(replace(day, said=said), gone, ok)[0].standing.answers


def test_a_wider_standing_answer_covers_what_it_says_and_ends_when_one_of_its_matters_is_decided_otherwise():
    van = max(DAY.planned, key=lambda one: len(DAY.planned[one]))
    gone = event("g", "driver_no_show", 27_000, vehicle_id=van)
    rule = replace(RULE, kinds=(), above_minor=1)
    kind = run(replace(DAY, approvals=Approvals()), gone)[1][0].kind
    covers = {"driver_no_show/own": True, "driver_no_show/*": True, "vehicle_out/own": True, "vehicle_out/*": True}
    for name, does in (covers | {"vehicle_fault/*": False, "vehicle_out/carrier": False}).items():
        let = replace(LET, sort=Sort(*name.split("/"), kind))
        state, made = run(replace(DAY, approvals=rule, standing=(let,)), gone)
        assert bool(state.standing.uses) == does == ({one.kind for one in made} == {kind}), name
    wide = replace(LET, sort=Sort("vehicle_out", "*", kind))
    day = replace(DAY, approvals=rule, standing=(wide,))
    state, _ = run(day, gone)
    order = state.standing.uses[0].order_id
    over = event("o", "override", 27_100, order_id=order, facts={"leave": "yes", "by": "Bo", "reason": "called"})
    after, made = step(state, over)
    assert after.standing.answers["let"].status == "withdrawn"
    assert any("decided otherwise" in one.reason for one in made)
    # causes of a day are counted over all that it covers
    few = replace(day, standing=(replace(wide, a_day=1),))
    used = {"standing": "let", "cause": "vehicle_fault", "fleet": "carrier", "what": kind, "cause_id": "h"}
    for own, does in ((day, True), (few, False)):
        state, _ = step(fold(start(own), event("u", "standing_used", 26_000, facts=used)), gone)
        assert any(one.cause_id == "g" for one in state.standing.uses) == does
    # the next day begins with it, and with what was said in the order in which it was said
    said = tuple(Said(one, yes, 10) for one, yes in ((CARRIER, True), (OWN, False), (CARRIER, True)))
    assert carried(run(replace(day, said=said), gone)[0]) == ((wide,), said)
