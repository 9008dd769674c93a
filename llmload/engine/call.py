"""One call, from its planned time to its Record."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, cast

from llmload.clock import NS, Clock, wall_time
from llmload.dialects.base import Dialect, Dialogue, Reader
from llmload.dialects.outcome import classify
from llmload.dialects.template import Template
from llmload.engine.listening import Listener, request_id
from llmload.errors import DecodeError
from llmload.records import Outcome, Record, WireRequest
from llmload.safe import clean
from llmload.scenario.plan import Limits
from llmload.transport.base import CallFailed, Dial, Exchange, Transport
from llmload.units import format_bytes, format_seconds

__all__ = ["CallRun", "Deadlines", "Prepared"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call ready to go: everything costly was done before its time came."""

    record: Record
    request: WireRequest
    dialect: Dialect
    listener: Listener | None = None
    """Takes into the record what the answer says besides, where anybody wants to know."""
    trace: str = ""
    """The traceparent to be sent with it; "" where nothing is traced."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The limits of a call in ns; one that is switched off is far away."""

    connect: int
    first_token: int
    idle: int
    total: int
    body: int
    shortest: int
    """The shortest of the times."""

    @classmethod
    def of(cls, limits: Limits) -> Deadlines:
        """From seconds, 0 meaning never."""
        times = (limits.connect, limits.first_token, limits.idle, limits.total)
        connect, first_token, idle, total = rounded = [round(time * NS) if time > 0 else _NEVER for time in times]
        return cls(connect, first_token, idle, total, limits.body, min(rounded))


_NEVER = 10**18
_LONGEST_WAIT = 366 * 86400.0
_ERROR_NAME = "x-amzn-errortype"
"""Header in which AWS, and nobody else, names an error; what it says stands in the body."""


