"""``--export otlp:URL``: OpenTelemetry's protocol over HTTP, protobuf, to a collector or what takes the same.

Metrics: once a second everything so far, so that a parcel that is lost costs nothing once the next one arrives, unless
the environment prefers what came in. Where the run is traced, also a span for each call whose trace is sampled. A
collector that takes a parcel but not all that is in it says so ("partial success"): that is counted and told.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from llmload import __version__
from llmload.outputs.export import Tick
from llmload.outputs.otlp_environment import compressed, delta, endpoint, explicit_bounds, headers, resource
from llmload.outputs.otlp_messages import resource as as_message
from llmload.outputs.otlp_metrics import Teller
from llmload.outputs.otlp_post import Refusals, patience, posting
from llmload.outputs.otlp_traces import Spans
from llmload.outputs.post import hider
from llmload.outputs.semconv import Attributes
from llmload.outputs.sender import Sender
from llmload.records import Record
from llmload.scenario.plan import Plan

__all__ = ["Otlp", "Signal", "make"]

_AT_THE_END: Final = 5.0
"""Seconds that the end of a run waits for what is still to be sent, metrics and traces together."""
_AT_LEAST: Final = 0.1


@dataclass(frozen=True, slots=True)
class Signal:
    """Where one kind of messages goes, and with which headers. ``zipped``: as gzip."""

    url: str
    headers: Mapping[str, str]
    zipped: bool


class Otlp:
    """Tells one collector. ``told``: what the environment says of the resource; ``explicit`` and ``delta``: see
    ``Teller``."""

    def __init__(self, metrics: Signal, traces: Signal, told: Attributes, explicit: bool, delta: bool) -> None:
        self._metrics: Final = metrics
        self._traces: Final = traces
        self._resource: Final = told
        self._explicit: Final = explicit
        self._delta: Final = delta
        self._refused: Final = Refusals("data point", hider(metrics.headers))
        self._teller: Teller | None = None
        self._sender: Sender[bytes] | None = None
        self._spans: Spans | None = None

    def open(self, plan: Plan) -> None:
        """Begins the threads that send; a collector that is not there is told while the run goes on."""
        of, to = as_message({**_resource(plan), **self._resource}), self._metrics
        self._teller = Teller(plan, of, time.time_ns(), self._explicit, self._delta)
        self._sender = Sender("otlp", posting(to.url, to.headers, to.zipped, self._heard), patience=patience)
        if plan.tracing is not None:
            to = self._traces
            self._spans = Spans(plan, of, to.url, to.headers, to.zipped)

    def _heard(self, answer: bytes) -> None:
        partial = ExportMetricsServiceResponse.FromString(answer).partial_success
        self._refused.add(partial.rejected_data_points, partial.error_message)

    def tick(self, tick: Tick) -> None:
        """Send what there is to tell."""
        if self._sender is not None and self._teller is not None:
            self._sender.put(self._teller.request(tick))

    def traced(self, calls: Sequence[Record], left_out: int, start: int, wall: float) -> None:
        """See Traces."""
        if self._spans is not None:
            self._spans.traced(calls, left_out, start, wall)

    def close(self) -> None:
        """Send what is left."""
        if self._sender is not None:
            last = time.monotonic() + _AT_THE_END
            self._sender.finish(_AT_THE_END)
            self._refused.close()
            if self._spans is not None:
                self._spans.close(max(_AT_LEAST, last - time.monotonic()))

    def messages(self) -> list[str]:
        """What senders and collector say."""
        said = self._sender.messages() if self._sender is not None else []
        spans = self._spans.messages() if self._spans is not None else []
        return [*said, *self._refused.messages(), *spans]


def _resource(plan: Plan) -> Attributes:
    made: Attributes = {
        "service.name": "llmload", "service.version": __version__, "service.instance.id": str(uuid.uuid4()),
        "llmload.scenario": plan.name,
    }  # fmt: skip
    if plan.fingerprint:
        made["llmload.scenario.fingerprint"] = plan.fingerprint
    if plan.tracing is not None:
        made["llmload.run.id"] = f"{plan.tracing.run:016x}"
    return made | {f"llmload.tag.{name}": value for name, value in plan.tags}


def make(where: str) -> Otlp:
    """Raises UsageError."""
    zipped = compressed()
    metrics, traces = (Signal(endpoint(where, signal), headers(signal), zipped) for signal in ("metrics", "traces"))
    return Otlp(metrics, traces, dict(resource()), explicit_bounds(), delta())
