"""The page's server, spoken to over real sockets: who is answered, what is told, and that nobody holds up a run."""

from __future__ import annotations

import re
import socket
import threading
import time

import dashboard_run as run
import pytest
from web_kit import ANY_PORT, Follower, following, get, page_of, shown

from llmload.dashboard.frame import Frame
from llmload.dashboard.live import QuietDisplay
from llmload.dashboard.web.address import Address
from llmload.dashboard.web.display import Page, WebDisplay, served
from llmload.dashboard.web.files import PAGE_POLICY, page_files
from llmload.dashboard.web.server import MOST_BROWSERS
from llmload.errors import OutputError, UsageError


def test_every_answer_forbids_what_the_page_does_not_need() -> None:
    with page_of() as page:
        for path in (*page_files(), "/nothing", "/report/1"):
            answer = get(page, path)
            assert answer.status == (200 if path in page_files() else 404)
            assert answer.headers["Content-Security-Policy"] == PAGE_POLICY
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
    rules = dict(rule.strip().split(" ", 1) for rule in PAGE_POLICY.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"


def test_the_files_name_no_other_place_and_make_no_markup() -> None:
    for path, (_, content) in page_files().items():
        text = content.decode()
        assert set(re.findall(r"https?://[^\"' ]*", text)) <= {"http://www.w3.org/2000/svg"}, path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|style=", text), path


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8350", "127.0.0.1.evil.example", "10.0.0.7", "a b", ""])
def test_a_name_that_is_not_ours_is_not_answered(host: str) -> None:
    with page_of() as page:
        assert get(page, Host=host).status in (400, 421)
        with following(page, Host=host) as follower:
            assert follower.status in (400, 421)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:1", "localhost:9000", "LOCALHOST", "[::1]:8350", "localhost.", "127.0.0.2"]
)
def test_loopback_is_answered_whatever_port_was_forwarded(host: str) -> None:
    with page_of() as page:
        assert get(page, Host=host).status == 200


def test_who_serves_all_the_network_is_asked_by_address_or_by_own_name() -> None:
    address = Address("0.0.0.0", 8350)
    assert all(map(address.admits, ("10.0.0.7:8350", "[fe80::1]", "localhost", socket.gethostname())))
    assert not any(map(address.admits, ("evil.example", "10.0.0.7.evil.example", "", "user@localhost")))


