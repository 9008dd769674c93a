"""StatsD and webhooks, held to what arrives; and every output of ``--export`` to the contract of outputs."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmload.metrics.summary import Summary
from llmload.outputs.base import Output
from llmload.outputs.export import Tick, exporter
from llmload.outputs.statsd import lines
from llmload.verdict.judge import Judgement, judge
from llmload.verdict.objectives import parse_objective
from llmload.verdict.validity import Level, Validity
from tests.analysis.analysis_runs import Made, phases
from tests.outputs.output_kit import Ended, OutputConformance, a_plan, a_summary
from tests.outputs.servers import free_port

SECRET = "sk-SECRET123"


class TestStream(OutputConformance):
    def make(self, tmp_path: Path) -> Output:
        return exporter(f"stream:{tmp_path / 'stream'}")

    def make_broken(self, tmp_path: Path) -> Output:
        return exporter(f"stream:{tmp_path / 'no' / 'stream'}")


class TestPrometheus(OutputConformance):
    def make(self, tmp_path: Path) -> Output:
        return exporter("prometheus:0")

    def make_broken(self, tmp_path: Path) -> Output:
        self.taken = socket.create_server(("127.0.0.1", 0))
        return exporter(f"prometheus:{self.taken.getsockname()[1]}")

    def test_a_place_that_cannot_be_written_is_told_before_the_run_and_named(self, tmp_path: Path) -> None:
        super().test_a_place_that_cannot_be_written_is_told_before_the_run_and_named(tmp_path)
        self.taken.close()


class TestStatsD(OutputConformance):
    def make(self, tmp_path: Path) -> Output:
        return exporter(f"statsd:{free_port()}")

    def make_broken(self, tmp_path: Path) -> Output:
        return exporter("statsd:no-such-host.invalid:8125")


class _DeadDatabase(OutputConformance):
    """A database that is not there is told in mid-run: it may come back."""

    def make(self, tmp_path: Path) -> Output:
        return exporter(f"influxdb:http://127.0.0.1:{free_port()}/x")

    def test_a_place_that_cannot_be_written_is_told_before_the_run_and_named(self, tmp_path: Path) -> None:
        made = self.make(tmp_path)
        made.start(a_plan())
        made.update(a_summary(), a_summary())
        made.finish(None)
        assert made.messages()  # type: ignore[attr-defined]


class TestInfluxDb(_DeadDatabase):
    pass


class TestRemoteWrite(_DeadDatabase):
    def make(self, tmp_path: Path) -> Output:
        return exporter(f"remote-write:http://127.0.0.1:{free_port()}/api/v1/write")


class TestWebhook(_DeadDatabase):
    def make(self, tmp_path: Path) -> Output:
        return exporter(f"webhook:http://127.0.0.1:{free_port()}/{SECRET}")

    def test_a_place_that_cannot_be_written_is_told_before_the_run_and_named(self, tmp_path: Path) -> None:
        made = self.make(tmp_path)
        made.start(a_plan())
        made.update(a_summary(), a_summary())
        made.finish(Ended(a_summary()))
        said = made.messages()  # type: ignore[attr-defined]
        assert said == ["webhook takes nothing: no connection to it", "webhook: 1 of 1 parcel lost"]


# -- StatsD


def test_statsd_gets_datagrams_that_fit_a_frame() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        made = exporter(f"statsd:127.0.0.1:{server.getsockname()[1]}")
        made.start(a_plan())
        wide = a_summary(3)
        wide.cells = {key._replace(cls=f"class {n}.x:y|z"): part for key, part in wide.cells.items() for n in range(60)}
        made.update(wide, wide)
        heard, expected = [], list(lines(Tick(0.0, wide, wide)))
        while len(heard) < len(expected):
            datagram = server.recv(65_536)
            assert len(datagram) <= 1400
            heard += datagram.split(b"\n")
        made.finish(None)
    assert heard == expected
    assert b"llmload.completed:3|c" in heard
    assert b"llmload.class_7_x_y_z.calls.ok:3|c" in heard
    assert any(line.startswith(b"llmload.class_7_x_y_z.ttft.p95:50.") for line in heard), "ms"


# -- webhooks


@pytest.fixture
def hook() -> Iterator[tuple[str, list[Any], list[int]]]:
    """Its URL, what was posted, and the statuses to answer with (then 204)."""
    posted: list[Any] = []
    statuses: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(statuses.pop(0) if statuses else 204)
            self.send_header("Content-Length", "40")
            self.end_headers()
            self.wfile.write(f"\x1b[31mno way {self.path}\n".ljust(40).encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{SECRET}", posted, statuses
    server.shutdown()
    server.server_close()
    thread.join()


def _judged(passed: bool) -> list[Judgement]:
    return judge([parse_objective("ttft.p50 < 60ms" if passed else "ttft.p50 < 40ms")], a_summary())


def test_a_webhook_tells_what_has_changed_for_good_and_the_end(hook: tuple[str, list[Any], list[int]]) -> None:
    url, posted, _ = hook
    made = exporter(f"webhook:{url}")
    made.start(a_plan())
    rule = _judged(True)[0].objective

    def look(passed: bool, times: int) -> None:
        for _ in range(times):
            (found,) = _judged(passed)
            made.judged([Judgement(rule, passed, found.observed)], Validity(Level.VALID))
            made._due = 0.0
            made.update(Summary(), Summary(elapsed=7.0))

    look(True, 5)
    look(False, 2)
    look(True, 1)
    look(False, 5)
    look(True, 3)
    made.finish(Ended(a_summary(), tuple(_judged(False))))
    assert made.messages() == []
    assert [each["event"] for each in posted] == ["missed", "met", "end"]
    assert posted[0]["text"] == "kit: ttft.p50 < 60ms is missed after 7 s"
    assert posted[0]["objective"]["rule"] == "ttft.p50 < 60ms"
    assert posted[2]["text"] == "kit: ended; missed: ttft.p50 < 40ms"


def _seconds(of: int, slow: int) -> Iterator[Summary]:
    """A run of steady load as it goes on, second by second, one of which is five times as slow as the others."""
    made, rng = Made(phases(hold=of)), np.random.default_rng(3)
    for second in range(of):
        made.second(second, (2.5 if second == slow else 0.5) * np.exp(0.3 * rng.standard_normal(30)))
        made.summary.elapsed = second + 1.0
        yield made.summary


def test_a_webhook_tells_of_a_moment_that_stands_out_without_any_rule(hook: tuple[str, list[Any], list[int]]) -> None:
    url, posted, _ = hook
    made = exporter(f"webhook:{url}")
    made.start(replace(a_plan(), load=replace(a_plan().load, duration=90.0)))
    for summary in _seconds(90, slow=60):
        made._due = 0.0
        made.update(Summary(), summary)
    made.finish(None)
    (told,) = posted
    assert told["event"] == "anomaly"
    assert (told["anomaly"]["what"], told["anomaly"]["start"]) == ("latency", 60.0)
    assert 62 <= told["elapsed"] <= 68
    assert re.fullmatch(r"kit: latency \d\.\dx what is usual around it at 60\.0 s, for 1.00 s", told["text"])


def test_the_stream_tells_of_it_in_one_line(tmp_path: Path) -> None:
    made = exporter(f"stream:{tmp_path / 'lines'}")
    made.start(replace(a_plan(), load=replace(a_plan().load, duration=90.0)))
    for summary in _seconds(90, slow=60):
        made._due = 0.0
        made.update(Summary(), summary)
    made.finish(None)
    lines = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    (found,) = [each for line in lines for each in line["anomalies"]]
    assert found["text"].startswith("latency ")


def test_what_is_not_known_yet_is_not_missed(hook: tuple[str, list[Any], list[int]]) -> None:
    url, posted, _ = hook
    made = exporter(f"webhook:{url}")
    made.start(a_plan())
    for _ in range(5):
        made.judged(judge([parse_objective("ttft.p50 < 60ms")], Summary()), Validity(Level.VALID))
        made._due = 0.0
        made.update(Summary(), Summary())
    made.finish(None)
    assert posted == []


def test_a_refusal_is_told_cleaned_and_without_the_secret(hook: tuple[str, list[Any], list[int]]) -> None:
    url, _, statuses = hook
    statuses.append(500)
    made = exporter(f"webhook:{url}")
    made.start(a_plan())
    made.finish(Ended(a_summary()))
    said = made.messages()
    assert said == ["webhook takes nothing: HTTP 500: no way [hidden]", "webhook: 1 of 1 parcel lost"]


def test_the_url_of_a_webhook_may_come_from_the_environment(
    hook: tuple[str, list[Any], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, posted, _ = hook
    monkeypatch.setenv("ALERT_URL", url)
    made = exporter("webhook:env:ALERT_URL")
    made.start(a_plan())
    made.finish(Ended(a_summary()))
    assert len(posted) == 1
