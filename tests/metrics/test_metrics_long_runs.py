"""However long a run lasts, what is kept of it stays within a bound: calls folded and merged for several times as
long as windows are one second wide."""

from __future__ import annotations

import gc
import tracemalloc
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
import pytest

from llmload.clock import NS
from llmload.metrics import windows
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import Summary
from llmload.records import Api, Call, Outcome, Record, Usage

MOST = 100
"""Windows at most, here: what takes a run of hours to come about otherwise takes one of minutes."""
LOOK = 3 * MOST
"""Seconds from one look to the next."""


def call(number: int) -> Record:
    """Streams whose times wander, and one call in ten that fails with a detail of its own."""
    start = NS * (1 + number)
    record = Record(Call(number, "chat", "main", Api.CHAT, "m", stream=True), start, "main")
    first = start + 80_000_000 + number * 7919 % 997 * 100_000
    record.answer.stamps = array("q", (first + chunk * (19_000_000 + number % 89 * 10_000) for chunk in range(6)))
    record.dispatched = record.sent = record.connected = start + 100_000
    record.headers = record.first_byte = record.answer.first_output = first
    record.last_content = record.end = record.answer.stamps[-1]
    record.outcome, record.status, record.answer.usage = Outcome.OK, 200, Usage(20, 6)
    if number % 10 == 0:
        record.outcome, record.status, record.detail = Outcome.HTTP_5XX, 500, f"lost in {chr(97 + number % 23)}{number}"
    return record


@dataclass
class Kept:
    """What there was at each look: windows, bytes of JSON, bytes of Python objects."""

    windows: list[int]
    sizes: list[int]
    memory: list[int]


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    """A call a second, a delta every minute and a half, merged as the session merges them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "MAX_WINDOWS", MOST)
        yield spend()


def spend() -> Kept:
    kept = Kept([], [], [])
    recorder, total = Recorder(RecorderSetup(start=NS)), Summary(start=NS)
    tracemalloc.start()
    try:
        for number in range(3 * LOOK):
            record = call(number)
            recorder.planned(record.planned)
            recorder.sent(record.sent)
            recorder.add(record)
            if number % 90 == 89:
                total.merge(recorder.take())
            if (number + 1) % LOOK == 0:
                gc.collect()
                kept.memory.append(tracemalloc.get_traced_memory()[0])
                kept.windows.append(len(total.windows))
                kept.sizes.append(len(orjson.dumps(total.to_json())))
    finally:
        tracemalloc.stop()
    assert total.planned == sum(by_class[""].planned for by_class in total.windows.values() if "" in by_class)
    return kept


def test_there_are_never_more_windows_than_there_may_be(kept: Kept) -> None:
    assert max(kept.windows) <= MOST
    assert min(kept.windows) > MOST / 3


def test_a_result_hardly_grows_when_a_run_lasts_three_times_as_long(kept: Kept) -> None:
    assert kept.sizes[-1] < 1.5 * kept.sizes[0]


def test_memory_hardly_grows_when_a_run_lasts_three_times_as_long(kept: Kept) -> None:
    assert kept.memory[-1] < 1.5 * kept.memory[0]
