"""Requests in a scenario's own words: texts with variables, compiled once and filled in for every call. Pure.

``{{name}}`` is a variable, ``{{name:low:high}}`` one with arguments; ``{{name|json}}`` stands as a JSON value (a string
with its quotes), ``{{name|url}}`` percent-encoded. The same variable has the same value all through one request.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import quote

from llmload.draws import Draws

__all__ = ["VARIABLES", "HttpRecipe", "Pattern", "SocketRecipe", "Values"]

_OPEN: Final = re.compile(r"\{\{(.*?)(?:\}\}|$)", re.DOTALL)
_VARIABLE: Final = re.compile(r"\s*(\w+)((?::[^:|]*)*)\s*(?:\|\s*(\w+)\s*)?")
_UUID, _NONCE, _RANDOM = range(3)
"""Streams of random numbers of one call."""
_RANDOM_MOST: Final = 2**53


@dataclass(frozen=True, slots=True)
class Values:
    """What the variables of one request are made of. ``seed`` and ``index`` decide what is random; ``at``: Unix time
    (s) it is planned for; ``message``: which of a socket's messages, from 0."""

    seed: int = 0
    index: int = 0
    prompt: str = ""
    model: str = ""
    nonce: str = ""
    at: float = 0.0
    message: int = 0

    def draws(self, stream: int) -> Draws:
        """Random numbers of this request and message."""
        return Draws(self.seed + self.message, self.index, stream)


def _uuid(values: Values, low: int, high: int) -> str:
    draws = values.draws(_UUID)
    return str(uuid.UUID(int=draws.bits() << 64 | draws.bits(), version=4))


def _nonce(values: Values, low: int, high: int) -> str:
    return values.nonce or f"{values.draws(_NONCE).bits():016x}"


def _random(values: Values, low: int, high: int) -> int:
    return low + Draws(values.seed + values.message, values.index, _RANDOM + low % 64).below(high - low + 1)


VARIABLES: Final[Mapping[str, tuple[str, Callable[[Values, int, int], str | int]]]] = {
    "index": ("number of the call in the run, from 0", lambda values, low, high: values.index),
    "message": ("number of the message on its socket, from 0", lambda values, low, high: values.message),
    "nonce": ("16 hexadecimal digits, others for every call", _nonce),
    "uuid": ("a random UUID", _uuid),
    "random": ("a whole number; `{{random:1:6}}` is one from 1 to 6", _random),
    "prompt": ("the text of the class's `prompt`", lambda values, low, high: values.prompt),
    "model": ("the model asked for", lambda values, low, high: values.model),
    "timestamp": ("Unix time the call is planned for, in whole seconds", lambda values, low, high: int(values.at)),
}
"""Name -> what it stands for, and how it is made; the numbers are the bounds given as arguments."""

_FORMS: Final[Mapping[str, Callable[[str | int], str]]] = {
    "": str,
    "json": lambda value: json.dumps(value, ensure_ascii=False),
    "url": lambda value: quote(str(value), safe=""),
}


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    form: str
    low: int = 0
    high: int = 10**9 - 1


def _variable(inside: str, default: str) -> _Variable:
    """Raises ValueError that says what would be right."""
    found = _VARIABLE.fullmatch(inside)
    if found is None:
        raise ValueError(f"{{{{{inside[:40]}}}}} is no variable; write it like {{{{index}}}} or {{{{prompt|json}}}}")
    name, arguments, form = found[1], found[2].split(":")[1:], found[3] or default
    if name not in VARIABLES:
        raise ValueError(f"there is no variable {{{{{name[:40]}}}}}; there are {', '.join(VARIABLES)}")
    if form not in _FORMS:
        raise ValueError(f"{{{{{name}|{form[:40]}}}}} has no such form; there are |json and |url")
    if not arguments:
        return _Variable(name, form)
    bounds = [int(argument) if re.fullmatch(r"\d{1,16}", argument.strip()) else -1 for argument in arguments]
    if name != "random" or len(bounds) != 2 or not 0 <= bounds[0] <= bounds[1] < _RANDOM_MOST:
        raise ValueError(f"{{{{{inside[:40]}}}}}: only random takes numbers, as in {{{{random:1:100}}}}")
    return _Variable(name, form, *bounds)


@dataclass(frozen=True)
class Pattern:
    """A text with variables in it."""

    pieces: tuple[str | _Variable, ...] = ()

    @classmethod
    def of(cls, text: str, default: str = "") -> Pattern:
        """Compile it; ``default``: the form of variables that name none. Raises ValueError that says what is wrong."""
        pieces: list[str | _Variable] = []
        end = 0
        for found in _OPEN.finditer(text):
            if not found[0].endswith("}}"):
                raise ValueError(f"{found[0][:40]!r} has no closing }}}}")
            pieces += [text[end : found.start()], _variable(found[1], default)]
            end = found.end()
        return cls(tuple(piece for piece in (*pieces, text[end:]) if piece))

    @cached_property
    def names(self) -> frozenset[str]:
        """Of the variables in it."""
        return frozenset(piece.name for piece in self.pieces if isinstance(piece, _Variable))

    def fill(self, values: Values) -> str:
        """The text of one request."""
        return "".join(
            piece
            if isinstance(piece, str)
            else _FORMS[piece.form](VARIABLES[piece.name][1](values, piece.low, piece.high))
            for piece in self.pieces
        )


@dataclass(frozen=True)
class HttpRecipe:
    """Any HTTP request, and what makes its answer good besides the status.

    ``contains``: a text that the body must hold; ``fields``: (path of keys and positions, value) that a JSON body must
    hold. ``seed``: of what is random in it.
    """

    method: str = "GET"
    path: Pattern = Pattern()
    headers: tuple[tuple[str, Pattern], ...] = ()
    body: Pattern = Pattern()
    contains: str = ""
    fields: tuple[tuple[tuple[str, ...], str | int | float | bool], ...] = ()
    seed: int = 0

    @cached_property
    def names(self) -> frozenset[str]:
        """Of all variables in it; without any, all calls of the class are the same."""
        return _names((self.path, self.body, *(value for _, value in self.headers)))


@dataclass(frozen=True)
class SocketRecipe:
    """A WebSocket and what is said over it.

    ``messages`` of ``text``, one ``every`` so many seconds (0: each when the last was answered). ``match``: where in a
    JSON message stands what its reply repeats; empty: replies come in order. ``hold``: seconds it stays open at least.
    ``timeout``: seconds that a reply may take. ``seed``: of what is random in it.
    """

    path: Pattern = Pattern()
    headers: tuple[tuple[str, Pattern], ...] = ()
    text: Pattern = Pattern()
    messages: int = 10
    every: float = 0.0
    match: tuple[str, ...] = ()
    hold: float = 0.0
    timeout: float = 10.0
    seed: int = 0

    @cached_property
    def names(self) -> frozenset[str]:
        """Of all variables in it; the request never is another call's, as its messages aren't."""
        return _names((self.path, self.text, *(value for _, value in self.headers))) | {"message"}


def _names(patterns: Iterable[Pattern]) -> frozenset[str]:
    return frozenset[str]().union(*(pattern.names for pattern in patterns))
