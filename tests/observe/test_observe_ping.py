"""What is measured of the way to a target is held against delays that are known, on servers and proxies that are slow,
lossy, odd or hostile."""

from __future__ import annotations

import base64
import shutil
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from ping_servers import NOTHING, certificate, proxied, served

from llmload.app.pinging import Pings, route_to
from llmload.metrics.ping import Ping
from llmload.observe.ping import Pinger
from llmload.observe.route import Route
from llmload.scenario.plan import Target

WITHIN = 0.001
"""Seconds. Of several trips the shortest counts: whatever else runs here makes single ones late."""


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    return certificate(tmp_path_factory.mktemp("tls"))


def pinged(route: Route, rounds: int = 3, timeout: float = 2.0) -> Ping:
    pinger = Pinger(route, timeout)
    try:
        for _ in range(rounds):
            pinger.once()
        return pinger.found()
    finally:
        pinger.close()


def shortest(ping: Ping, step: str) -> float:
    found = ping.steps[step].min
    assert found is not None
    return found


def test_each_step_takes_what_the_other_side_takes_within_a_millisecond(
    tls: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def slow(*asked: Any) -> Any:
        time.sleep(0.030)
        return real("127.0.0.1", *asked[1:])

    def answer(number: int, request: bytes) -> bytes:
        time.sleep(0.020)
        return NOTHING

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    file, context = tls
    with served(answer, context, handshake=0.050) as port:
        target = Target("main", f"https://localhost:{port}/v1", ca_file=str(file))
        quick = pinged(route_to(target), rounds=12)
    planted = {"dns": 0.030, "tls": 0.050, "first": 0.020, "kept": 0.020}
    took = {step: shortest(quick, step) for step in planted}
    own = 0.004  # what the handshake's arithmetic takes on both sides
    assert all(planted[step] <= took[step] for step in planted)
    assert took["dns"] < 0.030 + WITHIN
    assert took["tls"] < 0.050 + WITHIN + own
    assert took["first"] < 0.020 + WITHIN
    assert took["kept"] < 0.020 + WITHIN
    assert shortest(quick, "tcp") < WITHIN
    assert quick.tls.startswith("TLSv1.3 ")
    assert (quick.status, quick.asked, quick.trouble) == (404, "HEAD /v1", "")


def test_a_connection_is_kept_for_all_rounds_and_a_new_one_is_made_in_each() -> None:
    with served() as port:
        found = pinged(Route("127.0.0.1", port), rounds=5)
    assert {name: trips.tried for name, trips in found.steps.items()} == {"tcp": 5, "first": 5, "kept": 5}
    assert found.network == found.steps["tcp"].median
    assert [(each.text, each.used) for each in found.addresses] == [("127.0.0.1", True)]


def test_no_credentials_are_sent() -> None:
    seen: list[bytes] = []

    def answer(number: int, request: bytes) -> bytes:
        seen.append(request)
        return NOTHING

    with served(answer) as port:
        target = Target("main", f"http://127.0.0.1:{port}/v1", headers={"Authorization": "Bearer secret-of-mine"})
        assert pinged(route_to(target), rounds=1).answered
    assert len(seen) == 2
    assert all(b"secret" not in request and b"uthorization" not in request for request in seen)
    assert seen[0].startswith(f"HEAD /v1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode())


def test_a_port_that_goes_without_saying_is_not_said() -> None:
    context = ssl.create_default_context()
    assert Route("host", 443, tls=context).named == "host"
    assert Route("host", 80).named == "host"
    assert Route("host", 443).named == "host:443"
    assert Route("::1", 80).named == "[::1]"
    assert Route("::1", 8000).named == "[::1]:8000"


def test_what_is_not_answered_in_time_is_lost_and_counted() -> None:
    def answer(number: int, request: bytes) -> bytes | None:
        return None if number in (2, 4) else NOTHING

    with served(answer) as port:
        found = pinged(Route("127.0.0.1", port), rounds=4, timeout=0.2)
    tried = sum(found.steps[name].tried for name in ("first", "kept"))
    lost = sum(found.steps[name].lost for name in ("first", "kept"))
    assert (tried, lost) == (8, 2)
    assert found.steps["tcp"].lost == 0
    assert "no answer within 0.2 s" in found.trouble
    assert found.answered


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "what came is no HTTP answer"),
        (b"HTTP/1.1 999 \r\n\r\n", "what came is no HTTP answer"),
        (b"HTTP/1.1 200 " + b"x" * 70_000, "longer than 65,536 bytes"),
        (b"", "closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nX: ", "no answer within 0.2 s"),
    ],
)
def test_what_is_no_answer_is_told(said: bytes, words: str) -> None:
    with served(lambda number, request: said) as port:
        found = pinged(Route("127.0.0.1", port), rounds=1, timeout=0.2)
    assert words in found.trouble
    assert not found.answered
    assert found.steps["first"].loss == 1.0
    assert "kept" not in found.steps


