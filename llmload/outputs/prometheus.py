"""``--export prometheus:[HOST:]PORT``: a page of metrics for Prometheus to scrape while the run lasts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from llmload.errors import OutputError
from llmload.outputs.export import Tick
from llmload.outputs.place import host_and_port
from llmload.outputs.points import BOUNDS, Kind, Point, Spread, families, points
from llmload.scenario.plan import Plan

__all__ = ["Exposition", "family", "make"]


class Exposition(Collector):
    """Serves what was told last. The server's thread only reads a list that is replaced whole."""

    def __init__(self, host: str, port: int) -> None:
        self._host: Final = host
        self.port = port
        """Of the server; once open, never 0."""
        self._points: Sequence[Point] = ()
        self._server: Any = None
        self._thread: Any = None
        self._messages: list[str] = []

    def open(self, plan: Plan) -> None:
        """Raises OutputError where the address is taken."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        try:
            self._server, self._thread = start_http_server(self.port, self._host, registry)
        except OSError as error:
            raise OutputError(f"can't serve metrics on {self._host}:{self.port}: {error.strerror or error}") from error
        self.port = self._server.server_port
        self._messages.append(f"metrics for Prometheus are on http://{_shown(self._host)}:{self.port}/metrics")

    def tick(self, tick: Tick) -> None:
        """Replace what is served."""
        self._points = points(tick.total, tick.judgements)

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client asks for it, in the thread of the server."""
        for name, found in families(self._points).items():
            yield family(name, found)

    def close(self) -> None:
        """Stop the server."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(1.0)
            self._server = None

    def messages(self) -> list[str]:
        """Where the page is, once."""
        said, self._messages = self._messages, []
        return said


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def family(name: str, found: Sequence[Point]) -> Metric:
    """The points of one name as Prometheus has them: names and labels of every sample, a distribution as buckets."""
    labels = sorted({label for point in found for label, _ in point.labels})
    made: Any = _FAMILIES[found[0].kind](f"llmload_{name}", found[0].help, labels=labels)
    for point in found:
        known = dict(point.labels)
        values = [known.get(label, "") for label in labels]
        if isinstance(point.value, Spread):
            buckets = [*zip(map(str, BOUNDS), point.value.below, strict=True), ("+Inf", point.value.count)]
            made.add_metric(values, buckets=buckets, sum_value=point.value.total)
        else:
            made.add_metric(values, point.value)
    return cast("Metric", made)


_FAMILIES: Final[dict[Kind, Any]] = {
    Kind.COUNTER: CounterMetricFamily,
    Kind.GAUGE: GaugeMetricFamily,
    Kind.HISTOGRAM: HistogramMetricFamily,
}


def make(where: str) -> Exposition:
    """Loopback alone unless a host is named. Raises UsageError."""
    return Exposition(*host_and_port("--export prometheus", where, "127.0.0.1"))
