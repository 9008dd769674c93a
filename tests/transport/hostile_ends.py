"""Calls that are cut off, held up or flooded: what a server does to the bytes, not what it says in them."""

from __future__ import annotations

from hostile_parts import (
    CHUNKED,
    JSON,
    MEGABYTE,
    SSE,
    STOP,
    Behaviour,
    drips,
    error,
    event,
    floods,
    hangs,
    idle_in_the_pool,
    leaves,
    mid_upload,
    of_length,
    on_accept,
    resets,
    says,
)
from wire_server import chunked

from llmload.records import Outcome as O

__all__ = ["CUT_OFF", "FLOODS"]

_STAGES: dict[str, tuple[tuple[bytes, ...], O]] = {
    "after the request": ((), O.CONNECT_ERROR),
    "inside the status line": ((b"HTTP/1.1 2",), O.CONNECT_ERROR),
    "inside the headers": ((b"HTTP/1.1 200 OK\r\nContent-Ty",), O.CONNECT_ERROR),
    "between head and body": ((CHUNKED,), O.TRUNCATED),
    "inside a chunk size": ((CHUNKED, b"1"), O.TRUNCATED),
    "inside a chunk": ((CHUNKED, b"100\r\n", event()), O.TRUNCATED),
    "between chunks": ((CHUNKED, chunked(event(), event(), end=False)), O.TRUNCATED),
    "before the last chunk, all said": ((CHUNKED, chunked(event(), STOP, end=False)), O.TRUNCATED),
    "inside the last chunk": ((CHUNKED, chunked(event(), STOP, end=False), b"0\r\n"), O.TRUNCATED),
    "inside the trailers": ((CHUNKED, chunked(event(), STOP, end=False), b"0\r\nX-Took: 1"), O.TRUNCATED),
    "inside a body of known length": ((of_length(event(), SSE, b"1000"),), O.TRUNCATED),
    "inside an error's body": ((error(b"{", b"503 Busy")[:-1],), O.TRUNCATED),
}


def _ends() -> list[Behaviour]:
    """A close and a reset at every stage of a call."""
    found = [
        Behaviour(f"{how} {where}", end(*pieces), (outcome,), "connection")
        for where, (pieces, outcome) in _STAGES.items()
        for how, end in (("close", leaves), ("reset", resets))
    ]
    for how, reset in (("close", False), ("reset", True)):
        found += [
            Behaviour(f"{how} on accept", on_accept(reset), (O.CONNECT_ERROR,), "connection"),
            Behaviour(f"{how} in the middle of an upload", mid_upload(reset), (O.CONNECT_ERROR,), "conn", upload=True),
            Behaviour(f"{how} while idle in the pool", idle_in_the_pool(reset), (O.OK,)),
        ]
    return found


