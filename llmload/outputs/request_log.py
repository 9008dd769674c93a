"""The request log: one line of JSON for every call (``--requests FILE``).

The parent encodes (``encode_record``) and writes (``RequestLog``) from a thread of its own behind a bounded queue: a
slow or full disk costs lines, which are counted, and never the run's timing.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from llmload.metrics.reading import Reading
from llmload.metrics.summary import Summary
from llmload.outputs.appender import Appender, pieces
from llmload.outputs.base import Finished
from llmload.records import Record
from llmload.scenario.plan import Plan
from llmload.tracing import is_sampled, span_id, trace_id
from llmload.units import counted, format_bytes

__all__ = ["LEAST_LIMIT", "RequestLog", "encode_record"]

_TEXT_LIMIT: Final = 64 * 1024
"""Characters of prompt, and of answer, that a line holds at most."""
_STAMPS: Final = ("dispatched", "connected", "sent", "headers", "first_byte", "first_content", "last_content", "end")
_WRITE_EVERY: Final = 1.0
"""Seconds between writes: what ``kill -9`` can lose, beside what is still under way."""
_PIECE: Final = 256 * 1024
"""Bytes of one write; also what is lost together when it fails."""
_FILES: Final = 10
"""How many files a log with a limit is spread over: what goes when there is no more room is a tenth of it."""
LEAST_LIMIT: Final = 1_000_000
"""Bytes; with less, a file would hold no more than a few dozen lines with the times of their chunks."""


def encode_record(
    record: Record, start_ns: int, wall_start: float, *, chunks: bool = False, text: bool = False
) -> bytes:
    """One line of JSON, with its newline.

    Times are seconds from the start of the run (``start_ns``), exact to the microsecond, null for what never
    happened; ``time`` is the planned time on the wall clock, for matching with other logs. A call that was sent with
    the ids of a trace has them. ``chunks`` adds ``stamps``, the time of every content chunk; ``text`` adds prompt and
    answer, bounded. No headers, so no keys.
    """
    row = _row(record, start_ns, wall_start)
    if chunks:
        row["stamps"] = [(t - start_ns) // 1000 / 1e6 for t in record.answer.stamps]
    if text:
        row["prompt"] = _joined([*(m.content for m in record.call.messages), *record.call.inputs])
        row["text"] = _joined(record.answer.text or [])
    try:
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)
    except TypeError:
        # Half a surrogate pair, or a count beyond 64 bits: a target can send both.
        return json.dumps(row, ensure_ascii=False, default=datetime.isoformat).encode("utf-8", "replace") + b"\n"


def _row(record: Record, start_ns: int, wall_start: float) -> dict[str, Any]:
    call, answer = record.call, record.answer
    tokens = Reading(record, {})
    planned = (record.planned - start_ns) // 1000 / 1e6
    row: dict[str, Any] = {
        "index": call.index,
        "class": call.cls,
        "target": call.target,
        "api": call.api.value,
        "model": call.model,
        "phase": record.phase,
        "tags": dict(call.tags),
        "worker": record.worker,
        "origin": record.origin.value,
        "time": datetime.fromtimestamp(wall_start + planned, UTC),
        "planned": planned,
    }
    for name in _STAMPS:
        stamp = getattr(record, name)
        row[name] = (stamp - start_ns) // 1000 / 1e6 if stamp else None
    row |= {
        "attempt": record.attempt,
        "final": record.final,
        "outcome": record.outcome.value,
        "status": record.status or None,
        "detail": record.detail,
        "request_id": record.request_id or None,
        "finish": answer.finish,
        "input_tokens": tokens.input_tokens,
        "output_tokens": tokens.output_tokens,
        "cached_tokens": tokens.cached_tokens,
        "reasoning_tokens": tokens.reasoning_tokens,
        "token_source": tokens.source,
        "chunks": len(answer.stamps),
        "bytes_in": record.bytes_in,
        "bytes_out": record.bytes_out,
        "reused": record.reused,
        "queued": record.queued,
    }
    if record.trace:
        row |= {
            "trace_id": trace_id(record.trace),
            "span_id": span_id(record.trace),
            "sampled": is_sampled(record.trace),
        }
    return row


def _joined(parts: Sequence[str]) -> str:
    """The parts as one text, without building more of it than is kept."""
    kept: list[str] = []
    room = _TEXT_LIMIT
    for part in parts:
        kept.append(part[:room])
        room -= len(kept[-1])
        if room <= 0:
            break
    return "".join(kept)


class RequestLog:
    """Writes encoded lines to ``path``; gzip when the name ends in ``.gz``.

    With a ``limit`` (bytes of all its files together) the newest lines are kept: each tenth of it is a file, see
    ``Appender``. ``lost`` counts lines that could not be written: because more than ``queue_bytes`` waited for a slow
    disk, because it was full, or because it still hung ``patience`` seconds after the end.
    """

    name = "requests"

    def __init__(
        self, path: Path, *, limit: int | None = None, queue_bytes: int = 32 * 2**20, patience: float = 5.0
    ) -> None:
        self.lost = 0
        self._path = path
        self._limit = limit
        self._max_bytes = limit // _FILES if limit is not None else None
        self._queue_bytes = queue_bytes
        self._patience = patience
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._lock = threading.Condition()
        """Guards everything below, and ``lost``."""
        self._queue: deque[bytes] = deque()
        self._pending_lines = 0
        self._pending_bytes = 0
        """Queued or being written."""
        self._abandoned = False
        self._told: set[str] = set()
        self._messages: list[str] = []

    def start(self, plan: Plan) -> None:
        """Open the file anew; raises ``OutputError``."""
        file = Appender(self._path, self._max_bytes, _FILES - 1)
        # A daemon: a disk that hangs for good must not keep the process from ending.
        self._thread = threading.Thread(target=self._write_until_closed, args=(file,), name="request-log", daemon=True)
        self._thread.start()

    def update(self, delta: Summary, total: Summary) -> None:
        """Nothing to do: lines come through ``records``."""

    def records(self, lines: bytes) -> None:
        """Queue whole lines; when the queue is full they are counted as lost instead."""
        if not lines:
            return
        count = lines.count(b"\n")
        with self._lock:
            if self._closing.is_set() or self._pending_bytes + len(lines) > self._queue_bytes:
                self.lost += count
                self._tell_once(f"{self._path} can't be written as fast as calls end: some are left out of it")
                return
            self._queue.append(lines)
            self._pending_lines += count
            self._pending_bytes += len(lines)
            self._lock.notify()

    def messages(self) -> list[str]:
        """What the user should know since this was last called."""
        with self._lock:
            told, self._messages = self._messages, []
        return told

    def finish(self, result: Finished | None) -> None:
        """Write what is queued and close; gives up after ``patience`` seconds and counts the rest as lost."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._lock:
            self._closing.set()
            self._lock.notify()
        thread.join(self._patience)
        with self._lock:
            self._abandoned = thread.is_alive()
            if self._abandoned:
                self.lost += self._pending_lines
                self._queue.clear()
            if self.lost:
                missing = f"{counted(self.lost, 'call')} {'is' if self.lost == 1 else 'are'} missing"
                self._tell_once(f"{missing} from {self._path}")

    def _write_until_closed(self, file: Appender) -> None:
        """The thread: about once a second, everything that is queued."""
        limit = min(_PIECE, self._max_bytes or _PIECE)
        while lines := self._next_lines():
            for piece in pieces(lines, limit):
                self._write(file, piece)
        if file.dropped and self._limit is not None:
            with self._lock:
                dropped = f"{counted(file.dropped, 'older call')} {'was' if file.dropped == 1 else 'were'} dropped"
                kept = f"the newest {format_bytes(self._limit)} of {self._path} and its numbered files were kept"
                self._tell_once(f"{kept}, as asked; {dropped}")
        try:
            file.close()
        except OSError as error:
            with self._lock:
                self._tell_once(f"{self._path} may be incomplete: {error.strerror}")

    def _next_lines(self) -> bytes:
        """Wait for lines, then a little for more; empty at the end."""
        with self._lock:
            self._lock.wait_for(lambda: self._queue or self._closing.is_set())
        self._closing.wait(_WRITE_EVERY)
        with self._lock:
            lines = b"".join(self._queue)
            self._queue.clear()
        return lines

    def _write(self, file: Appender, lines: bytes) -> None:
        count, failure = lines.count(b"\n"), None
        try:
            file.append(lines)
        except OSError as error:
            failure = error.strerror or str(error)
        with self._lock:
            if self._abandoned:
                return
            self._pending_lines -= count
            self._pending_bytes -= len(lines)
            if failure is not None:
                self.lost += count
                self._tell_once(f"can't write to {self._path}: {failure}; the run goes on, calls are left out of it")

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._messages.append(text)
