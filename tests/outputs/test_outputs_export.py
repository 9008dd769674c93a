"""Telling other systems: what is told, when, and that a slow or dead one never holds the run up."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.errors import OutputError, UsageError
from llmload.metrics.histogram import Histogram
from llmload.metrics.observed import Observed
from llmload.metrics.probed import Probed, Stall
from llmload.metrics.summary import Summary
from llmload.outputs.base import Judges, Output, Speaks
from llmload.outputs.export import EXPORTS, Exporter, Tick, exporter
from llmload.outputs.points import BOUNDS, Kind, Spread, families, points, spread
from llmload.outputs.sender import Sender
from llmload.outputs.stream import make
from tests.outputs.output_kit import Ended, a_plan, a_summary

WHERE = {
    "stream": "-", "prometheus": "0", "influxdb": "http://h:1/d", "influxdb2": "http://h:1/o/b", "statsd": "h:1",
    "webhook": "http://h/x", "otlp": "http://h:1", "remote-write": "http://h:1/api/v1/write",
}  # fmt: skip


class Sink:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self.closed = 0

    def open(self, plan: object) -> None: ...

    def tick(self, tick: Tick) -> None:
        self.ticks.append(tick)

    def close(self) -> None:
        self.closed += 1

    def messages(self) -> list[str]:
        return []


@given(st.lists(st.integers(0, 400_000_000), max_size=60))
def test_a_spread_counts_what_is_below_each_bound(values: list[int]) -> None:
    histogram = Histogram()
    histogram.record(values)
    found = spread(histogram, 1e-6)
    assert found.count == len(values)
    assert found.total == pytest.approx(sum(values) * 1e-6)
    for bound, count in zip(BOUNDS, found.below, strict=True):
        surely = sum(value * 1e-6 <= bound * 0.999 for value in values)
        maybe = sum(value * 1e-6 <= bound * 1.001 for value in values)
        assert surely <= count <= maybe


def test_points_of_a_summary() -> None:
    found = families(points(a_summary(5)))
    assert [point.value for point in found["completed_calls_total"]] == [5.0]
    (calls,) = found["calls_total"]
    assert calls.kind is Kind.COUNTER
    assert dict(calls.labels)["outcome"] == "ok"
    assert calls.value == 5.0
    (ttft,) = found["ttft_seconds"]
    assert isinstance(ttft.value, Spread)
    assert ttft.value.count == 5


def test_what_was_seen_last_of_the_target_and_how_often_it_stood_still() -> None:
    seen = Observed("20 probes/s", probed=Probed(20.0, 0.1))
    assert seen.probed is not None
    seen.samples("probe").read(1.0, 0.002)
    seen.samples("probe").read(2.0, 0.004)
    seen.probed.stalled(Stall(1.5, 0.3))
    found = families(points(Summary(observed={"health": seen})))["observed"]
    assert [(dict(point.labels)["figure"], point.value) for point in found] == [("probe", 0.004), ("stalls", 1.0)]


def test_a_label_can_be_made_of_any_name() -> None:
    summary = a_summary()
    summary.cells = {key._replace(tags=(("tenant-id é", "x"),)): part for key, part in summary.cells.items()}
    (goodput,) = families(points(summary))["goodput_calls_total"]
    assert ("tag_tenant_id__", "x") in goodput.labels


def test_an_exporter_ticks_once_a_second_and_at_the_end() -> None:
    now, sink = [100.0], Sink()
    made = Exporter("x", sink, lambda: now[0])
    made.start(a_plan())
    total = Summary()
    for number in range(8):
        now[0] = 100.0 + number * 0.5
        delta = a_summary(1)
        total.merge(delta)
        made.update(delta, total)
    assert [tick.recent.completed for tick in sink.ticks] == [1, 2, 2, 2]
    made.finish(Ended(total))
    assert sink.ticks[-1].over
    assert sum(tick.recent.completed for tick in sink.ticks) == 8
    assert sink.ticks[-1].total is total
    made.finish(None)
    assert sum(tick.over for tick in sink.ticks) == 1


@pytest.mark.parametrize("kind", EXPORTS)
def test_every_kind_makes_an_output(kind: str) -> None:
    made = exporter(f"{kind}:{WHERE[kind]}")
    assert isinstance(made, Output)
    assert isinstance(made, Judges)
    assert isinstance(made, Speaks)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("promtheus:1", "did you mean prometheus?"),
        ("nonsense", "there are stream, prometheus"),
        ("prometheus", r"prometheus:\[HOST:\]PORT"),
        ("prometheus:x:y:z", "no HOST:PORT"),
        ("statsd:h:99999", "no HOST:PORT"),
        ("influxdb:http://h:1", "names no DATABASE"),
        ("influxdb2:http://h:1/bucket", "names no ORGANISATION and BUCKET"),
        ("influxdb:ftp://h/d", "no http"),
        ("webhook:env:NO_SUCH_VARIABLE", "NO_SUCH_VARIABLE is not set"),
    ],
)
def test_a_place_that_can_not_be_is_refused(given: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        exporter(given)


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as refused:
        exporter("influxdb:http://me:s3cret@h:1/d")
    assert "s3cret" not in str(refused.value)


def test_a_dead_system_costs_nothing_but_what_was_for_it() -> None:
    def refuse(parcel: bytes) -> None:
        raise OSError("HTTP 500: \x1b[31mno\n")

    sender = Sender("x", refuse)
    for _ in range(3):
        sender.put(b"1")
    sender.finish()
    assert sender.lost == 3
    assert sender.messages() == ["x takes nothing: HTTP 500: no", "x: 3 of 3 parcels lost"]


def test_a_slow_system_loses_the_oldest() -> None:
    go, begun, taken = threading.Event(), threading.Event(), []

    def slow(parcel: bytes) -> None:
        begun.set()
        go.wait(10)
        taken.append(parcel)

    sender = Sender("x", slow, capacity=2)
    sender.put(b"0")
    assert begun.wait(10)
    for number in range(1, 6):
        sender.put(b"%d" % number)
    assert sender.lost == 3
    go.set()
    sender.finish()
    assert taken == [b"0", b"4", b"5"]


def test_the_end_waits_for_a_stuck_system_no_longer_than_told() -> None:
    stuck = threading.Event()
    sender = Sender("x", lambda parcel: stuck.wait(30) and None)
    sender.put(b"1")
    sender.put(b"2")
    before = time.monotonic()
    sender.finish(within=0.2)
    assert time.monotonic() - before < 5
    assert sender.lost == 2
    stuck.set()


def test_the_stream_is_lines_of_json(tmp_path: Path) -> None:
    made = exporter(f"stream:{tmp_path / 's'}")
    made.start(a_plan())
    delta = a_summary(4)
    made.update(delta, delta)
    made.finish(Ended(delta))
    first, last = map(json.loads, (tmp_path / "s").read_text().splitlines())
    assert first["type"] == "tick"
    assert first["recent"]["chat"]["calls"] == first["recent"][""]["calls"] == 4
    assert last["type"] == "end"
    assert last["recent"][""]["calls"] == 0
    assert last["total"]["calls"] == 4
    assert last["validity"] == "VALID"


def test_a_stream_into_a_pipe_that_nobody_reads_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="nobody reads this pipe"):
        exporter(f"stream:{tmp_path / 'pipe'}").start(a_plan())


def test_streams_leave_no_descriptor_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        made = exporter(f"stream:{tmp_path / 'lines'}")
        made.start(a_plan())
        made.update(Summary(), Summary())
        made.finish(None)
        made.finish(None)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    clock, ticks = iter([1000.0, 1000.5, 400.0, 400.5, 401.0]), []
    sink = exporter("prometheus:0").sink
    sink.tick = lambda tick: ticks.append(tick.at)  # type: ignore[method-assign]
    made = Exporter("kit", sink, lambda: next(clock))
    for _ in range(5):
        made.update(Summary(), Summary())
    assert ticks == [1000.0, 400.0, 401.0]


def test_a_stream_that_can_not_be_written_ends_the_run_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="can't write"):
        make(str(tmp_path / "no" / "s")).open(a_plan())