_LINES = [
    Behaviour("a status line without end", floods(b"HTTP/1.1 200 ", MEGABYTE), (O.PROTOCOL_ERROR,), heavy=True),
    Behaviour("a header line without end", floods(SSE + b"X: ", MEGABYTE), (O.PROTOCOL_ERROR,), heavy=True),
    Behaviour("a header name without end", floods(SSE, MEGABYTE), (O.PROTOCOL_ERROR,), heavy=True),
    Behaviour("a million headers", floods(SSE, b"X-N: 1\r\n" * 100_000), (O.PROTOCOL_ERROR,), heavy=True),
    Behaviour("headers of 60 KB each", floods(SSE, b"X: %s\r\n" % MEGABYTE[:60_000]), (O.PROTOCOL_ERROR,), heavy=True),
    Behaviour(
        "a chunk size without end",
        floods(CHUNKED, b"0" * (1 << 20)),
        (O.PROTOCOL_ERROR,),
        heavy=True,
        fallback=(O.TIMEOUT_FIRST_TOKEN,),
    ),
    Behaviour(
        "a chunk extension without end",
        floods(CHUNKED + b"5;", MEGABYTE),
        (O.PROTOCOL_ERROR,),
        heavy=True,
        fallback=(O.TIMEOUT_FIRST_TOKEN,),
    ),
    Behaviour(
        "trailers without end",
        floods(CHUNKED + chunked(event(), STOP, end=False) + b"0\r\n", b"X: 1\r\n" * 9999),
        (O.PROTOCOL_ERROR, O.TIMEOUT_TOTAL, O.TIMEOUT_IDLE),
        heavy=True,
        fallback=(O.TRUNCATED,),
    ),
    Behaviour(
        "an event line without end",
        floods(CHUNKED + chunked(b"data: ", end=False), chunked(MEGABYTE, end=False)),
        (O.PROTOCOL_ERROR,),
        "longer than",
        heavy=True,
    ),
    Behaviour(
        "a comment line without end",
        floods(CHUNKED + chunked(b": ", end=False), chunked(MEGABYTE, end=False)),
        (O.PROTOCOL_ERROR,),
        "longer than",
        heavy=True,
    ),
    Behaviour(
        "an event without end",
        floods(CHUNKED, chunked(b"data: %s\n" % MEGABYTE[:1000], end=False)),
        (O.PROTOCOL_ERROR,),
        "longer than",
        heavy=True,
    ),
    Behaviour(
        "interim answers without end",
        floods(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n" * 1000),
        (O.TIMEOUT_FIRST_TOKEN,),
        heavy=True,
    ),
    Behaviour(
        "empty lines without end", floods(b"", b"\r\n" * 100_000), (O.TIMEOUT_FIRST_TOKEN, O.PROTOCOL_ERROR), heavy=True
    ),
]

_BODIES = [
    Behaviour(
        "a stream that never ends",
        floods(CHUNKED, chunked(event() * 100, end=False)),
        (O.PROTOCOL_ERROR, O.TIMEOUT_TOTAL),
        heavy=True,
    ),
    Behaviour(
        "a document that never ends",
        floods(JSON + b"\r\n", MEGABYTE),
        (O.PROTOCOL_ERROR,),
        "limits.body",
        stream=False,
        heavy=True,
    ),
    Behaviour(
        "a document that never ends, slowly", floods(JSON + b"\r\n", b" ", 0.05), (O.TIMEOUT_TOTAL,), stream=False
    ),
    Behaviour(
        "a stream that never ends, slowly", floods(CHUNKED, chunked(event(), end=False), 0.05), (O.TIMEOUT_TOTAL,)
    ),
    Behaviour(
        "keep-alive comments for ever",
        floods(CHUNKED, chunked(b": ping\n\n", end=False), 0.05),
        (O.TIMEOUT_FIRST_TOKEN,),
    ),
    Behaviour(
        "an error that never ends",
        floods(b"HTTP/1.1 500 No\r\n\r\n", MEGABYTE),
        (O.PROTOCOL_ERROR,),
        "limits.body",
        heavy=True,
    ),
    Behaviour("a head, byte by byte", drips(CHUNKED), (O.TIMEOUT_FIRST_TOKEN,)),
    Behaviour("a body, byte by byte", drips(event() * 9), (O.TIMEOUT_FIRST_TOKEN, O.PROTOCOL_ERROR)),
    Behaviour("a stream, byte by byte", floods(CHUNKED, chunked(b"d", end=False), 0.05), (O.TIMEOUT_FIRST_TOKEN,)),
    Behaviour("silence after accept", hangs(), (O.TIMEOUT_FIRST_TOKEN,)),
    Behaviour("silence after the head", hangs(CHUNKED), (O.TIMEOUT_FIRST_TOKEN,)),
    Behaviour("silence in the stream", hangs(CHUNKED + chunked(event(), end=False)), (O.TIMEOUT_IDLE,), "1 chunk"),
    Behaviour(
        "a million tiny events in few reads",
        says(CHUNKED, chunked(*[b"data:\n\n" * 100_000] * 10)),
        (O.EMPTY, O.TIMEOUT_FIRST_TOKEN),
        reused=None,
        heavy=True,
    ),
    Behaviour(
        "a hundred thousand chunks of a byte",
        says(CHUNKED, chunked(*[b"\n"] * 100_000), b""),
        (O.EMPTY, O.TIMEOUT_FIRST_TOKEN),
        reused=None,
        heavy=True,
    ),
]

CUT_OFF = _ends()
FLOODS = [*_LINES, *_BODIES]
