"""The facts of a run: what one call was (Call), what the target answered (Answer), and both with
every time stamp (Record). Folds over Records (metrics, logs, dashboards) never see the engine.

All stamps are monotonic nanoseconds (int); 0 means "did not happen".
"""

from __future__ import annotations

import errno
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

from llmload.recipes import HttpRecipe, SocketRecipe

__all__ = [
    "SHORTAGES",
    "Answer",
    "Api",
    "Arrival",
    "Call",
    "Image",
    "Message",
    "Origin",
    "Outcome",
    "Record",
    "Tool",
    "ToolCall",
    "Usage",
    "WireRequest",
]


SHORTAGES: Final[Mapping[int, str]] = {
    errno.EMFILE: "this process has no file descriptor left (raise it: ulimit -n)",
    errno.ENFILE: "this machine has no file descriptor left",
    errno.EADDRNOTAVAIL: "this machine has no local port left towards the target (connections are opened faster than "
    "they expire; reuse them, or widen net.ipv4.ip_local_port_range)",
    errno.ENOBUFS: "this machine has no socket buffers left",
}
"""What a call's detail says, by error number, when it failed for want of something of ours: not the target's fault."""


class Api(StrEnum):
    """The kinds of request; a dialect says which it speaks."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"
    MODELS = "models"
    RERANK = "rerank"
    """A query and documents to be put in order: ``inputs`` holds the query, then the documents."""
    HTTP = "http"
    """Any HTTP request."""
    SOCKET = "socket"
    """A WebSocket, for as long as it lasts."""


class Outcome(StrEnum):
    """How a call ended: exclusive and exhaustive."""

    OK = "ok"
    EXPECTED_STATUS = "expected_status"
    HTTP_4XX = "http_4xx"
    HTTP_429 = "http_429"
    HTTP_503 = "http_503"
    HTTP_5XX = "http_5xx"
    CONNECT_ERROR = "connect_error"
    TLS_ERROR = "tls_error"
    TIMEOUT_CONNECT = "timeout_connect"
    TIMEOUT_FIRST_TOKEN = "timeout_first_token"  # noqa: S105
    TIMEOUT_IDLE = "timeout_idle"
    TIMEOUT_TOTAL = "timeout_total"
    PROTOCOL_ERROR = "protocol_error"
    ERROR_EVENT = "error_event"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    CORRUPT = "corrupt"
    CANCELLED = "cancelled"
    DROPPED = "dropped"
    GENERATOR_ERROR = "generator_error"
    UNFINISHED = "unfinished"

    @property
    def good(self) -> bool:
        """The call got what it should have."""
        return self in _GOOD

    @property
    def error(self) -> bool:
        """The target failed the call (what we dropped, ended ourselves or could not send is not its error)."""
        return self not in _NOT_ERRORS


_GOOD = frozenset({Outcome.OK, Outcome.EXPECTED_STATUS})
_NOT_ERRORS = _GOOD | {Outcome.CANCELLED, Outcome.DROPPED, Outcome.GENERATOR_ERROR, Outcome.UNFINISHED}


class Origin(StrEnum):
    """Where a call's planned time comes from."""

    SCHEDULE = "schedule"
    """The arrival schedule (open model)."""
    USER = "user"
    """A user of the closed model: the end of its last call + think time."""
    SESSION = "session"
    """A later turn of a conversation: the end of the turn before + think time."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One entry of the schedule: ``at`` ns after the start of the run; ``index`` counts over all shards."""

    index: int
    at: int


