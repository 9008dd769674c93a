"""Whether a machine can be trusted now, judged from repetitions of one load."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmload.calibration.calibration import Noise, Step
from llmload.calibration.stability import Stability
from llmload.metrics.precision import Deviation

CLOSE = Deviation(300e-6, 300e-6, 1.2e-3, 300e-6, 800e-6)
STEP = Step("stream", 50, 49.5, 2000, 120, dict.fromkeys(("ttft", "latency", "itl"), CLOSE))


def repeated(*changes: dict[str, object]) -> Stability:
    return Stability((STEP, *(replace(STEP, **each) for each in changes), STEP))  # type: ignore[arg-type]


def test_a_quiet_machine_is_stable() -> None:
    found = repeated({})
    assert found.stable
    assert found.to_json()["stable"] is True
    assert found.spread("ttft") == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"noise": Noise(others=0.3)}, "load 2 of 3: others used 30% of this machine"),
        ({"noise": Noise(steal=0.05)}, "the hypervisor took 5%"),
        ({"calls": 40.0}, "40.0/s were sent of 50.0/s"),
        ({"metrics": {"ttft": replace(CLOSE, p99=0.008)}}, "TTFT was off by up to 8.00 ms (p99)"),
        ({"metrics": {"ttft": replace(CLOSE, shift_p50=0.002)}}, "the medians of TTFT lie 1.70 ms apart"),
    ],
    ids=["others", "steal", "late", "inexact", "disagree"],
)
def test_each_thing_against_it_is_said_with_what_would_help(change: dict[str, object], said: str) -> None:
    found = repeated(change)
    assert not found.stable
    ((text, remedy),) = found.problems
    assert said in text
    assert remedy
    assert found.to_json()["problems"] == [{"text": text, "remedy": remedy}]
