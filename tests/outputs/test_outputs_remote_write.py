"""Remote write: what is sent, what happens to what is refused, and what real servers have of a real run."""

from __future__ import annotations

import builtins
import math
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cramjam
import pytest

from llmload.app.session import Options, run_plan
from llmload.dashboard.live import QuietDisplay
from llmload.errors import UsageError
from llmload.metrics.summary import Summary
from llmload.outputs.export import Exporter, exporter
from llmload.outputs.native import factor
from llmload.outputs.points import DISTRIBUTIONS, families, points
from llmload.outputs.prometheus import family
from llmload.outputs.write_request import STALE, Batch, WriteRequest
from llmload.reports.result import Result
from llmload.scenario.compile import compile_scenario
from llmload.scenario.load import load_scenario
from tests.outputs.output_kit import Ended, a_plan, a_summary
from tests.outputs.servers import get, influxdb, settle, victoria_metrics, written_prometheus

SECRET = "sk-SECRET123"
STALE_BITS = 0x7FF0000000000002
DIGITS = {"prometheus": 0.0, "victoria": 1e-12}
"""How exact a server is: VictoriaMetrics keeps decimal numbers; of fractions some 13 digits."""
RUN = ("job", "instance", "scenario")
EVERY = '{__name__=~"llmload_.*",job="llmload"}'


def bits(value: float) -> int:
    return int.from_bytes(struct.pack(">d", value), "big")


def labels(series: Any) -> dict[str, str]:
    return {label.name: label.value for label in series.labels}


@dataclass
class Receiver:
    """What was written, and the answers to give: (status, text) each, then 204."""

    url: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    written: list[Any] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    answer: Callable[[Any, int], tuple[int, str]] = lambda request, number: (204, "")


@contextmanager
def receiving() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(body)))
            made.times.append(time.monotonic())
            made.headers.append(dict(self.headers))
            made.paths.append(self.path)
            made.written.append(request)
            status, text = made.answer(request, len(made.written))
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "1")
            self.send_header("Content-Length", str(len(text)) if status != 204 else "0")
            self.end_headers()
            self.wfile.write(text.encode() if status != 204 else b"")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/api/v1/write"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def drive(made: Exporter, ticks: int = 1) -> Summary:
    made.start(a_plan())
    total = Summary()
    for _ in range(ticks):
        part = a_summary(10)
        total.merge(part)
        made._due = 0.0  # every update is a tick
        made.update(part, total)
    made.finish(Ended(total))
    return total


# -- what is written


def test_a_series_has_its_labels_in_order_and_none_is_empty() -> None:
    batch = Batch({"job": "llmload"})
    batch.put("m", {"z": "1", "Z": "2", "b": "", "a": "x\ud800"}, 1.5, 7)
    request = WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(batch.encode())))
    (series,) = request.timeseries
    assert [(label.name, label.value) for label in series.labels] == [
        ("Z", "2"), ("__name__", "m"), ("a", "x?"), ("job", "llmload"), ("z", "1"),
    ]  # fmt: skip
    assert [(sample.value, sample.timestamp) for sample in series.samples] == [(1.5, 7)]


def test_a_label_that_comes_later_makes_no_second_series_of_the_same_labels() -> None:
    batch = Batch({})
    batch.put("m", {"a": "1"}, 1.0, 7)
    batch.put("m", {"a": "1", "tag_later": ""}, 2.0, 8)
    assert len(batch) == 1


def test_the_headers_the_state_and_the_end() -> None:
    with receiving() as receiver:
        made = exporter(f"remote-write:{receiver.url}?extra=1&native=off")
        drive(made, 2)
        assert made.messages() == []
    assert set(receiver.paths) == {"/api/v1/write?extra=1"}, "what is for the system goes there"
    head = {name.lower(): value for name, value in receiver.headers[0].items()}
    assert head["content-type"] == "application/x-protobuf"
    assert head["content-encoding"] == "snappy"
    assert head["x-prometheus-remote-write-version"] == "0.1.0"
    assert "authorization" not in head
    *states, end = receiver.written
    assert len(states) == 3
    times = [{sample.timestamp for series in each.timeseries for sample in series.samples} for each in states]
    assert all(len(each) == 1 for each in times)
    assert max(times[0]) < max(times[1]) < max(times[2]), "no time twice"
    names = {labels(series)["__name__"] for series in states[-1].timeseries}
    assert {"llmload_calls_total", "llmload_ttft_seconds_bucket", "llmload_ttft_seconds_sum"} <= names
    assert [labels(series) for series in end.timeseries] == [labels(series) for series in states[-1].timeseries]
    assert {(bits(sample.value), sample.timestamp) for series in end.timeseries for sample in series.samples} == {
        (STALE_BITS, max(times[2]) + 15_000)
    }


