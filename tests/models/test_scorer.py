"""The live scorer: one by one or in batches, with or without a crash, the same bits; nothing is learned twice."""

import numpy as np
import pytest

from domain.errors import ModelError
from models.eta_online import EtaLayer
from models.online import OnlineLayer
from models.scorer import Decision, Ended, Outcome, Scorer
from models.state import EntityState

ENTITIES = ["zone", "customer>zone"]


class Line:
    """A booster that any test can compute: a line of the first columns."""

    def __init__(self, offset=0.0, chance=True):
        self.offset, self.chance = offset, chance

    def predict(self, matrix, num_threads=1):
        z = np.nan_to_num(matrix[:, 0]) + self.offset
        return 1 / (1 + np.exp(-z)) if self.chance else 600 + 60 * z


def scorer(eta=False):
    if eta:
        boosters = [Line(n - 2, chance=False) for n in range(5)]
        return Scorer(EntityState(ENTITIES), boosters, EtaLayer([500.0, 600.0, 700.0]), "v1", 1)
    return Scorer(EntityState(ENTITIES), [Line(), Line(-1)], OnlineLayer(["weekly", "static"], 4, 0.3), "v1", 1)


def events(count=300, eta=False, seed=0):
    rng = np.random.default_rng(seed)
    out = []
    for n in range(count):
        who = int(rng.integers(0, 20))
        at = n * 600.0
        out.append((at, Decision(f"o{n}", at, (f"z{who % 4}", f"c{who}"), (float(rng.normal()),), 1.0)))
        label = float(rng.gamma(4, 150)) if eta else float(rng.random() < 0.3)
        known = at + float(rng.integers(1, 40)) * 600
        out.append((known, Outcome(f"o{n}", known, label)))
    out.sort(key=lambda one: one[0])
    return [type(e)(**{s: getattr(e, s) for s in e.__slots__} | {"offset": k}) for k, (_, e) in enumerate(out)]


def flat(results):
    return [np.atleast_1d(value) for _, value in results]


@pytest.mark.parametrize("eta", [False, True])
def test_batches_of_any_size_give_the_bits_of_one_by_one(eta):
    stream = events(eta=eta)
    one, many = scorer(eta), scorer(eta)
    singles = [result for event in stream for result in one.process([event])]
    batched = [result for start in range(0, len(stream), 37) for result in many.process(stream[start : start + 37])]
    assert len(singles) == 300
    assert all(np.array_equal(a, b) for a, b in zip(flat(singles), flat(batched), strict=True))


@pytest.mark.parametrize("eta", [False, True])
def test_a_crash_replays_from_the_last_file_to_the_same_bits(tmp_path, eta):
    stream, whole, cut = events(eta=eta), scorer(eta), 251
    expected = dict(whole.process(stream))
    before = scorer(eta)
    before.process(stream[:cut])
    before.save(tmp_path / "state.gz")
    before.process(stream[cut : cut + 60])  # lost in the crash
    after = scorer(eta)
    offset = after.restore(tmp_path / "state.gz")
    assert offset == stream[cut - 1].offset
    # the log delivers a few events again: what was taken in changes nothing
    replayed = dict(after.process(stream[cut - 40 :]))
    assert replayed
    assert all(np.array_equal(value, expected[entity]) for entity, value in replayed.items())


def test_an_outcome_told_twice_or_of_nothing_known_is_learned_once():
    stream = events()
    clean, noisy = scorer(), scorer()
    clean.process(stream)
    disturbed = []
    for event in stream:
        disturbed += [event, event] if isinstance(event, Outcome) else [event]
        disturbed.append(Outcome("nobody", event.offset * 1.0, 1.0))
    disturbed += [Outcome("o1", float("nan"), 1.0), Outcome("o2", 1.0, float("inf"))]
    noisy.process(disturbed)
    assert noisy.counts.twice == 300
    assert noisy.counts.unknown == len(stream)
    assert clean.layer.state() == noisy.layer.state()
    assert np.array_equal(clean.state.to_arrays()["table"], noisy.state.to_arrays()["table"])


def test_labels_that_never_come_are_closed_without_learning():
    one = scorer()
    one.process([event for event in events() if isinstance(event, Decision)])
    assert one.forget_unanswered(1e9) == 300
    values = dict(zip(one.state.names, one.state.features(("z0", "c0"), 1e9), strict=True))
    assert values["zone__open"] == values["zone__count"] == 0


def test_a_damaged_or_foreign_file_is_refused(tmp_path):
    one, path = scorer(), tmp_path / "state.gz"
    one.process(events()[:50])
    one.save(path)
    other = scorer()
    other.version = "v2"
    with pytest.raises(ModelError, match="another version"):
        other.restore(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ModelError, match="replay the events from the start"):
        scorer().restore(path)


def told_of_ends(count=1_200, slower=1.0, gate_s=6_000.0, seed=4):
    """Decisions, the end of each as it comes, and outcomes that mature long after."""
    rng = np.random.default_rng(seed)
    out = []
    for n in range(count):
        at, label = n * 60.0, float(slower * rng.normal(600, 60))
        out.append((at, Decision(f"o{n}", at, ("z", "c"), (0.0,))))
        out.append((at + label, Ended(f"o{n}", at + label)))
        out.append((at + gate_s, Outcome(f"o{n}", at + gate_s, label)))
    out.sort(key=lambda one: one[0])
    return [type(e)(**{s: getattr(e, s) for s in e.__slots__} | {"offset": k}) for k, (_, e) in enumerate(out)]


def test_bounds_are_moved_before_labels_mature_and_keep_their_bits(tmp_path):
    boosters = [Line(z, chance=False) for z in (-1.645, -1.2816, 0.0, 1.2816, 1.645)]

    def fresh(ends):
        layer = EtaLayer([500.0, 600.0, 700.0])
        return Scorer(EntityState(ENTITIES), boosters, layer, "v1", 1, ends=ends)

    stream = told_of_ends(slower=1.3, gate_s=1e9)  # a city that is slower now, and no label that says so yet
    tracked, untracked = fresh(True), fresh(False)
    said = {True: dict(tracked.process(stream)), False: dict(untracked.process(stream))}
    truth = {e.entity: e.label for e in stream if isinstance(e, Outcome)}
    late = [f"o{n}" for n in range(600, 1_200)]
    above = {ends: np.mean([truth[one] > said[ends][one][3] for one in late]) for ends in (True, False)}
    assert above[False] > 0.85 and above[True] < 0.35
    # one by one, and after a crash with events that come again
    single = fresh(True)
    for event in stream[:1_500]:
        single.process([event])
    single.save(tmp_path / "state.gz")
    again = fresh(True)
    again.restore(tmp_path / "state.gz")
    replayed = dict(again.process(stream[1_400:]))
    assert replayed and all(np.array_equal(value, said[True][one]) for one, value in replayed.items())
