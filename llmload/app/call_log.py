"""Finished calls on their way to the outputs that want each of them."""

from __future__ import annotations

from collections.abc import Sequence

from llmload.clock import NS, monotonic_ns, wall_time
from llmload.outputs.base import Output, RecordSink
from llmload.outputs.request_log import encode_record
from llmload.records import Record

__all__ = ["CallLog"]


class CallLog:
    """Encodes finished calls for the outputs that want each of them; ``chunks``: with the time of every chunk."""

    def __init__(self, outputs: Sequence[Output], chunks: bool) -> None:
        self._sinks = [output for output in outputs if isinstance(output, RecordSink)]
        self._chunks = chunks
        self._calls: list[Record] = []

    @property
    def wanted(self) -> bool:
        """Whether any output wants them."""
        return bool(self._sinks)

    def add(self, record: Record) -> None:
        """Keep a call until the next ``flush``."""
        self._calls.append(record)

    def flush(self, start: int) -> None:
        """Hand on what was kept; ``start``: monotonic ns at which the run began."""
        if not self._calls:
            return
        wall = wall_time() - (monotonic_ns() - start) / NS
        lines = b"".join(encode_record(record, start, wall, chunks=self._chunks) for record in self._calls)
        self._calls.clear()
        for sink in self._sinks:
            sink.records(lines)

    def close(self) -> None:
        """Write what is left: which calls are missing from a log is part of the result."""
        for sink in self._sinks:
            sink.finish(None)

    @property
    def lost(self) -> int:
        """Lines that could not be written."""
        return sum(sink.lost for sink in self._sinks)