def test_names_and_labels_are_those_of_the_page_and_some_that_say_which_run() -> None:
    with receiving() as receiver:
        total = drive(exporter(f"remote-write:{receiver.url}"))
    page = {
        (sample.name, tuple((name, value) for name, value in sorted(sample.labels.items()) if value))
        for name, found in families(points(total)).items()
        for sample in family(name, found).samples
    }
    told = [labels(series) for series in receiver.written[0].timeseries]
    assert {each.pop("job") for each in told} == {"llmload"}
    assert {each.pop("scenario") for each in told} == {"kit"}
    assert len({each.pop("instance") for each in told}) == 1
    assert {(each.pop("__name__"), tuple(sorted(each.items()))) for each in told} == page


def test_two_runs_of_one_process_share_no_series() -> None:
    with receiving() as receiver:
        for _ in range(2):
            drive(exporter(f"remote-write:{receiver.url}?native=off"))
    assert len({labels(series)["instance"] for each in receiver.written for series in each.timeseries}) == 2


def test_a_run_without_a_result_ends_its_series_as_well() -> None:
    with receiving() as receiver:
        made = exporter(f"remote-write:{receiver.url}?native=off")
        made.start(a_plan())
        made.update(a_summary(), a_summary())
        made.finish(None)
        made.finish(None)
    assert len(receiver.written) == 2
    assert {bits(series.samples[0].value) for series in receiver.written[-1].timeseries} == {STALE_BITS}


def test_native_histograms_come_in_writes_of_their_own_and_end_too() -> None:
    with receiving() as receiver:
        total = drive(exporter(f"remote-write:{receiver.url}?native=4"))
    natives = [each for each in receiver.written if each.timeseries[0].histograms]
    assert len(natives) == 3 == len(receiver.written) - 3
    state, end = natives[-2:]
    (ttft,) = [each for each in state.timeseries if labels(each)["__name__"] == "llmload_ttft_seconds"]
    assert (ttft.histograms[0].schema, ttft.histograms[0].count_int) == (4, total.completed)
    assert not ttft.samples
    assert {bits(each.histograms[0].sum) for each in end.timeseries} == {STALE_BITS}
    assert {len(each.histograms) for each in end.timeseries} == {1}


def test_the_stale_marker_is_no_other_nan() -> None:
    assert math.isnan(STALE)
    assert bits(STALE) == STALE_BITS


# -- trouble


def test_what_is_refused_for_now_is_tried_again_in_its_own_time() -> None:
    with receiving() as receiver:
        answers = {1: (503, "busy"), 2: (429, "too much")}
        receiver.answer = lambda request, number: answers.get(number, (204, ""))
        made = exporter(f"remote-write:{receiver.url}?native=off")
        drive(made)
        assert made.messages() == []
    assert receiver.written[0] == receiver.written[1] == receiver.written[2]
    assert len(receiver.written) == 5
    assert receiver.times[1] - receiver.times[0] > 0.2
    assert receiver.times[2] - receiver.times[1] > 0.9, "as Retry-After asks"


def test_what_is_refused_for_good_is_lost_and_said() -> None:
    with receiving() as receiver:
        receiver.answer = lambda request, number: (400, "\x1b[31mout of order\n") if number == 1 else (204, "")
        made = exporter(f"remote-write:{receiver.url}?native=off")
        drive(made)
        said = made.messages()
    assert said == ["remote-write takes nothing: HTTP 400: out of order", "remote-write: 1 of 3 parcels lost"]
    assert len(receiver.written) == 3


def test_retries_have_a_bound() -> None:
    with receiving() as receiver:
        receiver.answer = lambda request, number: (500, "no")
        made = exporter(f"remote-write:{receiver.url}?native=off")
        made.start(a_plan())
        made.update(a_summary(), a_summary())
        before = time.monotonic()
        made.finish(None)
        assert time.monotonic() - before < 7
    assert made.messages() == ["remote-write takes nothing: HTTP 500: no", "remote-write: 2 of 2 parcels lost"]
    assert len(receiver.written) <= 8
    assert receiver.written[0] == receiver.written[3] != receiver.written[-1]


@pytest.mark.parametrize("refusal", [(400, "unknown field"), (500, "native histograms are disabled")])
def test_a_system_without_native_histograms_gets_classic_ones_and_it_is_said(refusal: tuple[int, str]) -> None:
    with receiving() as receiver:
        receiver.answer = lambda request, number: refusal if request.timeseries[0].histograms else (204, "")
        made = exporter(f"remote-write:{receiver.url}")
        drive(made, 3)
        said = made.messages()
    why = f"HTTP {refusal[0]}: {refusal[1]}"
    assert said == [f"remote-write takes no native histograms, classic ones only: {why}"]
    assert sum(bool(each.timeseries[0].histograms) for each in receiver.written) == 1
    assert len(receiver.written) == 6


