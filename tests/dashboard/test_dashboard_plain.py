"""The one-line form."""

from __future__ import annotations

from dataclasses import replace

import dashboard_run as run

from llmload.dashboard.frame import Frame
from llmload.dashboard.plain import line
from llmload.dashboard.view import Memory
from llmload.metrics.summary import Summary


def test_a_line_holds_what_a_log_is_searched_for() -> None:
    assert line(run.frame_at(30.0), Memory()) == (
        "0:30/3:00  baseline  planned 30.2/s sent 30.2/s completed 29.6/s  in flight 12  ttft p95 167 ms  errors 0 (0%)"
    )


def test_a_line_names_the_objectives_that_fail() -> None:
    frame = run.frame_at(30.0)
    missed = replace(frame.judgements[0], passed=False, observed=1.0)
    assert line(replace(frame, judgements=(missed,)), Memory()).endswith(f"failing: {missed.objective}")


def test_objectives_without_data_are_not_called_failing() -> None:
    frame = Frame("new", "sim:", Summary(), stage="starting", duration=60.0)
    assert line(frame, Memory()) == "0:00/1:00  starting  planned 0/s sent 0/s completed 0/s  in flight 0"


def test_a_hostile_phase_stays_on_its_line() -> None:
    text = line(replace(run.frame_at(3.0), phase="a\nb\x1b[2Jc"), Memory())
    assert text.isprintable()
    assert "a b c" in text
