"""A document made piece by piece is the one made at once, after every delta."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
import reports_samples as samples
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.records import Api, Call, Outcome, Record
from llmload.reports import growing, json_report
from llmload.reports.growing import GrowingDocument
from llmload.reports.result import parse_result

MS = 1_000_000


def deltas(seed: int, length: float) -> Iterator[Summary]:
    """What a run of ``length`` seconds sends, in pieces; calls end long after they began, some fail."""
    rng = random.Random(seed)
    recorder = Recorder(RecorderSetup(samples.START, (PhaseInfo("main", 0.0, length),), slice_tags=("tier",)))
    at = 0.0
    while at < length:
        for _ in range(rng.randint(0, 6)):
            call = Call(0, rng.choice("ab"), "main", Api.CHAT, "m", stream=True, tags=(("tier", rng.choice("xyz")),))
            record = Record(call, samples.START + samples.ns(max(0.0, at - rng.uniform(0, length / 3))), "main")
            record.dispatched = record.sent = record.planned
            record.answer.stamps.extend(record.planned + (50 + 10 * k) * MS for k in range(rng.randint(0, 5)))
            record.end = samples.START + samples.ns(at)
            record.outcome = rng.choice([Outcome.OK, Outcome.OK, Outcome.HTTP_5XX, Outcome.UNFINISHED])
            record.detail = rng.choice(["", "\ud800 half a pair", "gone"])
            recorder.planned(record.planned)
            recorder.sent(record.sent)
            recorder.add(record)
        yield recorder.take()
        at += rng.uniform(0, length / 8)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), length=st.sampled_from([10.0, 7_000.0, 40_000.0]), every=st.integers(1, 5))
def test_it_holds_what_the_whole_document_holds(seed: int, length: float, every: int) -> None:
    """Also when windows become wider on the way (longer runs), and when several deltas come between two."""
    growing_document, total = GrowingDocument(), Summary(samples.START)
    for n, delta in enumerate(deltas(seed, length)):
        total.merge(delta)
        growing_document.changed(delta, total)
        if n % every == 0:
            result = replace(samples.result(), summary=total)
            assert growing_document.render(result) == json_report.lines(result.to_json())


def test_it_is_read_back_as_the_same_result() -> None:
    result = samples.result()
    assert parse_result(GrowingDocument().render(result), "x").to_json() == result.to_json()


def test_only_what_has_changed_is_encoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    document, result = GrowingDocument(), samples.result()
    total = pickle.loads(pickle.dumps(result.summary))
    document.render(replace(result, summary=total))
    delta = next(iter(deltas(1, 10.0)))
    total.merge(delta)
    document.changed(delta, total)
    encodings: list[object] = []
    real = growing.encoded
    monkeypatch.setattr(growing, "encoded", lambda value: encodings.append(value) or real(value))
    document.render(replace(result, summary=total))
    assert 0 < len(encodings) == len(delta.cells) + sum(map(len, delta.windows.values()))
