"""A Sink that remembers what it was told."""

from __future__ import annotations

from collections.abc import Mapping

from llmload.transport.base import CallFailed, Dial, Exchange


class Notes:
    def __init__(self) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.pieces: list[tuple[int, bytes]] = []
        self.dials: list[Dial | None] = []
        self.sent_at = self.ended_at = self.headed_at = 0
        self.give_up_after = -1
        self.trace = ""

    @property
    def data(self) -> bytes:
        return b"".join(piece for _, piece in self.pieces)

    def begun(self, exchange: Exchange) -> None: ...

    def opened(self, t: int, dial: Dial | None) -> None:
        self.dials.append(dial)

    def sent(self, t: int, size: int) -> None:
        self.sent_at = t

    def traced(self, trace: str) -> None:
        self.trace = trace

    def uploaded(self, t: int) -> None: ...

    def head(self, t: int, status: int, headers: Mapping[str, str]) -> None:
        self.headed_at, self.status, self.headers = t, status, headers

    def body(self, t: int, data: bytes) -> None:
        self.pieces.append((t, data))
        if len(self.pieces) == self.give_up_after:
            from llmload.errors import DecodeError

            raise DecodeError("enough")

    def template(self) -> None: ...

    def skipped(self, events: int, size: int) -> None:
        raise AssertionError("no template was given")

    def ended(self, t: int) -> None:
        self.ended_at = t

    def over(self, failed: CallFailed | None) -> None: ...
