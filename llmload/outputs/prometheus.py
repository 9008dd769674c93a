"""``--export prometheus:[HOST:]PORT[?linger=TIME]``: a page of metrics for Prometheus to scrape while the run lasts.

What a run did since the last scrape before its end would be lost with the page, so the page stays until the last
figures were fetched, at most ``linger`` seconds (see ``visits``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from llmload.errors import OutputError
from llmload.outputs.export import Tick
from llmload.outputs.place import served
from llmload.outputs.points import BOUNDS, Kind, Point, Spread, families, points
from llmload.outputs.visits import Visits
from llmload.scenario.plan import Plan

__all__ = ["LINGER", "Exposition", "family", "make"]

LINGER: Final = 30.0
"""Seconds that the page stays at most, unless told: Prometheus is mostly set to 15 s or 30 s."""


class Exposition(Collector):
    """Serves what was told last. The server's threads only read a list that is replaced whole."""

    def __init__(self, host: str, port: int, linger: float = LINGER) -> None:
        self._visits: Final = Visits(linger)
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
        app = self._server.get_app()
        self._server.set_app(lambda environ, start_response: self._answered(app, environ, start_response))
        self._visits.begin()
        self.port = self._server.server_port
        self._messages.append(f"metrics for Prometheus are on http://{_shown(self._host)}:{self.port}/metrics")

    def tick(self, tick: Tick) -> None:
        """Replace what is served."""
        self._points = points(tick.total, tick.judgements)
        if tick.over:
            self._visits.show()

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client asks for it, in the thread of the server."""
        for name, found in families(self._points).items():
            yield family(name, found)

    def _answered(self, app: Any, environ: Mapping[str, Any], start_response: Any) -> Iterable[bytes]:
        """The app's answer, in a thread of the server; that it was fetched counts once all of it is written."""
        the_end = self._visits.shown  # looked at first: what the app then makes is at least as new
        metrics = environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"] != "/favicon.ico"
        visitor = str(environ["REMOTE_ADDR"])
        return _Answer(app(environ, start_response), lambda: self._visits.came(visitor, the_end) if metrics else None)

    def awaited(self) -> float:
        """See Lingers."""
        return self._visits.awaited() if self._server is not None else 0.0

    def close(self) -> None:
        """Stop the server."""
        if self._server is not None:
            if missed := self._visits.missed():
                self._messages.append(f"prometheus: {missed}")
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(1.0)
            self._server = None

    def messages(self) -> list[str]:
        """Where the page is, once."""
        said, self._messages = self._messages, []
        return said


class _Answer(list[bytes]):
    """The body of an answer; WSGI closes it when it was sent."""

    def __init__(self, body: Iterable[bytes], sent: Callable[[], None]) -> None:
        super().__init__(body)
        self.close: Final = sent


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
    host, port, linger = served("--export prometheus", where)
    return Exposition(host or "127.0.0.1", port, LINGER if linger is None else linger)
