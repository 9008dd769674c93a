"""What the simulated service can be told to do wrong: one class per kind, in the table ``FAULTS``.

A fault is a frozen value: *where* it applies (route, key, model), *when* (a window, repeated or not, and a
seeded share of the requests in it) and *what* it does. ``plant`` writes the last into the ``Script`` of one
answer; the answer (a ``Stage``) carries it out. To add a kind: one class with a ``kind`` and a ``plant``, and its
name in the union ``Fault`` below.

Times are seconds of the run: they count from ``Service.begin``, or from the first request if nobody called that.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from llmload.errors import UsageError
from llmload.sim.fields import Count, Seconds, Share
from llmload.sim.script import Cue, Script, Stage

__all__ = [
    "FAULTS",
    "Auth",
    "ColdCache",
    "CrossTalk",
    "Cue",
    "Drop",
    "Empty",
    "Error",
    "ErrorEvent",
    "Fault",
    "FaultBase",
    "Hang",
    "Hop",
    "Malformed",
    "RateLimit500",
    "Reset",
    "Route",
    "Script",
    "Skew",
    "Slow",
    "SlowPrefill",
    "Stage",
    "Stall",
    "Truncate",
    "parse_fault",
]

Route = Literal["chat", "completions", "embeddings", "models", "rerank", "echo", "socket"]


_NONE: Final[Mapping[str, str]] = {}


class FaultBase(BaseModel):
    """Where and when a fault applies; see the module's docstring."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    rate: Share = Field(1.0, description="Share of the requests that get it, drawn at random by the seed.")
    route: Route | None = Field(None, description="Only requests of this API.")
    key: str = Field("", description="Only requests with this API key, or of this tenant.")
    model: str = Field("", description="Only requests for this model.")
    headers: dict[str, str] = Field({}, description="Only requests with these header values.")
    start: Seconds = Field(0.0, alias="from", description="Begins this long into the run.")
    stop: Seconds | None = Field(None, alias="to", description="Is over this long into the run.")
    every: Seconds = Field(0.0, description="Comes again after each such period, for the time given by `for`.")
    duration: Seconds = Field(0.0, alias="for", description="How long it lasts in each period.")

    @field_validator("headers", mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        """By lower-case name; on a command line one is written ``name:value``."""
        if isinstance(value, str):
            name, _, given = value.partition(":")
            value = {name.strip(): given.strip()}
        return {str(name).lower(): given for name, given in value.items()} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _window(self) -> FaultBase:
        if self.stop is not None and self.stop <= self.start:
            raise ValueError(f"`to` ({self.stop:g} s) must be later than `from` ({self.start:g} s)")
        if self.every and not 0 < self.duration <= self.every:
            raise ValueError(
                "`every` needs `for`, the time it lasts in each period, which can't be longer than the period"
            )
        if self.duration and not self.every and self.stop is not None:
            raise ValueError("give `to` or `for`, not both")
        return self

    def active(self, t: float) -> bool:
        """Whether ``t`` seconds into the run lies in its window."""
        if t < self.start or (self.stop is not None and t >= self.stop):
            return False
        if not self.duration:
            return True
        elapsed = t - self.start
        return (elapsed % self.every if self.every else elapsed) < self.duration

    def matches(self, route: str, key: str, tenant: str, model: str, headers: Mapping[str, str] = _NONE) -> bool:
        """Whether a request is of the kind it is meant for."""
        return (
            (self.route is None or self.route == route)
            and (not self.key or self.key in (key, tenant))
            and (not self.model or self.model == model)
            and all(headers.get(name) == value for name, value in self.headers.items())
        )

    def plant(self, script: Script) -> None:
        """Write what it does into the script of one answer."""
        raise NotImplementedError


class Error(FaultBase):
    """An error status before any answer: a crashed handler (500), a bad gateway (502), an overloaded service (503)."""

    kind: Literal["error"] = "error"
    status: int = Field(500, ge=400, le=599)
    message: str = "The server had an error while processing your request."

    def plant(self, script: Script) -> None:
        script.replace(self.kind, lambda stage: stage.refuse(self.status, self.message, "simulated_fault"))


class Slow(FaultBase):
    """Answers late: a bigger model, a busy neighbour, a slow gateway hop, one slow route or tenant.

    ``factor`` stretches the whole answer (1.3: 30 % slower), ``first`` delays the first token or the body,
    ``token`` adds to every gap. The model's own capacity stays as it is: the delay is in front of it.
    """

    kind: Literal["slow"] = "slow"
    factor: float = Field(1.0, ge=1, le=1000)
    first: Seconds = 0.0
    token: Seconds = 0.0

    @model_validator(mode="after")
    def _does_something(self) -> Slow:
        if self.factor == 1 and not self.first and not self.token:
            raise ValueError("a slow fault needs `factor`, `first` or `token`")
        return self

    def plant(self, script: Script) -> None:
        script.slowed = self.kind
        script.factor *= self.factor
        script.first += self.first
        script.token += self.token


class Stall(FaultBase):
    """Falls silent in the middle: a preempted sequence, a dead backend behind a live proxy (which may go on pinging).

    ``pause`` 0: for ever.
    """

    kind: Literal["stall"] = "stall"
    after: Count = 10
    pause: Seconds = 0.0
    ping: Seconds = 0.0

    def plant(self, script: Script) -> None:
        script.after(self.after, self.kind, lambda stage: stage.silence(self.pause or None, self.ping))


class Reset(FaultBase):
    """The connection is reset: a crashed process, a load balancer that lost its backend, a firewall's idle time-out.

    ``at``: on the ``request`` (before any answer), after the ``headers``, or ``after`` so many ``tokens``.
    """

    kind: Literal["reset"] = "reset"
    at: Literal["request", "headers", "tokens"] = "request"
    after: Count = 10

    def plant(self, script: Script) -> None:
        if self.at == "tokens":
            script.after(self.after, self.kind, lambda stage: stage.reset())
        else:
            script.replace(self.kind, self._reset)

    def _reset(self, stage: Stage) -> None:
        if self.at == "headers":
            stage.open()
        stage.reset()


class Truncate(FaultBase):
    """The stream ends before the answer does: a server that drops a request when another comes, a gateway's time limit.

    ``done``: sends ``[DONE]`` all the same. ``clean``: ends the body properly; otherwise the connection closes in it.
    """

    kind: Literal["truncate"] = "truncate"
    after: Count = 10
    done: bool = False
    clean: bool = True

    def plant(self, script: Script) -> None:
        script.after(self.after, self.kind, lambda stage: stage.cut(self.done, self.clean))


class ErrorEvent(FaultBase):
    """An error inside a stream that began with 200: a failure while decoding, a provider's error behind a gateway."""

    kind: Literal["error-event"] = "error-event"
    after: Count = 10
    code: str = "500"
    message: str = "The model failed while generating."
    named: bool = False

    def plant(self, script: Script) -> None:
        script.after(self.after, self.kind, lambda stage: stage.fail(self.code, self.message, self.named))


class Malformed(FaultBase):
    """A frame whose JSON is broken: a proxy that cuts or merges writes. The rest of the stream is whole."""

    kind: Literal["malformed"] = "malformed"
    after: Count = 10

    def plant(self, script: Script) -> None:
        script.after(self.after, self.kind, lambda stage: stage.garble())


class CrossTalk(FaultBase):
    """Some tokens of another stream: a buffer shared by two requests. Well-formed; only the content is wrong."""

    kind: Literal["cross-talk"] = "cross-talk"
    after: Count = 10
    tokens: int = Field(3, ge=1)

    def plant(self, script: Script) -> None:
        script.after(self.after, self.kind, lambda stage: stage.swap(self.tokens))


class Empty(FaultBase):
    """200 and an event stream with no event in it: what some servers make of a prompt that is too long."""

    kind: Literal["empty"] = "empty"

    def plant(self, script: Script) -> None:
        script.replace(self.kind, lambda stage: stage.blank())


class RateLimit500(FaultBase):
    """500 where 429 was due, without Retry-After: a limiter whose exception nobody handles (the key needs a limit)."""

    kind: Literal["rate-limit-500"] = "rate-limit-500"

    def plant(self, script: Script) -> None:
        script.limited = 500


class Hop(FaultBase):
    """A gateway on the way: every answer is ``delay`` later, of which the server behind it knows nothing."""

    kind: Literal["hop"] = "hop"
    delay: Seconds = Field(0.08, gt=0)

    def plant(self, script: Script) -> None:
        script.slowed = self.kind
        script.first += self.delay
        script.unseen += self.delay


class Skew(FaultBase):
    """One instance takes what was meant for all: a balancer that pins, a pool with one member left."""

    kind: Literal["skew"] = "skew"
    instance: Count = Field(0, description="Which of them, counted from 0.")

    def plant(self, script: Script) -> None:
        script.instance = self.instance


class Auth(FaultBase):
    """Trouble where keys are looked up (``[sim.auth]``): a query without an index, a connection that is not given back.

    ``lookup`` is added to the time of a lookup; ``leak``: its connection is lost to the pool.
    """

    kind: Literal["auth"] = "auth"
    lookup: Seconds = 0.0
    leak: bool = False

    def plant(self, script: Script) -> None:
        script.lookup += self.lookup
        script.leaks |= self.leak


class Drop(FaultBase):
    """A WebSocket is closed in the middle, ``after`` so many messages: a restarted node, a proxy's time limit.

    A stream is cut off after so many tokens.
    """

    kind: Literal["drop"] = "drop"
    after: Count = 5
    code: int = Field(1011, ge=1000, le=4999)
    reason: str = Field("", max_length=100)

    def plant(self, script: Script) -> None:
        script.after(self.after, self.kind, lambda stage: stage.cut(False, False))


class Hang(FaultBase):
    """Never answers, keeps the connection: a deadlocked worker, a lost job."""

    kind: Literal["hang"] = "hang"

    def plant(self, script: Script) -> None:
        script.replace(self.kind, lambda stage: stage.hang())


class SlowPrefill(FaultBase):
    """Reads prompts too slowly: no chunked prefill, attention without its fast kernels, prompts sent on in pieces.

    ``linear`` and ``square`` are seconds for a prompt of 1000 tokens; one of 2000 takes twice the first and four times
    the second.
    """

    kind: Literal["slow-prefill"] = "slow-prefill"
    linear: Seconds = 0.0
    square: Seconds = 0.0

    @model_validator(mode="after")
    def _does_something(self) -> SlowPrefill:
        if not self.linear and not self.square:
            raise ValueError("a slow prefill needs `linear` or `square`")
        return self

    def plant(self, script: Script) -> None:
        script.slowed = self.kind
        script.reading = (script.reading[0] + self.linear, script.reading[1] + self.square)


class ColdCache(FaultBase):
    """The prompt cache finds nothing: switched off, flushed by a deployment, spread over too many instances."""

    kind: Literal["cold-cache"] = "cold-cache"

    def plant(self, script: Script) -> None:
        script.cold = True


Fault = Annotated[
    Error
    | Slow
    | Stall
    | Reset
    | Truncate
    | ErrorEvent
    | Malformed
    | CrossTalk
    | Empty
    | RateLimit500
    | Hop
    | Skew
    | Auth
    | Hang
    | Drop
    | SlowPrefill
    | ColdCache,
    Field(discriminator="kind"),
]

FAULTS: Final[Mapping[str, type[FaultBase]]] = {
    member.model_fields["kind"].default: member for member in get_args(get_args(Fault)[0])
}
"""Kind -> class."""


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(known)}"


def _names(cls: type[FaultBase]) -> list[str]:
    return [info.alias or name for name, info in cls.model_fields.items() if name != "kind"]


def parse_fault(text: str) -> Fault:
    """The fault written as ``kind`` or ``kind:name=value,name=value``, e.g. ``error:rate=20%,status=503``.

    UsageError says which part is wrong and what would be right.
    """
    kind, _, rest = text.partition(":")
    cls = FAULTS.get(kind.strip())
    if cls is None:
        raise UsageError(f"fault {text!r}: no kind {kind.strip()!r}{_nearest(kind.strip(), list(FAULTS))}")
    settings: dict[str, Any] = {}
    for part in filter(None, (piece.strip() for piece in rest.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise UsageError(f"fault {text!r}: {part!r} is not a setting; write it like rate=20%")
        if name not in _names(cls):
            raise UsageError(f"fault {text!r}: {kind} has no setting {name!r}{_nearest(name, _names(cls))}")
        settings[name] = value
    try:
        return cast("Fault", cls.model_validate(settings))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise UsageError(
            f"fault {text!r}: {where + ': ' if where else ''}{problem['msg'].removeprefix('Value error, ')}"
        ) from None
