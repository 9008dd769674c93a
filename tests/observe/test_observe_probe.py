"""A real prober beside a real server whose stalls are planted and known; and servers that answer badly."""

from __future__ import annotations

import shutil
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import orjson
import pytest
from ping_servers import certificate, served
from test_observe_scrape import serving

from llmload.clock import NS, monotonic_ns
from llmload.metrics.observed import Observed
from llmload.metrics.probed import Probed, Stall
from llmload.observe.probe import ProbeWatch
from llmload.observe.prober import UNREACHED, Setup
from llmload.observe.process import Unseen
from llmload.observe.target import TargetWatch
from llmload.scenario.plan import Observer, Target
from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec, parse_fault

LIMIT = 0.1
BLOCK = 0.25
BLOCKS = 6
CHAT = b'{"model": "sim-model", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}'


@contextmanager
def probing(url: str, rate: float = 50, timeout: float = 5.0, **tls: Any) -> Iterator[tuple[Observed, int]]:
    """What is seen of it, complete once the block has ended, and when it began (ns)."""
    watch = ProbeWatch("probes", lambda: Setup(url, rate, timeout, **tls), LIMIT)
    watch.look(float("-inf"))
    deadline = time.monotonic() + 20
    while not watch._held and time.monotonic() < deadline:
        time.sleep(0.05)
        watch.look(float("-inf"))
    start = monotonic_ns()
    watch.begin(start)
    try:
        yield watch.seen, start
    finally:
        watch.look((monotonic_ns() - start) / NS, last=True)
        watch.close()
        assert watch.pid is None


