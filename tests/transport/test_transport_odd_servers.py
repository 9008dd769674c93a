"""Servers that answer early, oddly or with ill will, certificates, and proxies: on real sockets, on the direct path."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sink import Notes
from wire_server import chunked, listening, serving

from llmload.errors import UnreachableError, UsageError
from llmload.records import Outcome, WireRequest
from llmload.scenario.plan import Target
from llmload.transport.base import CallFailed
from llmload.transport.http import HttpTransport
from llmload.transport.plain import PlainTransport

POST = WireRequest("POST", "chat/completions", (), b'{"a":1}')
LARGE = WireRequest("POST", "chat/completions", (), b"x" * 20_000_000)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CRLF_EVENTS = chunked(b"data: 1\r\n\r\n", b"data: 2\r\n\r\n")


@asynccontextmanager
async def transport_to(url: str, kind: type = HttpTransport, **more: object) -> AsyncIterator[HttpTransport]:
    transport = kind([Target("main", url, **more)])
    try:
        yield transport
    finally:
        await transport.close()


async def exchange(url: str, request: WireRequest = POST, **more: object) -> Notes:
    async with transport_to(url, **more) as transport:
        notes = Notes()
        async with asyncio.timeout(10):
            await transport.exchange("main", request, notes)
    return notes


@pytest.mark.parametrize("cut", [1, 2, 3])
async def test_a_head_whose_end_is_torn_apart_before_events_with_crlf(cut: int) -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD[:-cut])
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(HEAD[-cut:] + CRLF_EVENTS)

    async with serving(script) as url:
        assert (await exchange(url)).data == b"data: 1\r\n\r\ndata: 2\r\n\r\n"


async def test_more_interim_answers_than_python_has_stack() -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 3000 + HEAD + CRLF_EVENTS)

    async with serving(script) as url:
        assert (await exchange(url)).status == 200


@asynccontextmanager
async def refusing(then_reset: bool) -> AsyncIterator[str]:
    """Answers 413 after the head of a request and reads no more of it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()
        if then_reset:
            await asyncio.sleep(0.05)
            writer.transport.abort()
        else:
            await asyncio.sleep(60)

    async with listening(talk) as port:
        yield f"http://127.0.0.1:{port}/v1"


@pytest.mark.parametrize("then_reset", [False, True])
async def test_an_answer_before_the_upload_is_over_counts(then_reset: bool) -> None:
    async with refusing(then_reset) as url, transport_to(url) as transport:
        for _ in range(2):
            notes = Notes()
            async with asyncio.timeout(10):
                await transport.exchange("main", LARGE, notes)
            assert (notes.status, notes.data) == (413, b"no")
        assert transport.opened == 2, "what was left of the first request would garble the second"


async def test_a_reset_while_uploading_is_told_with_its_cause() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async with listening(talk) as port:
        with pytest.raises(CallFailed, match="reset by peer") as failed:
            await exchange(f"http://127.0.0.1:{port}/v1", LARGE)
    assert failed.value.outcome == Outcome.CONNECT_ERROR


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", b"x" * 100),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\n", b"no gzip!"),
        (HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n"), b"zz\r\n"),
    ],
    ids=["switched protocols", "bad compression", "bad chunk of a compressed body"],
)
async def test_what_breaks_its_own_format_is_a_protocol_error(first: bytes, second: bytes) -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(second)

    async with serving(script) as url:
        with pytest.raises(CallFailed) as failed:
            await exchange(url)
    assert failed.value.outcome == Outcome.PROTOCOL_ERROR


async def test_a_bug_of_ours_does_not_pass_for_a_connection_the_target_closed() -> None:
    class Broken(Notes):
        def body(self, t: int, data: bytes) -> None:
            raise AttributeError("ours")

    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + CRLF_EVENTS)

    async with serving(script) as url, transport_to(url) as transport:
        with pytest.raises(CallFailed, match="llmload failed"):
            await transport.exchange("main", POST, Broken())


async def test_a_later_connection_that_fails_does_not_make_a_target_unreachable() -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + CRLF_EVENTS)

    async with serving(script) as url, transport_to(url) as transport:
        dialler = transport._lanes["main"].dialler
        dial, dialled = dialler.dial, 0

        async def only_twice() -> object:
            nonlocal dialled
            dialled += 1
            if dialled > 2:
                raise OSError("enough")
            return await dial()

        dialler.dial = only_twice  # type: ignore[method-assign]
        await transport.open({"main": 10})
        assert dialled > 2


# -- TLS and proxies -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return certificate, key


def server_side(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


async def events(_request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + CRLF_EVENTS)


@pytest.mark.parametrize("kind", [HttpTransport, PlainTransport])
async def test_a_certificate_is_checked_against_ca_file(kind: type, certificate: tuple[Path, Path]) -> None:
    async with serving(events, server_side(certificate)) as url:
        with pytest.raises(CallFailed) as failed:
            await exchange(url, kind=kind)
        assert failed.value.outcome == Outcome.TLS_ERROR
        assert (await exchange(url, kind=kind, ca_file=str(certificate[0]))).status == 200
        assert (await exchange(url, kind=kind, verify_tls=False)).status == 200


async def test_a_certificate_nobody_trusts_makes_a_target_unreachable(certificate: tuple[Path, Path]) -> None:
    async with serving(events, server_side(certificate)) as url, transport_to(url) as transport:
        with pytest.raises(UnreachableError, match="certificate"):
            await transport.open({"main": 1})


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_ca_file_that_holds_none_is_the_users_mistake(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match="ca_file"):
        HttpTransport([Target("main", "https://127.0.0.1:1/v1", ca_file=str(path))])


async def test_tls_time_is_told_and_large_requests_leave_the_connection_usable(certificate: tuple[Path, Path]) -> None:
    async with (
        serving(events, server_side(certificate)) as url,
        transport_to(url, ca_file=str(certificate[0])) as transport,
    ):
        notes = Notes()
        for request in (LARGE, POST, LARGE):
            await transport.exchange("main", request, notes)
    first, *reused = notes.dials
    assert first is not None
    assert first.tls > first.tcp > 0
    assert reused == [None, None]


@pytest.mark.parametrize("kind", [HttpTransport, PlainTransport], ids=["direct", "iter_any"])
async def test_https_through_a_proxy_is_tunnelled_and_reused(kind: type, certificate: tuple[Path, Path]) -> None:
    lines = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines.append(head.split(b"\r\n")[0])
        host, _, port = head.split()[1].decode().rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pass_on(reader, back), pass_on(there, writer))

    async with (
        listening(proxy) as port,
        serving(events, server_side(certificate)) as url,
        transport_to(url, kind, ca_file=str(certificate[0]), proxy=f"http://127.0.0.1:{port}") as transport,
    ):
        for _ in range(2):
            async with asyncio.timeout(10):
                await transport.exchange("main", POST, Notes())
    assert len(lines) == 1
    assert lines[0].startswith(b"CONNECT 127.0.0.1:")


async def test_a_compressed_body_that_lasts_until_the_close_is_whole() -> None:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"all of it"))
        writer.close()

    async with serving(script) as url:
        assert (await exchange(url)).data == b"all of it"
