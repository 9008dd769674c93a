"""Answers that are not what they should be: compression, framing, text, JSON."""

from __future__ import annotations

import gzip
import zlib

from hostile_parts import (
    CHUNKED,
    DOCUMENT,
    GOOD,
    JSON,
    SSE,
    STOP,
    Behaviour,
    bomb,
    error,
    event,
    later,
    leaves,
    of_length,
    packed,
    says,
)
from wire_server import chunked

from llmload.records import Outcome as O

__all__ = ["ANSWERS"]

_COMPRESSED = [
    Behaviour(
        "a gzip bomb",
        says(packed(bomb("gzip"), b"gzip")),
        (O.PROTOCOL_ERROR,),
        "bomb|limits.body|longer",
        heavy=True,
        reused=None,
    ),
    Behaviour(
        "a gzip bomb in a document",
        says(packed(bomb("gzip"), b"gzip", JSON)),
        (O.PROTOCOL_ERROR,),
        "bomb|limits.body",
        stream=False,
        heavy=True,
        reused=None,
    ),
    Behaviour(
        "a deflate bomb of known length",
        says(of_length(bomb("deflate"), JSON + b"Content-Encoding: deflate\r\n")),
        (O.PROTOCOL_ERROR,),
        "bomb|limits.body",
        stream=False,
        heavy=True,
        reused=None,
    ),
    Behaviour(
        "a gzip bomb in an error",
        says(error(bomb("gzip"), more=b"Content-Encoding: gzip\r\n")),
        (O.PROTOCOL_ERROR,),
        "bomb|limits.body",
        heavy=True,
        reused=None,
    ),
    Behaviour(
        "a bomb of gzip members",
        says(packed(gzip.compress(b"") * 5000, b"gzip")),
        (O.PROTOCOL_ERROR,),
        "streams",
        heavy=True,
        reused=None,
    ),
    Behaviour(
        "gzip inside gzip",
        says(packed(gzip.compress(gzip.compress(event())), b"gzip, gzip")),
        (O.PROTOCOL_ERROR,),
        "compressed",
        reused=None,
    ),
    Behaviour("brotli", says(packed(b"\x0b\x02\x80hello\x03", b"br")), (O.PROTOCOL_ERROR,), "compressed", reused=None),
    Behaviour("zstd", says(packed(b"\x28\xb5\x2f\xfd\x00", b"zstd")), (O.PROTOCOL_ERROR,), "compressed", reused=None),
    Behaviour(
        "an error in brotli",
        says(error(b"\x0b\x02\x80hello\x03", more=b"Content-Encoding: br\r\n")),
        (O.HTTP_5XX,),
        "HTTP 500",
        reused=True,
    ),
    Behaviour(
        "no gzip though it says so", says(packed(event() + STOP, b"gzip")), (O.PROTOCOL_ERROR,), "gzip", reused=None
    ),
    Behaviour(
        "gzip cut short",
        says(packed(gzip.compress(event() + STOP)[:-9], b"gzip")),
        (O.PROTOCOL_ERROR,),
        "gzip",
        reused=None,
    ),
    Behaviour("gzip that is in order", says(packed(gzip.compress(event() * 9 + STOP), b"gzip")), (O.OK,), reused=True),
    Behaviour(
        "deflate without its header",
        says(packed(zlib.compress(event() + STOP)[2:-4], b"deflate")),
        (O.OK,),
        reused=True,
    ),
]