def test_a_page_of_others_is_not_answered() -> None:
    with page_of() as page:
        assert get(page, Origin="http://evil.example").status == 403
        assert get(page, Origin="null").status == 403
        assert get(page, Origin=f"http://127.0.0.1:{page.server.port}").status == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 100, b"400"),  # https:// was typed
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.0\r\n\r\n", b"421"),
        (b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n", b"400"),
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", b"421"),
        (b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://[\r\n\r\n", b"403"),
    ],
)
def test_nonsense_is_refused_and_does_not_stand_in_the_terminal(
    sent: bytes, status: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with page_of() as page, socket.create_connection(("127.0.0.1", page.server.port), timeout=10) as client:
        client.sendall(sent)
        assert client.recv(1000).split()[1] == status
    assert capfd.readouterr() == ("", "")


def test_nothing_can_be_sent_to_it() -> None:
    import urllib3

    with page_of() as page:
        address = f"http://127.0.0.1:{page.server.port}"
        assert urllib3.request("POST", f"{address}/events", body=b"x", retries=False).status == 405
        assert get(page, "/../pyproject.toml").status == 404
        assert get(page, "/report/..%2f..%2fpage.js").status == 404


def test_a_browser_that_opens_late_gets_the_history_and_then_the_news() -> None:
    with page_of() as page:
        now = [0.0]
        display = shown(page, 30.0, now=now)
        with following(page) as follower:
            whole = follower.event()
            assert whole.name == "whole"
            assert [number for number, _ in whole.data["points"]] == list(range(29))
            assert whole.data["about"]["title"] == "peak hour"
            assert whole.data["about"]["figures"][0] == "class"
            now[0] += 1.0
            display.update(run.frame_at(31.0))
            news = follower.event()
            assert news.name == "news"
            assert {number for number, _ in news.data["points"]} == set(range(24, 30))
            assert news.data["state"]["clock"] == "0:31 / 3:00"


def test_messages_stay_and_are_bounded() -> None:
    with page_of() as page:
        display = page.display(1, QuietDisplay())
        for number in range(100):
            display.message(f"message {number}")
        display.update(run.frame_at(5.0))
        with following(page) as follower:
            told = follower.event().data["state"]["messages"]
        assert told == [f"message {number}" for number in range(80, 100)]


def test_who_comes_back_gets_everything_again() -> None:
    with page_of() as page:
        shown(page, 20.0)
        with following(page) as follower:
            first = follower.event()
        with following(page, **{"Last-Event-ID": "5"}) as follower:
            assert follower.event() == first


def anew(display: WebDisplay, frame: Frame) -> None:
    """Tell this moment with all that was before it: as much as there can be to send."""
    display.history.panels = ()
    display.update(frame)


def test_a_slow_browser_never_slows_the_run_and_gets_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmload.dashboard.web.server._PATIENCE", 60.0)
    now = [0.0]
    with page_of() as page, following(page) as slow:
        display = page.display(1, QuietDisplay(), now=lambda: now[0])
        took = []
        for _ in range(50):
            now[0] += 1000.0
            before = time.thread_time()
            anew(display, run.frame_at(100.0))
            took.append(time.thread_time() - before)
        assert sum(took) / len(took) < 0.1
        now[0] += 1000.0
        display.update(run.frame_at(101.0))
        told = [slow.event()]
        while told[-1].data["state"]["clock"] != "1:41 / 3:00":
            told.append(slow.event())
        assert told[-1].name == "whole"
        assert len(told) < 50


def test_a_browser_that_never_reads_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmload.dashboard.web.server._PATIENCE", 0.2)
    now = [0.0]
    with page_of() as page, following(page):
        display = page.display(1, QuietDisplay(), now=lambda: now[0])
        until = time.monotonic() + 30
        while page.server.following and time.monotonic() < until:
            now[0] += 1000.0
            anew(display, run.frame_at(100.0))
            time.sleep(0.001)
        assert page.server.following == 0


def test_so_many_browsers_and_no_more() -> None:
    with page_of() as page:
        shown(page, 5.0)
        followers = [Follower(page.server.port) for _ in range(MOST_BROWSERS)]
        assert [follower.event().name for follower in followers] == ["whole"] * MOST_BROWSERS
        with following(page) as late:
            assert late.status == 503
        followers.pop().close()
        until = time.monotonic() + 5
        while page.server.following == MOST_BROWSERS and time.monotonic() < until:
            time.sleep(0.02)
        with following(page) as late:
            assert late.event().name == "whole"
        for follower in followers:
            follower.close()


def test_connections_that_say_nothing_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmload.dashboard.web.server._MOST_CONNECTIONS", 8)
    with page_of() as page:
        silent = []
        for _ in range(20):
            silent.append(socket.create_connection(("127.0.0.1", page.server.port)))
            time.sleep(0.05)
        until = time.monotonic() + 10
        while sum(map(still_open, silent)) > 8 and time.monotonic() < until:
            time.sleep(0.05)
        left = sum(map(still_open, silent))
        for each in silent:
            each.close()
        assert 8 <= left < 20


def still_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def test_the_end_is_told_and_the_thread_is_gone() -> None:
    before = set(threading.enumerate())
    with page_of() as page:
        shown(page, 5.0)
        with following(page) as follower:
            assert follower.event().name == "whole"
            page.server.close()
            assert follower.event().name == "bye"
            with pytest.raises(EOFError):
                follower.event()
    assert set(threading.enumerate()) == before
    page.server.close()
    page.tell(page._last)  # type: ignore[arg-type] # nobody is there, and nothing happens


def test_a_port_that_is_taken_is_said_with_what_to_do() -> None:
    with page_of() as page:
        taken = Page(Address("127.0.0.1", page.server.port))
        says = r"127\.0\.0\.1:\d+: Address already in use; --web-at"
        with pytest.raises(OutputError, match=says), served(taken):
            pass


@pytest.mark.parametrize("given", ["x", "70000", "host:", "a b:80", "http://x:80", "-1", ""])
def test_an_address_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="--web-at"):
        Address.parse(given)


def test_addresses_as_they_are_given() -> None:
    assert Address.parse("9000") == Address("127.0.0.1", 9000)
    assert Address.parse("[::1]:0") == Address("::1", 0)
    assert [Address.parse(f"{host}:1").loopback for host in ("localhost", "127.1.2.3", "0.0.0.0", "example.com")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert Address.parse("[::1]:0").url(80) == "http://[::1]:80/"
    assert ANY_PORT.loopback
