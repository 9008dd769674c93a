"""A page of metrics: what is made of its series, pages that are none, and servers that are slow or hostile."""

from __future__ import annotations

import contextlib
import math
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.observe import scrape
from llmload.observe.process import Unseen
from llmload.observe.scrape import PageWatch, fetch, quantile, read_page
from llmload.scenario.series import SETS, Expression, parse_expression

PAGE = """\
# TYPE jobs gauge
jobs{pool="a"} 3
jobs{pool="b"} 4.5
# TYPE served_total counter
served_total{code="200"} %(served)s
served_total{code="500"} 1
# TYPE took_seconds histogram
took_seconds_bucket{le="0.1"} %(fast)s
took_seconds_bucket{le="1"} %(all)s
took_seconds_bucket{le="+Inf"} %(all)s
took_seconds_sum %(sum)s
took_seconds_count %(all)s
"""


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def say(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


class Page:
    """A page whose numbers grow from look to look."""

    def __init__(self) -> None:
        self.numbers = {"served": 10, "fast": 0, "all": 0, "sum": 0.0}

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        say(handler, (PAGE % self.numbers).encode())


def _watch(url: str, **figures: str) -> PageWatch:
    return PageWatch("page", lambda: url, [(name, parse_expression(text)) for name, text in figures.items()])


def _see(watch: PageWatch, at: float) -> None:
    watch.look(at, last=True)


# -- expressions


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("jobs", Expression("jobs")),
        ("sum( a:b )", Expression("a:b")),
        ('max(jobs{pool="a", x="1,2"})', None),
        ('rate(jobs_total{pool="a"})', Expression("jobs_total", "rate", (("pool", "a"),))),
        ("p99.9(took_seconds)", Expression("took_seconds", "quantile", p=99.9)),
        ("avg(use) / 100", Expression("use", "avg", per=100.0)),
    ],
)
def test_expressions(text: str, made: Expression | None) -> None:
    if made is None:
        with pytest.raises(ValueError, match="is no label"):
            parse_expression(text)
    else:
        assert parse_expression(text) == made


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "is no figure"), ("a b", "is no figure"), ("rate(a", "is no figure"), ("a)", "is no figure"),
     ("increase(a)", r"no increase\(...\)"), ("a / 0", "divided by 0"), ("a{b=c}", "is no label")],
)  # fmt: skip
def test_what_is_no_expression_is_refused_with_what_would_be_one(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_expression(text)


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        assert parse_expression(text).name in text
    except ValueError:
        pass


# -- quantiles


@given(
    st.lists(st.floats(0, 9.99), min_size=1, max_size=200),
    st.lists(st.floats(0.01, 10), min_size=1, max_size=8, unique=True),
    st.floats(0.5, 100),
)
def test_a_quantile_is_within_the_bucket_that_holds_the_true_one(
    values: list[float], bounds: list[float], p: float
) -> None:
    every = [*sorted(bounds), math.inf]
    found = quantile(p, {bound: float(sum(value <= bound for value in values)) for bound in every})
    true = sorted(values)[max(0, math.ceil(p / 100 * len(values) - 1e-9) - 1)]
    assert found is not None
    holder = next(bound for bound in every if true <= bound)
    low = max((bound for bound in every if bound < holder), default=0.0)
    assert low - 1e-9 <= found <= (low if math.isinf(holder) else holder) + 1e-9


def test_a_quantile_of_nothing_is_none() -> None:
    assert quantile(50, {}) is None
    assert quantile(50, {1.0: 0.0, math.inf: 0.0}) is None
    assert quantile(50, {1.0: 5.0}) is None, "without the bucket of all there is no telling"


# -- looks


def test_levels_rates_means_and_quantiles_of_two_looks() -> None:
    page = Page()
    with serving(page) as url:
        watch = _watch(
            url, total="jobs", most="max(jobs)", a='jobs{pool="a"}', served="rate(served_total)",
            mean="mean(took_seconds)", p50="p50(took_seconds)", none="nothing",
        )  # fmt: skip
        _see(watch, -math.inf)
        assert watch.seen.figures["total"].before == 7.5
        _see(watch, 0.0)
        page.numbers = {"served": 30, "fast": 5, "all": 10, "sum": 2.5}
        _see(watch, 10.0)
    figures = watch.seen.figures
    assert figures["total"].bins[10].mean == 7.5
    assert figures["most"].bins[10].mean == 4.5
    assert figures["a"].bins[10].mean == 3
    assert figures["served"].bins[5].mean == pytest.approx(2.0, rel=0.05)
    assert figures["mean"].bins[5].mean == 0.25
    assert figures["p50"].bins[5].mean == pytest.approx(0.1)
    assert watch.seen.missing == {"none": "the page has no series nothing"}
    assert not watch.seen.trouble


def test_a_counter_that_began_anew_counts_from_nothing() -> None:
    page = Page()
    page.numbers["served"] = 1000
    with serving(page) as url:
        watch = _watch(url, served='rate(served_total{code="200"})')
        _see(watch, 0.0)
        page.numbers["served"] = 50
        _see(watch, 10.0)
    assert watch.seen.figures["served"].bins[5].mean == pytest.approx(5.0, rel=0.05)


@pytest.mark.parametrize(
    ("before", "after", "rate"),
    [
        ({"a": 1000, "b": 100}, {"a": 10, "b": 200}, 11),  # a began anew
        ({"a": 1000, "b": 100}, {"a": 1100}, 10),  # b has gone
        ({"a": 1000}, {"a": 1100, "b": 5000}, 10),  # b is back, or new
        ({"a": 1000}, {"b": 7}, None),
    ],
)
def test_each_counter_of_several_is_followed_by_itself(
    before: dict[str, int], after: dict[str, int], rate: float | None
) -> None:
    now = before
    lines = lambda: "".join(f'served_total{{pod="{name}"}} {value}\n' for name, value in now.items())  # noqa: E731
    with serving(lambda handler: say(handler, f"# TYPE served_total counter\n{lines()}".encode())) as url:
        watch = _watch(url, served="rate(served_total)")
        _see(watch, 0.0)
        now = after
        _see(watch, 10.0)
    bins = watch.seen.figures["served"].bins if "served" in watch.seen.figures else {}
    assert (bins[5].mean if bins else None) == (None if rate is None else pytest.approx(rate, rel=0.05))


def test_percentiles_are_of_what_each_histogram_got_also_where_one_began_anew() -> None:
    rows = {"a": (100, 900), "b": (50, 50)}

    def page(handler: BaseHTTPRequestHandler) -> None:
        lines = "".join(
            f'took_seconds_bucket{{pod="{pod}",le="1"}} {fast}\ntook_seconds_bucket{{pod="{pod}",le="+Inf"}} {every}\n'
            for pod, (fast, every) in rows.items()
        )
        say(handler, f"# TYPE took_seconds histogram\n{lines}".encode())

    with serving(page) as url:
        watch = _watch(url, slow="p50(took_seconds)")
        _see(watch, 0.0)
        rows |= {"a": (120, 120), "b": (60, 60)}  # a began anew and is fast now
        _see(watch, 10.0)
    assert watch.seen.figures["slow"].bins[5].mean == pytest.approx(0.5)


def test_a_page_that_trickles_is_said_to_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmload.observe.scrape._SECONDS", 0.2)
    go = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        with contextlib.suppress(OSError):
            for _ in range(100):
                handler.wfile.write(b"HTTP/1.1 200 OK\r\n" if not go.is_set() and _ == 0 else b"x: y\r\n")
                if go.wait(0.1):
                    return

    with serving(trickle) as url:
        watch = _watch(url, jobs="jobs")
        watch.look(0.0)
        time.sleep(0.7)
        watch.look(1.0)
        assert watch.seen.trouble == "the page of metrics takes too long"
        go.set()


def test_a_mean_of_nothing_is_no_sample() -> None:
    with serving(Page()) as url:
        watch = _watch(url, mean="mean(took_seconds)", p95="p95(took_seconds)")
        _see(watch, 0.0)
        _see(watch, 5.0)
    assert not any(samples.bins for samples in watch.seen.figures.values())


def test_a_slow_page_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    with serving(lambda handler: go.wait(10) and say(handler, b"jobs 1\n")) as url:
        watch = _watch(url, jobs="jobs")
        before = time.monotonic()
        for at in range(20):
            watch.look(float(at))
        assert time.monotonic() - before < 1
        go.set()
        watch._thread.join(10)  # type: ignore[union-attr]
        watch.look(21.0)
    assert watch.seen.figures["jobs"].bins[0].mean == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda handler: say(handler, b"no", 404), "answers HTTP 404"),
        (lambda handler: say(handler, b"no", 302), "answers HTTP 302"),
        (lambda handler: say(handler, b"<html>\x1b[31m{{{ 1 }\n"), "not in Prometheus' text format"),
        (lambda handler: handler.wfile.write(b"nonsense\r\n\r\n"), "can not be reached"),
    ],
)
def test_what_is_no_page_is_told_and_the_next_one_is_read(
    answer: Callable[[BaseHTTPRequestHandler], None], said: str
) -> None:
    answers = [answer, lambda handler: say(handler, b"jobs 1\n")]
    with serving(lambda handler: answers.pop(0)(handler)) as url:
        watch = _watch(url, jobs="jobs")
        _see(watch, 0.0)
        assert said in watch.seen.trouble
        assert "\x1b" not in watch.seen.trouble
        _see(watch, 1.0)
        assert not watch.seen.trouble


