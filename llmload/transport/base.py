"""The seam between a call and the network: what the engine asks for, and what it is told.

A Transport makes one exchange at a time per call and reports it to a Sink while it happens. Sink methods are
called synchronously from wherever bytes arrive, with the stamp taken when they were read; they must be quick.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from llmload.dialects.base import Dialogue
from llmload.dialects.template import Template
from llmload.errors import LlmloadError
from llmload.records import Outcome, WireRequest

__all__ = ["CallFailed", "Dial", "Exchange", "Sink", "Transport"]


class CallFailed(LlmloadError):
    """The exchange did not end well; ``outcome`` classifies it, ``detail`` says it in one line."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Dial:
    """How long each step of opening a connection took, ns."""

    dns: int
    tcp: int
    tls: int


class Exchange(Protocol):
    """A request that was sent and whose answer is being read."""

    def cancel(self) -> None:
        """Nobody wants the answer any more; nothing more is told."""


class Sink(Protocol):
    """Told about one exchange while it happens. All ``t`` are monotonic ns."""

    def begun(self, exchange: Exchange) -> None:
        """A connection was dialled for this call; from now on ``exchange`` is how to end it."""

    def opened(self, t: int, dial: Dial | None) -> None:
        """A connection is ready; ``dial`` is None when it was open already."""

    def sent(self, t: int, size: int) -> None:
        """The request (``size`` bytes, head included) is being handed to the kernel."""

    def traced(self, trace: str) -> None:
        """The request that is being sent carries this traceparent; "" takes that back."""

    def uploaded(self, t: int) -> None:
        """The last byte of a request that did not fit into the socket's buffer is out."""

    def head(self, t: int, status: int, headers: Mapping[str, str]) -> None:
        """The head of the answer was read; ``headers`` looks names up in lower case."""

    def body(self, t: int, data: bytes) -> None:
        """A piece of the body (framing and compression removed). May raise DecodeError to give up."""

    def template(self) -> tuple[Template, array[int], int] | None:
        """What further reads may look like, were one to come now; None if that is not known.

        A transport that sees such a read may append its stamp to the array, within so many bytes, instead of
        handing the read to ``body``; it says so by ``skipped`` before it calls anything else.
        """

    def skipped(self, events: int, size: int) -> None:
        """So many events of the template were stamped, ``size`` bytes of body in all."""

    def dialogue(self) -> Dialogue | None:
        """What is to be said over a socket, once its head was told; None if nothing ever is."""

    def ended(self, t: int) -> None:
        """The body ended as its framing promised."""

    def over(self, failed: CallFailed | None) -> None:
        """The exchange is over, after ``ended``, or because it failed; may be told again by the end of ``exchange``."""


class Transport(Protocol):
    """Carries exchanges. One per process; used from one event loop."""

    path: str
    """The measuring path in use, as stated in results: "direct", "iter_any", "memory"."""

    @property
    def opened(self) -> int:
        """Connections dialled so far."""

    @property
    def renewals_failed(self) -> int:
        """How often a credential was to be renewed and was not, so that the old one was used on."""

    async def open(self, connections: Mapping[str, int]) -> None:
        """Open that many connections per target name ahead of time.

        Raises UnreachableError when a target can't be reached at all.
        """

    def begin(self, target: str, request: WireRequest, sink: Sink, trace: str = "") -> Exchange | None:
        """Send ``request`` at once if that takes no waiting (a connection is open and idle).

        ``trace``: the traceparent it is to carry, "" for none. The end is told to ``sink.over``. None where
        ``exchange`` must be used.
        """

    async def exchange(self, target: str, request: WireRequest, sink: Sink, trace: str = "") -> None:
        """Send ``request`` and report the answer to ``sink`` until the body has ended.

        Raises CallFailed. Cancelling it closes the connection.
        """

    def redact(self, text: str) -> str:
        """``text`` with every secret the transport knows replaced."""

    async def close(self) -> None:
        """Close every connection."""
