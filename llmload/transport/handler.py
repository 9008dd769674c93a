"""The protocol that takes the time stamps.

Theory of operation. aiohttp's ``ResponseHandler`` parses what a socket delivers and wakes a task for every
read; by the time that task runs, other reads have been parsed and the moment is gone. This subclass stamps each
read first thing in ``data_received`` and hands the body to the call's Sink right there. The task that made the call
hears of it once, when the body has ended.

    read -> stamp -> head, plain: our own reader; otherwise: aiohttp's parser -> Sink.head
                  -> body, of known length -> Sink.body
                  -> body, one more chunk like those before: Shortcut        (nothing is decoded)
                  -> body, chunked: our own ChunkedDecoder -> Sink.body      (no StreamReader, no task)
                  -> body, otherwise (until close): aiohttp's parser -> drained at once -> Sink.body

Where the head is plain (see ``llmload.wire.head``) no parser is made at all, unless the end of a chunked body is
unusual: then one is, and is given a head of our making and what follows the last chunk. Where the head is not plain
the parser is given exactly the head and, when a chunked body is over, its last chunk: so that its state (keep-alive,
``should_close``, trailers) is what it would have been had it read everything. A body that lasts until the close it
reads alone, and we drain its reader after each read, with the same stamps. Compressed bodies are taken apart by a
Sink in front of the call's.

What is relied on (and pinned by tests/transport/test_transport_contract.py): ``set_response_params`` builds the parser,
``feed_data((message, payload), size)`` is called for each head inside ``data_received``, ``payload.is_eof`` turns true
inside the read that ended the body, ``resume_reading`` re-enters ``data_received(b"")``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

from aiohttp.client_exceptions import ClientConnectionError
from aiohttp.client_proto import ResponseHandler
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from llmload.clock import DUE, monotonic_ns
from llmload.errors import DecodeError
from llmload.transport.base import Sink
from llmload.transport.failures import let_go
from llmload.transport.inflate import inflating
from llmload.transport.shortcut import LONGEST, WORDS, Shortcut, is_word, shortcut
from llmload.wire.chunked import ChunkedDecoder
from llmload.wire.head import read_head

__all__ = ["ConnectionLostError", "StampingHandler"]

_BUFFER = 1 << 22
"""Read buffer limit (bytes). Large because aiohttp pauses a transport after ``limit // 16`` small HTTP chunks; we
drain after every read, so it never fills."""

_HEAD_END: Final = re.compile(rb"\n\r?\n")
_LINE_LIMIT = 16 * 1024
_HEADER_LIMIT = 64 * 1024
_LAST_CHUNK: Final = b"0\r\n\r\n"
_CHUNKED_HEAD: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
"""What a parser is told that is to read no more than the end of a chunked body."""


class ConnectionLostError(ClientConnectionError):
    """The peer ended the connection in an orderly way where the answer was not over."""


class StampingHandler(ResponseHandler):
    """One connection. ``expect`` binds it to one exchange, and says once how that ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.created = monotonic_ns()
        """The TCP connection stands (asyncio makes the protocol then); TLS, if any, comes after."""
        self.made = 0
        """The connection is ready for a request."""
        self._sink: Sink | None = None
        self._over: Callable[[BaseException | None], None] | None = None
        self._body: StreamReader | None = None
        self._chunks: ChunkedDecoder | None = None
        self._shortcut: Shortcut | None = None
        self._left = 0
        """Bytes still to come of a body of known length."""
        self._ending = b""
        """What has come of the last chunk and the trailers."""
        self._due: int | None = None
        """Bytes of the body that the parser has still to be given, where that is known."""
        self._chunked = False
        self._fresh = False
        """Nothing of the answer was read."""
        self._priming = False
        self._tail_of_head = b""
        self._stamp = 0
        self.headed = False
        """The head of the answer was read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # uvloop holds writes back until its round is over, unless that would fill the buffer; a request must leave now.
        # (Under TLS a limit of 0 does not do that, and "paused" would no longer mean that something is left to write.)
        if transport.get_extra_info("ssl_object") is None:
            transport.set_write_buffer_limits(high=0)  # type: ignore[attr-defined]
        self.made = self._stamp = monotonic_ns()

    @property
    def used(self) -> int:
        """Monotonic ns at which anything was last read (or the connection was made)."""
        return self._stamp

    def expect(self, sink: Sink, over: Callable[[BaseException | None], None]) -> None:
        """Await the answer to a request that is about to be written. ``over`` is called once, with what went wrong."""
        self._sink = sink
        self._over = over
        self._body = None
        self._chunks = None
        self._left = 0
        self._ending = b""
        self._due = None
        self._fresh = True
        self._parser = None
        self.headed = False

    def begin(self, sink: Sink) -> asyncio.Future[None]:
        """``expect``, with a future in place of a function."""
        done = self._loop.create_future()

        def over(error: BaseException | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        self.expect(sink, over)
        return done

    def _use_parser(self) -> None:
        self._chunked = False
        self._tail_of_head = b""
        self.set_response_params(
            read_until_eof=True,
            auto_decompress=False,
            read_bufsize=_BUFFER,
            max_line_size=_LINE_LIMIT,
            max_field_size=_HEADER_LIMIT,
        )

    # -- reading -------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Stamp, then take the shortcut where there is one, else decode. A call that is due meanwhile goes first."""
        stamp = monotonic_ns()
        if stamp >= DUE.at:
            DUE.ring()
        short = self._shortcut
        if short is not None:
            size = len(data)
            if size < LONGEST and size <= short.room:
                word = data.removeprefix(short.lines[size]).removeprefix(short.head).removesuffix(short.tail)
                if len(word) + short.frame == size and (word in WORDS or is_word(word)):
                    short.room -= size
                    short.stamps.append(stamp)
                    return
            data = short.several(data, stamp)
            if not data:
                return
            self._leave_shortcut()
        self._read(data, stamp)

    def _read(self, data: bytes, stamp: int) -> None:
        """Decode: what is plain here, everything else through aiohttp's parser."""
        sink = self._sink
        if sink is None:
            super().data_received(data)
            return
        if data:
            self._stamp = stamp
        try:
            if self._left:
                self._read_length(sink, data)
            elif self._chunks is not None:
                self._read_chunks(self._chunks, sink, data)
            elif self._ending:
                rest, self._ending = self._ending + data, b""
                self._end_chunks(rest)
            elif self._fresh:
                if data:
                    self._begin_answer(sink, data)
            elif self.headed or not data:
                self._parse_body(data)
            else:
                self._read_head(data)
        except Exception as error:  # a decoder or the Sink gave up: this call is over, the loop is not
            self._fail(error)

    def _begin_answer(self, sink: Sink, data: bytes) -> None:
        """The first read: a plain head is read here and now, any other by the parser."""
        self._fresh = False
        head = read_head(data)
        if head is None:
            self._use_parser()
            self._read_head(data)
            return
        self.headed = True
        if head.closes:
            self.force_close()
        sink.head(self._stamp, head.status, head.headers)
        body = data[head.size :]
        if head.length < 0:
            self._chunks = ChunkedDecoder()
            if body:
                self._read_chunks(self._chunks, sink, body)
        else:
            self._left = head.length
            self._read_length(sink, body)

    def _read_length(self, sink: Sink, data: bytes) -> None:
        if len(data) > self._left:
            data = data[: self._left]
            self.force_close()  # bytes after the end of an answer: this connection can't be trusted again
        self._left -= len(data)
        if data:
            sink.body(self._stamp, data)
        if not self._left:
            self._finish()

    def _read_chunks(self, chunks: ChunkedDecoder, sink: Sink, data: bytes) -> None:
        for piece in chunks.feed(data):
            sink.body(self._stamp, piece)
        if chunks.done:
            self._chunks = None
            self._end_chunks(chunks.rest)
        elif chunks.idle and (found := sink.template()) is not None:
            self._shortcut = shortcut(data, *found)

    def _end_chunks(self, rest: bytes) -> None:
        """What follows the last byte of a chunked body: nearly always an empty chunk and nothing else."""
        if rest == _LAST_CHUNK and self._parser is None:
            self._finish()
            return
        found = _HEAD_END.search(rest)
        if found is None:
            self._ending = rest
            if len(rest) > _HEADER_LIMIT:
                raise DecodeError(f"the trailers are longer than {_HEADER_LIMIT} bytes")
            return
        if self._parser is None:
            self._use_parser()
            self._priming = True
            super().data_received(_CHUNKED_HEAD)
            self._priming = False
        self._parse(rest[: found.end()])
        if found.end() < len(rest):
            self.force_close()  # bytes after the end of an answer: this connection can't be trusted again

    def _leave_shortcut(self) -> None:
        """What it took is told before anything else is."""
        short, self._shortcut = self._shortcut, None
        if short is not None and self._sink is not None:
            self._sink.skipped(*short.taken())

    def _read_head(self, data: bytes) -> None:
        """Give the parser each head (interim 1xx answers have theirs) and no byte more, then begin with the body."""
        while data and not self.headed and self._sink is not None:
            # Its end may have begun in the read before.
            found = _HEAD_END.search(self._tail_of_head + data)
            if found is None:
                self._tail_of_head = (self._tail_of_head + data)[-2:]
                self._parse(data)
                return
            end = found.end() - len(self._tail_of_head)
            self._tail_of_head = b""
            self._parse(data[:end])
            data = data[end:]
        if self._sink is None:
            if data:
                self.force_close()  # bytes after the end of an answer: this connection can't be trusted again
        elif self._chunked:
            self._chunks = ChunkedDecoder()
            if data:
                self._read(data, self._stamp)
        elif data:
            self._parse_body(data)

    def _parse_body(self, data: bytes) -> None:
        """Give the parser no byte more than the head announced."""
        due = self._due
        if due is None or len(data) <= due:
            self._due = due and due - len(data)
            self._parse(data)
        else:
            self._parse(data[:due])
            self.force_close()

    def _parse(self, data: bytes) -> None:
        """Let aiohttp's parser have ``data`` and take what it decoded."""
        super().data_received(data)
        body = self._body
        if body is None:
            return
        self._drain(body)
        if body.is_eof():
            self._finish()

    def _drain(self, body: StreamReader) -> None:
        sink = self._sink
        while sink is not None and (data := body.read_nowait(-1)):
            sink.body(self._stamp, data)

    def feed_data(self, data: Any, size: int = 0) -> None:
        """A head was parsed (called by aiohttp inside ``data_received``)."""
        if self._over is None:  # no exchange has begun: this is what a proxy says to CONNECT, and aiohttp waits for it
            super().feed_data(data, size)
            return
        message, payload = data
        if self._priming:
            self._body = payload
            return
        sink = self._sink
        if sink is None or self.headed:
            self.force_close()
            return
        if message.code == 101:
            raise DecodeError("the server switched protocols, which nobody asked for")
        if message.code < 200:
            return
        self.headed = True
        self._body = payload
        self._chunked = message.chunked and payload is not EMPTY_PAYLOAD
        length = message.headers.get("content-length", "")
        self._due = int(length) if length.isdecimal() and not message.chunked else None
        sink.head(self._stamp, message.code, message.headers)
        self._sink = inflating(sink, message.code, message.headers)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """aiohttp resumes after every ``read_nowait``; that re-enters ``data_received``, so only when it was paused."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    # -- ends ------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        sink = self._sink
        self._sink = self._body = None
        self._parser = None  # what comes before the next exchange is nobody's: aiohttp then lets the connection go
        if sink is not None:
            sink.ended(self._stamp)
        self._say(None)

    def _fail(self, error: BaseException) -> None:
        self._leave_shortcut()
        self._sink = self._body = self._chunks = None
        self.force_close()
        self._say(error)

    def _say(self, error: BaseException | None) -> None:
        over, self._over = self._over, None
        if over is not None:
            over(error)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """aiohttp tells us of a broken answer or a lost connection; the call's task must hear of it."""
        super().set_exception(exc, *cause)
        if self._sink is not None and (self._body is None or not self._body.is_eof()):
            self._fail(exc)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The peer or the network ended the connection; a body that lasts until the close ends well here."""
        body = self._body
        super().connection_lost(exc)
        if body is not None:
            let_go(body.exception())
        if self._sink is None:
            return
        try:
            if exc is None and body is not None and body.exception() is None and self._chunks is None:
                self._drain(body)
                if body.is_eof():
                    self._finish()
                    return
        except Exception as error:  # a decoder or the Sink gave up
            self._fail(error)
            return
        self._fail(exc or ConnectionLostError("connection closed"))

    def resume_writing(self) -> None:
        """The last byte of a request that did not fit into the socket's buffer has left it."""
        super().resume_writing()
        if self._sink is not None:
            self._sink.uploaded(monotonic_ns())

    def lost(self) -> None:
        """The connection went away between being taken and being used."""
        self._fail(ConnectionLostError("connection closed"))

    def abandon(self) -> None:
        """Stop listening: the call was cancelled."""
        self._leave_shortcut()
        self._sink = self._body = self._chunks = self._over = None
        self.force_close()
        if self.writing_paused:
            self.abort()  # closing would wait for a peer that reads no more