def test_an_interim_answer_is_not_the_answer() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    with served(lambda number, request: early + NOTHING) as port:
        assert pinged(Route("127.0.0.1", port), rounds=1).status == 404


@pytest.mark.parametrize("how", ["a body", "closes"])
def test_a_server_that_does_not_know_head_is_asked_get(how: str) -> None:
    def answer(number: int, request: bytes) -> bytes:
        if request.startswith(b"HEAD") and how == "closes":
            return b""
        return b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"

    with served(answer) as port:
        found = pinged(Route("127.0.0.1", port), rounds=4)
    assert found.asked == "GET /"
    assert found.steps["kept"].tried >= 2
    assert found.steps["kept"].lost == 0


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
    ],
)
def test_a_connection_that_the_server_does_not_keep_is_not_asked_again(said: bytes) -> None:
    with served(lambda number, request: said) as port:
        found = pinged(Route("127.0.0.1", port), rounds=3)
    assert set(found.steps) == {"tcp", "first"}
    assert found.steps["first"].lost == 0


def test_a_kept_connection_that_was_closed_meanwhile_counts_as_nothing_lost() -> None:
    answered = []

    def answer(number: int, request: bytes) -> bytes:
        answered.append(number)
        return NOTHING

    with served(answer) as port:
        pinger = Pinger(Route("127.0.0.1", port))
        pinger.once()
        assert pinger._kept is not None
        pinger._kept.socket.shutdown(socket.SHUT_RD)  # as if the server's end had come
        pinger.once()
        pinger.once()
        pinger.close()
    assert pinger.found().steps["kept"].lost == 0


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = pinged(Route("127.0.0.1", port), rounds=2)
    assert found.steps["tcp"].lost == 2
    assert found.trouble == "TCP connect: connection refused"
    assert found.network is None
    assert [(each.used, each.trouble) for each in found.addresses] == [(False, "connection refused")]


def test_a_name_that_is_none() -> None:
    found = pinged(Route("no-such-host.invalid", 80), rounds=1)
    assert found.steps["dns"].lost == 1
    assert found.trouble.startswith("DNS lookup: ")
    assert found.addresses == ()


def test_a_resolver_that_says_nothing_is_waited_for_no_longer_than_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked: time.sleep(3.0) or [])
    began = time.monotonic()
    found = pinged(Route("somewhere.example", 80), rounds=1, timeout=0.1)
    assert time.monotonic() - began < 2.0
    assert found.trouble == "DNS lookup: no answer within 0.1 s"


def test_every_address_is_named_and_the_one_in_use_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(host: str, port: int, *more: Any) -> Any:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", port)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.3", port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with served() as port:
        found = pinged(Route("somewhere.example", port), rounds=3)
    assert [(each.text, each.used, each.trouble) for each in found.addresses] == [
        ("127.0.0.2", False, "connection refused"),
        ("127.0.0.1", True, ""),
        ("127.0.0.3", False, ""),
    ]
    assert found.steps["tcp"].lost == 0
    assert found.trouble == ""


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
def test_ipv6() -> None:
    try:
        with served(family=socket.AF_INET6, where=("::1", 0)) as port:
            found = pinged(route_to(Target("main", f"http://[::1]:{port}/v1")), rounds=1)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    assert found.host == f"[::1]:{port}"
    assert found.answered


def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with served(family=socket.AF_UNIX, where=path):
        found = pinged(route_to(Target("main", "http://llm/v1", unix_socket=path)), rounds=2)
    assert found.host == f"unix:{path}"
    assert set(found.steps) == {"unix", "first", "kept"}
    assert found.network == found.steps["kept"].median
    assert found.resent is None


