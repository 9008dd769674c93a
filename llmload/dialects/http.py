"""Any HTTP request, as the class's ``http`` table words it: health, model lists, auth, whatever else a service serves.

An answer is good by its status (2xx, or the expected one) and, where the scenario says so, by what is in it. The body
of an event stream, or of a class with ``stream``, leaves a stamp per read.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from llmload.dialects.base import DialectKind, Reader
from llmload.dialects.clean import clean_line
from llmload.dialects.error_body import ErrorReader
from llmload.recipes import HttpRecipe, Values
from llmload.records import Answer, Api, Call, WireRequest

__all__ = ["KIND", "Http", "values_of"]

_KEPT: Final = 16 << 20
"""Most bytes of a body that are looked at."""
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f]")
_NOTHING: Final = HttpRecipe()


def values_of(call: Call, seed: int, message: int = 0) -> Values:
    """What variables stand for in this call."""
    prompt = call.inputs[0] if call.inputs else ""
    return Values(seed, call.index, prompt, call.model, call.nonce, call.at, message)


def filled_headers(call: Call, recipe_headers: tuple[tuple[str, Any], ...], values: Values) -> dict[str, str]:
    """The headers of a request, the class's own last; no value can end its line."""
    ours = {name: _UNFIT.sub(" ", value.fill(values)) for name, value in recipe_headers}
    theirs = {name.lower() for name in call.headers}
    return {name: value for name, value in ours.items() if name.lower() not in theirs} | dict(call.headers)


class Http:
    """Dialect "http"."""

    name = "http"
    apis = frozenset({Api.HTTP})

    def request(self, call: Call) -> WireRequest:
        """See Dialect."""
        recipe = _recipe(call)
        values = values_of(call, recipe.seed)
        headers = filled_headers(call, recipe.headers, values)
        path = recipe.path.fill(values).lstrip("/")
        return WireRequest(recipe.method, path, tuple(headers.items()), recipe.body.fill(values).encode())

    def reader(self, call: Call, answer: Answer, status: int, content_type: str) -> Reader:
        """See Dialect."""
        answer.content_type = clean_line(content_type.partition(";")[0].lower(), 100)
        if not 200 <= status < 300:
            return ErrorReader(answer)
        return BodyReader(_recipe(call), answer, call.stream or answer.content_type == "text/event-stream")


def _recipe(call: Call) -> HttpRecipe:
    return call.recipe if isinstance(call.recipe, HttpRecipe) else _NOTHING


class BodyReader:
    """Reads any body: stamps each read of a stream, and looks for what must be there once it is whole."""

    __slots__ = ("_answer", "_body", "_keeps", "_recipe", "_stream")

    def __init__(self, recipe: HttpRecipe, answer: Answer, stream: bool) -> None:
        self._recipe = recipe
        self._answer = answer
        self._stream = stream
        self._keeps = bool(recipe.contains or recipe.fields) or answer.text is not None
        self._body = bytearray()

    def feed(self, data: bytes, t: int) -> None:
        """Take one read."""
        answer = self._answer
        answer.events += 1
        if not answer.first_event:
            answer.first_event = t
        if self._stream:
            answer.stamps.append(t)
            answer.first_output = answer.first_output or t
        if self._keeps:
            self._body += data[: max(0, _KEPT - len(self._body))]

    def template(self) -> None:
        """See Reader: there is nothing to go by."""

    def close(self, t: int) -> None:
        """Judge the body."""
        answer = self._answer
        answer.ended = True
        answer.items = int(not self._stream or bool(answer.stamps))
        if answer.text is not None:
            answer.text.append(self._body.decode("utf-8", "replace"))
        answer.corrupt = self._missing()
        self._body.clear()

    def _missing(self) -> str:
        """What should be in the body and is not; "" if nothing."""
        recipe = self._recipe
        if recipe.contains and recipe.contains.encode() not in self._body:
            return f"the answer does not contain {recipe.contains!r}"
        if not recipe.fields:
            return ""
        try:
            document = orjson.loads(self._body)
        except orjson.JSONDecodeError:
            return "the answer is not JSON"
        for path, wanted in recipe.fields:
            found = field_at(document, path)
            if type(found) is not type(wanted) or found != wanted:
                return f"{'.'.join(path)} is {_shown(found)} where {_shown(wanted)} was expected"
        return ""


def field_at(document: Any, path: tuple[str, ...]) -> Any:
    """What stands at ``path``; None where there is nothing."""
    for part in path:
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isdecimal() and int(part[:9]) < len(document):
            document = document[int(part[:9])]
        else:
            return None
    return document


def _shown(value: Any) -> str:
    return "missing" if value is None else clean_line(orjson.dumps(value).decode("utf-8", "replace"), 60)


_HTTP: Final = Http()
KIND: Final = DialectKind("http", Http.apis, lambda options: _HTTP, sim_base="")
