"""Answers without a page: kept once, refused with why, carried out by the next batch or by a service that runs."""

import json
import signal
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from click.testing import CliRunner

from domain.errors import InputError
from operations.state import Approvals
from orchestration.cli.dispatch import command as dispatch
from orchestration.cli.proposals import command as proposals
from orchestration.lake import Lake
from orchestration.live.answers import say
from orchestration.live.begin import day_folder
from orchestration.live.dayfile import read_day, write_day
from orchestration.live.engine import Engine, replay
from orchestration.live.journal import Journal
from tests.operations.days import DATE, created, event, make_day

MIDNIGHT = datetime.combine(DATE, time(), UTC)
DAY = replace(make_day(orders=6, vans=2, iterations=50), approvals=Approvals(("assign", "tender", "leave")))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A day on which a van's driver has not come: what that calls for waits for a person."""
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    write_day(day_folder(tmp_path, "demo", DATE), DAY, MIDNIGHT)
    landed(tmp_path, event("g1", "driver_no_show", 27_600, vehicle_id=next(iter(DAY.planned))))
    return tmp_path


def landed(home, *events):
    from tests.orchestration.test_live_outbox import landed as land

    with Lake.open(home) as lake:
        land(lake, events)


@pytest.fixture
def run(home, capfd):
    def invoke(command, *words):
        capfd.readouterr()
        name = () if command is dispatch else words[:1]
        rest = words if command is dispatch else words[1:]
        line = [*name, "demo", DATE.isoformat(), *rest, "--home", str(home), "--json"]
        code = CliRunner().invoke(command, line).exit_code
        return code, json.loads(capfd.readouterr().out.strip().splitlines()[-1])

    return invoke


def test_a_proposal_of_a_batch_is_listed_approved_once_and_carried_out(home, run):
    first = run(dispatch)[1]
    assert first["waiting"] == 1 and first["decisions"] == 6
    (waits,) = run(proposals, "list")[1]["queue"]
    orders = {one["order_id"] for one in waits["items"]}
    assert waits["proposal"] == "g1" and orders == set(DAY.planned[next(iter(DAY.planned))])
    assert all(one["alternatives"] and one["reason"] and one["price_minor"] for one in waits["items"])
    code, done = run(proposals, "approve", "g", "--by", "ann", "--reason", "go on")  # the beginning of its name will do
    assert (code, done["result"]) == (0, "taken")
    assert {order for one in done["decisions"] if one["kind"] == "tender" for order in one["orders"]} == orders
    assert all("approved by ann: go on" in one["reason"] for one in done["decisions"] if one["kind"] == "tender")
    again = run(proposals, "approve", "g1", "--by", "ann", "--reason", "go on")[1]
    assert (again["result"], again["decisions"]) == ("known", done["decisions"])
    for words in (("approve", "g1", "--by", "bo"), ("reject", "g1", "--by", "bo", "--reason", "no")):
        code, wrong = run(proposals, *words)
        assert code == 2 and wrong["error"] == "g1: it was approved by ann before"
    assert run(proposals, "list")[1]["queue"] == [] and run(dispatch)[1]["events"] == 0
    with Journal(day_folder(home, "demo", DATE)) as journal, Lake.open(home) as lake:
        assert replay(read_day(day_folder(home, "demo", DATE)), journal).identical
        rows = lake.query("select * from operation.dispatch_decisions where kind = 'tender'")
    assert len(rows) == len([one for one in done["decisions"] if one["kind"] == "tender"])


def test_a_no_and_an_override_give_their_reason_and_the_rest_is_proposed_anew(home, run):
    run(dispatch)
    (waits,) = run(proposals, "list")[1]["queue"]
    order, other = waits["items"][0]["order_id"], waits["items"][1]["order_id"]
    done = run(proposals, "override", order, "--vehicle", "v1", "--by", "ann", "--reason", "is near")[1]
    assert [one["kind"] for one in done["decisions"] if one["orders"] == [order]][-1] == "assign"
    again = run(proposals, "override", order, "--vehicle", "v1", "--by", "ann", "--reason", "is near")[1]
    assert again["result"] == "known"
    done = run(proposals, "reject", "g1", "--by", "ann", "--reason", "not that van")[1]
    assert done["decisions"][0]["kind"] == "reject" and "not that van" in done["decisions"][0]["reason"]
    (anew,) = run(proposals, "list")[1]["queue"]  # the next best, still because of the van that did not come
    assert anew["proposal"] != "g1" and anew["because"] == waits["because"] == f"{next(iter(DAY.planned))} broken"
    # another word about the same order is another word
    done = run(proposals, "override", other, "--leave", "--by", "ann", "--reason", "the shop is closed")[1]
    assert done["result"] == "taken" and [one["kind"] for one in done["decisions"]][-1] == "leave"
    code, wrong = run(proposals, "override", other, "--fleet", "gig-a", "--by", "ann", "--reason", "after all")
    assert code == 2 and wrong["error"] == f"{other}: the order is left"


