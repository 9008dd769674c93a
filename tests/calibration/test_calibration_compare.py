"""Calls find their truth in the simulator's log, and what is said of them is held against it."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from llmload.calibration.compare import Deviations, compare, deviation, pair
from llmload.clock import NS
from llmload.records import Api, Call, Outcome, Record, Usage

START = 1_000 * NS
MS = NS // 1000


def truth(received: int, prompt: int, content: list[int], stream: bool = True) -> dict[str, Any]:
    end = content[-1]
    return {
        "received": received, "prompt_tokens": prompt, "tokens": len(content), "end": end,
        "content": content if stream else [], "other": [["head", end - 1], ["body", end]],
    }  # fmt: skip


def record(at: int, prompt: int, content: list[int], stream: bool = True, late: int = 0) -> Record:
    """A call planned and sent at ``at``, whose content was read ``late`` ns after it was written."""
    made = Record(Call(0, "c", "main", Api.CHAT, "m", stream=stream), at)
    made.sent = made.dispatched = at
    made.outcome, made.status = Outcome.OK, 200
    made.answer.usage = Usage(prompt, len(content))
    if stream:
        made.answer.stamps.extend(t + late for t in content)
        made.last_content = content[-1] + late
    made.end = content[-1] + late + 1
    return made


def made_run(calls: int, late: int, stream: bool = True) -> tuple[list[Record], list[dict[str, Any]]]:
    """Calls 1 ms apart that the simulator received 50 µs after they were sent, in another order than they ended."""
    rng = random.Random(1)
    records, truths = [], []
    for number in range(calls):
        at = START + number * MS
        tokens, prompt = rng.randint(3, 6), rng.randint(10, 12)
        first = at + rng.randint(2, 40) * MS
        content = [first + gap * 5 * MS for gap in range(tokens)]
        records.append(record(at, prompt, content, stream, late))
        truths.append(truth(at + 50_000, prompt, content, stream))
    rng.shuffle(truths)
    rng.shuffle(records)
    return records, truths


def test_calls_that_look_alike_are_told_apart_by_their_time() -> None:
    records, truths = made_run(500, 200_000)
    pairs, unmatched = pair(records, truths)
    assert (len(pairs), unmatched) == (500, 0)
    assert all(true["received"] - record.sent == 50_000 for record, true in pairs)


def test_calls_that_never_came_back_do_not_shift_the_others() -> None:
    records, truths = made_run(500, 200_000)
    pairs, unmatched = pair(records[100:], truths)
    assert (len(pairs), unmatched) == (400, 0)
    assert all(true["received"] - record.sent == 50_000 for record, true in pairs)


def test_a_call_without_a_truth_is_counted() -> None:
    records, truths = made_run(5, 200_000)
    assert (len(pair(records, truths[:0])[0]), pair(records, truths[:0])[1]) == (0, 5)


def test_calls_that_did_not_end_well_are_left_out() -> None:
    records, truths = made_run(10, 0)
    for each in records[:4]:
        each.outcome = Outcome.UNFINISHED
    assert len(pair(records, truths)[0]) == 6


@pytest.mark.parametrize("stream", [True, False])
def test_being_late_is_found_out_to_the_nanosecond(stream: bool) -> None:
    records, truths = made_run(200, 300_000, stream)
    found = compare(records, truths)
    latency = found.metrics["latency"]
    # Said from the plan; true from 50 µs later on, where the simulator had the request.
    assert set(latency.said - latency.true) == {350_000 + (0 if stream else 1)}
    assert ("ttft" in found.metrics) == ("itl" in found.metrics) == stream
    if stream:
        assert set(found.metrics["ttft"].said - found.metrics["ttft"].true) == {350_000}
        assert set(found.metrics["itl"].said - found.metrics["itl"].true) == {0}
        assert len(found.read) == sum(len(each.answer.stamps) for each in records)
    assert len(found.sent) == 200


def values(away: list[int], true: int = 20 * MS) -> Deviations:
    """Values 1 ms apart, so far from a truth that varies evenly by 1 ms."""
    size = len(away)
    truths = true + np.arange(size, dtype=np.int64) % 1000 * 1000
    return Deviations(START + np.arange(size, dtype=np.int64) * MS, truths + np.array(away, np.int64), truths)


def test_a_constant_delay_moves_every_figure_by_itself() -> None:
    found = deviation(values([250_000] * 3000), START, START + 3 * NS)
    assert found is not None
    figures = (found.bias, found.p50, found.p99, found.shift_p50, found.shift_p99)
    assert figures == pytest.approx([250e-6] * 5)


def test_early_and_late_cancel_out_in_the_bias_and_not_in_the_size() -> None:
    found = deviation(values([-100_000, 100_000] * 1500), START, START + 3 * NS)
    assert found is not None
    assert found.bias == pytest.approx(0.0, abs=1e-12)
    assert found.p50 == pytest.approx(100e-6)


def test_one_hiccup_is_not_the_rule() -> None:
    away = [100_000] * 3000
    away[1200:1400] = [50 * MS] * 200
    found = deviation(values(away), START, START + 3 * NS)
    assert found is not None
    assert found.p99 == pytest.approx(100e-6)


def test_too_few_values_for_parts_are_taken_together() -> None:
    away = [100_000] * 60
    away[30] = 50 * MS
    found = deviation(values(away), START, START + 60 * MS)
    assert found is not None
    assert found.p99 == pytest.approx(0.05)


def test_only_the_stretch_asked_for_counts() -> None:
    away = [100_000] * 500 + [9 * MS] * 500
    found = deviation(values(away), START, START + NS // 2)
    assert found is not None
    assert found.p99 == pytest.approx(100e-6)
    assert deviation(values(away), START + NS, START + 2 * NS) is None
