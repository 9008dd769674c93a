"""``--export statsd:HOST:PORT``: counts, gauges and times as StatsD datagrams, once a second.

A datagram that is lost on the way is lost: that is what StatsD is. Times are told as percentiles of the last second
(gauges, ms), since a line for each of thousands of calls a second would be load of its own. Dots, colons and bars in
names are replaced.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Final

from llmload.errors import OutputError
from llmload.metrics.catalogue import METRICS, scale
from llmload.outputs.export import Tick
from llmload.outputs.place import host_and_port
from llmload.outputs.points import DISTRIBUTIONS
from llmload.scenario.plan import Plan
from llmload.units import counted

__all__ = ["StatsD", "lines", "make"]

_SIZE: Final = 1400
"""Bytes of a datagram: fits an Ethernet frame."""
_PERCENTILES: Final = (50.0, 95.0, 99.0)
_UNFIT: Final = re.compile(r"[^\w-]")


class StatsD:
    """Sends to one address."""

    def __init__(self, host: str, port: int) -> None:
        self._place: Final = (host, port)
        self._socket: socket.socket | None = None
        self._sent = 0
        self._refused = 0
        self._messages: list[str] = []

    def open(self, plan: Plan) -> None:
        """Raises OutputError where the name can't be resolved."""
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(*self._place, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, kind, protocol)
            self._socket.setblocking(False)
            self._socket.connect(address)
        except OSError as error:
            raise OutputError(f"can't send to {self._place[0]}:{self._place[1]}: {error.strerror}") from error

    def tick(self, tick: Tick) -> None:
        """Send what came in, and how it stands."""
        datagram = b""
        for line in lines(tick):
            if datagram and len(datagram) + 1 + len(line) > _SIZE:
                self._send(datagram)
                datagram = b""
            datagram = datagram + b"\n" + line if datagram else line
        self._send(datagram)

    def _send(self, datagram: bytes) -> None:
        if self._socket is None:
            return
        self._sent += 1
        try:
            self._socket.send(datagram)
        except OSError:  # nobody listens there, or our own buffer is full
            self._refused += 1
            if self._refused == 1:
                where = f"{self._place[0]}:{self._place[1]}"
                self._messages.append(f"statsd: nothing seems to listen on {where}, or it is too slow")

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is None:
            return
        self._socket.close()
        self._socket = None
        if self._refused:
            self._messages.append(f"statsd: {self._refused:,} of {counted(self._sent, 'datagram')} refused")

    def messages(self) -> list[str]:
        """That nobody seems to listen, once, and at the end how much of it was refused."""
        said, self._messages = self._messages, []
        return said


def lines(tick: Tick) -> Iterator[bytes]:
    """A tick as StatsD lines: ``llmload.CLASS.calls:3|c``, ``llmload.CLASS.ttft.p95:87.2|g`` (ms)."""
    for name in ("planned", "sent", "completed"):
        yield _line(name, getattr(tick.recent, name), "c")
    for cls, part in sorted(tick.recent.split("class").items()):
        for outcome, count in sorted(part.outcomes.items()):
            yield _line(f"{_fit(cls)}.calls.{outcome}", count, "c")
        yield _line(f"{_fit(cls)}.output_tokens", part.output_tokens, "c")
        for metric in DISTRIBUTIONS:
            histogram = part.histogram(metric)
            for p in _PERCENTILES if histogram.count else ():
                milliseconds = histogram.percentile(p) * scale(METRICS[metric]) * 1000
                yield _line(f"{_fit(cls)}.{metric}.p{p:g}", round(milliseconds, 3), "g")
    for number, judgement in enumerate(tick.judgements):
        yield _line(f"objective.{number}.met", int(judgement.passed), "g")


def _fit(name: str) -> str:
    return _UNFIT.sub("_", name)


def _line(name: str, value: float, kind: str) -> bytes:
    return f"llmload.{name}:{value}|{kind}".encode()


def make(where: str) -> StatsD:
    """Raises UsageError."""
    return StatsD(*host_and_port("--export statsd", where, "127.0.0.1"))