def test_what_cannot_be_is_refused_before_it_is_kept(home, run):
    who = ("--by", "ann", "--reason", "as agreed")
    code, wrong = run(proposals, "list")[0], None
    assert code == 0 and run(proposals, "list")[1]["queue"] == []  # the day is written, and nothing has happened
    code, wrong = run(proposals, "approve", "g1", "--by", "ann")
    assert code == 2 and wrong["error"] == "there is no proposal 'g1'; waiting: none"
    run(dispatch)
    broken = next(iter(DAY.planned))
    for words, error in (
        (("approve", "x", "--by", "ann"), "there is no proposal 'x'; waiting: g1"),
        (("approve", "", "--by", "ann"), "there is no proposal ''; waiting: g1"),
        (("reject", "g1", "--by", "ann", "--reason", " "), "it gives no reason"),
        (("override", "o1", *who), "where should it go? one of --vehicle NAME, --fleet NAME, --leave"),
        (("override", "o1", "--leave", "--fleet", "gig-a", *who), "where should it go? one of"),
        (("override", "moon", "--leave", *who), "moon: the order is unknown"),
        (("override", "o1", "--vehicle", "lorry", *who), "o1: there is no vehicle lorry"),
        (("override", "o1", "--vehicle", broken, *who), f"o1: {broken} is out of the day"),
        (("override", "o1", "--fleet", "own", *who), "o1: fleet own takes no single orders"),
        (("approve", "g1", "--by", "a" * 201), "fact 'by' must be a whole number or a short text"),
    ):
        code, wrong = run(proposals, *words)
        assert code == 2 and error in wrong["error"], (words, wrong)
    with Journal(day_folder(home, "demo", DATE)) as journal:
        assert journal.answers() == []
    code, wrong = run(proposals, "approve", "g1", "--by", "ann")
    assert code == 0  # the day is served by this very test no more


def test_a_day_that_has_not_begun_says_how_it_begins(tmp_path):
    made = CliRunner().invoke(proposals, ["list", "demo", DATE.isoformat(), "--home", str(tmp_path)])
    assert made.exit_code == 2 and f"fivefold dispatch demo {DATE} begins it" in made.output


def test_an_answer_counts_from_when_it_was_given_and_not_from_the_next_batch(home, run):
    run(dispatch)
    given = MIDNIGHT + timedelta(seconds=27_900)
    # kept, and no batch runs; meanwhile time goes on beyond the moment until which it waited
    said = say(home, "demo", DATE, "approved", proposal="g1", facts={"by": "ann"}, moment=given)
    assert said["result"] == "kept" and run(proposals, "list")[1]["answers_under_way"] == 1
    assert run(proposals, "list")[1]["queue"] == []
    code, wrong = run(proposals, "reject", "g1", "--by", "bo", "--reason", "no")
    assert code == 2 and "approved by ann before" in wrong["error"]
    landed(home, event("c1", "cancelled", 40_000, order_id="o1"))
    assert run(dispatch)[1]["taken"] == 2
    with Journal(day_folder(home, "demo", DATE)) as journal:
        names = [one.event_id for one, _ in journal.entries()]
        assert names[:1] == ["g1"] and names[2] == "c1" and journal.event(names[1]).at_s == 27_900
        assert not [one for one in journal.decisions() if "it is done" in one["reason"]]


