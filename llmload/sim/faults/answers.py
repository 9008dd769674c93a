"""Faults of one answer: what is wrong with what is sent, or with when it is."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from llmload.sim.faults.base import FaultBase
from llmload.sim.fields import Count, Seconds
from llmload.sim.script import Script, Stage

__all__ = [
    "Creep",
    "CrossTalk",
    "Drop",
    "Empty",
    "Error",
    "ErrorEvent",
    "Hang",
    "Malformed",
    "Reset",
    "Slow",
    "SlowPrefill",
    "Stall",
    "Truncate",
]


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


class Hang(FaultBase):
    """Never answers, keeps the connection: a deadlocked worker, a lost job."""

    kind: Literal["hang"] = "hang"

    def plant(self, script: Script) -> None:
        script.replace(self.kind, lambda stage: stage.hang())


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


class Creep(FaultBase):
    """Slower and slower: a memory leak, a cache or a log that is never emptied, until a restart.

    ``first`` and ``token`` are what the delays of the same name in `slow` grow by in every minute of it.
    """

    kind: Literal["creep"] = "creep"
    first: Seconds = 0.0
    token: Seconds = 0.0

    @model_validator(mode="after")
    def _does_something(self) -> Creep:
        if not self.first and not self.token:
            raise ValueError("a creep needs `first` or `token`, the delay it gains in a minute")
        return self

    def plant(self, script: Script) -> None:
        script.slowed = self.kind
        script.first += self.first * script.age / 60
        script.token += self.token * script.age / 60
