"""A Summary as an ExportMetricsServiceRequest of OTLP, by slice: everything of the run so far (cumulative), or what
came in since the last one (delta), for systems that add up by themselves.

What the conventions of OpenTelemetry have a name for goes by it (``gen_ai.client.*``, times from the send, as they
have it); all else is ``llmload.*``, with the names of ``points`` less ``_total`` and ``_seconds``, which a unit says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from llmload.metrics.catalogue import METRICS, scale
from llmload.metrics.histogram import Histogram
from llmload.metrics.slices import CellKey, Slice
from llmload.metrics.summary import Summary
from llmload.outputs.exponential import exponential
from llmload.outputs.export import Tick
from llmload.outputs.otlp_messages import attributes, scope, whole
from llmload.outputs.points import BOUNDS, DISTRIBUTIONS, Kind, Point, cell_labels, families, points, spread
from llmload.outputs.semconv import SCHEMA_URL, Attributes, described, named
from llmload.scenario.plan import Plan

__all__ = ["Teller"]

_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS: Final = tuple(float(4**n) for n in range(14))
"""Bounds that the conventions advise."""
_UNITS: Final[Mapping[str, str]] = {
    "calls": "{call}", "tokens": "{token}", "stalls": "{stall}", "dollars": "{USD}", "seconds": "s", "share": "1",
}  # fmt: skip
"""By the last word of a name; what isn't here has the unit of what it is about."""
_WHOLE: Final = frozenset({"{call}", "{token}", "{stall}"})
"""Units of whole numbers, which are told as such."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A distribution: its name there, what it is of, and where. ``failed``: of calls the target failed.
    ``streams``: of classes that stream only."""

    name: str
    help: str
    metric: str
    unit: str
    bounds: tuple[float, ...]
    of: tuple[tuple[str, str], ...] = ()
    failed: bool = False
    streams: bool = False


_GEN_AI: Final = (
    _Told("gen_ai.client.operation.duration", "GenAI operation duration", "latency_send", "s", _SECONDS),
    _Told("gen_ai.client.operation.duration", "GenAI operation duration", "latency_send", "s", _SECONDS,
          (("error.type", "_OTHER"),), failed=True),
    _Told("gen_ai.client.operation.time_to_first_chunk", "Request sent to the first content", "ttft_send", "s",
          _SECONDS, streams=True),
    _Told("gen_ai.client.operation.time_per_output_chunk", "Gaps between chunks of content", "itl", "s", _SECONDS,
          streams=True),
    _Told("gen_ai.client.token.usage", "Tokens of good calls", "input_tokens", "{token}", _TOKENS,
          (("gen_ai.token.type", "input"),)),
    _Told("gen_ai.client.token.usage", "Tokens of good calls", "output_tokens", "{token}", _TOKENS,
          (("gen_ai.token.type", "output"),)),
)  # fmt: skip
_OURS: Final = tuple(_Told(f"llmload.{name}", METRICS[name].help, name, "s", BOUNDS) for name in DISTRIBUTIONS)