def test_a_refusal_that_is_about_more_than_native_histograms_is_said_once() -> None:
    with receiving() as receiver:
        receiver.answer = lambda request, number: (401, "who are you?")
        made = exporter(f"remote-write:{receiver.url}")
        drive(made)
        said = made.messages()
    assert said == ["remote-write takes nothing: HTTP 401: who are you?", "remote-write: 6 of 6 parcels lost"]


def test_native_histograms_that_were_taken_once_are_written_on() -> None:
    with receiving() as receiver:
        receiver.answer = lambda request, number: (400, "out of order") if number == 4 else (204, "")
        made = exporter(f"remote-write:{receiver.url}")
        drive(made, 3)
        said = made.messages()
    assert receiver.written[3].timeseries[0].histograms
    assert said == ["remote-write takes nothing: HTTP 400: out of order", "remote-write: 1 of 10 parcels lost"]
    assert len(receiver.written) == 10


# -- what is asked for


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("http://h/w?native=2", "native='2' is not off, or the resolution of native histograms, 3 to 8"),
        ("http://h/w?native=", "native='' is not off"),
        ("h:9090", "write it like http://127.0.0.1:9090/api/v1/write"),
        (f"http://me:{SECRET}@h/w", "no password in the URL"),
    ],
)
def test_what_can_not_be_is_refused(given: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        exporter(f"remote-write:{given}")
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("environment", "sent"),
    [
        ({"TOKEN": f" {SECRET}\n"}, {"authorization": f"Bearer {SECRET}"}),
        ({"USERNAME": "me", "PASSWORD": "pw"}, {"authorization": "Basic bWU6cHc="}),
        ({"TENANT": "team-a"}, {"x-scope-orgid": "team-a"}),
    ],
)
def test_credentials_come_from_the_environment(
    environment: dict[str, str], sent: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"REMOTE_WRITE_{name}", value)
    with receiving() as receiver:
        drive(exporter(f"remote-write:{receiver.url}"))
    head = {name.lower(): value for name, value in receiver.headers[0].items()}
    assert sent.items() <= head.items()


@pytest.mark.parametrize(
    ("kind", "name"), [("remote-write", "REMOTE_WRITE_TOKEN"), ("influxdb2", "INFLUX_TOKEN")]
)  # fmt: skip
def test_a_token_that_is_no_header_is_refused_and_not_shown(
    kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, f"{SECRET}\n{SECRET}")
    with pytest.raises(UsageError, match=f"the variable {name} holds characters") as refused:
        exporter(f"{kind}:http://h/a/b")
    assert SECRET not in str(refused.value)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("cramjam"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "llmload.outputs.write_request")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install 'llmload\[remote-write\]'"):
        exporter("remote-write:http://h/w")


# -- the real thing


@dataclass(frozen=True)
class Run:
    """A run that was told to real servers; ``at``: s since 1970, just after its end."""

    prometheus: str
    victoria: str
    result: Result
    said: tuple[str, ...]
    at: float

    def ask(self, server: str, query: str, later: float = 0.0) -> list[Any]:
        asked = {"query": query, "time": f"{self.at + later:.3f}", "nocache": "1"}
        found = get(f"{server}/api/v1/query", asked)
        return list(found["data"]["result"]) if found else []

    def number(self, server: str, query: str) -> float:
        found = self.ask(server, query)
        return float(found[0]["value"][1]) if found else math.nan


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    plan = compile_scenario(
        load_scenario("quickstart", None, ["load.duration=4s", "load.rate=40/s", "limits.drain=2s"])
    )
    places = [tmp_path_factory.mktemp(name) for name in ("prometheus", "victoria")]
    with written_prometheus(places[0], "native-histograms") as prometheus, victoria_metrics(places[1]) as victoria:
        told = (
            exporter(f"remote-write:{prometheus}/api/v1/write"),
            exporter(f"remote-write:{victoria}/api/v1/write"),
            exporter(f"influxdb2:{victoria}/org/bucket"),
        )
        for n, each in enumerate(told):
            each.name += str(n)
        result = run_plan(plan, Options(1, QuietDisplay(), outputs=told))
        said = tuple(text for each in told for text in each.messages())
        at = time.time()
        settle(victoria)
        yield Run(prometheus, victoria, result, said, at)


def test_nothing_of_the_run_was_lost(real: Run) -> None:
    assert real.said == ()
    assert not [note for note in real.result.notes if "lost" in note or "takes no" in note]
    assert real.result.summary.completed >= 100


