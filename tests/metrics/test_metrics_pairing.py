"""Finding partners: whichever recorder hears of them, in whatever order, within bounds, and never silently lost."""

from __future__ import annotations

import random
from itertools import combinations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.clock import NS
from llmload.metrics import pairing
from llmload.metrics.differences import BLOCK_NS, MOST_BLOCKS, PairSums
from llmload.metrics.pairing import Waiting
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.records import Api, Call, Outcome, Record

START = 50 * NS
PHASES = (PhaseInfo("warm-up", 0, 10, measure=False), PhaseInfo("main", 10, 1000))


def setup(*targets: str) -> RecorderSetup:
    return RecorderSetup(START, PHASES, slice_tags=("user",), pairs={"chat": targets})


def record(index: int, target: str, millis: int, at: float = 20.0, outcome: Outcome = Outcome.OK) -> Record:
    call = Call(index, "chat", target, Api.CHAT, "m", tags=(("user", "free"), ("other", str(index))))
    made = Record(call, START + round(at * NS), "main" if at >= 10 else "warm-up")
    made.dispatched = made.sent = made.planned
    made.end, made.outcome = made.planned + millis * 1_000_000, outcome
    return made


def folded(records: list[Record], *targets: str, workers: int = 1) -> Summary:
    waiting: Waiting = {}
    recorders = [Recorder(setup(*targets), waiting) for _ in range(workers)]
    total = Summary(START, phases=PHASES)
    for n, each in enumerate(records):
        recorders[n % workers].add(each)
        if n % 7 == 0:
            total.merge(recorders[n % workers].take())
    for recorder in recorders:
        total.merge(recorder.take())
    return total


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(2, 3), st.integers(1, 3), st.randoms(use_true_random=False))
def test_order_and_workers_make_no_difference(blocks: int, sides: int, workers: int, rng: random.Random) -> None:
    targets = ("a", "b", "c")[:sides]
    records = [
        record(block * sides + n, target, 100 + 7 * n + block, at=10 + block * 20)
        for block in range(blocks)
        for n, target in enumerate(targets)
    ]
    straight = folded(records, *targets)
    rng.shuffle(records)
    mixed = folded(records, *targets, workers=workers)
    assert mixed.pairs == straight.pairs
    assert mixed.without_partner() == straight.without_partner() == 0
    for against, target in combinations(targets, 2):
        found = mixed.paired(target, against).metrics["latency"]
        assert found.count == blocks
        assert found.total == blocks * 7000 * (targets.index(target) - targets.index(against))
        assert mixed.paired(against, target) == mixed.paired(target, against).turned()


def test_failures_are_counted_by_whose_they_are() -> None:
    failed = Outcome.HTTP_5XX
    records = [record(0, "a", 5), record(1, "b", 5, outcome=failed), record(2, "b", 5), record(3, "a", 5)]
    records += [record(4, "a", 5, outcome=failed), record(5, "b", 5, outcome=failed)]
    sums = folded(records, "a", "b").paired("b", "a")
    assert (sums.pairs, sums.target_failed, sums.against_failed, sums.both_failed) == (3, 1, 0, 1)
    assert sums.metrics["latency"].count == 1
    assert sums.turned().against_failed == 1


def test_calls_without_a_partner_are_counted_and_those_of_the_warm_up_are_not() -> None:
    whole = folded([record(0, "a", 5, at=3), record(2, "a", 5), record(3, "b", 5), record(4, "b", 5)], "a", "b")
    assert whole.without_partner() == 1
    assert whole.paired("b", "a").pairs == 1


def test_a_pair_across_the_border_of_two_phases_is_none() -> None:
    whole = folded([record(0, "a", 5, at=9.99), record(1, "b", 5, at=10.01)], "a", "b")
    assert whole.without_partner() == 1
    assert not whole.pairs


def test_partners_are_waited_for_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "MOST_WAITING", 10)
    waiting: Waiting = {}
    recorder = Recorder(setup("a", "b"), waiting)
    for index in range(0, 100, 2):
        recorder.add(record(index, "a", 5))
    assert len(waiting) == 10
    recorder.add(record(99, "b", 5))
    recorder.add(record(1, "b", 5))
    found = recorder.take()
    assert found.alone == {("chat", "main"): 50}
    assert found.pairs[next(iter(found.pairs))].pairs == 1


def test_beyond_a_number_of_cuts_tags_are_not_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "MOST_KEYS", 0)
    assert [key.tags for key in folded([record(0, "a", 5), record(1, "b", 5)], "a", "b").pairs] == [()]


def test_blocks_of_time_stay_few_and_keep_their_sums() -> None:
    records = [record(2 * n + m, "ab"[m], 5 + m + n % 3 * m, at=10 + n / 3) for n in range(2000) for m in (0, 1)]
    found = folded(records, "a", "b").paired("b", "a")
    blocks = found.metrics["latency"].blocks
    assert MOST_BLOCKS // 2 <= max(blocks) < MOST_BLOCKS
    assert found.width * BLOCK_NS * MOST_BLOCKS >= 676 * NS
    assert sum(pairs for pairs, _ in blocks.values()) == 2000
    assert sum(total for _, total in blocks.values()) == found.metrics["latency"].total


def test_a_summary_with_pairs_survives_its_document() -> None:
    whole = folded([record(n, "ab"[n % 2], 5 + n) for n in range(31)], "a", "b")
    again = Summary.from_json(orjson.loads(orjson.dumps(whole.to_json())))
    assert again.pairs == whole.pairs
    assert again.alone == whole.alone == {("chat", "main"): 1}
    assert Summary.from_bytes(whole.to_bytes()).pairs == whole.pairs


@pytest.mark.parametrize("damage", [{"width": 3}, {"width": 0}, {"metrics": {"nonsense": {}}}, {"pairs": "x"}])
def test_damaged_pairs_are_refused(damage: dict[str, object]) -> None:
    sums = PairSums().to_json() | damage
    with pytest.raises((ValueError, TypeError, KeyError)):
        PairSums.from_json(sums)
