"""TLS that goes wrong, on both measuring paths: the call is classified, told apart, and ends in time."""

from __future__ import annotations

import asyncio
import re
import shutil
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hostile_kit import BRISK, LIMITS, one_call
from hostile_parts import GOOD
from wire_server import listening, read_request, serving

from llmload.records import Outcome
from llmload.scenario.plan import Limits, Target
from llmload.transport.http import HttpTransport
from llmload.transport.plain import PlainTransport

PATHS = {"direct": HttpTransport, "iter_any": PlainTransport}
CERTIFICATES = {
    "good": ("IP:127.0.0.1", "20200101000000Z", "20990101000000Z"),
    "expired": ("IP:127.0.0.1", "20200101000000Z", "20200102000000Z"),
    "of the future": ("IP:127.0.0.1", "20980101000000Z", "20990101000000Z"),
    "of another host": ("DNS:another.example", "20200101000000Z", "20990101000000Z"),
}
"""Names it is valid for, from when, until when."""
AUTHORITY = """
[ca]
default_ca = us
[us]
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[server]
subjectAltName = {names}
"""


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make certificates")
    return {kind: _certificate(tmp_path_factory.mktemp("tls"), *what) for kind, what in CERTIFICATES.items()}


def _certificate(folder: Path, names: str, since: str, until: str) -> tuple[Path, Path]:
    """A certificate that has signed itself; only ``openssl ca`` can date one at will."""
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n")
    (folder / "ca.conf").write_text(AUTHORITY.format(names=names))

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    openssl(
        *[
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-keyout",
            "key.pem",
            "-out",
            "request.pem",
        ]
    )
    openssl(
        *[
            "ca",
            "-batch",
            "-selfsign",
            "-notext",
            "-config",
            "ca.conf",
            "-extensions",
            "server",
            "-keyfile",
            "key.pem",
            "-in",
            "request.pem",
        ],
        *f"-out certificate.pem -startdate {since} -enddate {until}".split(),
    )
    return folder / "certificate.pem", folder / "key.pem"


async def outcome_of(path: str, url: str, ca_file: str = "", limits: Limits = LIMITS) -> tuple[Outcome, str]:
    transport = PATHS[path]([Target("main", url, ca_file=ca_file)])
    try:
        record = await one_call(transport, limits=limits)
    finally:
        await transport.close()
    return record.outcome, record.detail


async def good(_request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(GOOD)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("good", "^$"),
        ("expired", "expired"),
        ("of the future", "not yet valid"),
        ("of another host", "not valid for '127.0.0.1'|doesn't match|mismatch"),
    ],
)
async def test_a_certificate_that_does_not_verify_is_told_with_its_fault(
    path: str, certificates: dict[str, tuple[Path, Path]], kind: str, words: str
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificates[kind])
    async with serving(good, context) as url:
        found, detail = await outcome_of(path, url, ca_file=str(certificates[kind][0]))
    assert found is (Outcome.OK if kind == "good" else Outcome.TLS_ERROR), detail
    assert re.search(words, detail), detail


async def test_plain_http_to_a_tls_port(path: str, certificates: dict[str, tuple[Path, Path]]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificates["good"])
    async with serving(good, context) as url:
        found, detail = await outcome_of(path, url.replace("https", "http"))
    assert found in (Outcome.PROTOCOL_ERROR, Outcome.CONNECT_ERROR)
    assert detail


async def _answers_in_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


async def _closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)


async def _resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.transport.abort()


async def _stops_inside(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The beginning of a ServerHello, then nothing more."""
    await reader.read(100)
    writer.write(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03")
    await writer.drain()


async def _is_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize(
    ("talk", "outcomes"),
    [
        (_answers_in_plain, {Outcome.TLS_ERROR}),
        (_closes, {Outcome.TLS_ERROR, Outcome.CONNECT_ERROR}),
        (_resets, {Outcome.TLS_ERROR, Outcome.CONNECT_ERROR}),
        (_stops_inside, {Outcome.TLS_ERROR, Outcome.CONNECT_ERROR}),
    ],
    ids=["answers in plain", "closes", "resets", "stops inside"],
)
async def test_a_handshake_that_does_not_come_about(
    path: str,
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    outcomes: set[Outcome],
) -> None:
    async with listening(talk) as port:
        found, detail = await outcome_of(path, f"https://127.0.0.1:{port}/v1")
    assert found in outcomes, detail
    assert detail
    assert detail.isprintable()


async def test_a_handshake_that_never_ends_is_given_up(path: str) -> None:
    async with listening(_is_silent) as port:
        found, detail = await outcome_of(path, f"https://127.0.0.1:{port}/v1", limits=BRISK)
    expected = {Outcome.TIMEOUT_CONNECT} if path == "direct" else {Outcome.TIMEOUT_CONNECT, Outcome.TIMEOUT_FIRST_TOKEN}
    assert found in expected, detail


async def test_a_target_that_forgets_tls_in_the_middle(path: str, certificates: dict[str, tuple[Path, Path]]) -> None:
    """Records that are no TLS after a good handshake: the connection can't be trusted, the next call gets another."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificates["good"])
    spoiled = False

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal spoiled
        while True:
            await read_request(reader)
            if spoiled:
                writer.write(GOOD)
            else:
                spoiled = True
                raw = writer.transport.get_extra_info("socket")
                raw._sock.send(b"HTTP/1.1 200 OK\r\n\r\nno TLS")
            await writer.drain()

    async with listening(talk, context) as port:
        transport = PATHS[path]([Target("main", f"https://127.0.0.1:{port}/v1", ca_file=str(certificates["good"][0]))])
        first, second = await one_call(transport), await one_call(transport)
        await transport.close()
    assert first.outcome in (Outcome.CONNECT_ERROR, Outcome.TLS_ERROR, Outcome.PROTOCOL_ERROR)
    assert first.detail
    assert second.outcome is Outcome.OK