def test_a_page_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape, "_LARGEST", 1 << 20)

    def without_end(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"jobs 1\n" * 10_000)
        except OSError:
            pass

    with serving(without_end) as url, pytest.raises(Unseen, match="larger than 1 MiB"):
        fetch(url)


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unseen, match="can not be reached"):
            fetch(f"http://127.0.0.1:{taken.getsockname()[1]}/metrics")


@given(st.text(max_size=300))
def test_no_page_breaks_the_reader(text: str) -> None:
    try:
        read_page(text, ["a"])
    except Unseen:
        pass


# -- the real thing


@pytest.mark.skipif(not shutil.which("prometheus-node-exporter"), reason="needs prometheus-node-exporter (Debian)")
def test_a_real_node_exporter(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    exporter = subprocess.Popen(
        ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        figures = {**SETS["process"], "disk_free": SETS["node"]["disk_free"]}
        watch = PageWatch("node", lambda: f"http://127.0.0.1:{port}/metrics", list(figures.items()))
        for _ in range(100):
            watch.look(-math.inf)
            if not watch.seen.trouble:
                break
            time.sleep(0.1)
        assert not watch.seen.trouble
        _see(watch, 1.0)
        time.sleep(1)
        _see(watch, 2.0)
        assert watch.seen.figures["memory"].bins[1].mean > 2**20
        assert watch.seen.figures["fds"].bins[1].mean >= 3
        free_bytes = watch.seen.figures["disk_free"].bins[1].mean
        assert free_bytes >= shutil.disk_usage(tmp_path).free * 0.5
        assert "cores" in watch.seen.figures
    finally:
        exporter.kill()
        exporter.wait()
