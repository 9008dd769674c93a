"""Finished calls on their way to the outputs that want each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmload.clock import NS, monotonic_ns, wall_time
from llmload.outputs.base import Output, RecordSink, Traces
from llmload.outputs.request_log import encode_record
from llmload.records import Record
from llmload.tracing import is_sampled

__all__ = ["CallLog"]


_MOST_TRACED: Final = 500
"""Sampled calls from one ``flush`` to the next (half a second) that outputs are given: to tell of each takes some time
of the process that also adds up what workers measured."""


class CallLog:
    """Keeps finished calls for the outputs that want each of them, encoded (``chunks``: with the time of every chunk),
    and those whose trace is sampled for the outputs that tell of traces; none where the run is not ``traced``."""

    def __init__(self, outputs: Sequence[Output], chunks: bool, traced: bool = False) -> None:
        self._sinks = [output for output in outputs if isinstance(output, RecordSink)]
        self._tracers = [output for output in outputs if traced and isinstance(output, Traces)]
        self._chunks = chunks
        self._calls: list[Record] = []
        self._traced: list[Record] = []
        self._left_out = 0

    @property
    def wanted(self) -> bool:
        """Whether any output wants them."""
        return bool(self._sinks or self._tracers)

    def add(self, record: Record) -> None:
        """Keep a call until the next ``flush``."""
        if self._sinks:
            self._calls.append(record)
        if self._tracers and is_sampled(record.trace):
            if len(self._traced) < _MOST_TRACED:
                self._traced.append(record)
            else:
                self._left_out += 1

    def flush(self, start: int) -> None:
        """Hand on what was kept; ``start``: monotonic ns at which the run began."""
        wall = wall_time() - (monotonic_ns() - start) / NS
        if self._calls:
            lines = b"".join(encode_record(record, start, wall, chunks=self._chunks) for record in self._calls)
            self._calls.clear()
            for sink in self._sinks:
                sink.records(lines)
        if self._traced:
            traced, self._traced = self._traced, []
            left_out, self._left_out = self._left_out, 0
            for tracer in self._tracers:
                tracer.traced(traced, left_out, start, wall)

    def close(self) -> None:
        """Write what is left: which calls are missing from a log is part of the result."""
        for sink in self._sinks:
            sink.finish(None)

    @property
    def lost(self) -> int:
        """Lines that could not be written."""
        return sum(sink.lost for sink in self._sinks)
