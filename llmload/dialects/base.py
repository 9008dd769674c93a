"""What a dialect is: the two directions of one API's wire format. Pure: no socket, no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from llmload.dialects.model_list import ModelList
from llmload.dialects.template import Template
from llmload.records import Answer, Api, Call, WireRequest

__all__ = ["NEVER", "OVER", "Dialect", "DialectKind", "Dialogue", "Reader"]

OVER: Final = -1
"""What a dialogue says is due when nothing more is to be said or heard."""
NEVER: Final = 1 << 62
"""What it says is due when it waits for the other side, however long; so does anything later."""


class Reader(Protocol):
    """Reads one response body into an Answer while it arrives."""

    def feed(self, data: bytes, t: int) -> None:
        """Take the bytes of one read; ``t`` (ns) is when it happened. DecodeError: they break their own format."""

    def template(self) -> Template | None:
        """What a read may look like that is nothing but content, were it to come now; None if that is not known.

        A read that matches need not be fed; its stamp is then appended to the Answer's, and counted as an event.
        """

    def close(self, t: int) -> None:
        """The body ended properly at ``t``. Not called when the connection died or the call was given up."""


class Dialogue(Protocol):
    """What a reader of a WebSocket is too: the side that speaks. All times are monotonic ns."""

    def due(self) -> int:
        """When something is to be said unless something is heard before; OVER: the socket may be closed."""

    def say(self, t: int) -> bytes | None:
        """The message that is due at ``t``; None if that was but a moment to think."""

    def keeps(self) -> bool:
        """Asked when it is over: whether the socket may carry another call."""


class Dialect(Protocol):
    """One API's wire format. Stateless: one instance serves every call of a target."""

    @property
    def name(self) -> str:
        """What a scenario calls it."""

    @property
    def apis(self) -> frozenset[Api]:
        """The kinds of request it can make."""

    def request(self, call: Call) -> WireRequest:
        """The request as it goes out, without credentials."""

    def reader(self, call: Call, answer: Answer, status: int, content_type: str) -> Reader:
        """Something to read this response's body into ``answer``, chosen by what the response says it is."""


@dataclass(frozen=True, slots=True)
class DialectKind:
    """What is known of a dialect before a target speaks it.

    ``make`` takes the target's ``options`` (each a name of ``options``, which say what it means); those in ``needed``
    must be there, and ``choices`` says which values are possible where not all are. ``key``: the header that keys go in
    and what stands before them. ``sim_base``: under which path the simulator speaks it, as ``base_url`` would have it.
    ``socket``: it is spoken over WebSockets. ``models``: its list of models, as ``Api.MODELS`` asks for it; None where
    there is none that tells before a run whether a key is good.
    """

    name: str
    apis: frozenset[Api]
    make: Callable[[Mapping[str, str]], Dialect]
    options: Mapping[str, str] = field(default_factory=dict)
    needed: frozenset[str] = frozenset()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    key: tuple[str, str] = ("Authorization", "Bearer ")
    sim_base: str = "/v1"
    socket: bool = False
    models: ModelList | None = None
