"""A session of OpenAI's Realtime API, as text: what is said over one socket, and what comes back. Pure.

The session holds settings and conversation; each response is a request like any other to the service, so that keys,
limits, the model and faults are the same for it. What the service answers goes out as messages. A fault that ends an
answer before its end ends the socket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

import orjson

from llmload.sim.formats.base import bearer
from llmload.sim.formats.openai_realtime import message
from llmload.sim.service import Service, SimRequest
from llmload.sim.text import tag

__all__ = ["Line", "RealtimeSession"]

_PATH: Final = "/v1/realtime"
_SETTINGS: Final = ("instructions", "max_output_tokens", "tools", "tool_choice")
"""What a session is told for all its responses, and a response for itself."""
_BETA_SETTINGS: Final = {"max_response_output_tokens": "max_output_tokens"}
_BETA_EVENTS: Final = {
    b"response.output_text.delta": b"response.text.delta",
    b"response.output_text.done": b"response.text.done",
    b"conversation.item.added": b"conversation.item.created",
    b"conversation.item.done": b"",
}
_BETA_WORDS: Final = ((b'"output_modalities":', b'"modalities":'), (b'"type":"output_text"', b'"type":"text"'))
"""How a client that says OpenAI-Beta is spoken to."""
_INVALID: Final = "invalid_request_error"
_ENDS: Final = (b'{"type":"response.done"', b'{"type":"error"')

Fields = dict[str, Any]


class Line(Protocol):
    """Where a session's messages go. ``close``, ``cut`` or ``reset`` is its last call."""

    def say(self, data: bytes) -> None:
        """A message, on its way at once."""

    def close(self, code: int, reason: str) -> None:
        """Close the socket as WebSockets are closed."""

    def cut(self) -> None:
        """Close the connection (FIN)."""

    def reset(self) -> None:
        """Reset the connection (RST)."""


class RealtimeSession:
    """One socket, from its upgrade (``request``) on.

    Without a key that is known, or a model, a session ends as it begins: with an error and a code of its own.
    """

    def __init__(self, service: Service, request: SimRequest, line: Line) -> None:
        self._service = service
        self._headers = request.headers
        self._later = {name: value for name, value in request.headers.items() if name != "traceparent"}
        """What a response after the first has of them: a trace was that of the call the socket was opened for."""
        self._line = line
        self._beta = "openai-beta" in request.headers
        self._id = tag(f"{request.headers.get('x-request-id', '')} {service.now()}")
        self._events = 0
        self._items: list[Fields] = []
        self._settings: Fields = {}
        self._model = parse_qs(request.path.partition("?")[2]).get("model", [""])[0]
        self._answering: _Response | None = None
        self._welcome()

    def _welcome(self) -> None:
        spec = self._service.spec
        if spec.keys and bearer(self._headers) not in spec.keys:
            self._turn_away(3000, "Incorrect API key provided.", "invalid_api_key")
        elif not self._model:
            self._turn_away(4000, "You must provide a model parameter.", "missing_model")
        elif self._model not in spec.models:
            self._turn_away(4000, f"The model '{self._model[:200]}' does not exist.", "model_not_found")
        else:
            self.tell("session.created", session=self._session())

    def _turn_away(self, code: int, words: str, name: str) -> None:
        self._refuse(words, code=name)
        self._line.close(code, f"{_INVALID}.{name}")

    def _session(self) -> Fields:
        shown = {"type": "realtime", "object": "realtime.session", "id": f"sess_{self._id}", "model": self._model}
        return {**shown, "output_modalities": ["text"], **self._settings}

    # What it says.

    def tell(self, kind: str, **fields: Any) -> None:
        """Say one event."""
        self._events += 1
        self.say(message(kind, event_id=f"event_{self._id}_{self._events}", **fields))

    def say(self, line: bytes) -> None:
        """Say an event that has all it needs."""
        if said := _as_in_beta(line) if self._beta else line:
            self._line.say(said.rstrip(b"\n"))

    def _refuse(self, words: str, event: object = None, param: str | None = None, code: str = "invalid_value") -> None:
        error = {"type": _INVALID, "code": code, "message": words, "param": param, "event_id": event}
        self.tell("error", error=error)

    # What it hears.

    def hear(self, data: bytes) -> None:
        """A message of the client's."""
        try:
            document = orjson.loads(data)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            self._refuse("The message is no JSON object.", code="invalid_json")
            return
        event = document.get("event_id")
        event = event if isinstance(event, str) else None
        take = _HEARD.get(document["type"]) if isinstance(document.get("type"), str) else None
        if take is None:
            self._refuse(f"Invalid value: '{str(document.get('type'))[:60]}'.", event, "type")
        else:
            take(self, document, event)

    def gone(self) -> None:
        """The client has left."""
        if self._answering is not None:
            self._answering.cancel()

    def _update(self, document: Fields, event: str | None) -> None:
        given = document.get("session")
        if not isinstance(given, dict):
            self._refuse("Missing required parameter: 'session'.", event, "session", "missing_required_parameter")
        elif not _textual(given):
            self._refuse("Only text is spoken here: ask for it alone.", event, "session.output_modalities")
        else:
            self._settings.update(_settings(given))
            self.tell("session.updated", session=self._session())

    def _create_item(self, document: Fields, event: str | None) -> None:
        item = document.get("item")
        if not isinstance(item, dict) or not isinstance(item.get("type"), str):
            self._refuse("Missing required parameter: 'item.type'.", event, "item", "missing_required_parameter")
            return
        name = item.get("id") or f"item_{self._id}_{len(self._items)}"
        self.add({"object": "realtime.item", "status": "completed", **item, "id": name})

    def add(self, item: Fields) -> None:
        """An item comes into the conversation."""
        before = {"previous_item_id": self._items[-1]["id"] if self._items else None}
        self._items.append(item)
        self.tell("conversation.item.added", **before, item=item)
        self.tell("conversation.item.done", **before, item=item)

    def _create_response(self, document: Fields, event: str | None) -> None:
        given = document.get("response")
        asked = given if isinstance(given, dict) else {}
        if self._answering is not None:
            self._refuse(
                "Conversation already has an active response.", event, code="conversation_already_has_active_response"
            )
        elif not _textual(asked):
            self._refuse("Only text is spoken here: ask for it alone.", event, "response.output_modalities")
        else:
            self._answering = _Response(self, event, apart=asked.get("conversation") == "none")
            self._answering.begin(self._service, SimRequest("GET", _PATH, self._headers, self._body(asked)))
            self._headers = self._later

    def _body(self, asked: Fields) -> bytes:
        """The request that a response is: what the session was told, and what this response is told for itself."""
        fields = {**asked, **self._settings, **_settings(asked)}
        limit = fields.get("max_output_tokens")
        items = asked.get("input", self._items) or [{"role": "user", "content": ""}]
        fields.update(model=self._model, stream=True, input=items, max_output_tokens=None if limit == "inf" else limit)
        fields.pop("reasoning", None)  # thoughts are not shown here
        return orjson.dumps(fields)

    def _cancel_response(self, document: Fields, event: str | None) -> None:
        if self._answering is None:
            self._refuse("There is no active response.", event, code="response_cancel_not_active")
            return
        self._answering.cancel()
        details = {"type": "cancelled", "reason": "client_cancelled"}
        response: Fields = {"object": "realtime.response", "id": self._answering.name, "output": [], "usage": None}
        self._answering = None
        self.tell("response.done", response={**response, "status": "cancelled", "status_details": details})

    # What becomes of a response.

    def answered(self) -> None:
        """A response is over; another may follow."""
        self._answering = None

    def broken(self) -> None:
        """A response ended too early: so does the socket."""
        self._answering = None
        self._line.close(1000, "")

    def cut(self) -> None:
        """The connection is lost, with a FIN."""
        self._line.cut()

    def reset(self) -> None:
        """The connection is lost, with an RST."""
        self._line.reset()


