"""Arms meet the same world, days are repeatable, results are kept and never mixed."""

import json

import pytest

from domain.errors import InputError
from simulation.experiment import registration, runner
from simulation.experiment.arms import ALL, Arm
from simulation.experiment.runner import Job, read_result, run_all
from simulation.experiment.settings import Settings
from simulation.experiment.study import jobs_of, sensitivity_settings, whole_worlds

TINY = Settings(seeds=1, days=2, orders=60, burn_in=4, iterations=20)
SHA = "0" * 64


@pytest.fixture(scope="module")
def results():
    from simulation.experiment.worlds import run_arm

    arms = (Arm(0), Arm(1), Arm(2), Arm(8), Arm(ALL), Arm(ALL, shared=False))
    return {one.name: run_arm(one, 900, TINY) for one in arms}


def test_all_arms_have_the_same_orders_and_whole_accounts(results):
    for one in results.values():
        sums = one["sums"]
        assert sums["orders"] == results["none"]["sums"]["orders"]
        assert all(len(values) == TINY.days for values in sums.values())
        for day in range(TINY.days):
            parts = sum(sums[name][day] for name in (
                "transport_minor", "failure_minor", "late_minor", "contact_minor", "message_minor",
                "intervention_minor"))  # fmt: skip
            assert sums["cost_minor"][day] == pytest.approx(parts)
            assert sums["failed"][day] + sums["first_delivered"][day] <= sums["orders"][day]
            assert 0 < sums["first_delivered"][day] <= sums["concluded"][day]


def test_what_is_off_does_nothing(results):
    none = results["none"]["sums"]
    assert sum(none["messages"]) == sum(none["treated"]) == sum(none["rescued"]) == sum(none["told"]) == 0
    assert sum(results["---C-"]["sums"]["messages"]) > 0
    assert sum(results["---C-"]["sums"]["treated"]) == 0
    # a message changes who is at home, never the plan
    assert results["---C-"]["sums"]["cheaper_elsewhere"] == none["cheaper_elsewhere"]


def test_a_day_is_repeated_to_the_bit(results):
    from simulation.experiment.worlds import city_and_belief, run_arm

    city_and_belief.cache_clear()
    assert run_arm(Arm(ALL), 900, TINY) == results["all"]


def test_results_are_kept_and_a_broken_file_is_run_again(tmp_path, monkeypatch):
    jobs = [Job(Arm(0), 900, TINY), Job(Arm(4), 900, TINY)]
    first = run_all(jobs, tmp_path, SHA, workers=1)
    path = jobs[1].path(tmp_path, SHA)
    path.write_text(path.read_text()[:200])
    ran = []

    def again(arm, seed, settings):
        ran.append(arm.name)
        return first[1]

    monkeypatch.setattr(runner, "run_job", again)
    assert run_all(jobs, tmp_path, SHA, workers=1) == first
    assert ran == ["--E--"]
    ran.clear()
    run_all(jobs, tmp_path, SHA, workers=1)
    assert not ran
    # half a result is none: a day is missing
    cut = {**first[0], "sums": {name: values[:1] for name, values in first[0]["sums"].items()}}
    jobs[0].path(tmp_path, SHA).write_text(json.dumps(cut))
    assert read_result(jobs[0], tmp_path, SHA) is None


def test_results_of_other_settings_or_registrations_are_others():
    job = Job(Arm(0), 1, TINY)
    other = Job(Arm(0), 1, Settings(seeds=1, days=2, orders=60, burn_in=4, iterations=20, late_minor=1))
    more = Job(Arm(0), 1, Settings(seeds=7, days=2, orders=60, burn_in=4, iterations=20))
    assert job.key(SHA) != other.key(SHA) != job.key("1" * 64)
    assert job.key(SHA) == more.key(SHA), "more worlds go on with the worlds that are there"


def test_only_worlds_with_every_arm_are_analysed():
    jobs = jobs_of(Settings(seeds=2))
    assert len(jobs) == 66
    found = [{"arm": job.arm.name, "seed": job.seed} for job in jobs][:-1]
    assert {one["seed"] for one in whole_worlds(found, [job.arm for job in jobs])} == {0}


def test_the_registration_holds_and_a_change_is_refused(tmp_path):
    assert registration.load().content["version"] == 2
    changed = tmp_path / "registration.yml"
    changed.write_text(registration.FILE.read_text().replace("better: lower", "better: higher", 1))
    with pytest.raises(InputError, match=r"registration\.yml or its scenario has changed"):
        registration.load(changed)


def test_registered_variants_are_settings():
    variants = sensitivity_settings(registration.load(), Settings())
    assert len(variants) == 9 and len({str(one) for _, one in variants}) == 9


def test_a_comment_is_not_another_experiment():
    one = registration._meaning('"""A."""\ndef f(x: int) -> int:\n    """B."""\n    return x + 1  # c\n')
    assert one == registration._meaning("def f(x):\n\n    return (x + 1)\n")
    assert one != registration._meaning("def f(x):\n    return x + 2\n")


def test_a_cluster_needs_ray(monkeypatch, tmp_path):
    monkeypatch.setattr(runner, "has_ray", lambda: False)
    with pytest.raises(InputError, match="Ray is not installed"):
        run_all([Job(Arm(0), 901, TINY)], tmp_path, SHA, workers=2, ray_address="ray://nowhere:1")


def test_a_scenario_that_does_not_fit_is_refused():
    from simulation.experiment.worlds import scenario_of

    with pytest.raises(InputError, match="one depot and three fleets"):
        scenario_of(Settings(scenario="default"), 0)


def test_impossible_settings_are_refused():
    with pytest.raises(InputError, match="days must be 1 or more"):
        Settings(days=0)
