"""Sampled calls as spans of OTLP: one for each attempt, with the ids that its request carried as ``traceparent``.

Names follow the same conventions as those of metrics (``semconv``). A span begins when the request was sent: what came
before is the generator's, and told by attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2 as pb

from llmload.clock import NS
from llmload.metrics.reading import Reading
from llmload.outputs.otlp_messages import attributes, scope
from llmload.outputs.otlp_post import Refusals, patience, posting
from llmload.outputs.post import hider
from llmload.outputs.semconv import SCHEMA_URL, Attributes, described
from llmload.outputs.sender import Sender
from llmload.records import Outcome, Record
from llmload.safe import clean
from llmload.scenario.plan import Plan
from llmload.tracing import span_id, trace_id

__all__ = ["Spans", "span"]

_BATCH: Final = 512
"""Spans in a request, at most: what SDKs of OpenTelemetry send at once."""
_NAME: Final = "otlp traces"
_FLAGS: Final = pb.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK | 1
"""Sampled, and of no parent."""
_BY_STATUS: Final = frozenset({Outcome.HTTP_4XX, Outcome.HTTP_429, Outcome.HTTP_503, Outcome.HTTP_5XX})
"""Outcomes whose error.type is the status, as the conventions of HTTP have it; of others it is the outcome."""


class Spans:
    """Tells a collector of the sampled calls of one run."""

    def __init__(self, plan: Plan, resource: Resource, url: str, headers: Mapping[str, str], zipped: bool) -> None:
        self._described: Final = described(plan)
        self._resource: Final = resource
        self._refused: Final = Refusals("span", hider(headers))
        self._sender: Final = Sender(_NAME, posting(url, headers, zipped, self._heard), patience=patience, noun="span")
        self._left_out = 0
        self._messages: list[str] = []

    def _heard(self, answer: bytes) -> None:
        partial = ExportTraceServiceResponse.FromString(answer).partial_success
        self._refused.add(partial.rejected_spans, partial.error_message)

    def traced(self, calls: Sequence[Record], left_out: int, start: int, wall: float) -> None:
        """See Traces."""
        if left_out and not self._left_out:
            self._messages.append(f"{_NAME}: too many calls are sampled to make a span of each; trace a smaller share")
        self._left_out += left_out
        epoch = round(wall * NS) - start
        made = (span(record, epoch, self._described.get((record.call.cls, record.call.target))) for record in calls)
        while batch := list(islice(made, _BATCH)):
            self._sender.put(self._request(batch), len(batch))

    def _request(self, spans: Iterable[pb.Span]) -> bytes:
        of = pb.ScopeSpans(scope=scope(), spans=spans, schema_url=SCHEMA_URL)
        whole = pb.ResourceSpans(resource=self._resource, scope_spans=[of], schema_url=SCHEMA_URL)
        return ExportTraceServiceRequest(resource_spans=[whole]).SerializeToString()

    def close(self, within: float) -> None:
        """Send what is left, in at most so many seconds. May be called twice."""
        self._sender.finish(within)
        self._refused.close()
        if self._left_out:
            self._messages.append(f"{_NAME}: no spans of {self._left_out:,} sampled calls")
            self._left_out = 0

    def messages(self) -> list[str]:
        """What there is to say since this was last called."""
        said, self._messages = self._messages, []
        return [*said, *self._sender.messages(), *self._refused.messages()]


def span(record: Record, epoch: int, shared: Attributes | None) -> pb.Span:
    """The span of an attempt. ``epoch``: ns since 1970 at monotonic 0; ``shared``: what ``described`` says of its class
    and target; None: it is no operation of generative AI."""
    call, reading = record.call, Reading(record, {})
    began = _began(record)
    operation = shared["gen_ai.operation.name"] if shared is not None else call.api.value
    made = pb.Span(
        trace_id=bytes.fromhex(trace_id(record.trace)),
        span_id=bytes.fromhex(span_id(record.trace)),
        flags=_FLAGS,
        name=clean(f"{operation} {call.model if shared is not None and call.model else call.cls}"),
        kind=pb.Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=epoch + began,
        end_time_unix_nano=epoch + max(record.end, began),
        attributes=attributes((shared or {}) | _answered(reading) | _of_llmload(reading, epoch)),
    )
    if record.first_content:
        made.events.add(name="llmload.first_content", time_unix_nano=epoch + record.first_content)
    if record.outcome.error:
        made.status.code = pb.Status.STATUS_CODE_ERROR
        made.status.message = clean(record.detail)
    return made


def _began(record: Record) -> int:
    """When it was sent; of what failed before that was done, when that began."""
    return record.sent or record.dispatched or record.planned


def _answered(reading: Reading) -> Attributes:
    """By the names of the conventions; what there is."""
    record = reading.record
    call, answer = record.call, record.answer
    failed = str(record.status) if record.outcome in _BY_STATUS else record.outcome.value
    found: dict[str, str | int | float | tuple[str, ...] | None] = {
        "gen_ai.request.model": call.model,
        "gen_ai.request.max_tokens": call.max_tokens,
        "gen_ai.response.model": answer.model,
        "gen_ai.response.finish_reasons": (answer.finish,) if answer.finish else None,
        "gen_ai.response.time_to_first_chunk": _seconds(record.sent, record.first_content) if call.stream else None,
        "gen_ai.usage.input_tokens": reading.input_tokens,
        "gen_ai.usage.output_tokens": reading.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": reading.cached_tokens,
        "gen_ai.usage.reasoning.output_tokens": reading.reasoning_tokens,
        "http.response.status_code": record.status or None,
        "error.type": failed if record.outcome.error else None,
    }
    made: Attributes = {"gen_ai.request.stream": True} if call.stream else {}
    return made | {name: value for name, value in found.items() if value is not None and value != ""}


def _of_llmload(reading: Reading, epoch: int) -> Attributes:
    """Which call it is, and what was before it was sent."""
    record, call = reading.record, reading.record.call
    made: Attributes = {
        "llmload.class": call.cls, "llmload.target": call.target, "llmload.phase": record.phase,
        "llmload.index": call.index, "llmload.turn": call.turn, "llmload.attempt": record.attempt,
        "llmload.worker": record.worker, "llmload.outcome": record.outcome.value,
        "llmload.token_source": reading.source,
        "llmload.planned_time_unix_nano": epoch + record.planned,
        "llmload.wait": (_began(record) - (record.due or record.planned)) / NS,
    }  # fmt: skip
    return made | {f"llmload.tag.{name}": value for name, value in (*call.tags, *record.labels)}


def _seconds(start: int, end: int) -> float | None:
    return (end - start) / NS if start and end else None
