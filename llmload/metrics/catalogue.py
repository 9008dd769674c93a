"""The metric catalogue: one row per metric. Reports, dashboards, objectives and comparisons iterate it.

To add a metric of a call, add a row whose ``value`` takes it from a ``Reading``; nothing else changes.
Times are measured in ns and kept in histograms as microseconds; see ``Unit`` for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

from llmload.metrics.reading import GENERATING, Reading
from llmload.records import Api
from llmload.units import format_bytes, format_count, format_seconds

__all__ = ["METRICS", "Metric", "Unit", "format_value", "scale"]


class Unit(StrEnum):
    """What the integers in a metric's histogram are."""

    TIME = "time"
    """Microseconds (``Metric.value`` gives nanoseconds)."""
    TOKENS = "tokens"
    COUNT = "count"
    SPEED = "speed"
    """Thousandths of a token per second."""
    MONEY = "money"
    """Billionths of a US dollar: a short answer of a small model costs a few millionths."""
    BYTES = "bytes"


Value = Callable[[Reading], int | None]
"""A metric of one call: ns for times, else the histogram's unit; None where it is not defined."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row. ``value`` is None for the metrics of gaps between chunks, of which a call has many: the
    recorder takes those from the stamps. ``of`` says whose values the figure is made of: the good calls',
    or every call's where it is about the generator and not about the target. ``headline`` metrics are
    the ones a summary table shows first."""

    name: str
    title: str
    help: str
    unit: Unit
    better: Literal["lower", "higher", "neither"]
    value: Value | None
    headline: bool = False
    of: Literal["good", "all"] = "good"


def _between(start: int, end: int) -> int | None:
    """end - start, where both happened."""
    return end - start if start and end else None


def _connect(reading: Reading) -> int | None:
    record = reading.record
    return None if record.reused else _between(record.dispatched, record.connected)


def _schedule_lag(reading: Reading) -> int | None:
    record = reading.record
    return None if record.queued else _between(record.due or record.planned, record.dispatched)


def _queue_wait(reading: Reading) -> int | None:
    record = reading.record
    return _between(record.due or record.planned, record.dispatched) if record.queued else None


def _attempts(reading: Reading) -> int | None:
    record = reading.record
    if record.retry_wait is None:
        return None
    return record.attempt if record.dispatched else record.attempt - 1 or None


def _retry_wait(reading: Reading) -> int | None:
    record = reading.record
    return record.retry_wait if record.attempt > 1 else None


def _said(told: int) -> int | None:
    return told if told >= 0 else None


def _overhead(reading: Reading) -> int | None:
    record = reading.record
    told, took = record.answer.server_time, _between(record.sent, reading.finish)
    return None if not told or took is None or record.call.stream else max(0, took - told)


def _tpot(reading: Reading) -> int | None:
    stamps, tokens = reading.record.answer.stamps, reading.output_tokens
    if not stamps or tokens is None or tokens < 2:
        return None
    return (stamps[-1] - stamps[0]) // (tokens - 1)


def _tokens_per_second(reading: Reading) -> int | None:
    stamps, tokens = reading.record.answer.stamps, reading.output_tokens
    if not stamps or tokens is None or tokens < 2 or stamps[-1] == stamps[0]:
        return None
    return (tokens - 1) * 10**12 // (stamps[-1] - stamps[0])


def _planned(reading: Reading) -> int | None:
    record = reading.record
    usage = record.answer.usage
    return record.call.input_tokens if usage is not None and usage.input and record.call.input_tokens else None


def _token_error(reading: Reading) -> int | None:
    planned = _planned(reading)
    return None if planned is None else abs((reading.input_tokens or 0) - planned)


_T, _K, _S, _M = Unit.TIME, Unit.TOKENS, Unit.SPEED, Unit.MONEY


def _per_second(count: int | None, reading: Reading) -> int | None:
    """Thousandths per second of ``count`` things, over the time from sending to the end of the answer."""
    took = reading.finish - reading.record.sent
    return count * 10**12 // took if count and reading.record.sent and took > 0 else None


def _tokens_per_second_whole(reading: Reading) -> int | None:
    return _per_second(reading.output_tokens, reading) if reading.record.call.api in GENERATING else None


def _vectors_per_second(reading: Reading) -> int | None:
    record = reading.record
    return _per_second(record.answer.items, reading) if record.call.api is Api.EMBEDDINGS else None


