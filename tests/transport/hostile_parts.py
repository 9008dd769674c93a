"""What ``hostile_ends`` and ``hostile_answers`` are made of: answers in parts, and what a server does with them."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from wire_server import chunked

from llmload.records import Outcome


class Stage(Protocol):
    """One connection, from its acceptance on, as a Behaviour sees it."""

    async def request(self) -> None: ...
    async def head_of_request(self) -> None: ...
    async def write(self, *pieces: bytes) -> None: ...
    async def slowly(self, data: bytes, pause: float) -> None: ...
    async def forever(self, piece: bytes, pause: float = 0.0) -> None: ...
    async def close(self) -> None: ...
    async def reset(self) -> None: ...
    async def hang(self) -> None: ...
    @property
    def over(self) -> bool: ...


Play = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Behaviour:
    """``says``: what the detail must match. ``reused``: whether the next call uses the same connection; None where both
    are right. ``heavy``: so much data that memory must be watched. ``fallback``: what the path iter_any, where aiohttp
    reads the framing, may also come to; ``kept``: it may keep a connection that has bytes left over."""

    name: str
    play: Play
    outcomes: tuple[Outcome, ...]
    says: str = ""
    reused: bool | None = False
    stream: bool = True
    upload: bool = False
    heavy: bool = False
    fallback: tuple[Outcome, ...] = ()
    kept: bool = False

    def __str__(self) -> str:
        return self.name


# -- parts of answers ----------------------------------------------------------------------------------------


def event(text: str = "hi", **more: str) -> bytes:
    extra = "".join(f', "{name}": {value}' for name, value in more.items())
    return b'data: {"choices": [{"index": 0, "delta": {"content": "%s"}%s}]}\n\n' % (text.encode(), extra.encode())


STOP = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = SSE + b"Transfer-Encoding: chunked\r\n\r\n"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
DOCUMENT = b'{"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}'
GOOD = CHUNKED + chunked(event(), STOP)
MEGABYTE = b"x" * (1 << 20)


def of_length(body: bytes, head: bytes = JSON, length: bytes = b"") -> bytes:
    return head + b"Content-Length: " + (length or b"%d" % len(body)) + b"\r\n\r\n" + body


def error(body: bytes, status: bytes = b"500 Internal Server Error", more: bytes = b"") -> bytes:
    return of_length(body, b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\n" + more)


@cache
def bomb(coding: str) -> bytes:
    """A quarter of a gigabyte of nothing."""
    pack = zlib.compressobj(9, zlib.DEFLATED, 31 if coding == "gzip" else 15)
    packed = b"".join(pack.compress(bytes(1 << 20)) for _ in range(256))
    return packed + pack.flush()


def packed(body: bytes, coding: bytes, head: bytes = SSE) -> bytes:
    return head + b"Content-Encoding: " + coding + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body)


# -- what is done with them ----------------------------------------------------------------------------------


def says(*pieces: bytes) -> Play:
    """Answer with these bytes, then wait for the next request."""

    async def play(stage: Stage) -> None:
        await stage.request()
        await stage.write(*pieces)

    return play


def later(first: bytes, second: bytes) -> Play:
    """Answer with ``first``, and with more when the call is over."""

    async def play(stage: Stage) -> None:
        await stage.request()
        await stage.write(first)
        await asyncio.sleep(0.015)
        await stage.write(second)

    return play


def leaves(*pieces: bytes, pause: float = 0.0) -> Play:
    """Answer with these bytes and close."""

    async def play(stage: Stage) -> None:
        await stage.request()
        await stage.write(*pieces)
        await asyncio.sleep(pause)
        await stage.close()

    return play


def resets(*pieces: bytes) -> Play:
    """Answer with these bytes, then RST."""

    async def play(stage: Stage) -> None:
        await stage.request()
        await stage.write(*pieces)
        await stage.reset()

    return play


def hangs(*pieces: bytes) -> Play:
    """Answer with these bytes and fall silent."""

    async def play(stage: Stage) -> None:
        await stage.request()
        await stage.write(*pieces)
        await stage.hang()

    return play


def floods(head: bytes, piece: bytes, pause: float = 0.0) -> Play:
    """Answer with ``head``, then with ``piece`` for ever."""

    async def play(stage: Stage) -> None:
        await stage.request()
        await stage.write(head)
        await stage.forever(piece, pause)

    return play


def drips(data: bytes, pause: float = 0.05) -> Play:
    """A byte at a time."""

    async def play(stage: Stage) -> None:
        await stage.request()
        await stage.slowly(data, pause)

    return play


def on_accept(reset: bool) -> Play:
    async def play(stage: Stage) -> None:
        await (stage.reset() if reset else stage.close())

    return play


def mid_upload(reset: bool) -> Play:
    async def play(stage: Stage) -> None:
        await stage.head_of_request()
        await (stage.reset() if reset else stage.close())

    return play


def idle_in_the_pool(reset: bool) -> Play:
    async def play(stage: Stage) -> None:
        await stage.request()
        await stage.write(GOOD)
        await (stage.reset() if reset else stage.close())

    return play
