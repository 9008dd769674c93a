"""The truth log: what the simulator did and when, to hold measurements against.

One JSON object per line and request, written when it ends. Times are monotonic ns of this machine, taken just
before the bytes were handed over, so they compare with another process's clock on the same machine:

    {"id": "...", "index": 0, "route": "chat", "model": "...", "tenant": "...", "status": 200, "received": t,
     "content": [t, ...],          when each content token was written
     "other": [["head", t], ...],  what else was written: head, body, finish, ping, error
     "tokens": 12, "prompt_tokens": 9, "faults": ["stall"], "end": t, "ended": "finished",
     "traceparent": "00-..."}      the header of that name, "" where there was none

``ended``: finished, refused, reset, cut, failed, or cancelled (the client left first).
"""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any, Final

import orjson

from llmload.errors import OutputError

__all__ = ["Truth", "TruthFile"]


class Truth:
    """What happened to one request."""

    __slots__ = (
        "content",
        "end",
        "ended",
        "faults",
        "id",
        "index",
        "model",
        "other",
        "prompt_tokens",
        "received",
        "route",
        "status",
        "tenant",
        "tokens",
        "traceparent",
    )

    def __init__(self, index: int, received: int) -> None:
        self.index = index
        self.received = received
        self.id = self.route = self.model = self.tenant = self.ended = self.traceparent = ""
        self.status = self.end = self.prompt_tokens = self.tokens = 0
        self.content: array[int] = array("q")
        self.other: list[tuple[str, int]] = []
        self.faults: list[str] = []

    def as_json(self) -> dict[str, Any]:
        """The line of the log."""
        return {
            "id": self.id,
            "index": self.index,
            "route": self.route,
            "model": self.model,
            "tenant": self.tenant,
            "status": self.status,
            "received": self.received,
            "content": self.content.tolist(),
            "other": self.other,
            "tokens": self.tokens,
            "prompt_tokens": self.prompt_tokens,
            "faults": self.faults,
            "end": self.end,
            "ended": self.ended,
            "traceparent": self.traceparent,
        }


class TruthFile:
    """Writes the log, buffered, up to ``limit`` bytes; then it counts what it leaves out and says so in a last line."""

    def __init__(self, path: Path, limit: int = 4 * 2**30) -> None:
        try:
            self._file: Final = path.open("wb", buffering=1 << 20)
        except OSError as error:
            raise OutputError(f"can't write the truth log {path}: {error.strerror}") from None
        self._left = limit
        self._omitted = 0

    def __call__(self, truth: Truth) -> None:
        line = orjson.dumps(truth.as_json(), option=orjson.OPT_APPEND_NEWLINE)
        if len(line) > self._left:
            self._left = 0
            self._omitted += 1
            return
        self._left -= len(line)
        self._file.write(line)

    def close(self) -> None:
        """Flush; idempotent."""
        if self._file.closed:
            return
        if self._omitted:
            self._file.write(orjson.dumps({"omitted": self._omitted}, option=orjson.OPT_APPEND_NEWLINE))
        self._file.close()
