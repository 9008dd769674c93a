"""What a format is: one API's way of asking and answering, as the simulator speaks it. Pure.

A format finds its routes among paths, reads request bodies into jobs, and puts into bytes what the model says. The
checks, the model and the faults are the service's, and the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from llmload.sim.limiter import LimitState
from llmload.sim.requests import EmbeddingJob, Refused, TextJob
from llmload.sim.spec import SimSpec
from llmload.sim.text import Voice

__all__ = ["Format", "Found", "Frames", "Headers", "bearer"]

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a path means: its route (a key of the service's handlers), the method it takes, what it names (a model,
    ...), and whether it asks for a stream where the path says so."""

    route: str
    method: str = "POST"
    name: str = ""
    stream: bool = False
    query: str = ""


class Frames(Protocol):
    """The answer to one text request, as bytes: a stream piece by piece, and the whole document."""

    @property
    def content_type(self) -> str:
        """Of the stream."""

    @property
    def choices(self) -> int:
        """How many answers there are, over all prompts."""

    def length(self, choice: int) -> int:
        """Tokens in the answer of a choice."""

    def opening(self, choice: int) -> bytes:
        """What comes before the first token of a choice; b"" if nothing does."""

    def token(self, choice: int, k: int, voice: Voice | None = None) -> bytes:
        """Token ``k`` of a choice; ``voice``: in whose words, if not its own. b"": nothing is sent before another."""

    def closing(self, choice: int) -> bytes:
        """The end of a choice."""

    def ending(self) -> bytes:
        """The end of the stream, when all choices have theirs: usage, end mark."""

    def done(self) -> bytes:
        """The end mark alone, of a stream that is cut short; b"" where there is none."""

    def ping(self) -> bytes:
        """What keeps the connection busy and says nothing; b"" where the format has no such thing."""

    def failure(self, code: str, message: str, named: bool) -> bytes:
        """An error inside the stream; ``named``: as an event of its own kind where there is a choice."""

    def document(self, foreign: str = "") -> bytes:
        """The whole answer of a request that does not stream; ``foreign``: in the words of that tag."""


class Format(Protocol):
    """One API. Stateless."""

    @property
    def name(self) -> str:
        """As dialects are called."""

    @property
    def id_header(self) -> str:
        """The header in which an answer names its request; all have it in ``x-request-id`` too."""

    def limits(self, state: LimitState, now: float) -> list[tuple[str, str]]:
        """The headers that tell the state of a rate limit; ``now``: Unix time."""

    def find(self, path: str, query: str) -> Found | None:
        """What ``path`` (percent-encoded as it came, no query) means in this API; None if nothing."""

    def key(self, headers: Mapping[str, str], query: str) -> str:
        """The API key that a request carries; "" without."""

    def text(self, found: Found, body: bytes, request_id: str, spec: SimSpec) -> TextJob:
        """A request for text; raises Refused."""

    def frames(self, found: Found, job: TextJob, tagged: str, created: int) -> Frames:
        """The answer to it, in the words of ``tagged``; ``created``: Unix time."""

    def embeddings(self, found: Found, body: bytes, spec: SimSpec) -> EmbeddingJob:
        """A request for embeddings; raises Refused."""

    def vectors(self, found: Found, job: EmbeddingJob, shift: int = 0) -> bytes:
        """The answer to it; ``shift`` other than 0: vectors that belong to other inputs."""

    def models(self, found: Found, names: tuple[str, ...], created: int) -> bytes:
        """The list of models, or the one that the path names."""

    def error(self, why: Refused) -> tuple[Headers, bytes]:
        """Headers and body of an error."""


def bearer(headers: Mapping[str, str]) -> str:
    """The key of an ``Authorization: Bearer`` header; "" without."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