def _settings(given: Mapping[str, Any]) -> Fields:
    """What is said of settings, under the names of today."""
    named = {_BETA_SETTINGS.get(name, name): value for name, value in given.items()}
    return {name: named[name] for name in _SETTINGS if name in named}


def _textual(settings: Mapping[str, Any]) -> bool:
    asked: object = settings.get("output_modalities", settings.get("modalities", ["text"]))
    return asked == ["text"]


def _as_in_beta(line: bytes) -> bytes:
    """An event as it was before; b"" where there was none such. In a JSON string no quote stands by itself."""
    start = len(b'{"type":"')
    end = line.index(b'"', start)
    kind = line[start:end]
    line = line[:start] + _BETA_EVENTS.get(kind, kind) + line[end:]
    for name, before in _BETA_WORDS:
        line = line.replace(name, before)
    return line if _BETA_EVENTS.get(kind) != b"" else b""


class _Response:
    """A ``Reply`` as events of a session. ``apart``: it is no part of the conversation."""

    def __init__(self, session: RealtimeSession, event: str | None, apart: bool) -> None:
        self._session = session
        self._event = event
        self._apart = apart
        self._refused = False
        self._concluded = False
        self._cancel: Callable[[], None] = lambda: None
        self.name = ""

    def begin(self, service: Service, request: SimRequest) -> None:
        """Ask the service."""
        self._cancel = service.handle(request, self)

    def cancel(self) -> None:
        """Nobody wants it any more."""
        self._cancel()

    def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        self._refused = status >= 400
        told = dict(headers)
        if "x-ratelimit-limit-requests" in told:
            self._session.tell("rate_limits.updated", rate_limits=[_limit(told)])

    def write(self, data: bytes) -> None:
        for line in filter(None, data.split(b"\n")):
            if self._refused and line.startswith(b'{"type":"error"'):
                error = orjson.loads(line)["error"]
                self._session.tell("error", error={**error, "event_id": self._event})
            elif self._refused:
                self._session.tell("response.done", response=orjson.loads(line)["response"])
            else:
                self._session.say(line)
                self._look(line)
            self._concluded |= line.startswith(_ENDS)

    def _look(self, line: bytes) -> None:
        if line.startswith(b'{"type":"response.created"'):
            self.name = orjson.loads(line)["response"]["id"]
        elif line.startswith(b'{"type":"response.output_item.done"') and not self._apart:
            self._session.add(orjson.loads(line)["item"])

    def end(self) -> None:
        if self._concluded:
            self._session.answered()
        else:
            self._session.broken()

    def cut(self) -> None:
        self._session.cut()

    def reset(self) -> None:
        self._session.reset()


def _limit(headers: Mapping[str, str]) -> Fields:
    """A rate limit as an event tells it, from the headers that other APIs have."""
    reset = headers["x-ratelimit-reset-requests"]
    seconds = float(reset[:-2]) / 1000 if reset.endswith("ms") else float(reset[:-1])
    numbers = {name: int(headers[f"x-ratelimit-{name}-requests"]) for name in ("limit", "remaining")}
    return {"name": "requests", **numbers, "reset_seconds": seconds}


_HEARD: Final[Mapping[str, Callable[[RealtimeSession, Fields, str | None], None]]] = {
    "session.update": RealtimeSession._update,
    "conversation.item.create": RealtimeSession._create_item,
    "response.create": RealtimeSession._create_response,
    "response.cancel": RealtimeSession._cancel_response,
}
