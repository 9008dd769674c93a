"""Any WebSocket: messages as the class's ``socket`` table words them, at a rate or each in answer to the last."""

from __future__ import annotations

from typing import Final

import orjson

from llmload.clock import NS
from llmload.dialects.base import NEVER, OVER, DialectKind, Reader
from llmload.dialects.clean import clean_line
from llmload.dialects.error_body import ErrorReader
from llmload.dialects.http import field_at, filled_headers, values_of
from llmload.recipes import SocketRecipe
from llmload.records import Answer, Api, Call, WireRequest

__all__ = ["KIND", "SocketReader", "WebSocket"]

_SWITCHED: Final = 101
_NOTHING: Final = SocketRecipe()


class WebSocket:
    """Dialect "websocket"."""

    name = "websocket"
    apis = frozenset({Api.SOCKET})

    def request(self, call: Call) -> WireRequest:
        """See Dialect."""
        recipe = _recipe(call)
        values = values_of(call, recipe.seed)
        headers = filled_headers(call, recipe.headers, values)
        return WireRequest("GET", recipe.path.fill(values).lstrip("/"), tuple(headers.items()), b"")

    def reader(self, call: Call, answer: Answer, status: int, content_type: str) -> Reader:
        """See Dialect."""
        if status != _SWITCHED:
            answer.content_type = clean_line(content_type.partition(";")[0].lower(), 100)
            return ErrorReader(answer)
        return SocketReader(call, _recipe(call), answer)


def _recipe(call: Call) -> SocketRecipe:
    return call.recipe if isinstance(call.recipe, SocketRecipe) else _NOTHING


class SocketReader:
    """Both sides of one socket: what is sent when, and which reply belongs to what.

    A reply ends the round trip of the message that it names (``match``), or of the oldest without one. What belongs to
    no message is counted as an event and leaves no stamp.
    """

    __slots__ = ("_answer", "_begun", "_call", "_open", "_over", "_recipe", "_said")

    def __init__(self, call: Call, recipe: SocketRecipe, answer: Answer) -> None:
        answer.switched = True
        self._call = call
        self._recipe = recipe
        self._answer = answer
        self._open: dict[str, int] = {}
        """Messages without a reply, oldest first: what matches them -> when they were sent."""
        self._said = 0
        self._begun = 0
        self._over = False

    def feed(self, data: bytes, t: int) -> None:
        """A message was heard."""
        answer = self._answer
        answer.events += 1
        answer.first_event = answer.first_event or t
        name = self._name(data) if self._recipe.match else next(iter(self._open), "")
        sent = self._open.pop(name, 0)
        if sent:
            answer.stamps.append(t)
            answer.first_output = answer.first_output or t
            answer.round_trips.append(t - sent)

    def template(self) -> None:
        """See Reader: there is nothing to go by."""

    def close(self, t: int) -> None:
        """The dialogue is over."""
        self._answer.ended = True
        self._answer.unanswered = self._recipe.messages - len(self._answer.round_trips)

    def due(self) -> int:
        """See Dialogue."""
        if self._over or not self._begun:
            return OVER if self._over else 1
        return min(self._turn(), self._lost())

    def say(self, t: int) -> bytes | None:
        """See Dialogue."""
        self._begun = self._begun or t
        if t >= self._lost() or self._said == self._recipe.messages:
            self._over = True
            return None
        data = self._recipe.text.fill(values_of(self._call, self._recipe.seed, self._said)).encode()
        self._open[self._name(data) if self._recipe.match else str(self._said)] = t
        self._said += 1
        return data

    def keeps(self) -> bool:
        """See Dialogue; a call is one socket."""
        return False

    def _lost(self) -> int:
        """When the oldest message without a reply has waited for too long."""
        return next(iter(self._open.values()), NEVER) + round(self._recipe.timeout * NS)

    def _turn(self) -> int:
        """When the next message is to be said or, all being said and answered, the socket has been held long enough."""
        recipe = self._recipe
        if self._said < recipe.messages and recipe.every:
            return self._begun + round(self._said * recipe.every * NS)
        if self._open:
            return NEVER
        return 1 if self._said < recipe.messages else self._begun + round(recipe.hold * NS)

    def _name(self, data: bytes) -> str:
        try:
            found = field_at(orjson.loads(data), self._recipe.match)
        except orjson.JSONDecodeError:
            return ""
        return "" if found is None else str(found)[:200]


_WEBSOCKET: Final = WebSocket()
KIND: Final = DialectKind("websocket", WebSocket.apis, lambda options: _WEBSOCKET, sim_base="", socket=True)