def test_of_two_who_answer_at_once_one_is_kept_and_the_other_told(home, run):
    from threading import Barrier, Thread

    run(dispatch)
    together, found = Barrier(4), []

    def answer(by):
        together.wait()
        try:
            said = say(home, "demo", DATE, "approved", proposal="g1", facts={"by": by}, moment=MIDNIGHT)
            found.append((by, said["result"]))
        except InputError as error:
            found.append((by, str(error)))

    threads = [Thread(target=answer, args=(one,)) for one in ("ann", "ann", "bo", "bo")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    (winner,) = [by for by, what in found if what == "kept"]
    told = {by: what for by, what in found if what != "kept"}
    assert told == {winner: "known"} | dict.fromkeys(
        {"ann", "bo"} - {winner}, f"g1: it was approved by {winner} before"
    )
    assert run(dispatch)[1]["taken"] == 1


def test_what_is_said_in_words_is_read_by_people(home, run):
    run(dispatch)
    list_words = ["list", "demo", DATE.isoformat(), "--home", str(home)]
    shown = CliRunner().invoke(proposals, list_words).output
    assert "waits until 07:50" in shown and "instead:" in shown and "EUR" in shown and "approve|reject demo" in shown
    words = ["approve", "demo", DATE.isoformat(), "g1", "--by", "ann", "--home", str(home)]
    assert "approved by ann" in CliRunner().invoke(proposals, words).output
    assert "said before" in CliRunner().invoke(proposals, words).output
    assert "nothing waits" in CliRunner().invoke(proposals, list_words).output


def test_what_is_offered_to_stand_is_accepted_and_ended_without_a_page(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("FIVEFOLD_CATALOG", "sqlite")
    rule = Approvals(("assign",), standing_after=2)
    write_day(day_folder(tmp_path, "demo", DATE), replace(make_day(orders=6, vans=2), approvals=rule), MIDNIGHT)
    folder = day_folder(tmp_path, "demo", DATE)
    with Journal(folder) as journal:
        engine = Engine(read_day(folder), journal)
        for n in range(3):
            engine.submit([created(f"n{n}", f"new{n}", 7 + n, 27_000 + 60 * n)]).result(30)
        engine.close()

    def ask(name, *words):
        capfd.readouterr()
        line = [name, "demo", DATE.isoformat(), *words, "--home", str(tmp_path), "--json"]
        code = CliRunner().invoke(proposals, line).exit_code
        return code, json.loads(capfd.readouterr().out.strip().splitlines()[-1])

    ask("approve", "n0", "--by", "ann")
    (second, _) = ask("list")[1]["queue"]
    (would,) = second["would_stand"]
    ask("approve", "n1", "--by", "ann")
    (offered,) = ask("list")[1]["standing"]["offered"]
    assert offered["sort"] == would["sort"] and offered["limit_minor"] == would["limit_minor"]
    name = offered["standing"]
    for words, error in (
        ((name, "--by", "ann"), "what becomes of it?"),
        ((name, "--decline", "--by", "ann"), "it gives no reason"),
        (("moon", "--accept", "--by", "ann"), "there is no standing answer moon"),
    ):
        code, wrong = ask("stand", *words)
        assert code == 2 and error in wrong["error"]
    assert ask("stand", name, "--accept", "--limit", "400", "--by", "ann")[1]["result"] == "taken"
    (known,) = ask("list")[1]["standing"]["in_force"]
    assert (known["limit_minor"], known["by"]) == (400, "ann")
    assert (
        "done without asking, up to 4.00 EUR"
        in CliRunner().invoke(proposals, ["list", "demo", DATE.isoformat(), "--home", str(tmp_path)]).output
    )
    assert ask("stand", name, "--accept", "--by", "bo")[1]["error"].endswith("it is accepted")
    ask("stand", name, "--withdraw", "--by", "bo", "--reason", "new carrier")
    assert ask("list")[1]["standing"]["in_force"] == []
    # yes for good is both in one
    assert ask("approve", "n2", "--by", "ann", "--for-good")[1]["result"] == "taken"


@pytest.mark.slow
def test_a_service_that_runs_takes_an_answer_in_within_a_second(home, run):
    pytest.importorskip("fastapi")
    from tests.orchestration.test_live import address_of, begin, send

    process = begin(home)
    try:
        address = address_of(process)
        send(address, [created("n1", "new1", 9, 27_000)])
        (waits,) = run(proposals, "list")[1]["queue"]
        assert waits["proposal"] == "n1"
        done = run(proposals, "approve", "n1", "--by", "ann")[1]
        assert done["result"] == "taken" and done["decisions"][0]["kind"] == "assign"
        assert run(proposals, "approve", "n1", "--by", "ann")[1]["result"] == "known"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