def quick(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def fits(stall: Stall, planted: list[float]) -> bool:
    """Whether it began and lasted as it says, to 6 ms, and says that to 15 ms, beside what is the prober's own."""
    began = min(planted, key=lambda at: abs(at - stall.at))
    return (
        stall.at - stall.before - 0.006 <= began <= stall.at + stall.own + 0.006
        and stall.least - 0.006 <= BLOCK <= stall.most + 0.006
        and stall.most - stall.least <= 0.015 + 3 * stall.own
    )


def test_stalls_are_as_long_as_they_were_planted(tmp_path: Path) -> None:
    """By the simulator's truth log, which has the time at which each block began; beside streams of other users."""
    log = tmp_path / "truth.jsonl"
    fault = parse_fault(f"block:seconds={BLOCK * 1e3:g}ms")
    with (
        SimProcess(SimSpec().with_faults([fault]), truth_log=log) as sim,
        probing(f"{sim.root}/health", rate=100) as (seen, start),
    ):
        time.sleep(0.5)
        for _ in range(BLOCKS):
            chat = urllib.request.Request(f"{sim.url}/chat/completions", CHAT, method="POST")
            with urllib.request.urlopen(chat) as answer:
                answer.read()
            time.sleep(0.3)
    truth = [orjson.loads(line) for line in log.read_bytes().splitlines()]
    planted = [(line["received"] - start) / NS for line in truth if line["faults"] == ["block"]]
    assert seen.probed is not None
    assert len(planted) == BLOCKS
    told = [stall for at in planted for stall in seen.probed.stalls if stall.at - stall.before - 0.1 < at < stall.end]
    assert len(told) + seen.probed.doubtful >= BLOCKS
    # Others that use this machine may let the server wait for its CPU after a block, too: then it stood still longer.
    assert sum(fits(stall, planted) for stall in told) >= BLOCKS - 2
    assert sum(seen.probed.lost.values()) == 0


def test_a_server_that_stands_still_is_asked_all_the_same() -> None:
    """Whoever asked it again only after its answer would see one late answer, where twenty had to wait."""
    until = time.monotonic() + 1.5

    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(max(0.0, until - time.monotonic()))
        quick(handler)

    with serving(answer) as url, probing(url, rate=40) as (seen, _):
        time.sleep(0.5)
    assert seen.probed is not None
    assert seen.probed.within([(0, 99)]).count > 0.8 * 40 * 0.5
    assert seen.trouble == ""


def test_connections_are_kept_and_what_is_asked_is_light() -> None:
    asked: list[tuple[str, str, str | None]] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        asked.append((handler.command, handler.path, handler.headers.get("Authorization")))
        quick(handler)

    with serving(answer) as url, probing(f"{url}?a=1", rate=50) as (seen, _):
        time.sleep(0.6)
    assert set(asked) == {("GET", "/metrics?a=1", None)}
    assert len(asked) > 20
    assert seen.figures["probe"].before is not None


@contextmanager
def badly(respond: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does this to every connection, which it keeps."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        kept: list[socket.socket] = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    kept.append(listener.accept()[0])
                    kept[-1].recv(65536)
                    respond(kept[-1])

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


@pytest.mark.parametrize(
    ("respond", "words"),
    [
        (lambda connection: connection.close(), "no probe was answered: the connection broke"),
        (lambda connection: connection.sendall(b"\x00\n" * 100), "no probe was answered: the connection broke"),
        (lambda connection: None, "no probe was answered: none came in time"),
    ],
)
def test_servers_that_answer_nothing_of_use(respond: Callable[[socket.socket], None], words: str) -> None:
    with badly(respond) as url, probing(url, rate=20, timeout=0.2) as (seen, _):
        time.sleep(0.6)
    assert seen.trouble == words
    assert seen.probed is not None
    assert sum(seen.probed.lost.values()) > 0


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with probing(f"http://127.0.0.1:{port}/", rate=20) as (seen, _):
        time.sleep(0.3)
    assert seen.trouble == "no probe was answered: nothing listens there"
    assert seen.probed is not None
    assert seen.probed.stalls == []


def test_a_server_that_dies_does_not_look_fast() -> None:
    watch = ProbeWatch("probes", lambda: Setup("http://127.0.0.1:1/", 50, 2.0), LIMIT)
    watch.seen.probed, watch._start, watch._timeout = Probed(50, LIMIT), NS, 2.0
    answers = [(NS + n * NS // 50, NS + n * NS // 50, NS + n * NS // 50 + NS // 1000, 0, 200) for n in range(50)]
    refused = [(due + NS, sent + NS, end + NS, nap, UNREACHED) for due, sent, end, nap, _ in answers]
    watch._enter(answers + refused)
    assert watch.seen.trouble == "probes are not answered any more: nothing listens there"
    assert watch.seen.figures["probe"].bins[0].mean == pytest.approx(0.001)
    assert watch.seen.figures["probe"].bins[1].mean == pytest.approx(2.0), "as long as one waits in vain"


def test_a_path_whose_body_never_ends_is_answered_by_its_head() -> None:
    def events(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        with suppress(OSError):
            for _ in range(100):
                handler.wfile.write(b": ping\n\n")
                time.sleep(0.05)

    with serving(events) as url, probing(url, rate=20, timeout=1.0) as (seen, _):
        time.sleep(1.0)
    assert seen.probed is not None
    assert seen.trouble == ""
    assert (seen.probed.unsent, sum(seen.probed.lost.values())) == (0, 0)


def test_any_answer_is_one_and_its_status_is_told() -> None:
    with serving(lambda handler: handler.send_error(404)) as url, probing(url, rate=20) as (seen, _):
        time.sleep(0.5)
    assert seen.trouble == ""
    assert seen.what == "probes, answered HTTP 404"


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            pass

    with serving(endless) as url, probing(url, rate=20) as (seen, _):
        time.sleep(0.5)
    assert seen.probed is not None
    assert sum(seen.probed.lost.values()) == 0


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine to make a certificate with")
@pytest.mark.parametrize(
    ("verify", "known", "trouble"),
    [(True, True, ""), (True, False, "no probe was answered: the connection broke"), (False, False, "")],
)
def test_certificates_are_checked_as_the_targets_are(verify: bool, known: bool, trouble: str, tmp_path: Path) -> None:
    made, context = certificate(tmp_path)
    with served(tls=context) as port:
        ca_file = str(made) if known else ""
        with probing(f"https://127.0.0.1:{port}/", 20, verify=verify, ca_file=ca_file) as (seen, _):
            time.sleep(0.4)
    assert seen.trouble == trouble


def test_plain_http_has_no_certificate_to_check() -> None:
    with serving(quick) as url, probing(url, 20, verify=False, ca_file="/nowhere.pem") as (seen, _):
        time.sleep(0.3)
    assert seen.trouble == ""


def test_what_can_not_be_asked_says_why() -> None:
    def nothing() -> Setup:
        raise Unseen("there is nothing to ask")

    watch = ProbeWatch("probes", nothing, LIMIT)
    watch.look(0.0)
    assert watch.seen.trouble == "there is nothing to ask"
    watch.close()


@pytest.mark.parametrize(
    ("probe", "base", "url"),
    [
        ("/health", "http://a.example:8000/v1", "http://a.example:8000/health"),
        ("/health?x=1", "wss://u:p@a.example/v1", "https://a.example/health?x=1"),
        ("http://b.example/live", "http://a.example/v1", "http://b.example/live"),
        ("/health", "http://127.0.0.1:9/v1", "http://127.0.0.1:9/health"),
    ],
)
def test_a_path_is_one_at_the_target(probe: str, base: str, url: str) -> None:
    watch = TargetWatch((Observer("a", probe=probe),), Target("main", base), ("http://127.0.0.1:9", 1))
    assert watch._probes[0]._find().url == url


def test_a_target_behind_a_unix_socket_has_no_path_to_probe() -> None:
    watch = TargetWatch((Observer("a", probe="/health"),), Target("main", "http://x", unix_socket="/s"), None)
    assert list(watch.look(monotonic_ns(), 0)) == [
        "observe.a: the target is reached over a unix socket: give the probe a URL"
    ]
