"""OpenAI's Realtime API, as text over a WebSocket: a chat is a session of its own, or a response on a kept socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llmload.dialects.base import DialectKind, Reader
from llmload.dialects.clean import clean_line
from llmload.dialects.error_body import ErrorReader
from llmload.dialects.openai_realtime.request import said, upgrade
from llmload.dialects.openai_realtime.session import SessionReader
from llmload.records import Answer, Api, Call, WireRequest

__all__ = ["KIND", "OpenAiRealtime"]

_SWITCHED: Final = 101
_OPTIONS: Final = {
    "socket": '"call": a socket for every call; "kept": sockets stay open and carry one call after another',
    "version": '"ga": the events of today; "beta": those before, with the header OpenAI-Beta',
}
_CHOICES: Final = {"socket": ("call", "kept"), "version": ("ga", "beta")}


class OpenAiRealtime:
    """Dialect "openai-realtime"."""

    name = "openai-realtime"
    apis = frozenset({Api.CHAT})

    def __init__(self, options: Mapping[str, str]) -> None:
        self._beta = options.get("version") == "beta"
        self._kept = options.get("socket") == "kept"

    def request(self, call: Call) -> WireRequest:
        """See Dialect; what is asked follows over the socket."""
        return upgrade(call, self._beta)

    def reader(self, call: Call, answer: Answer, status: int, content_type: str) -> Reader:
        """See Dialect."""
        if status != _SWITCHED:
            answer.content_type = clean_line(content_type.partition(";")[0].lower(), 100)
            return ErrorReader(answer)
        return SessionReader(said(call, self._beta, self._kept), answer, self._kept)


KIND: Final = DialectKind(
    "openai-realtime", OpenAiRealtime.apis, OpenAiRealtime, options=_OPTIONS, choices=_CHOICES, socket=True
)