def test_a_certificate_that_nobody_vouches_for_is_told_and_can_be_let_pass(tls: tuple[Path, ssl.SSLContext]) -> None:
    with served(tls=tls[1]) as port:
        url = f"https://127.0.0.1:{port}/v1"
        refused = pinged(route_to(Target("main", url)), rounds=1)
        passed = pinged(route_to(Target("main", url, verify_tls=False)), rounds=1)
    assert "TLS handshake: the certificate is not accepted: self" in refused.trouble
    assert refused.steps["tls"].lost == 1
    assert passed.answered


def test_tls_where_there_is_none() -> None:
    with served(lambda number, request: b"HTTP/1.1 400 Bad\r\n\r\n") as port:
        found = pinged(route_to(Target("main", f"https://127.0.0.1:{port}", verify_tls=False)), 1, timeout=0.3)
    assert found.trouble.startswith("TLS handshake: ")


def test_a_tunnel_through_a_proxy_is_a_step_of_its_own(tls: tuple[Path, ssl.SSLContext]) -> None:
    seen: list[bytes] = []
    file, context = tls
    with served(tls=context) as port, proxied(port, seen, delay=0.025) as proxy:
        target = Target(
            "main", f"https://localhost:{port}/v1", ca_file=str(file), proxy=f"http://me:word@127.0.0.1:{proxy}"
        )
        found = pinged(route_to(target), rounds=3)
    assert 0.025 <= shortest(found, "proxy") < 0.025 + 2 * WITHIN
    assert found.via == f"127.0.0.1:{proxy}"
    assert found.network == found.steps["kept"].median
    login = base64.b64encode(b"me:word")
    assert seen[0].startswith(f"CONNECT localhost:{port} HTTP/1.1\r\n".encode())
    assert b"Proxy-Authorization: Basic " + login in seen[0]
    assert "word" not in repr(found)
    assert login.decode() not in repr(route_to(target))


def test_a_proxy_that_refuses(tls: tuple[Path, ssl.SSLContext]) -> None:
    with served() as port, proxied(port, [], status=407) as proxy:
        target = Target("main", f"https://localhost:{port}/v1", proxy=f"http://127.0.0.1:{proxy}", verify_tls=False)
        found = pinged(route_to(target), rounds=1)
    assert found.trouble == "tunnel through the proxy: the proxy answers HTTP 407"


def test_plain_http_through_a_proxy_asks_it_for_the_whole_url() -> None:
    seen: list[bytes] = []

    def answer(number: int, request: bytes) -> bytes:
        seen.append(request)
        return NOTHING

    with served(answer) as proxy:
        target = Target("main", "http://llm.example/v1", proxy=f"http://me:word@127.0.0.1:{proxy}")
        assert pinged(route_to(target), rounds=1).answered
    assert seen[0].startswith(b"HEAD http://llm.example/v1 HTTP/1.1\r\nHost: llm.example\r\nProxy-Authorization: ")


def test_throughput_of_a_download() -> None:
    body = b"x" * 2_000_000

    def answer(number: int, request: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    with served(answer) as port:
        pinger = Pinger(Route("127.0.0.1", port), 0.5)
        assert pinger.download("/big") == ""
    speed = pinger.found().throughput
    assert speed is not None
    assert speed > 1e6


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (NOTHING, "HTTP 404"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", "/small holds too little"),
        (b"", "closed without an answer"),
    ],
)
def test_throughput_that_can_not_be_told_is_not_told(said: bytes, why: str) -> None:
    with served(lambda number, request: said) as port:
        pinger = Pinger(Route("127.0.0.1", port), 0.2)
        assert pinger.download("/small").startswith(why)
    assert pinger.found().throughput is None


def test_several_targets_take_turns() -> None:
    told: list[str] = []
    with served() as one, served() as other:
        pings = Pings([Target("a", f"http://127.0.0.1:{one}"), Target("b", f"http://127.0.0.1:{other}")], 1.0)
        pings.rounds(2, 0.0, told.append)
        pings.close()
    assert [line.partition(":")[0] for line in told] == ["a", "b", "a", "b"]
    assert "tcp " in told[0]
    assert "kept " in told[0]
    assert {name: ping.steps["first"].tried for name, ping in pings.found().items()} == {"a": 2, "b": 2}
