"""Runs made call by call through the real Recorder."""

from __future__ import annotations

from collections.abc import Callable

from llmload.clock import NS
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import PhaseInfo, Summary, WorkerHealth
from llmload.records import Api, Call, Outcome, Record, Usage

START = 1000 * NS


def ns(seconds: float) -> int:
    return round(seconds * NS)


class Run:
    """A run of ``seconds`` in one measured phase unless phases are given."""

    def __init__(self, seconds: float = 10.0, phases: tuple[PhaseInfo, ...] = (), tags: tuple[str, ...] = ()) -> None:
        self.phases = phases or (PhaseInfo("main", 0.0, seconds),)
        self.recorder = Recorder(RecorderSetup(START, self.phases, slice_tags=tags))
        self._total = Summary()

    def call(
        self,
        at: float,
        ttft: float = 0.1,
        latency: float = 0.2,
        outcome: Outcome = Outcome.OK,
        cls: str = "chat",
        lag: float = 0.0001,
        queued: bool = False,
        tags: tuple[tuple[str, str], ...] = (),
        chunks: int = 3,
        detail: str = "it broke",
    ) -> Run:
        """One call planned at ``at`` seconds."""
        phase = next((p.name for p in self.phases if p.start <= at < p.end), self.phases[-1].name)
        record = Record(
            Call(0, cls, "main", Api.CHAT, "m", stream=True, input_tokens=10, tags=tags), START + ns(at), phase
        )
        record.queued = queued
        record.dispatched = record.planned + ns(lag)
        record.sent = record.connected = record.dispatched
        first, last = record.planned + ns(ttft), record.planned + ns(latency)
        record.outcome, record.end = outcome, last
        if outcome.good:
            record.answer.stamps.extend(first + (last - first) * n // max(1, chunks - 1) for n in range(chunks))
            record.answer.usage = Usage(10, chunks, cached=0)
            record.last_content = last
        elif outcome.error:
            record.detail = detail
        self.recorder.planned(record.planned)
        if outcome is not Outcome.DROPPED:
            self.recorder.sent(record.sent)
        self.recorder.in_flight(1, record.sent)
        self.recorder.add(record)
        return self

    def calls(self, count: int, seconds: float = 10.0, **call: object) -> Run:
        """``count`` calls spread evenly."""
        for n in range(count):
            self.call(at=seconds * n / count, **call)  # type: ignore[arg-type]
        return self

    def health(self, change: Callable[[WorkerHealth], None], worker: int = 0) -> Run:
        """What a worker says of itself."""
        sample = WorkerHealth(worker, fallback="direct")
        change(sample)
        self.recorder.health(sample)
        return self

    def done(self) -> Summary:
        self._total.merge(self.recorder.take())
        return self._total
