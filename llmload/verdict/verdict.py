"""The last word on a run, and the exit status that says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from llmload.errors import ExitStatus
from llmload.verdict.judge import Judgement
from llmload.verdict.validity import Level, Validity

__all__ = ["Decision", "Verdict", "decide"]


class Decision(StrEnum):
    """What a run has shown."""

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``decision`` is what was found; ``status`` is what the process says of it."""

    decision: Decision
    status: ExitStatus


def decide(judgements: Sequence[Judgement], validity: Validity, interrupted: bool = False) -> Verdict:
    """The verdict. What comes first, wins:

    1. interrupted by someone: exit status 130, whatever was found until then;
    2. an objective that was missed by more than the generator can have done itself: FAIL, exit status 1, even if the
       run is INVALID;
    3. figures that can't be trusted: INVALID, exit status 3: they neither prove a pass nor a failure;
    4. an objective that was not met: FAIL, exit status 1;
    5. else PASS, exit status 0 (SUSPECT figures pass, with their reasons).
    """
    missed = [judgement for judgement in judgements if not judgement.passed]
    if validity.level is Level.INVALID and not any(judgement.sure for judgement in missed):
        decision, status = Decision.INVALID, ExitStatus.INVALID
    elif missed:
        decision, status = Decision.FAIL, ExitStatus.FAIL
    else:
        decision, status = Decision.PASS, ExitStatus.PASS
    return Verdict(decision, ExitStatus.INTERRUPTED if interrupted else status)