@dataclass(frozen=True, slots=True)
class Image:
    """A picture in a message: its bytes, and what they are ("image/png")."""

    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call; ``parameters`` is a JSON Schema."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's call of a tool; ``arguments`` is JSON as text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    ``role``: "system", "user", "assistant" or "tool". ``images`` go with the text of a user; ``tool_calls`` are an
    assistant's; ``tool_call_id`` says which of them a "tool" message is the result of.
    """

    role: str
    content: str
    images: tuple[Image, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""

    @property
    def image_bytes(self) -> int:
        """Bytes of its pictures, as files."""
        return sum(len(image.data) for image in self.images)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to make, in no particular wire format.

    ``messages`` is for chat, ``inputs`` for completions (one prompt) and embeddings (a batch); ``token_ids`` stand in
    for ``inputs`` where prompts are given as numbers. ``input_tokens`` is what the workload planned (estimated), summed
    over inputs. ``params`` are extra fields of the request body, passed through as they are. ``key``: which of the
    target's API keys to use, "" for its own. ``session`` and ``turn`` (from 0): of a conversation, "" without.
    ``nonce``: what tells this call's answer from all others.
    ``nonce``: what the answer must carry, "" where nobody looks. ``recipe``: the request in the scenario's own words;
    ``at``: the Unix time (s) it is planned for, where those ask for it.
    """

    index: int
    cls: str
    target: str
    api: Api
    model: str
    stream: bool = False
    messages: tuple[Message, ...] = ()
    inputs: tuple[str, ...] = ()
    max_tokens: int | None = None
    input_tokens: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[tuple[str, str], ...] = ()
    expect_status: frozenset[int] = frozenset()
    tools: tuple[Tool, ...] = ()
    token_ids: tuple[tuple[int, ...], ...] = ()
    key: str = ""
    session: str = ""
    turn: int = 0
    nonce: str = ""
    integrity: str = ""
    """How the answer shows that it is this call's and whole ("sim", "echo", "instructed"); "": nobody looks."""
    leave_after: int = 0
    """The user goes when this long (ns after the planned time) there is no end; 0: never."""
    leave_chunks: int = 0
    """The user goes when so many chunks of content have come; 0: never."""
    recipe: HttpRecipe | SocketRecipe | None = None
    at: float = 0.0
    image_bytes: int = 0
    """Of the pictures in ``messages``, as files."""

    def asks_the_same(self, other: Call) -> bool:
        """Whether both, being of one class and target, make the same request."""
        return (
            self.messages == other.messages
            and self.inputs == other.inputs
            and self.max_tokens == other.max_tokens
            and self.params is other.params
            and self.headers is other.headers
            and self.token_ids == other.token_ids
            and self.model == other.model
            and self.tools is other.tools
            and self.key == other.key
            and not (self.recipe is not None and self.recipe.names)
        )


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as it goes out. ``path`` is relative to the target's base URL; ``headers`` don't
    hold Host, Content-Length or credentials (the transport adds those; ``key`` says which of the target's)."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    key: str = ""


@dataclass(slots=True)
class Usage:
    """Token counts as the server reported them; None where it said nothing."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    reasoning: int | None = None


class Answer:
    """What the target said, filled in by a dialect's reader while bytes arrive.

    ``stamps`` holds, for each content chunk, the time of the read that completed it.
    """

    __slots__ = (
        "choices_finished",
        "content_type",
        "corrupt",
        "ended",
        "error",
        "events",
        "finish",
        "first_event",
        "first_output",
        "items",
        "malformed",
        "model",
        "round_trips",
        "server_queue",
        "server_time",
        "server_work",
        "stamps",
        "switched",
        "text",
        "tool_calls",
        "unanswered",
        "usage",
    )

    def __init__(self, keep_text: bool = False) -> None:
        self.stamps: array[int] = array("q")
        self.first_event = 0
        self.first_output = 0
        """First content that is not reasoning."""
        self.events = 0
        self.finish: str | None = None
        self.choices_finished = 0
        self.ended = False
        """The dialect's end mark was seen, or the body was a whole document."""
        self.error: str | None = None
        """An error the server reported inside the body; bounded, control characters removed."""
        self.usage: Usage | None = None
        self.model = ""
        self.items = 0
        """Embedding vectors, list entries: what a non-streaming answer was made of."""
        self.malformed = 0
        self.server_time = 0
        """How long the server says it took, ns: from a header or the body; 0 where it says nothing."""
        self.server_queue = -1
        """How much of that the request waited, as the server says, ns; -1 where it says nothing."""
        self.server_work = -1
        """How much of it was work on the request, as the server says, ns; -1 where it says nothing."""
        self.tool_calls = 0
        self.content_type = ""
        self.round_trips: array[int] = array("q")
        """Of the messages of a socket: from each to its reply, ns."""
        self.unanswered = 0
        """Messages of a socket that were to be sent and got no reply."""
        self.switched = False
        """The connection became a socket, as was asked for; its messages are the body."""
        self.corrupt = ""
        """What the answer should have held and did not; "" where nothing is missing."""
        self.text: list[str] | None = [] if keep_text else None
        """Pieces of content, kept only when asked for; bounded by the reader."""


class Record:
    """Everything about one call. Times are monotonic ns, 0 where it never got so far."""

    __slots__ = (
        "answer",
        "attempt",
        "bytes_in",
        "bytes_out",
        "call",
        "connected",
        "detail",
        "dispatched",
        "dns",
        "due",
        "end",
        "final",
        "first_byte",
        "headers",
        "labels",
        "last_content",
        "origin",
        "outcome",
        "phase",
        "planned",
        "queued",
        "request_id",
        "retry_after",
        "retry_wait",
        "reused",
        "sent",
        "status",
        "tcp",
        "tls",
        "trace",
        "upload",
        "worker",
    )

    def __init__(self, call: Call, planned: int, phase: str = "", origin: Origin = Origin.SCHEDULE) -> None:
        self.call = call
        self.planned = planned
        self.phase = phase
        self.origin = origin
        self.answer = Answer()
        self.outcome = Outcome.UNFINISHED
        self.status = 0
        self.detail = ""
        """Why the call did not end well, in one bounded line; safe to print."""
        self.dispatched = self.connected = self.sent = self.headers = 0
        self.first_byte = self.last_content = self.end = 0
        self.dns = self.tcp = self.tls = self.upload = 0
        """Durations (ns) of the phases of dialling, 0 on a reused connection."""
        self.reused = False
        self.queued = False
        """It had to wait for a free place under a cap on calls in flight."""
        self.bytes_in = self.bytes_out = 0
        self.retry_after = 0.0
        self.attempt = 1
        self.due = 0
        """When a further attempt was to be sent, monotonic ns; 0 for the first, which is due as planned."""
        self.retry_wait: int | None = None
        """How long (ns) was waited between the attempts so far; None where nothing is ever tried again."""
        self.final = True
        """No further attempt follows: what became of the call. Earlier attempts are kept apart."""
        self.labels: tuple[tuple[str, str], ...] = ()
        """Tags that the answer itself gave, from response headers the scenario names."""
        self.worker = 0
        self.request_id = ""
        """What the server calls it, by a response header; bounded, safe to print."""
        self.trace = ""
        """The W3C traceparent that the request carried; "" where it had none."""

    @property
    def first_content(self) -> int:
        """When the first content chunk was read."""
        return self.answer.stamps[0] if self.answer.stamps else 0

    @property
    def gaps(self) -> Sequence[int]:
        """Distances between successive content chunks, ns."""
        stamps = self.answer.stamps
        return [later - earlier for earlier, later in pairwise(stamps)]
