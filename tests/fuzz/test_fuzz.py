"""A small share of the fuzzing (``python tests/fuzz/run.py`` does more), and every case that was ever kept."""

from __future__ import annotations

import pytest
from fuzz_case import Fuzz
from run import TARGETS, kept_cases, run

from llmload.errors import DecodeError

CASES = {
    "exchange": 1_000,
    "stream": 2_000,
    "messages": 1_000,
    "cohere": 1_000,
    "responses": 1_000,
    "array": 1_000,
    "ollama": 1_000,
    "openai-responses": 1_000,
    "openai-realtime": 2_000,
    "result": 200,
    "inflate": 1_000,
}
"""How many of a target, where it isn't the usual number: what takes its time gets fewer."""
USUAL = 3_000


@pytest.mark.parametrize("name", TARGETS)
def test_what_others_wrote_never_breaks_what_reads_it(name: str) -> None:
    report = run([TARGETS[name]], CASES.get(name, USUAL), seed=1)
    assert not report.failed, report.failed[:3]


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_kept_stays_mended(name: str) -> None:
    kept = kept_cases(name)
    assert kept
    for case in kept:
        TARGETS[name].check(case)


def test_a_case_depends_on_its_number_alone() -> None:
    names = [TARGETS[name] for name in ("sse", "chunked")]
    seen = []
    for start, count in ((0, 40), (10, 5)):
        cases = []
        watched = [Fuzz(fuzz.name, fuzz.make, cases.append, fuzz.words, fuzz.share, fuzz.seams) for fuzz in names]
        run(watched, count, seed=3, start=start)
        seen.append(cases)
    assert seen[0][10:15] == seen[1]


def test_what_fails_is_reported_and_the_run_goes_on() -> None:
    def check(case: object) -> None:
        raise DecodeError("told")

    sse = TARGETS["sse"]
    report = run([Fuzz("sse", sse.make, check, sse.words)], 5, seed=1)
    assert [number for _, number, _, _ in report.failed] == [0, 1, 2, 3, 4]
    assert all("DecodeError" in why and "told" in why for *_, why in report.failed)
