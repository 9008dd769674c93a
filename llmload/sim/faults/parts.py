"""Faults of the parts around the model: gateway, balancer, limiter, caches, pools, scaling."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from llmload.sim.faults.base import FaultBase
from llmload.sim.fields import Count, Seconds, Share, Size
from llmload.sim.script import Script

__all__ = [
    "Auth",
    "Block",
    "Breaker",
    "ColdCache",
    "Failover",
    "Hoard",
    "Hop",
    "Leak",
    "Outage",
    "RateLimit500",
    "Scaling",
    "SharedPool",
    "Skew",
]


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


class ColdCache(FaultBase):
    """The prompt cache finds nothing: switched off, flushed by a deployment, spread over too many instances."""

    kind: Literal["cold-cache"] = "cold-cache"

    def plant(self, script: Script) -> None:
        script.cold = True


class Outage(FaultBase):
    """A provider behind the gateway (`[sim.gateway]`) fails what it is asked: it is down, or overloaded.

    ``after``: how long it takes to say so.
    """

    kind: Literal["outage"] = "outage"
    provider: Literal["primary", "fallback"] = "primary"
    status: int = Field(503, ge=400, le=599)
    after: Seconds = 0.0

    def plant(self, script: Script) -> None:
        script.outages.setdefault(self.provider, (self.status, self.after))


class Failover(FaultBase):
    """The way to the fallback provider fails: it is found too late, or ``never``.

    ``delay`` is added to the time that the gateway takes to switch.
    """

    kind: Literal["failover"] = "failover"
    delay: Seconds = 0.0
    never: bool = False

    @model_validator(mode="after")
    def _does_something(self) -> Failover:
        if not self.delay and not self.never:
            raise ValueError("a failover fault needs `delay`, or `never=true`")
        return self

    def plant(self, script: Script) -> None:
        script.switching += self.delay
        script.alone |= self.never


class Breaker(FaultBase):
    """The circuit breaker of the gateway never opens: every request is tried on a provider that fails."""

    kind: Literal["breaker"] = "breaker"

    def plant(self, script: Script) -> None:
        script.unbroken = True


class Scaling(FaultBase):
    """Autoscaling (`[sim.scaling]`) that never acts, goes to and fro between the least and the most, or adds compute
    where memory may be what is short: replicas that come bring slots and speed, but no room in the KV cache.

    It concerns no single request: only its times count.
    """

    kind: Literal["scaling"] = "scaling"
    how: Literal["never", "thrash", "compute"] = "never"

    def plant(self, script: Script) -> None:
        """Nothing: the scaler looks for it."""


class SharedPool(FaultBase):
    """Embeddings and chat share what should be two pools: while the model embeds, no answer gets on.

    ``share``: how much of the work of an embeddings request is taken from the chat.
    """

    kind: Literal["shared-pool"] = "shared-pool"
    share: Share = 1.0

    def plant(self, script: Script) -> None:
        script.borrowed = max(script.borrowed, self.share)


class Leak(FaultBase):
    """A slot is not given back when its answer is over: fewer and fewer are left, though always one.

    With `overload` a spike leaves a queue that never drains.
    """

    kind: Literal["leak"] = "leak"

    def plant(self, script: Script) -> None:
        script.keeps = True


class Hoard(FaultBase):
    """Memory is not given back: of every request ``size`` bytes are kept for good, but no more than ``most`` in all."""

    kind: Literal["hoard"] = "hoard"
    size: Size = Field(2**18, gt=0, description="Bytes kept of every request.")
    most: Size = Field(2**28, description="Bytes kept in all; what is beyond is given back.")

    def plant(self, script: Script) -> None:
        script.hoard, script.hoard_most = script.hoard + self.size, max(script.hoard_most, self.most)


class Block(FaultBase):
    """A handler that blocks the server's event loop: for ``seconds`` nothing is read, answered or sent, to anybody."""

    kind: Literal["block"] = "block"
    seconds: Seconds = Field(0.3, gt=0, le=60, description="For how long.")

    def plant(self, script: Script) -> None:
        script.block += self.seconds
