"""One word for the run, one exit status, and a fixed order in which findings count."""

from __future__ import annotations

import pytest

from llmload.errors import ExitStatus
from llmload.verdict.judge import Judgement
from llmload.verdict.objectives import parse_objective
from llmload.verdict.validity import Level, Validity
from llmload.verdict.verdict import Decision, decide

MET = Judgement(parse_objective("ttft.p50 < 1s"), passed=True)
MISSED = Judgement(parse_objective("ttft.p50 < 1s"), passed=False)
PERHAPS = Judgement(parse_objective("ttft.p50 < 1s"), passed=False, observed=1.1, bracket=(0.9, 1.1))
BEYOND_US = Judgement(parse_objective("errors.rate < 1%"), passed=False, observed=0.5, bracket=(0.5, 0.5))


@pytest.mark.parametrize(
    ("judgements", "level", "interrupted", "decision", "status"),
    [
        ([], Level.VALID, False, Decision.PASS, ExitStatus.PASS),
        ([MET], Level.VALID, False, Decision.PASS, ExitStatus.PASS),
        ([MET], Level.SUSPECT, False, Decision.PASS, ExitStatus.PASS),
        ([MET, MISSED], Level.VALID, False, Decision.FAIL, ExitStatus.FAIL),
        ([MISSED], Level.SUSPECT, False, Decision.FAIL, ExitStatus.FAIL),
        ([MET], Level.INVALID, False, Decision.INVALID, ExitStatus.INVALID),
        ([MISSED], Level.INVALID, False, Decision.INVALID, ExitStatus.INVALID),
        ([PERHAPS], Level.INVALID, False, Decision.INVALID, ExitStatus.INVALID),
        ([PERHAPS], Level.SUSPECT, False, Decision.FAIL, ExitStatus.FAIL),
        ([MET, PERHAPS, BEYOND_US], Level.INVALID, False, Decision.FAIL, ExitStatus.FAIL),
        ([BEYOND_US], Level.INVALID, True, Decision.FAIL, ExitStatus.INTERRUPTED),
        ([MET], Level.VALID, True, Decision.PASS, ExitStatus.INTERRUPTED),
        ([MISSED], Level.INVALID, True, Decision.INVALID, ExitStatus.INTERRUPTED),
    ],
)
def test_what_counts_first_decides(
    judgements: list[Judgement], level: Level, interrupted: bool, decision: Decision, status: ExitStatus
) -> None:
    verdict = decide(judgements, Validity(level), interrupted)
    assert (verdict.decision, verdict.status) == (decision, status)
