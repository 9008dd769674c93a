"""The list of models that an API has, read before a run: whether a model is in it. Pure.

It is hostile as all that servers say: bounded, and its names cleaned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import quote

import orjson

from llmload.dialects.clean import clean_line
from llmload.records import WireRequest

__all__ = ["Listed", "ModelList"]

_MOST: Final = 5_000
_LONGEST: Final = 120
_ANY_MODEL: Final = frozenset({"llamacpp"})
"""Owners of models in the lists of servers that answer with the one they have, whatever model is asked for."""


@dataclass(frozen=True, slots=True)
class Listed:
    """``names`` as calls ask for them, without repeats. ``more``: there are further pages. ``takes_any``: its server
    does not mind what model is asked for."""

    names: tuple[str, ...] = ()
    more: bool = False
    takes_any: bool = False


@dataclass(frozen=True, slots=True)
class ModelList:
    """How an API lists its models.

    ``place``: of the list in the document; "" where its names are not those that calls ask for, so that it says nothing
    but whether the key is good. ``name``: of an entry. ``more``: the field that is set where the list goes on.
    ``prefix`` and ``suffix``: what may stand around a name, and be left out. ``query``: for as long a page as there is.
    ``single``: a model has a path of its own below that of the list, also under other names than it is listed by.
    """

    place: str = "data"
    name: str = "id"
    more: str = ""
    prefix: str = ""
    suffix: str = ""
    query: str = ""
    single: bool = True

    def whole(self, request: WireRequest) -> WireRequest:
        """The request for the list with as many as a page may hold."""
        return _at(request, request.path + self.query)

    def of(self, request: WireRequest, model: str) -> WireRequest:
        """The request for one model."""
        path, mark, query = request.path.partition("?")
        return _at(request, f"{path}/{quote(model.removeprefix(self.prefix), safe='')}{mark}{query}")

    def read(self, body: bytes) -> Listed | None:
        """The document; None where it is none of these."""
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        entries = document.get(self.place) if isinstance(document, dict) else None
        if not isinstance(entries, list):
            return None
        found = [entry for entry in entries[:_MOST] if isinstance(entry, dict)]
        names = dict.fromkeys(self._name(entry) for entry in found)
        takes_any = any(entry.get("owned_by") == owner for entry in found for owner in _ANY_MODEL)
        more = len(entries) > _MOST or bool(self.more and document.get(self.more))
        return Listed(tuple(name for name in names if name), more, takes_any)

    def has(self, listed: Listed, model: str) -> bool:
        """Whether a model that is asked for is in it; gateways list some as patterns ("openai/*")."""
        asked = self._bare(clean_line(model, _LONGEST))
        return any(
            name == asked or ("*" in name and fnmatchcase(asked, name)) for name in map(self._bare, listed.names)
        )

    def _name(self, entry: Mapping[str, Any]) -> str:
        name = entry.get(self.name)
        return clean_line(name, _LONGEST).removeprefix(self.prefix) if isinstance(name, str) else ""

    def _bare(self, name: str) -> str:
        return name.removeprefix(self.prefix).removesuffix(self.suffix)


def _at(request: WireRequest, path: str) -> WireRequest:
    return WireRequest(request.method, path, request.headers, request.body, request.key)
