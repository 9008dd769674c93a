"""Two transports as one: HTTP for most targets, WebSockets for those that speak so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from llmload.records import WireRequest
from llmload.transport.base import Exchange, Sink, Transport

__all__ = ["Switch"]


class Switch:
    """Carries a target's exchanges by the transport that is its own. ``path`` is that of HTTP."""

    def __init__(self, http: Transport, names: Iterable[str], sockets: Transport) -> None:
        self._parts = (http, sockets)
        self._http = frozenset(names)
        self.path = http.path

    def _of(self, target: str) -> Transport:
        return self._parts[target not in self._http]

    @property
    def opened(self) -> int:
        """See Transport."""
        return sum(part.opened for part in self._parts)

    @property
    def renewals_failed(self) -> int:
        """See Transport."""
        return sum(part.renewals_failed for part in self._parts)

    async def open(self, connections: Mapping[str, int]) -> None:
        """See Transport."""
        for part in self._parts:
            await part.open(connections)

    def begin(self, target: str, request: WireRequest, sink: Sink, trace: str = "") -> Exchange | None:
        """See Transport."""
        return self._of(target).begin(target, request, sink, trace)

    async def exchange(self, target: str, request: WireRequest, sink: Sink, trace: str = "") -> None:
        """See Transport."""
        await self._of(target).exchange(target, request, sink, trace)

    def redact(self, text: str) -> str:
        """See Transport."""
        return self._parts[1].redact(self._parts[0].redact(text))

    async def close(self) -> None:
        """See Transport."""
        for part in self._parts:
            await part.close()
