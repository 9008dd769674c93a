"""One call, from its planned time to its Record."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from llmload.clock import NS, Clock, wall_time
from llmload.dialects.base import Dialect, Reader
from llmload.dialects.outcome import classify
from llmload.dialects.template import Template
from llmload.errors import DecodeError
from llmload.records import Outcome, Record, WireRequest
from llmload.scenario.plan import Limits
from llmload.transport.base import CallFailed, Dial, Transport
from llmload.units import format_bytes, format_seconds

__all__ = ["CallRun", "Deadlines", "Prepared"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call ready to go: everything costly was done before its time came."""

    record: Record
    request: WireRequest
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The limits of a call in ns; one that is switched off is far away."""

    connect: int
    first_token: int
    idle: int
    total: int
    body: int

    @property
    def shortest(self) -> int:
        """The shortest of the times."""
        return min(self.connect, self.first_token, self.idle, self.total)

    @classmethod
    def of(cls, limits: Limits) -> Deadlines:
        """From seconds, 0 meaning never."""
        times = (limits.connect, limits.first_token, limits.idle, limits.total)
        connect, first_token, idle, total = (round(time * NS) if time > 0 else _NEVER for time in times)
        return cls(connect, first_token, idle, total, limits.body)


_NEVER = 10**18


class CallRun:
    """Carries one call out; the Sink of its exchange.

    Time-outs cost one lazy timer per call, not one per chunk: it is set to the earliest moment a limit could be
    broken, and when it rings it looks at what has happened since and sets itself again.
    """

    __slots__ = (
        "_clock", "_deadlines", "_failure", "_on_sent", "_reader", "_rest", "_task", "_timer", "_transport",
        "prepared", "record",
    )  # fmt: skip

    def __init__(
        self,
        prepared: Prepared,
        transport: Transport,
        deadlines: Deadlines,
        clock: Clock,
        on_sent: Callable[[int], None] | None = None,
    ) -> None:
        self.prepared = prepared
        self.record = prepared.record
        self._transport = transport
        self._deadlines = deadlines
        self._clock = clock
        self._on_sent = on_sent
        self._reader: Reader | None = None
        self._failure: tuple[Outcome, str] | None = None
        self._task: asyncio.Task[None] | None = None
        self._rest: Coroutine[Any, Any, None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # -- the exchange --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Send the request now if a connection is at hand; ``run`` must follow."""
        self.record.dispatched = self._clock()
        self._rest = self._transport.begin(self.record.call.target, self.prepared.request, self)

    async def run(self) -> Record:
        """See the started call to its end and return its finished Record; never raises for what a target does."""
        exchange = self._rest or self._transport.exchange(self.record.call.target, self.prepared.request, self)
        self._rest = None
        if self._failure is not None:  # given up before it came to run
            exchange.close()
            return self.finish()
        self._task = asyncio.current_task()
        self._watch()
        try:
            await exchange
        except CallFailed as failed:
            self._failure = self._failure or (failed.outcome, failed.detail)
        except asyncio.CancelledError:
            if self._failure is None:
                raise
            assert self._task is not None
            self._task.uncancel()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._task = None
        return self.finish()

    def give_up(self, outcome: Outcome, detail: str) -> None:
        """End the call from outside, now, as ``outcome``."""
        if self._failure is None:
            self._failure = (outcome, detail)
            if self._task is not None:
                self._task.cancel()

    def finish(self) -> Record:
        """Classify what happened and close the Record."""
        record = self.record
        answer = record.answer
        properly = record.end > 0 and self._failure is None
        record.end = record.end or self._clock()
        if properly and self._reader is not None:
            try:
                self._reader.close(record.end)
            except DecodeError as error:
                self._failure = (Outcome.PROTOCOL_ERROR, f"broken answer: {error}")
        record.outcome, detail = classify(record.call, record.status, answer, self._failure)
        record.detail = self._transport.redact(detail)
        if answer.error is not None:
            answer.error = self._transport.redact(answer.error)
        if answer.stamps:
            record.last_content = answer.stamps[-1]
        elif properly:
            record.last_content = record.end
        self._reader = None
        return record

    # -- Sink ----------------------------------------------------------------------------------------------

    def opened(self, t: int, dial: Dial | None) -> None:
        """See Sink."""
        record = self.record
        record.connected = t
        if dial is None:
            record.reused = True
        else:
            record.dns, record.tcp, record.tls = dial.dns, dial.tcp, dial.tls

    def sent(self, t: int, size: int) -> None:
        """See Sink."""
        self.record.sent = t
        self.record.bytes_out = size
        if self._on_sent is not None:
            self._on_sent(t)

    def uploaded(self, t: int) -> None:
        """See Sink."""
        self.record.upload = t - self.record.sent

    def head(self, t: int, status: int, headers: Mapping[str, str]) -> None:
        """See Sink."""
        record = self.record
        record.first_byte = record.headers = t
        record.status = status
        content_type = headers.get("content-type", "")
        record.answer.content_type = content_type.partition(";")[0].strip().lower()[:100]
        if status in (429, 503):
            record.retry_after = _retry_after(headers)
        self._reader = self.prepared.dialect.reader(record.call, record.answer, status, content_type)

    def body(self, t: int, data: bytes) -> None:
        """See Sink."""
        record = self.record
        record.bytes_in += len(data)
        if record.bytes_in > self._deadlines.body:
            raise DecodeError(f"the answer is larger than {format_bytes(self._deadlines.body)} (limits.body)")
        self._reader.feed(data, t)  # type: ignore[union-attr]

    def template(self) -> tuple[Template, array[int], int] | None:
        """See Sink."""
        found = self._reader.template()  # type: ignore[union-attr]
        return found and (found, self.record.answer.stamps, self._deadlines.body - self.record.bytes_in)

    def skipped(self, events: int, size: int) -> None:
        """See Sink."""
        self.record.bytes_in += size
        self.record.answer.events += events

    def ended(self, t: int) -> None:
        """See Sink."""
        self.record.end = t

    # -- time-outs -----------------------------------------------------------------------------------------

    def _watch(self) -> None:
        # What happens after this moment can start a limit that ends before ``due``, but none shorter than the shortest.
        due, _, _ = self._next_limit()
        loop = asyncio.get_running_loop()
        delay = min(max(0, due - self._clock()), self._deadlines.shortest)
        self._timer = loop.call_at(loop.time() + delay / NS, self._ring)

    def _ring(self) -> None:
        due, outcome, words = self._next_limit()
        if self._clock() < due:
            self._watch()
        elif self._task is not None:
            self.give_up(outcome, words)

    def _next_limit(self) -> tuple[int, Outcome, str]:
        """The limit that will be broken first if nothing more happens: when, as what, in what words."""
        record, limits = self.record, self._deadlines
        if not record.connected:
            words = f"no connection within {format_seconds(limits.connect / NS)}"
            return record.dispatched + limits.connect, Outcome.TIMEOUT_CONNECT, words
        begun = record.sent or record.connected
        total = begun + limits.total
        stamps = record.answer.stamps
        if not record.call.stream:
            silent, outcome, words = _NEVER + begun, Outcome.TIMEOUT_IDLE, ""
        elif stamps:
            silent, outcome = stamps[-1] + limits.idle, Outcome.TIMEOUT_IDLE
            words = f"no content for {format_seconds(limits.idle / NS)} after {len(stamps)} chunks"
        else:
            silent, outcome = begun + limits.first_token, Outcome.TIMEOUT_FIRST_TOKEN
            words = f"no content within {format_seconds(limits.first_token / NS)}"
        if total <= silent:
            return total, Outcome.TIMEOUT_TOTAL, f"not over within {format_seconds(limits.total / NS)}"
        return silent, outcome, words


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds a target asks us to wait: RFC 9110, 10.2.3 (seconds or a date), or ``retry-after-ms``; 0: no word."""
    with suppress(ValueError):
        return max(0.0, float(headers.get("retry-after-ms", "")) / 1000)
    text = headers.get("retry-after", "")
    with suppress(ValueError):
        return max(0.0, float(text))
    with suppress(ValueError, TypeError, IndexError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - wall_time())
    return 0.0
