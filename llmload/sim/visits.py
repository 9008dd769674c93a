"""A request on its way through the service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from llmload.sim.answers import Reply
from llmload.sim.formats import FORMATS, Format, Found
from llmload.sim.truth import Truth

__all__ = ["OPEN", "SimRequest", "Visit"]

OPEN: Final = frozenset({"health", "metrics", "tokenize", "version"})
"""Routes that need no key, count as no request, and are never at fault."""
_NOWHERE: Final = Found("")


@dataclass(frozen=True, slots=True)
class SimRequest:
    """A request as it came in; ``headers`` by lower-case name."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Visit:
    """A request, and what the checks have found out about it."""

    request: SimRequest
    reply: Reply
    truth: Truth
    headers: list[tuple[str, str]]
    """Of the answer."""
    format: Format = FORMATS[0]
    found: Found = _NOWHERE
    key: str = ""

    @property
    def route(self) -> str:
        return self.found.route

    def given_key(self) -> str:
        """The key that the request carries, known or not."""
        return self.format.key(self.request.headers, self.request.path.partition("?")[2])
