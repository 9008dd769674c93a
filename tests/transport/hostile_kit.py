"""What hostile and broken servers do, and what a call must come to: one table, for every measuring path.

A Behaviour plays on the first connection that a server gets, from its first byte on; whatever comes after it, on that
connection or on another, is answered properly. So each entry also tells whether the run goes on, and on which
connection.

    async with hostile(behaviour) as server:
        check("direct", behaviour, await facts_of(transport_to(server.url), behaviour), server.connections)
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import isfinite
from random import Random
from typing import Any

from hostile_answers import ANSWERS
from hostile_ends import CUT_OFF, FLOODS
from hostile_parts import GOOD, Behaviour, Stage
from wire_server import listening, read_request

from llmload.clock import monotonic_ns
from llmload.dialects import dialect
from llmload.engine.call import CallRun, Deadlines, Prepared
from llmload.records import Api, Call, Message, Outcome, Record
from llmload.scenario.plan import Limits
from llmload.transport.base import Transport
from llmload.transport.http import HttpTransport
from llmload.transport.plain import PlainTransport

__all__ = [
    "BEHAVIOURS",
    "BRISK",
    "LIMITS",
    "PATHS",
    "Mix",
    "Server",
    "check",
    "facts_of",
    "hostile",
    "mixed",
    "one_call",
]

BEHAVIOURS = [*CUT_OFF, *FLOODS, *ANSWERS]
PATHS: dict[str, type[HttpTransport] | type[PlainTransport]] = {"direct": HttpTransport, "iter_any": PlainTransport}

LIMITS = Limits(connect=5.0, first_token=20.0, idle=20.0, total=25.0, body=8 << 20)
"""Of calls against what ends by itself."""
BRISK = Limits(connect=2.0, first_token=0.6, idle=0.6, total=1.0, body=8 << 20)
"""Of calls against what may never end: they must end by these."""
_TIMED = {Outcome.TIMEOUT_FIRST_TOKEN, Outcome.TIMEOUT_IDLE, Outcome.TIMEOUT_TOTAL}
UPLOAD = 6_000_000
"""Characters of a prompt that fits into no socket's buffer."""
ONE_READ = 1 << 20
"""What a call may take beyond a limit before it notices: a read, or a step of decompression."""
_RESET = struct.pack("ii", 1, 0)


@dataclass
class Server:
    """A server under way."""

    port: int = 0
    connections: list[int] = field(default_factory=list)
    """Ports of the clients, one for each request that was read."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


class _Stage:
    """What a Behaviour has in its hands: the connection, and the ways to end it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def request(self) -> None:
        await read_request(self._reader)

    async def head_of_request(self) -> None:
        await self._reader.readuntil(b"\r\n\r\n")

    async def write(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()

    async def slowly(self, data: bytes, pause: float) -> None:
        for at in range(len(data)):
            await self.write(data[at : at + 1])
            await asyncio.sleep(pause)

    async def forever(self, piece: bytes, pause: float = 0.0) -> None:
        while True:
            await self.write(piece)
            await asyncio.sleep(pause)

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def reset(self) -> None:
        """An RST, whatever is still to be read or written."""
        await asyncio.sleep(0.02)  # what was written before is to arrive first
        found: socket.socket = self._writer.get_extra_info("socket")
        if found.fileno() >= 0:  # the client may have closed already
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()

    async def hang(self) -> None:
        await asyncio.sleep(60)

    @property
    def over(self) -> bool:
        return self._writer.is_closing()


@asynccontextmanager
async def hostile(behaviour: Behaviour) -> AsyncIterator[Server]:
    """A server whose first connection is for ``behaviour``."""
    server = Server()
    played = False

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal played
        client = writer.get_extra_info("peername")[1]
        if not played:
            played = True
            server.connections.append(client)
            stage: Stage = _Stage(reader, writer)
            await behaviour.play(stage)
            if stage.over:
                return
        while True:
            await read_request(reader)
            server.connections.append(client)
            writer.write(GOOD)
            await writer.drain()

    async with listening(talk) as server.port:
        yield server


async def one_call(transport: Transport, behaviour: Behaviour | None = None, limits: Limits = LIMITS) -> Record:
    """One streamed call (or what ``behaviour`` is about) from start to end, classified."""
    if behaviour is not None and _TIMED & set(behaviour.outcomes + behaviour.fallback):
        limits = BRISK
    stream = behaviour is None or behaviour.stream
    text = "x" * UPLOAD if behaviour is not None and behaviour.upload else "hello"
    call = Call(0, "chat", "main", Api.CHAT, "m", stream=stream, messages=(Message("user", text),))
    speaks = dialect("openai")
    record = Record(call, monotonic_ns())
    run = CallRun(Prepared(record, speaks.request(call), speaks), transport, Deadlines.of(limits), monotonic_ns)
    async with asyncio.timeout(60):
        return await run.run()


async def facts_of(transport: Transport, behaviour: Behaviour) -> dict[str, Any]:
    """What came of a call that met ``behaviour``, and of the next one."""
    record = await one_call(transport, behaviour)
    await asyncio.sleep(0.3 if "idle" in behaviour.name else 0.03)  # a close or reset may still be under way
    after = await one_call(transport)
    return {
        "outcome": str(record.outcome),
        "detail": record.detail,
        "bytes_in": record.bytes_in,
        "retry_after": record.retry_after,
        "after": f"{after.outcome} {after.detail}".strip(),
    }


def check(path: str, behaviour: Behaviour, found: dict[str, Any], connections: list[int]) -> None:
    """Hold ``found`` to what the table says."""
    fallback = path == "iter_any"
    outcome, detail = Outcome(found["outcome"]), found["detail"]
    assert outcome in behaviour.outcomes + behaviour.fallback * fallback, f"{outcome}: {detail}"
    assert re.search(behaviour.says, detail), detail
    assert outcome.good is (detail == "")
    assert len(detail) <= 300
    assert not [char for char in detail if not char.isprintable() or unicodedata.category(char) == "Cf"]
    assert found["bytes_in"] <= LIMITS.body + ONE_READ
    assert isfinite(found["retry_after"])
    assert found["after"] == "ok"
    if behaviour.reused is not None and not (fallback and behaviour.kept):
        assert (connections[0] == connections[-1]) is behaviour.reused


@dataclass
class Mix:
    """A server that is decent or does something at random, request by request, the same for a seed."""

    port: int = 0
    good: int = 0
    """Requests it answered as it should."""
    played: Counter[str] = field(default_factory=Counter)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@asynccontextmanager
async def mixed(behaviours: Sequence[Behaviour], seed: int, good: float = 0.5) -> AsyncIterator[Mix]:
    """A Mix of ``behaviours``; ``good``: the share of requests that are answered properly."""
    mix = Mix()
    random = Random(seed)
    order = random.sample(behaviours, len(behaviours))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stage = _Stage(reader, writer)
        while not stage.over:
            if random.random() < good:
                await read_request(reader)
                writer.write(GOOD)
                await writer.drain()
                mix.good += 1
            else:
                behaviour = order[sum(mix.played.values()) % len(order)]
                mix.played[behaviour.name] += 1
                await behaviour.play(stage)

    async with listening(talk) as mix.port:
        yield mix
