"""What every live output must do. A test class inherits ``OutputConformance`` and says how to make the output.

class TestMine(OutputConformance):
    def make(self, tmp_path): return Mine(tmp_path / "file")
    def make_broken(self, tmp_path): return Mine(tmp_path / "no such directory" / "file")
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from llmload.arrivals.curves import Constant
from llmload.arrivals.process import Uniform
from llmload.errors import OutputError
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.outputs.base import Output
from llmload.records import Api, Call, Outcome, Record
from llmload.scenario.plan import Load, Phase, Plan, Target
from llmload.verdict.judge import Judgement
from llmload.verdict.validity import Level, Validity
from llmload.workload.spec import RequestClass

START = 50_000_000_000
"""When the kit's runs begin, monotonic ns."""
MS = 1_000_000


@dataclass(frozen=True)
class Ended:
    """The smallest thing that is ``Finished``."""

    summary: Summary = field(default_factory=Summary)
    judgements: tuple[Judgement, ...] = ()
    validity: Validity = field(default_factory=lambda: Validity(Level.VALID))
    interrupted: str = ""


def a_plan() -> Plan:
    """One class, one target, two seconds."""
    return Plan(
        name="kit",
        description="",
        targets=(Target("main", "http://127.0.0.1:1/v1"),),
        classes=(RequestClass("chat", 1.0, Api.CHAT, ("main",), "sim-model", stream=True),),
        load=Load("open", Constant(5.0, 2.0), Uniform(), 2.0),
        phases=(Phase("main", 0.0, 2.0),),
    )


def a_record(index: int = 0, outcome: Outcome = Outcome.OK) -> Record:
    """A finished streaming call with four chunks, 100 ms after the one before."""
    call = Call(index, "chat", "main", Api.CHAT, "sim-model", stream=True, input_tokens=12, tags=(("tier", "gold"),))
    made = Record(call, START + index * 100 * MS, "main")
    made.dispatched = made.connected = made.planned + MS // 2
    made.sent = made.planned + MS
    made.headers = made.first_byte = made.planned + 40 * MS
    made.answer.stamps.extend(made.planned + (50 + 10 * k) * MS for k in range(4))
    made.last_content = made.answer.stamps[-1]
    made.end = made.planned + 81 * MS
    made.outcome, made.status, made.bytes_in, made.bytes_out, made.reused = outcome, 200, 900, 300, True
    return made


def a_summary(calls: int = 10) -> Summary:
    """What the Recorder makes of them."""
    recorder = Recorder(RecorderSetup(START, (PhaseInfo("main", 0.0, 2.0),)))
    for index in range(calls):
        made = a_record(index)
        recorder.planned(made.planned)
        recorder.sent(made.sent)
        recorder.add(made)
    return recorder.take()


class OutputConformance:
    """The rules; each test is one."""

    def make(self, tmp_path: Path) -> Output:
        """An output that can work."""
        raise NotImplementedError

    def make_broken(self, tmp_path: Path) -> Output:
        """An output whose place to write to doesn't exist."""
        raise NotImplementedError

    def test_it_is_an_output(self, tmp_path: Path) -> None:
        made = self.make(tmp_path)
        assert isinstance(made, Output)
        assert made.name
        assert made.name == made.name.lower().strip()

    def test_a_whole_run_goes_through_it_and_the_summaries_stay_as_they_were(self, tmp_path: Path) -> None:
        made, delta, total = self.make(tmp_path), a_summary(10), a_summary(20)
        before = delta.to_json(), total.to_json()
        made.start(a_plan())
        made.update(delta, total)
        made.update(Summary(), total)
        made.finish(Ended(total))
        assert (delta.to_json(), total.to_json()) == before

    def test_it_can_be_finished_twice_without_a_result_and_before_anything_came(self, tmp_path: Path) -> None:
        made = self.make(tmp_path)
        made.start(a_plan())
        made.finish(None)
        made.finish(None)

    def test_finishing_what_was_never_started_does_nothing(self, tmp_path: Path) -> None:
        self.make(tmp_path).finish(None)

    def test_it_leaves_no_thread_behind(self, tmp_path: Path) -> None:
        before = set(threading.enumerate())
        made = self.make(tmp_path)
        made.start(a_plan())
        made.update(a_summary(), a_summary())
        made.finish(None)
        assert set(threading.enumerate()) <= before

    def test_a_place_that_cannot_be_written_is_told_before_the_run_and_named(self, tmp_path: Path) -> None:
        made = self.make_broken(tmp_path)
        with pytest.raises(OutputError, match=r"can't|cannot"):
            made.start(a_plan())
        made.finish(None)
