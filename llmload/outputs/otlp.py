"""``--export otlp:URL``: OpenTelemetry's protocol over HTTP, protobuf, to a collector or what takes the same.

Once a second everything so far, so that a parcel that is lost costs nothing once the next one arrives. A collector that
takes a parcel but not all that is in it says so ("partial success"): that is counted and told.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from llmload import __version__
from llmload.outputs.export import Tick
from llmload.outputs.otlp_environment import compressed, endpoint, explicit_bounds, headers, resource
from llmload.outputs.otlp_messages import resource as as_message
from llmload.outputs.otlp_metrics import Teller
from llmload.outputs.otlp_post import Refusals, posting
from llmload.outputs.post import hider
from llmload.outputs.semconv import Attributes
from llmload.outputs.sender import Sender
from llmload.scenario.plan import Plan

__all__ = ["Otlp", "make"]


class Otlp:
    """Tells one collector."""

    def __init__(self, url: str, headers: Mapping[str, str], told: Attributes, zipped: bool, explicit: bool) -> None:
        self._url: Final = url
        self._headers: Final = headers
        self._resource: Final = told
        self._zipped: Final = zipped
        self._explicit: Final = explicit
        self._refused: Final = Refusals("data point", hider(headers))
        self._teller: Teller | None = None
        self._sender: Sender[bytes] | None = None

    def open(self, plan: Plan) -> None:
        """Begins the thread that sends; a collector that is not there is told while the run goes on."""
        of = as_message({**_resource(plan), **self._resource})
        self._teller = Teller(plan, of, time.time_ns(), self._explicit)
        self._sender = Sender("otlp", posting(self._url, self._headers, self._zipped, self._heard))

    def _heard(self, answer: bytes) -> None:
        partial = ExportMetricsServiceResponse.FromString(answer).partial_success
        self._refused.add(partial.rejected_data_points, partial.error_message)

    def tick(self, tick: Tick) -> None:
        """Send everything so far."""
        if self._sender is not None and self._teller is not None:
            self._sender.put(self._teller.request(tick))

    def close(self) -> None:
        """Send what is left."""
        if self._sender is not None:
            self._sender.finish()
            self._refused.close()

    def messages(self) -> list[str]:
        """What sender and collector say."""
        said = self._sender.messages() if self._sender is not None else []
        return [*said, *self._refused.messages()]


def _resource(plan: Plan) -> Attributes:
    made: Attributes = {
        "service.name": "llmload", "service.version": __version__, "service.instance.id": str(uuid.uuid4()),
        "llmload.scenario": plan.name,
    }  # fmt: skip
    if plan.fingerprint:
        made["llmload.scenario.fingerprint"] = plan.fingerprint
    return made | {f"llmload.tag.{name}": value for name, value in plan.tags}


def make(where: str) -> Otlp:
    """Raises UsageError."""
    told: Attributes = dict(resource())
    return Otlp(endpoint(where, "metrics"), headers("metrics"), told, compressed(), explicit_bounds())
