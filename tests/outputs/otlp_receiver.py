"""A receiver of OTLP over HTTP that reads what arrives with the official messages, and answers as it is told to."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

PROTOBUF: Final = "application/x-protobuf"
_REQUESTS: Final[dict[str, Any]] = {
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/traces": ExportTraceServiceRequest,
}
_RESPONSES: Final[dict[str, Any]] = {
    "/v1/metrics": ExportMetricsServiceResponse,
    "/v1/traces": ExportTraceServiceResponse,
}


class Receiver:
    """``requests``: what came, in order, by path; ``headers``: with what."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: dict[str, list[Any]] = {path: [] for path in _REQUESTS}
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.refusing = 0
        """How many requests are answered with 503 before that."""
        self.answer: bytes | None = None
        """In place of an empty message."""
        self.content_type = PROTOBUF
        self.endless = False
        """The answer goes on until whoever asked has gone."""

    @property
    def metrics(self) -> list[Any]:
        """Requests of /v1/metrics."""
        return self.requests["/v1/metrics"]

    @property
    def spans(self) -> list[Any]:
        """All spans that came."""
        traces = self.requests["/v1/traces"]
        return [
            span for each in traces for whole in each.resource_spans for of in whole.scope_spans for span in of.spans
        ]

    def take(self, path: str, headers: dict[str, str], body: bytes) -> bytes:
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.headers.append(headers)
        self.requests[path].append(_REQUESTS[path].FromString(body))
        return _RESPONSES[path]().SerializeToString() if self.answer is None else self.answer


@contextmanager
def receiver() -> Iterator[Receiver]:
    """One on a free port."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = made.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            made.refusing, refused = max(0, made.refusing - 1), made.refusing > 0
            self.send_response(503 if refused else made.status)
            self.send_header("Content-Type", made.content_type)
            if made.endless:
                self.close_connection = True
                self.end_headers()
                try:
                    while True:
                        self.wfile.write(b"x" * 65_536)
                except OSError:
                    return
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def plain(pairs: Any) -> dict[str, Any]:
    """Attributes as a dict; none of them twice."""
    found = {pair.key: _plain(pair.value) for pair in pairs}
    assert len(found) == len(pairs)
    return found


def _plain(value: AnyValue) -> Any:
    which = value.WhichOneof("value")
    if which == "array_value":
        return [_plain(each) for each in value.array_value.values]
    assert which in {"string_value", "int_value", "double_value", "bool_value"}, value
    return getattr(value, which)


def metrics_of(request: Any) -> dict[str, Any]:
    """The metrics of a request by name; none of them twice, and each point complete."""
    (whole,) = request.resource_metrics
    (scope,) = whole.scope_metrics
    found = {metric.name: metric for metric in scope.metrics}
    assert len(found) == len(scope.metrics)
    for metric in found.values():
        seen = set()
        for point in points_of(metric):
            assert 0 < point.start_time_unix_nano <= point.time_unix_nano
            names = frozenset(plain(point.attributes).items())
            assert names not in seen, "one point of a series"
            seen.add(names)
        assert seen
    return found


def points_of(metric: Any) -> Any:
    """Its data points, whatever their kind."""
    return getattr(metric, metric.WhichOneof("data")).data_points