_ROWS: Final = (
    Metric("ttft", "TTFT", "Time to first token: first content (text, reasoning or tool call) since the planned time",
           _T, "lower", lambda r: _between(r.record.planned, r.first), headline=True),
    Metric("ttft_send", "TTFT from send", "Time to first token since the request was sent: what the target alone did",
           _T, "lower", lambda r: _between(r.record.sent, r.first)),
    Metric("ttfo", "TTFO", "Time to first output: first content that is not reasoning, since the planned time",
           _T, "lower", lambda r: _between(r.record.planned, r.record.answer.first_output)),
    Metric("latency", "Latency", "Last content of a stream, or the whole body, since the planned time",
           _T, "lower", lambda r: _between(r.record.planned, r.finish), headline=True),
    Metric("latency_send", "Latency from send", "The same since the request was sent: what the target alone did",
           _T, "lower", lambda r: _between(r.record.sent, r.finish)),
    Metric("itl", "Chunk gap", "Inter-chunk latency: gaps between successive content chunks, pooled over all streams",
           _T, "lower", None, headline=True),
    Metric("tpot", "TPOT", "Time per output token: (last content - first content) / (output tokens - 1), per call",
           _T, "lower", _tpot, headline=True),
    Metric("tokens_per_second", "Tokens/s", "Output tokens per second of one stream: 1 / TPOT",
           _S, "higher", _tokens_per_second, headline=True),
    Metric("tokens_per_second_whole", "Whole tok/s", "Output tokens / latency from send, streamed or not",
           _S, "higher", _tokens_per_second_whole),
    Metric("vectors_per_second", "Vectors/s", "Vectors of an embeddings answer / latency from send",
           _S, "higher", _vectors_per_second),
    Metric("round_trip", "Round trip", "Message sent over a socket to its reply, pooled over all sockets",
           _T, "lower", None),
    Metric("stall", "Stall", "Gaps between content chunks longer than the stall bound",
           _T, "lower", None),
    Metric("schedule_lag", "Schedule lag", "Dispatched - planned: the generator's own delay",
           _T, "lower", _schedule_lag, of="all"),
    Metric("queue_wait", "Queue wait", "Dispatched - planned of calls that waited for a place under the in-flight cap",
           _T, "lower", _queue_wait, of="all"),
    Metric("attempts", "Attempts", "Attempts sent of a call, the first included, where a policy may try it again",
           Unit.COUNT, "lower", _attempts, of="all"),
    Metric("retry_wait", "Retry wait", "Time between the attempts of a call, in sum, of calls that were tried again",
           _T, "lower", _retry_wait, of="all"),
    Metric("connect", "Connect", "Dispatch to a connection ready for use, where a new one was opened",
           _T, "lower", _connect),
    Metric("dns", "DNS", "Resolving the target's name", _T, "lower", lambda r: r.record.dns or None),
    Metric("tcp", "TCP", "Opening the TCP connection", _T, "lower", lambda r: r.record.tcp or None),
    Metric("tls", "TLS", "TLS handshake", _T, "lower", lambda r: r.record.tls or None),
    Metric("upload", "Upload", "Writing the request", _T, "lower", lambda r: r.record.upload or None),
    Metric("headers", "Headers", "Request sent to response headers read",
           _T, "lower", lambda r: None if r.record.status == 101 else _between(r.record.sent, r.record.headers)),
    Metric("server_time", "Server time", "What the server says its work took, in the response header of server_time",
           _T, "lower", lambda r: r.record.answer.server_time or None),
    Metric("server_queue", "Server queue", "What of it the request waited, in the response header of server_queue",
           _T, "lower", lambda r: _said(r.record.answer.server_queue)),
    Metric("server_work", "Server work", "What of it was work on the request, in the response header of server_work",
           _T, "lower", lambda r: _said(r.record.answer.server_work)),
    Metric("overhead", "Overhead", "Latency from send - server time, of answers that are not streams",
           _T, "lower", _overhead),
    Metric("input_tokens", "Input tokens", "Tokens of the prompt, per call",
           _K, "neither", lambda r: r.input_tokens),
    Metric("planned_tokens", "Planned tok", "Tokens of the prompt as planned: counted, or estimated",
           _K, "neither", _planned),
    Metric("token_error", "Token error", "Tokens by which usage has the prompt longer or shorter than planned",
           _K, "lower", _token_error),
    Metric("image_bytes", "Image bytes", "Bytes of the pictures in the prompt, as files, per call",
           Unit.BYTES, "neither", lambda r: r.record.call.image_bytes or None, of="all"),
    Metric("output_tokens", "Output tokens", "Tokens of the answer, per call",
           _K, "neither", lambda r: r.output_tokens),
    Metric("cached_tokens", "Cached tokens", "Prompt tokens the server took from its cache, per call",
           _K, "neither", lambda r: r.cached_tokens),
    Metric("reasoning_tokens", "Reasoning tokens", "Answer tokens spent on reasoning, per call",
           _K, "neither", lambda r: r.reasoning_tokens),
    Metric("cost", "Cost", "Tokens x price table + price per request, per call",
           _M, "lower", lambda r: None if r.cost is None else r.cost // 1000),
)  # fmt: skip

METRICS: Final[Mapping[str, Metric]] = MappingProxyType({row.name: row for row in _ROWS})
"""Every metric by name, in the order tables show them."""

_SCALE: Final = {
    Unit.TIME: 1e-6, Unit.TOKENS: 1.0, Unit.COUNT: 1.0, Unit.SPEED: 1e-3, Unit.MONEY: 1e-9, Unit.BYTES: 1.0,
}  # fmt: skip


def _money(dollars: float) -> str:
    if dollars == 0 or dollars >= 100:
        return f"${dollars:,.2f}"
    return f"${dollars:.3g}" if dollars >= 1e-4 else f"${dollars:.1e}"


_FORMAT: Final[Mapping[Unit, Callable[[float], str]]] = {
    Unit.TIME: format_seconds,
    Unit.TOKENS: format_count,
    Unit.COUNT: format_count,
    Unit.SPEED: lambda speed: f"{speed:.1f}/s" if speed < 1000 else f"{format_count(speed)}/s",
    Unit.MONEY: _money,
    Unit.BYTES: format_bytes,
}


def scale(metric: Metric) -> float:
    """What to multiply a histogram value with to get seconds, tokens, tokens/s, dollars or bytes."""
    return _SCALE[metric.unit]


def format_value(metric: Metric, value: float) -> str:
    """A value in the unit of the metric's histogram, for reading: "12.3 ms", "48.2/s", "$0.0021"."""
    return _FORMAT[metric.unit](value * _SCALE[metric.unit])