class Teller:
    """Makes the requests of one run. ``start``: when it began, ns since 1970; ``explicit``: distributions are told in
    fixed classes; ``delta``: each request is about what came in since the one before."""

    def __init__(self, plan: Plan, resource: Resource, start: int, explicit: bool, delta: bool = False) -> None:
        self._described: Final = described(plan)
        self._streaming: Final = {cls.name for cls in plan.classes if cls.stream}
        self._resource: Final = resource
        self._start = start
        self._explicit: Final = explicit
        self._delta: Final = delta
        kinds = pb.AGGREGATION_TEMPORALITY_CUMULATIVE, pb.AGGREGATION_TEMPORALITY_DELTA
        self._temporality: Final = kinds[delta]

    def request(self, tick: Tick) -> bytes:
        """Serialised."""
        at = max(self._start, round(tick.at * 1e9))
        metrics = [*self._values(tick, at), *self._distributions(tick.recent if self._delta else tick.total, at)]
        if self._delta:
            self._start = at
        told = pb.ScopeMetrics(scope=scope(), metrics=metrics, schema_url=SCHEMA_URL)
        whole = pb.ResourceMetrics(resource=self._resource, scope_metrics=[told], schema_url=SCHEMA_URL)
        return ExportMetricsServiceRequest(resource_metrics=[whole]).SerializeToString()

    def _values(self, tick: Tick, at: int) -> Iterator[pb.Metric]:
        """Gauges are about the whole run so far in any case."""
        told = points(tick.total, tick.judgements)
        if self._delta:
            counters = (point for point in points(tick.recent) if point.kind is Kind.COUNTER)
            told = [*counters, *(point for point in told if point.kind is Kind.GAUGE)]
        for name, found in families(told).items():
            if found[0].kind is not Kind.HISTOGRAM:
                yield self._value(name, found, at)

    def _value(self, name: str, found: Iterable[Point], at: int) -> pb.Metric:
        bare = name.removesuffix("_total")
        unit, counter = _UNITS.get(bare.rpartition("_")[2], ""), bare != name
        made = pb.Metric(name=f"llmload.{bare.removesuffix('_seconds')}", unit=unit)
        data = made.sum.data_points if counter else made.gauge.data_points
        for point in found:
            made.description = point.help
            assert isinstance(point.value, float)
            into = data.add(attributes=attributes(named(point.labels)))
            into.start_time_unix_nano, into.time_unix_nano = self._start, at
            if unit in _WHOLE:
                into.as_int = whole(point.value)
            else:
                into.as_double = point.value
        if counter:
            made.sum.is_monotonic = True
            made.sum.aggregation_temporality = self._temporality
        return made

    def _distributions(self, total: Summary, at: int) -> Iterator[pb.Metric]:
        made: dict[str, pb.Metric] = {}
        for key in sorted(total.cells):
            for told, histogram, names in self._told(key, total.cells[key]):
                if told.name not in made:
                    made[told.name] = self._distribution(told)
                add = _add_explicit if self._explicit else _add_exponential
                point = add(made[told.name], told, histogram, attributes(names))
                point.start_time_unix_nano, point.time_unix_nano = self._start, at
        yield from made.values()

    def _distribution(self, told: _Told) -> pb.Metric:
        made = pb.Metric(name=told.name, description=told.help, unit=told.unit)
        kind = made.histogram if self._explicit else made.exponential_histogram
        kind.aggregation_temporality = self._temporality
        return made

    def _told(self, key: CellKey, part: Slice) -> Iterator[tuple[_Told, Histogram, Attributes]]:
        """The distributions of a slice that hold something."""
        labels = named(cell_labels(key))
        shared = self._described.get((key.cls, key.target))
        streaming = key.cls in self._streaming
        for told in (*(_GEN_AI if shared is not None else ()), *_OURS):
            if told.streams and not streaming:
                continue
            histogram = part.failed.get(told.metric) if told.failed else part.histogram(told.metric)
            if histogram is not None and histogram.count:
                common = labels if told in _OURS else labels | (shared or {})
                yield told, histogram, common | dict(told.of)


_Point = pb.HistogramDataPoint | pb.ExponentialHistogramDataPoint


def _add_exponential(metric: pb.Metric, told: _Told, histogram: Histogram, names: Iterable[KeyValue]) -> _Point:
    unit = scale(METRICS[told.metric])
    made = exponential(histogram, unit)
    point = metric.exponential_histogram.data_points.add(attributes=names, scale=made.scale, zero_count=made.zeros)
    point.positive.offset = made.offset
    point.positive.bucket_counts.extend(made.counts)
    return _with_figures(point, histogram, unit)


def _add_explicit(metric: pb.Metric, told: _Told, histogram: Histogram, names: Iterable[KeyValue]) -> _Point:
    unit = scale(METRICS[told.metric])
    below = spread(histogram, unit, told.bounds).below
    counts = [later - earlier for earlier, later in zip((0, *below), (*below, histogram.count), strict=True)]
    point = metric.histogram.data_points.add(attributes=names, bucket_counts=counts, explicit_bounds=told.bounds)
    return _with_figures(point, histogram, unit)


def _with_figures(point: _Point, histogram: Histogram, unit: float) -> _Point:
    """Those that are exact."""
    point.count, point.sum = histogram.count, histogram.total * unit
    point.min, point.max = histogram.min * unit, histogram.max * unit
    return point
