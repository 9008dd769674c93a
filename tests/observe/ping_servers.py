"""Servers and proxies on sockets of this machine that are as slow, lossy or odd as they are told to be."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

Answer = Callable[[int, bytes], bytes | None]
"""(how many requests came before, the request) -> what is sent, b"" to close, None for no answer at all."""


@contextmanager
def served(
    answer: Answer = lambda number, request: NOTHING,
    tls: ssl.SSLContext | None = None,
    handshake: float = 0.0,
    family: socket.AddressFamily = socket.AF_INET,
    where: str | tuple[str, int] = ("127.0.0.1", 0),
) -> Iterator[int]:
    """The port; 0 for a unix socket. ``handshake``: seconds before the server begins with it."""
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.bind(where)
    listener.listen(64)
    listener.settimeout(0.05)
    over, came = threading.Event(), [0]

    def speak(raw: socket.socket) -> None:
        with suppress(OSError):
            if family != socket.AF_UNIX:  # else an answer waits for the client to acknowledge the session tickets
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = raw
            if tls is not None:
                time.sleep(handshake)
                line = tls.wrap_socket(raw, server_side=True)
            with line:
                line.settimeout(5.0)
                data = b""
                while piece := line.recv(65536):
                    data += piece
                    while b"\r\n\r\n" in data:
                        request, _, data = data.partition(b"\r\n\r\n")
                        number, came[0] = came[0], came[0] + 1
                        said = answer(number, request)
                        if said == b"":
                            return
                        line.sendall(said or b"")

    def accept() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                threading.Thread(target=speak, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield 0 if isinstance(where, str) else listener.getsockname()[1]
    finally:
        over.set()
        thread.join()
        listener.close()


@contextmanager
def proxied(port: int, seen: list[bytes], delay: float = 0.0, status: int = 200) -> Iterator[int]:
    """A proxy that tunnels to ``port`` of this machine, ``delay`` seconds after it was asked; what it was asked goes to
    ``seen``."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    over = threading.Event()

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def speak(raw: socket.socket) -> None:
        with suppress(OSError), raw:
            data = b""
            while b"\r\n\r\n" not in data:
                data += raw.recv(65536)
            seen.append(data)
            time.sleep(delay)
            raw.sendall(b"HTTP/1.1 %d Whatever\r\n\r\n" % status)
            with socket.create_connection(("127.0.0.1", port)) as other:
                back = threading.Thread(target=pump, args=(other, raw), daemon=True)
                back.start()
                pump(raw, other)
                back.join(5)

    def accept() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                threading.Thread(target=speak, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        thread.join()
        listener.close()


def certificate(folder: Path, names: Sequence[str] = ("DNS:localhost", "IP:127.0.0.1")) -> tuple[Path, ssl.SSLContext]:
    """A certificate that has signed itself, and a server's context with it; needs the openssl command."""
    import subprocess

    made, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names_too = ["-addext", f"subjectAltName={','.join(names)}", "-keyout", str(key), "-out", str(made)]
    subprocess.run([*command, *names_too], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    return made, context