@pytest.mark.parametrize("server", ["prometheus", "victoria"])
def test_every_count_asked_back_is_that_of_the_result(real: Run, server: str) -> None:
    url, summary = getattr(real, server), real.result.summary
    whole = summary.select()
    assert real.number(url, "llmload_completed_calls_total") == summary.completed
    assert real.number(url, 'sum(llmload_calls_total{outcome="ok"})') == whole.ok
    assert real.number(url, "sum(llmload_output_tokens_total)") == whole.output_tokens
    assert real.number(url, "sum(llmload_ttft_seconds_count)") == whole.histogram("ttft").count
    told = {
        frozenset(item for item in found["metric"].items() if item[0] not in RUN): float(found["value"][1])
        for found in real.ask(url, EVERY)
        if "value" in found
    }
    page = {
        frozenset({("__name__", sample.name), *(item for item in sample.labels.items() if item[1])}): sample.value
        for name, found in families(points(summary, real.result.judgements)).items()
        for sample in family(name, found).samples
    }
    assert told.keys() == page.keys()
    assert {key: told[key] for key in page} == pytest.approx(page, rel=DIGITS[server], abs=0)


@pytest.mark.parametrize("server", ["prometheus", "victoria"])
def test_the_series_end_a_while_after_the_run(real: Run, server: str) -> None:
    url = getattr(real, server)
    assert real.ask(url, 'llmload_calls_total{job="llmload"}', later=10)
    assert not real.ask(url, EVERY, later=16)


@pytest.mark.parametrize("p", [50, 90, 95, 99])
@pytest.mark.parametrize("name", ["ttft", "latency", "itl"])
def test_quantiles_of_native_histograms_are_as_near_as_is_said(real: Run, name: str, p: int) -> None:
    histogram = real.result.summary.select().histogram(name)
    found = real.number(real.prometheus, f"histogram_quantile({p / 100}, sum(llmload_{name}_seconds))")
    rank, unit = p / 100 * histogram.count, 1e-6
    low, high = (histogram.at_rank(whole) * unit for whole in (math.floor(rank), math.ceil(rank)))
    assert low / factor(5) * 0.999 <= found <= high * factor(5) * 1.001


def test_native_histograms_hold_every_value(real: Run) -> None:
    for name in DISTRIBUTIONS:
        histogram = real.result.summary.select().histogram(name)
        if histogram.count:
            assert real.number(real.prometheus, f"histogram_count(sum(llmload_{name}_seconds))") == histogram.count


def test_what_came_by_influxdb_2_adds_up_to_the_result(real: Run) -> None:
    summary, whole = real.result.summary, real.result.summary.select()
    for query, value in (
        ("sum(sum_over_time(llmload_run_completed[5m]))", summary.completed),
        ("sum(sum_over_time(llmload_calls_ok[5m]))", whole.ok),
        ("sum(sum_over_time(llmload_calls_output_tokens[5m]))", whole.output_tokens),
        ('sum(sum_over_time(llmload_outcomes_calls{outcome="ok"}[5m]))', whole.ok),
        ('sum(sum_over_time(llmload_seconds_count{metric="ttft"}[5m]))', whole.histogram("ttft").count),
        ('max(max_over_time(llmload_seconds_max{metric="ttft"}[5m]))', whole.histogram("ttft").max * 1e-6),
    ):  # fmt: skip
        assert real.number(real.victoria, query) == pytest.approx(value, rel=DIGITS["victoria"], abs=0)


def test_a_prometheus_without_native_histograms_has_the_classic_ones(tmp_path: Path) -> None:
    with written_prometheus(tmp_path) as url:
        made = exporter(f"remote-write:{url}/api/v1/write")
        total = drive(made, 2)
        (said,) = made.messages()
        assert said.startswith("remote-write takes no native histograms, classic ones only: HTTP ")
        (found,) = get(f"{url}/api/v1/query", {"query": "llmload_ttft_seconds_count"})["data"]["result"]
        assert float(found["value"][1]) == total.completed


def test_influxdb_1_takes_it_too_by_a_path_and_a_query_of_its_own(tmp_path: Path) -> None:
    with influxdb(tmp_path) as url:
        get(f"{url}/query", {"q": "CREATE DATABASE load"}, "POST")
        made = exporter(f"remote-write:{url}/api/v1/prom/write?db=load&native=off")
        total = drive(made, 2)
        assert made.messages() == []
        found = get(f"{url}/query", {"db": "load", "q": "SELECT last(value) FROM llmload_completed_calls_total"})
        assert found["results"][0]["series"][0]["values"][0][1] == total.completed