_FRAMING = [
    Behaviour("no HTTP at all", says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), (O.PROTOCOL_ERROR,), "broken answer"),
    Behaviour("HTTP/0.9", leaves(b"<html>hello</html>"), (O.PROTOCOL_ERROR,)),
    Behaviour("the preface of HTTP/2", says(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), (O.PROTOCOL_ERROR,)),
    Behaviour("frames of HTTP/2", says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18)), (O.PROTOCOL_ERROR,)),
    Behaviour("a TLS alert", leaves(b"\x15\x03\x01\x00\x02\x02\x46"), (O.PROTOCOL_ERROR,)),
    Behaviour(
        "a length too short",
        says(of_length(event() + STOP, SSE, b"9")),
        (O.EMPTY, O.TRUNCATED),
        fallback=(O.PROTOCOL_ERROR,),
    ),
    Behaviour("a length too long", leaves(of_length(event() + STOP, SSE, b"9999")), (O.TRUNCATED,)),
    Behaviour("a negative length", says(of_length(DOCUMENT, JSON, b"-5")), (O.PROTOCOL_ERROR,), stream=False),
    Behaviour("a length that is no number", says(of_length(DOCUMENT, JSON, b"0x20")), (O.PROTOCOL_ERROR,)),
    Behaviour("a length beyond 64 bits", says(of_length(DOCUMENT, JSON, b"9" * 30)), (O.PROTOCOL_ERROR,)),
    Behaviour("two lengths", says(of_length(DOCUMENT, JSON + b"Content-Length: 3\r\n")), (O.PROTOCOL_ERROR,)),
    Behaviour(
        "a length and chunks",
        says(CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n" + chunked(event(), STOP)),
        (O.PROTOCOL_ERROR, O.OK),
        reused=None,
    ),
    Behaviour("chunk sizes in words", says(CHUNKED + b"ten\r\n"), (O.PROTOCOL_ERROR,)),
    Behaviour("a negative chunk size", says(CHUNKED + b"-1\r\n"), (O.PROTOCOL_ERROR,)),
    Behaviour("a chunk size beyond 64 bits", says(CHUNKED + b"f" * 17 + b"\r\n"), (O.PROTOCOL_ERROR,)),
    Behaviour("a chunk longer than it says", says(CHUNKED + b"1\r\ndata: x\n\n\r\n"), (O.PROTOCOL_ERROR,)),
    Behaviour(
        "switching protocols",
        says(b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81"),
        (O.PROTOCOL_ERROR,),
    ),
    Behaviour("a hundred interim answers", says(b"HTTP/1.1 100 Continue\r\n\r\n" * 100 + GOOD), (O.OK,), reused=True),
    Behaviour(
        "status 99",
        says(b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n"),
        (O.PROTOCOL_ERROR, O.TIMEOUT_FIRST_TOKEN),
        reused=None,
    ),
    Behaviour("status 999", says(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), (O.PROTOCOL_ERROR,), reused=None),
    Behaviour("bytes after the answer", says(GOOD + b"HTTP/1.1 200 OK\r\nContent-Le"), (O.OK,), kept=True),
    Behaviour(
        "bytes after the answer, in a read of their own",
        later(GOOD, b"HTTP/1.1 200 OK\r\nContent-Le"),
        (O.OK,),
        kept=True,
    ),
    Behaviour("bytes after the trailers", says(GOOD[:-2] + b"X-Took: 1\r\n\r\nHTTP/1.1 2"), (O.OK,), kept=True),
    Behaviour(
        "half an answer after one of known length",
        says(of_length(event() + STOP, SSE) + b"HTTP/1.1 200 OK\r\nC"),
        (O.OK,),
        kept=True,
    ),
    Behaviour("trailers", says(GOOD[:-2] + b"X-Took: 1\r\nX-Cost: 2\r\n\r\n"), (O.OK,), reused=True),
    Behaviour("a second answer to one request", says(GOOD + GOOD), (O.OK,)),
    Behaviour(
        "bytes after an answer of known length",
        says(of_length(event() + STOP, SSE) + b"!"),
        (O.OK,),
        fallback=(O.PROTOCOL_ERROR,),
    ),
    Behaviour(
        "bytes after an answer without body",
        says(b"HTTP/1.1 204 None\r\n\r\nsurprise"),
        (O.EMPTY,),
        fallback=(O.PROTOCOL_ERROR,),
    ),
    Behaviour(
        "a redirect to itself",
        says(error(b"", b"307 Temporary Redirect", b"Location: /v1/chat/completions\r\n")),
        (O.PROTOCOL_ERROR,),
        "redirect",
        reused=True,
    ),
    Behaviour(
        "a redirect with a body",
        says(error(b"<title>Moved</title>", b"301 Moved", b"Location: http://x/\r\n")),
        (O.PROTOCOL_ERROR,),
        "redirect",
        reused=True,
    ),
]

ESCAPES = b"\x1b[31mred\x1b]0;title\x07 [bold]markup[/bold] \xe2\x80\xaeRTL \x00\x08\x7f\xff\xc3 \x9b2J"

_TEXT = [
    Behaviour("escapes in an error", says(error(ESCAPES)), (O.HTTP_5XX,), "markup", reused=True),
    Behaviour(
        "escapes in a JSON error",
        says(error(rb'{"error": {"message": "\u001b[31mred\u0000\u202e\u009b2J markup"}}')),
        (O.HTTP_5XX,),
        "markup",
        reused=True,
    ),
    Behaviour(
        "escapes in the reason",
        says(b"HTTP/1.1 500 \x1b[31mno\xff\r\nContent-Length: 0\r\n\r\n"),
        (O.HTTP_5XX, O.PROTOCOL_ERROR),
        reused=None,
    ),
    Behaviour(
        "escapes in headers",
        says(error(b"no", more=b"X: \x1b[31m\xff\xfe[bold]\r\n")),
        (O.HTTP_5XX, O.PROTOCOL_ERROR),
        reused=None,
    ),
    Behaviour(
        "a null byte in a header",
        says(error(b"no", more=b"X: a\x00b\r\n")),
        (O.HTTP_5XX, O.PROTOCOL_ERROR),
        reused=None,
    ),
    Behaviour(
        "escapes in the content type",
        says(CHUNKED.replace(b"event-stream", b"\x1b[31m\xff") + chunked(b"what")),
        (O.PROTOCOL_ERROR, O.EMPTY),
        reused=None,
    ),
    Behaviour(
        "escapes in an error event",
        says(CHUNKED + chunked(b'event: error\ndata: {"error": "\\u001b[31mred\\u202e markup"}\n\n')),
        (O.ERROR_EVENT,),
        "markup",
        reused=True,
    ),
    Behaviour("escapes where a chunk size should be", says(CHUNKED + b"\x1b[31m\xff\r\n"), (O.PROTOCOL_ERROR,)),
    Behaviour(
        "bad UTF-8 in content",
        says(CHUNKED + chunked(event().replace(b"hi", b"\xff\xc3("), STOP)),
        (O.PROTOCOL_ERROR,),
        reused=True,
    ),
    Behaviour(
        "bad UTF-8 in every event",
        says(CHUNKED + chunked(*[b"data: \xff\xfe\xed\xa0\x80\n\n"] * 99)),
        (O.PROTOCOL_ERROR,),
        "99 events",
        reused=True,
    ),
    Behaviour(
        "half a surrogate pair", says(CHUNKED + chunked(event("\\ud800"), STOP)), (O.PROTOCOL_ERROR, O.OK), reused=True
    ),
    Behaviour(
        "an error of ten megabytes in one line",
        says(error(b"a" * 5_000_000)),
        (O.HTTP_5XX,),
        "aaa",
        reused=True,
        heavy=True,
    ),
]

_NESTED = b"[" * 100_000
_HUGE = b"9" * 5000

_JSON = [
    Behaviour(
        "JSON nested a hundred thousand deep", says(of_length(_NESTED)), (O.PROTOCOL_ERROR,), stream=False, reused=True
    ),
    Behaviour(
        "objects nested a hundred thousand deep",
        says(of_length(b'{"a":' * 100_000)),
        (O.PROTOCOL_ERROR,),
        stream=False,
        reused=True,
    ),
    Behaviour(
        "an error nested a thousand deep",
        says(error(b'{"error":' * 500 + b"1" + b"}" * 500)),
        (O.HTTP_5XX,),
        reused=True,
    ),
    Behaviour(
        "an event nested a hundred thousand deep",
        says(CHUNKED + chunked(b"data: " + _NESTED + b"\n\n")),
        (O.PROTOCOL_ERROR,),
        reused=True,
    ),
    Behaviour(
        "a number of five thousand digits",
        says(CHUNKED + chunked(event(created=_HUGE.decode()), STOP)),
        (O.OK, O.PROTOCOL_ERROR),
        reused=True,
    ),
    Behaviour(
        "usage beyond all numbers",
        says(
            CHUNKED
            + chunked(
                event(),
                b'data: {"choices": [], "usage": {"prompt_tokens": 1e308, "completion_tokens": %d}}\n\n' % 10**18,
                STOP,
            )
        ),
        (O.OK,),
        reused=True,
    ),
    Behaviour(
        "usage of odd types",
        says(
            CHUNKED
            + chunked(
                event(), b'data: {"usage": {"prompt_tokens": "x", "completion_tokens": -1}, "choices": 7}\n\n', STOP
            )
        ),
        (O.OK,),
        reused=True,
    ),
    Behaviour(
        "the same key twice",
        says(
            CHUNKED
            + chunked(b'data: {"choices": [], "choices": [{"delta": {"content": "a", "content": "b"}}]}\n\n', STOP)
        ),
        (O.OK,),
        reused=True,
    ),
    Behaviour(
        "to retry after an age",
        says(error(b"later", b"429 Slow", b"Retry-After: " + _HUGE + b"\r\n")),
        (O.HTTP_429,),
        reused=True,
    ),
    Behaviour(
        "to retry never",
        says(error(b"later", b"503 Busy", b"Retry-After: inf\r\nretry-after-ms: nan\r\n")),
        (O.HTTP_503,),
        reused=True,
    ),
    Behaviour(
        "to retry at no time",
        says(error(b"later", b"429 Slow", b"Retry-After: Mon, 99 Foo 99999999 99:99:99\r\n")),
        (O.HTTP_429,),
        reused=True,
    ),
]

ANSWERS = [*_COMPRESSED, *_FRAMING, *_TEXT, *_JSON]
