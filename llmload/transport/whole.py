"""A Sink that keeps one whole answer, for what is asked before a run."""

from __future__ import annotations

from collections.abc import Mapping

from llmload.errors import DecodeError
from llmload.transport.base import CallFailed, Dial, Exchange

__all__ = ["Whole"]


class Whole:
    """``status`` 0 until there is one; ``headers`` look names up in lower case; ``data``: at most ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.data = bytearray()
        self._limit = limit

    def begun(self, exchange: Exchange) -> None: ...

    def opened(self, t: int, dial: Dial | None) -> None: ...

    def sent(self, t: int, size: int) -> None: ...

    def traced(self, trace: str) -> None: ...

    def uploaded(self, t: int) -> None: ...

    def head(self, t: int, status: int, headers: Mapping[str, str]) -> None:
        """See Sink."""
        self.status, self.headers = status, headers

    def body(self, t: int, data: bytes) -> None:
        """See Sink. DecodeError: it is longer than it may be."""
        if len(self.data) + len(data) > self._limit:
            raise DecodeError(f"it is longer than {self._limit} bytes")
        self.data += data

    def template(self) -> None: ...

    def skipped(self, events: int, size: int) -> None: ...

    def dialogue(self) -> None: ...

    def ended(self, t: int) -> None: ...

    def over(self, failed: CallFailed | None) -> None: ...
