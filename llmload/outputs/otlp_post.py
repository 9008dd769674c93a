"""A message of OTLP on its way to a collector, and what that makes of it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Mapping
from typing import Final

from google.protobuf.message import DecodeError

from llmload.outputs.post import NotTaken, Reply, poster
from llmload.outputs.post import patience as later
from llmload.safe import clean
from llmload.units import counted

__all__ = ["Refusals", "patience", "posting"]

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_PASSING: Final = frozenset({0, 429, 502, 503, 504})
"""Statuses of a refusal that may pass (OTLP specification, "Retryable Response Codes"); 0: there was no answer."""


class Refusals:
    """What a collector took parcels without, by its own word: said when it begins, and in sum at the end. Written by
    the thread that sends. ``hide`` masks secrets in what a collector says."""

    def __init__(self, what: str, hide: Callable[[str], str]) -> None:
        self.count = 0
        self._what: Final = what
        self._hide: Final = hide
        self._lock: Final = threading.Lock()
        self._told = self._closed = False
        self._messages: list[str] = []

    def add(self, count: int, why: str) -> None:
        """So many of a parcel were refused; 0: it was only warned of."""
        why = clean(self._hide(why), 160)
        with self._lock:
            self.count += max(0, count)
            if not self._told and (count > 0 or why):
                self._told = True
                reason = f": {why}" if why else ""
                did = f"refuses some of what it takes ({counted(count, self._what)})" if count > 0 else "warns"
                self._messages.append(f"otlp {did}{reason}")

    def close(self) -> None:
        """There will be no more. May be called twice."""
        with self._lock:
            if self.count and not self._closed:
                self._messages.append(f"otlp: {counted(self.count, self._what)} refused")
            self._closed = True

    def messages(self) -> list[str]:
        """What there is to say since this was last called."""
        with self._lock:
            said, self._messages = self._messages, []
            return said


def patience(error: Exception, tried: int) -> float | None:
    """See Sender."""
    return later(error, tried) if isinstance(error, NotTaken) and error.status in _PASSING else None


def posting(url: str, own: Mapping[str, str], zipped: bool, heard: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """A function that posts a message of OTLP; ``heard`` is given the answer to one that was taken."""
    headers = {**own, "content-type": _PROTOBUF} | ({"content-encoding": "gzip"} if zipped else {})

    def reply(answer: Reply) -> None:
        kind = answer.content_type.partition(";")[0].strip().lower()
        if not answer.body or kind == _JSON:
            return
        if kind != _PROTOBUF:
            raise OSError(f"it answers with {clean(kind, 40) or 'something'}, which is not OTLP")
        try:
            heard(answer.body)
        except DecodeError:
            raise OSError("its answer is damaged") from None

    post = poster(url, headers, reply)
    return (lambda body: post(gzip.compress(body, 1))) if zipped else post
