"""The minimal server of ``server.c`` where there is no C compiler (or no Linux): same options, same answers, same log.

It is slower: with it, rates beyond a few hundred streams a second measure the server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import time
from array import array
from pathlib import Path

_WORDS = (" the", " load", " of", " a", " day", " is", " what", " it", " takes", " to", " say", " so")
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
_DOCUMENT = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
_MODELS = {"object": "list", "data": [{"id": "bench", "object": "model", "owned_by": "bench"}]}
_MS = 1_000_000


class Server:
    """What connections share: the options, the table of stamps, counters."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.rows: list[array[int]] = []
        self.finished = self.chunks = self.open = 0

    def stats(self) -> dict[str, int]:
        """The document of GET /stats."""
        first = self.rows[0][0] if self.rows else 0
        return {
            "requests": len(self.rows), "finished": self.finished, "chunks": self.chunks, "open": self.open,
            "first": first,
        }  # fmt: skip


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._read = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See Protocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].lower()
            _, _, length = head.partition(b"content-length:")
            stop = end + 4 + int(length.split(b"\r\n")[0] or 0)
            if len(self._read) < stop:
                return
            body, self._read = self._read[end + 4 : stop], self._read[stop:]
            if head.startswith(b"post"):
                self._post(body)
            else:
                self._get(head.split()[1].decode())

    def _get(self, path: str) -> None:
        self._document(self._server.stats() if path == "/stats" else _MODELS if path.endswith("/models") else {})

    def _document(self, document: object) -> None:
        body = _json(document)
        self._transport.write(_DOCUMENT % (len(body), body))

    def _post(self, body: bytes) -> None:
        server, options = self._server, self._server.options
        stream = b'"stream":true' in body or b'"stream": true' in body
        row = array("q", bytes(8 * (3 + options.tokens)))
        row[0], row[1] = time.monotonic_ns(), stream
        number = len(server.rows)
        server.rows.append(row)
        server.open += 1
        if stream:
            self._transport.write(_HEAD + _event(number, {"role": "assistant", "content": ""}, None))
        spread = round(options.spread * _MS)
        first = row[0] + round(options.ttft * _MS) + (number * 7919 * _MS // 100 % spread if spread else 0)
        self._loop.call_at(first / 1e9, self._due, number, row, first, b"include_usage" in body)

    def _due(self, number: int, row: array[int], first: int, usage: bool) -> None:
        server = self._server
        if self._transport.is_closing():
            server.open -= 1
            return
        row[3 + row[2]] = time.monotonic_ns()
        row[2] += 1
        if not row[1]:
            self._document(_whole(number, server.options.tokens))
        else:
            server.chunks += 1
            self._transport.write(_event(number, {"content": _WORDS[(number + row[2] - 1) % 12]}, None))
            if row[2] < server.options.tokens:
                due = first + round(row[2] * server.options.itl * _MS)
                self._loop.call_at(due / 1e9, self._due, number, row, first, usage)
                return
            self._transport.write(_ending(number, server.options.tokens, usage))
        server.finished += 1
        server.open -= 1


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _framed(document: object) -> bytes:
    event = b"data: %s\n\n" % (document if isinstance(document, bytes) else _json(document))
    return b"%x\r\n%s\r\n" % (len(event), event)


def _event(number: int, delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _framed(_chunk(number, [choice]))


def _chunk(number: int, choices: list[object]) -> dict[str, object]:
    kind = "chat.completion.chunk"
    return {"id": f"chatcmpl-{number:08x}", "object": kind, "created": 1700000000, "model": "bench", "choices": choices}


def _usage(tokens: int) -> dict[str, int]:
    return {"prompt_tokens": 20, "completion_tokens": tokens, "total_tokens": tokens + 20}


def _ending(number: int, tokens: int, usage: bool) -> bytes:
    counted = _framed({**_chunk(number, []), "usage": _usage(tokens)}) if usage else b""
    return _event(number, {}, "stop") + counted + _framed(b"[DONE]") + b"0\r\n\r\n"


def _whole(number: int, tokens: int) -> dict[str, object]:
    message = {"role": "assistant", "content": "All is well, as far as can be seen."}
    choice: object = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**_chunk(number, [choice]), "object": "chat.completion", "usage": _usage(tokens)}


async def serve(options: argparse.Namespace) -> bytes:
    """Serve until SIGTERM or Ctrl-C; the log."""
    loop, ended, server = asyncio.get_running_loop(), asyncio.Event(), Server(options)
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    listening = await loop.create_server(lambda: Connection(server), "127.0.0.1", options.port, backlog=4096)
    print("listening", listening.sockets[0].getsockname()[1], flush=True)
    await ended.wait()
    return b"".join(row.tobytes() for row in server.rows)


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, kind, usual in (("port", int, 0), ("ttft", float, 100.0), ("spread", float, 0.0), ("itl", float, 20.0),
                              ("tokens", int, 100), ("log", str, "")):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind, default=usual)
    options = parser.parse_args()
    stamps = asyncio.run(serve(options))
    if options.log:
        Path(options.log).write_bytes(stamps)


if __name__ == "__main__":
    main()
