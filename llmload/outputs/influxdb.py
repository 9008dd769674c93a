"""``--export influxdb:URL/DATABASE`` and ``influxdb2:URL/ORGANISATION/BUCKET``: line protocol, once a second.

Each line is about what came in since the last one: a database of time series adds up by itself, and percentiles
of a second can't be had from what only grows. Credentials come from the environment: ``INFLUX_USERNAME`` and
``INFLUX_PASSWORD`` (version 1), ``INFLUX_TOKEN`` (version 2).
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote, urlencode

from llmload.metrics.catalogue import METRICS, scale
from llmload.metrics.slices import CellKey, Slice
from llmload.outputs.export import Tick
from llmload.outputs.place import credential, named_parts
from llmload.outputs.points import DISTRIBUTIONS, Kind, Labels, points
from llmload.outputs.post import patience, poster
from llmload.outputs.sender import Sender
from llmload.scenario.plan import Plan

__all__ = ["InfluxDb", "lines", "make", "make_2"]

_PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0)
_TAG: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\ ", "\r": r"\ "})


class InfluxDb:
    """Writes to one database or bucket."""

    def __init__(self, name: str, url: str, headers: Mapping[str, str]) -> None:
        self._name: Final = name
        self._url: Final = url
        self._headers: Final = headers
        self._tags: Labels = ()
        self._sender: Sender[bytes] | None = None

    def open(self, plan: Plan) -> None:
        """Begins the thread that writes; a database that is not there is told while the run goes on."""
        self._tags = (("scenario", plan.name), *((f"run_{name}", value) for name, value in plan.tags))
        self._sender = Sender(self._name, poster(self._url, self._headers), patience=patience)

    def tick(self, tick: Tick) -> None:
        """Write what came in."""
        if self._sender is not None and (text := "\n".join(lines(tick, self._tags))):
            self._sender.put(text.encode())

    def close(self) -> None:
        """Write what is left."""
        if self._sender is not None:
            self._sender.finish()

    def messages(self) -> list[str]:
        """What the sender says."""
        return self._sender.messages() if self._sender is not None else []


def lines(tick: Tick, tags: Labels = ()) -> Iterator[str]:
    """A tick as line protocol, times in ns: ``llmload_calls`` and ``llmload_latency`` for each slice (what came in),
    ``llmload_run``, ``llmload_observed`` and ``llmload_objective`` (how it stands)."""
    at = f"{round(tick.at * 1e9)}"
    recent = tick.recent
    run = {"planned": recent.planned, "sent": recent.sent, "completed": recent.completed}
    gauges = [point for point in points(tick.total, tick.judgements) if point.kind is Kind.GAUGE]
    flying = {point.name: point.value for point in gauges if not point.labels and isinstance(point.value, float)}
    yield _line("llmload_run", tags, {**run, "in_flight": flying["in_flight_calls"]}, at)
    for key in sorted(recent.cells):
        yield from _cell(key, recent.cells[key], tags, at)
    for point in gauges:
        if point.labels and isinstance(point.value, float):
            yield _line(f"llmload_{point.name}", (*tags, *point.labels), {"value": point.value}, at)


def _cell(key: CellKey, part: Slice, tags: Labels, at: str) -> Iterator[str]:
    labels: Labels = (
        *tags, ("class", key.cls), ("target", key.target), ("model", key.model), ("phase", key.phase), *key.tags,
    )  # fmt: skip
    counts = {
        "calls": part.calls, "ok": part.ok, "errors": part.errors, "goodput": part.goodput,
        "input_tokens": part.input_tokens, "output_tokens": part.output_tokens, "cost": part.cost,
        "stalls": part.stalls,
    }  # fmt: skip
    yield _line("llmload_calls", labels, counts, at)
    for outcome, count in sorted(part.outcomes.items()):
        yield _line("llmload_outcomes", (*labels, ("outcome", str(outcome))), {"calls": count}, at)
    for name in DISTRIBUTIONS:
        histogram, unit = part.histogram(name), scale(METRICS[name])
        if histogram.count:
            figures: dict[str, float] = {f"p{p:g}": histogram.percentile(p) * unit for p in _PERCENTILES}
            figures |= {"mean": histogram.mean * unit, "max": histogram.max * unit, "count": histogram.count}
            yield _line("llmload_seconds", (*labels, ("metric", name)), figures, at)


def _line(name: str, tags: Labels, fields: Mapping[str, float], at: str) -> str:
    """Empty tags are left out: the format has none."""
    kept = "".join(f",{key.translate(_TAG)}={_value(value)}" for key, value in sorted(dict(tags).items()) if value)
    values = ",".join(f"{key}={float(value)!r}" for key, value in fields.items())
    return f"{name}{kept} {values} {at}"


def _value(text: str) -> str:
    """A backslash at the end would escape what comes after it."""
    return text.translate(_TAG).rstrip("\\") or "-"


def make(where: str) -> InfluxDb:
    """Version 1. Raises UsageError."""
    base, (database,) = named_parts("influxdb", where, ("DATABASE",))
    user = os.environ.get("INFLUX_USERNAME", "")
    secret = b64encode(f"{user}:{os.environ.get('INFLUX_PASSWORD', '')}".encode()).decode()
    return InfluxDb(
        "influxdb",
        f"{base}/write?db={quote(database)}&precision=ns",
        {"Authorization": f"Basic {secret}"} if user else {},
    )


def make_2(where: str) -> InfluxDb:
    """Version 2, and what speaks its protocol. Raises UsageError."""
    base, (organisation, bucket) = named_parts("influxdb2", where, ("ORGANISATION", "BUCKET"))
    token = credential("influxdb2", "INFLUX_TOKEN")
    query = urlencode({"org": organisation, "bucket": bucket, "precision": "ns"})
    return InfluxDb("influxdb2", f"{base}/api/v2/write?{query}", {"Authorization": f"Token {token}"} if token else {})