class CallRun:
    """Carries one call out; the Sink of its exchange. ``over`` is called once, when ``finish`` may be.

    Time-outs cost one lazy timer per call, not one per chunk: it is set to the earliest moment a limit could be
    broken, and when it rings it looks at what has happened since and sets itself again.
    """

    __slots__ = (
        "_clock", "_deadlines", "_exchange", "_failed_at", "_failure", "_leaving", "_on_over", "_on_sent", "_reader",
        "_task", "_timer", "_transport", "prepared", "record",
    )  # fmt: skip

    def __init__(
        self,
        prepared: Prepared,
        transport: Transport,
        deadlines: Deadlines,
        clock: Clock,
        on_sent: Callable[[int], None] | None = None,
        on_over: Callable[[CallRun], None] | None = None,
    ) -> None:
        self.prepared = prepared
        self.record = prepared.record
        self._transport = transport
        self._deadlines = deadlines
        self._clock = clock
        self._on_sent = on_sent
        self._on_over = on_over
        self._reader: Reader | None = None
        self._failure: tuple[Outcome, str] | None = None
        self._failed_at = 0
        self._exchange: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._leaving = False

    # -- the exchange --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Send the request now if a connection is at hand, else on a task as soon as there is one."""
        record = self.record
        record.dispatched = self._clock()
        self._exchange = self._transport.begin(record.call.target, self.prepared.request, self, self.prepared.trace)
        if self._exchange is None:
            self._task = asyncio.get_running_loop().create_task(self._carry_out())
        if self._on_over is not None:
            leave = record.call.leave_after
            # Not before the shortest of the limits can be broken; a user may be in a greater hurry than that.
            left = max(0, record.planned + leave - record.dispatched) if leave else _NEVER
            self._watch(min(self._deadlines.shortest, left))

    async def run(self) -> Record:
        """``start``, wait for the end, ``finish``; never raises for what a target does."""
        over = asyncio.get_running_loop().create_future()
        self._on_over = over.set_result
        self.start()
        await over
        return self.finish()

    async def _carry_out(self) -> None:
        failed: CallFailed | None = None
        try:
            prepared = self.prepared
            await self._transport.exchange(self.record.call.target, prepared.request, self, prepared.trace)
        except CallFailed as error:
            failed = error
        except Exception as error:  # a bug of ours must not lose the call
            asyncio.get_running_loop().call_exception_handler({"message": "llmload itself failed", "exception": error})
            failed = CallFailed(Outcome.UNFINISHED, f"llmload failed: {type(error).__name__}")
        self.over(failed)

    def begun(self, exchange: Exchange) -> None:
        """See Sink."""
        self._exchange = exchange

    def over(self, failed: CallFailed | None) -> None:
        """See Sink."""
        if failed is not None and self._failure is None:
            self._failure = (failed.outcome, failed.detail)
        on_over, self._on_over = self._on_over, None
        if on_over is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        if not self.record.end and self._failure is not None:
            self._failed_at = self._clock()
        self._exchange = self._task = None
        on_over(self)

    def give_up(self, outcome: Outcome, detail: str) -> None:
        """End the call from outside, now, as ``outcome``; nothing if it has ended."""
        if self._on_over is None:
            return
        self._failure = self._failure or (outcome, detail)
        if self._exchange is not None:
            self._exchange.cancel()
        if self._task is not None:
            self._task.cancel()
        self.over(None)

    def finish(self) -> Record:
        """Classify what happened and close the Record."""
        record = self.record
        answer = record.answer
        properly = record.end > 0 and self._failure is None
        record.end = record.end or self._failed_at or self._clock()
        if properly and self._reader is not None:
            try:
                self._reader.close(record.end)
            except DecodeError as error:
                self._failure = (Outcome.PROTOCOL_ERROR, f"broken answer: {error}")
        record.outcome, detail = classify(record.call, record.status, answer, self._failure)
        if detail:
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

    def traced(self, trace: str) -> None:
        """See Sink."""
        self.record.trace = trace

    def uploaded(self, t: int) -> None:
        """See Sink."""
        self.record.upload = t - self.record.sent

    def head(self, t: int, status: int, headers: Mapping[str, str]) -> None:
        """See Sink."""
        record = self.record
        record.first_byte = record.headers = t
        record.status = status
        record.request_id = request_id(headers)
        if status in (429, 503):
            record.retry_after = _retry_after(headers)
        listener = self.prepared.listener
        if listener is not None:
            listener.head(record, headers)
        if status >= 400 and (name := headers.get(_ERROR_NAME)):
            record.answer.error = clean(name.partition(":")[0], 100)
        kind = headers.get("content-type", "")
        reader = self.prepared.dialect.reader(record.call, record.answer, status, kind)
        self._reader = reader if listener is None else listener.reader(record, reader)

    def body(self, t: int, data: bytes) -> None:
        """See Sink."""
        record = self.record
        record.bytes_in += len(data)
        if record.bytes_in > self._deadlines.body:
            raise DecodeError(f"the answer is larger than {format_bytes(self._deadlines.body)} (limits.body)")
        self._reader.feed(data, t)  # type: ignore[union-attr]
        leave = record.call.leave_chunks
        if leave and len(record.answer.stamps) >= leave and not self._leaving:
            self._leaving = True
            words = f"the user left after {leave} chunks"
            asyncio.get_running_loop().call_soon(self.give_up, Outcome.CANCELLED, words)  # not inside the read

    def template(self) -> tuple[Template, array[int], int] | None:
        """See Sink."""
        if self.record.call.leave_chunks:  # somebody counts
            return None
        found = self._reader.template()  # type: ignore[union-attr]
        return found and (found, self.record.answer.stamps, self._deadlines.body - self.record.bytes_in)

    def skipped(self, events: int, size: int) -> None:
        """See Sink."""
        self.record.bytes_in += size
        self.record.answer.events += events

    def dialogue(self) -> Dialogue | None:
        """See Sink."""
        return cast("Dialogue", self._reader) if hasattr(self._reader, "say") else None

    def ended(self, t: int) -> None:
        """See Sink."""
        self.record.end = t

    # -- time-outs -----------------------------------------------------------------------------------------

    def _watch(self, delay: int) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay / NS, self._ring)

    def _ring(self) -> None:
        if self._on_over is None:
            return
        due, outcome = self._next_limit()
        left = due - self._clock()
        if left > 0:
            # What happens after this moment can start a limit that ends before ``due``, but none shorter than the
            # shortest.
            self._watch(min(left, self._deadlines.shortest))
        else:
            self.give_up(outcome, self._words(outcome))

    def _next_limit(self) -> tuple[int, Outcome]:
        """The limit that will be broken first if nothing more happens: when, and as what."""
        limit = self._next_time_out()
        if leave := self.record.call.leave_after:
            return min((self.record.planned + leave, Outcome.CANCELLED), limit)
        return limit

    def _next_time_out(self) -> tuple[int, Outcome]:
        record, limits = self.record, self._deadlines
        if not record.connected:
            return record.dispatched + limits.connect, Outcome.TIMEOUT_CONNECT
        begun = record.sent or record.connected
        total = begun + limits.total
        stamps = record.answer.stamps
        if not record.call.stream:
            return total, Outcome.TIMEOUT_TOTAL
        if stamps:
            silent, outcome = stamps[-1] + limits.idle, Outcome.TIMEOUT_IDLE
        else:
            silent, outcome = begun + limits.first_token, Outcome.TIMEOUT_FIRST_TOKEN
        return (total, Outcome.TIMEOUT_TOTAL) if total <= silent else (silent, outcome)

    def _words(self, outcome: Outcome) -> str:
        if outcome is Outcome.CANCELLED:
            return f"the user left after {format_seconds(self.record.call.leave_after / NS)}"
        name, words = _BROKEN[outcome]
        limit = format_seconds(getattr(self._deadlines, name) / NS)
        return words.format(limit=limit, chunks=len(self.record.answer.stamps))


_BROKEN: Final[Mapping[Outcome, tuple[str, str]]] = {
    Outcome.TIMEOUT_CONNECT: ("connect", "no connection within {limit}"),
    Outcome.TIMEOUT_FIRST_TOKEN: ("first_token", "no content within {limit}"),
    Outcome.TIMEOUT_IDLE: ("idle", "no content for {limit} after {chunks} chunks"),
    Outcome.TIMEOUT_TOTAL: ("total", "not over within {limit}"),
}
"""Which limit a time-out broke, and how to say it."""


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds a target asks us to wait: RFC 9110, 10.2.3 (seconds or a date), or ``retry-after-ms``; 0: no word.

    At most ``_LONGEST_WAIT``, whatever it says.
    """
    seconds = 0.0
    text = headers.get("retry-after", "")
    with suppress(ValueError, TypeError, IndexError, OverflowError):
        seconds = parsedate_to_datetime(text).timestamp() - wall_time()
    with suppress(ValueError):
        seconds = float(text)
    with suppress(ValueError):
        seconds = float(headers.get("retry-after-ms", "")) / 1000
    return min(seconds, _LONGEST_WAIT) if seconds > 0 else 0.0
