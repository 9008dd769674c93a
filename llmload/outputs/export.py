"""Outputs that tell other systems about a run while it lasts: ``--export KIND:WHERE``, ``[export.NAME]`` in scenarios.

An ``Exporter`` is the Output; what it tells to is a ``Sink``, one file each, made by the table ``EXPORTS``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Final, Protocol, runtime_checkable

from llmload.errors import UsageError
from llmload.metrics.summary import Summary
from llmload.outputs.base import Finished, Traces
from llmload.records import Record
from llmload.safe import clean
from llmload.scenario.exports import PLACES
from llmload.scenario.plan import Export, Plan
from llmload.scenario.suggest import did_you_mean
from llmload.verdict.judge import Judgement
from llmload.verdict.validity import Validity

__all__ = ["EXPORTS", "Exporter", "Sink", "Tick", "exporter", "parse_export"]

_EVERY: Final = 1.0
"""Seconds from one tick to the next."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What a sink is told. ``at``: when, in s since 1970; ``recent``: what came in since the last tick, ``total``:
    everything so far; neither may be kept or changed. ``over``: the run has ended, and this is the last one."""

    at: float
    recent: Summary
    total: Summary
    judgements: Sequence[Judgement] = ()
    validity: Validity | None = None
    over: bool = False


class Sink(Protocol):
    """A system that a run is told to. None of these may block for long; only ``open`` may raise."""

    def open(self, plan: Plan) -> None:
        """Get ready; raises OutputError where that can't work, so that the run never begins."""

    def tick(self, tick: Tick) -> None:
        """Tell it, once a second and once at the end."""

    def close(self) -> None:
        """Let go of everything, in a few seconds at most. May be called twice, and without ``open``."""

    def messages(self) -> list[str]:
        """What there is to say to the user since this was last called; safe to print."""


@runtime_checkable
class TracingSink(Sink, Traces, Protocol):
    """A sink that wants the calls whose trace is sampled, too."""


@runtime_checkable
class Serves(Protocol):
    """A sink that others come to fetch from."""

    def awaited(self) -> float:
        """See Lingers."""


class Exporter:
    """The Output that drives a sink."""

    def __init__(self, name: str, sink: Sink, clock: Callable[[], float] = time.time) -> None:
        self.name = name
        self.sink: Final = sink
        self._clock: Final = clock
        self._recent = Summary()
        self._due = 0.0
        self._judgements: Sequence[Judgement] = ()
        self._validity: Validity | None = None
        self._over = False

    def start(self, plan: Plan) -> None:
        """Raises OutputError."""
        self.sink.open(plan)

    def judged(self, judgements: Sequence[Judgement], validity: Validity) -> None:
        """How the objectives stand."""
        self._judgements, self._validity = judgements, validity

    def update(self, delta: Summary, total: Summary) -> None:
        """Add up what came in, and tell the sink when it is time to."""
        self._recent.merge(delta)
        now = self._clock()
        if now >= self._due or now < self._due - 2 * _EVERY:  # the clock may have been set back
            self._due = now + _EVERY
            self._tick(now, total, over=False)

    def _tick(self, now: float, total: Summary, over: bool) -> None:
        recent, self._recent = self._recent, Summary()
        self.sink.tick(Tick(now, recent, total, self._judgements, self._validity, over))

    def end(self, result: Finished) -> None:
        """Tell the sink the end of it, once."""
        if not self._over:
            self._over = True
            self.judged(result.judgements, result.validity)
            self._tick(self._clock(), result.summary, over=True)

    def awaited(self) -> float:
        """See Lingers."""
        return self.sink.awaited() if isinstance(self.sink, Serves) else 0.0

    def finish(self, result: Finished | None) -> None:
        """Let go of the sink, which is told the end of it before."""
        if result is not None:
            self.end(result)
        self.sink.close()

    def messages(self) -> list[str]:
        """See Speaks."""
        return self.sink.messages()


class TracingExporter(Exporter):
    """Of a sink that wants sampled calls as well."""

    def __init__(self, name: str, sink: TracingSink) -> None:
        super().__init__(name, sink)
        self._tracing: Final = sink

    def traced(self, calls: Sequence[Record], left_out: int, start: int, wall: float) -> None:
        """See Traces."""
        self._tracing.traced(calls, left_out, start, wall)


@dataclass(frozen=True, slots=True)
class _Export:
    """A kind of sink: the module, and its function that makes one of a place (UsageError on one it can't use).
    ``usual``: it knows of a place where none is given. ``extra``: of llmload, that it needs."""

    module: str
    where: str
    make: str = "make"
    usual: bool = False
    extra: str = ""


EXPORTS: Final[Mapping[str, _Export]] = MappingProxyType(
    {
        "stream": _Export("llmload.outputs.stream", "FILE or - for standard output"),
        "prometheus": _Export("llmload.outputs.prometheus", "[HOST:]PORT to serve /metrics on"),
        "remote-write": _Export("llmload.outputs.remote_write", "URL, like http://127.0.0.1:9090/api/v1/write"),
        "influxdb": _Export("llmload.outputs.influxdb", "URL/DATABASE (version 1)"),
        "influxdb2": _Export("llmload.outputs.influxdb", "URL/ORGANISATION/BUCKET (version 2)", "make_2"),
        "statsd": _Export("llmload.outputs.statsd", "HOST:PORT"),
        "otlp": _Export("llmload.outputs.otlp", "URL", usual=True, extra="otlp"),
        "webhook": _Export("llmload.outputs.webhook", "URL, or env:NAME of a variable that holds it"),
    }
)
"""Every kind of ``--export``."""
assert set(EXPORTS) == set(PLACES)


def parse_export(given: str) -> Export:
    """What ``KIND:WHERE`` asks for. Raises UsageError."""
    kind, colon, where = given.partition(":")
    if kind not in EXPORTS:
        known = ", ".join(EXPORTS)
        hint = did_you_mean(kind, EXPORTS) or f"there are {known}"
        raise UsageError(f"--export: there is no kind {clean(kind, 40)!r}; {hint}")
    chosen = EXPORTS[kind]
    if not where and (colon or not chosen.usual):
        raise UsageError(f"--export {kind}: says not where to; write {kind}:{chosen.where}")
    return Export(kind, where)


def exporter(given: str | Export) -> Exporter:
    """The output for ``KIND:WHERE``, or for a table of a scenario. Raises UsageError."""
    export = parse_export(given) if isinstance(given, str) else given
    chosen = EXPORTS[export.kind]
    try:
        sink: Sink = getattr(_module(export.kind, chosen), chosen.make)(export.to)
    except UsageError as error:
        raise UsageError(_named(export, str(error))) from None
    return TracingExporter(export.kind, sink) if isinstance(sink, TracingSink) else Exporter(export.kind, sink)


def _named(export: Export, problem: str) -> str:
    """A problem as seen from where the export was asked for."""
    option = f"--export {export.kind}"
    if export.name and problem.startswith(option):
        return f"export.{export.name} ({export.kind}){problem.removeprefix(option)}"
    return problem


def _module(kind: str, chosen: _Export) -> ModuleType:
    try:
        return import_module(chosen.module)
    except ModuleNotFoundError:
        if not chosen.extra:
            raise
        raise UsageError(f"--export {kind} needs an extra: pip install 'llmload[{chosen.extra}]'") from None
