"""Settings of the simulated service: a scenario's ``[sim]`` table.

With the defaults it is a healthy small service: first token after 60 to 80 ms for a short prompt, about 15 ms per
token at light load, 28 ms with all slots in use. ``SimSpec().capacity(85, 100)`` is its knee for prompts of 85 and
answers of 100 tokens: about 40 requests/s (4,000 tokens/s), and some 200 single embeddings/s beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from llmload.errors import UsageError
from llmload.sim.faults import Fault, parse_fault
from llmload.sim.fields import Count, PerSecond, Seconds, Share, Size, Span

__all__ = [
    "AuthSpec",
    "BillingSpec",
    "BurdenSpec",
    "Fault",
    "GatewaySpec",
    "KeySpec",
    "ScalingSpec",
    "SimSpec",
    "parse_fault",
]

ServerName = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]
"""A name that is sent as a header."""


_PARTS: Final = {"outage": "gateway", "failover": "gateway", "breaker": "gateway", "scaling": "scaling"}
"""Faults of parts that not every service has."""


class KeySpec(BaseModel):
    """One API key: whose it is, and how often it may be used. No ``rate``: as often as it likes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: str = ""
    secret: str = Field("", description="What requests with this access key id are signed with (AWS); empty: anything.")
    rate: PerSecond | None = None
    burst: int = Field(0, ge=0, description="Requests that may come at once; 0: those of one second.")


class AuthSpec(BaseModel):
    """Where keys are looked up: a store behind a pool of connections."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lookup: Seconds = Field(0.003, description="Time to look a key up, known or not.")
    pool: int = Field(0, ge=0, le=100_000, description="Lookups at once; the others wait. 0: any number.")
    wait: Seconds = Field(5.0, description="Longest wait for a connection; a 503 after that.")


class GatewaySpec(BaseModel):
    """A gateway before two providers, one of which takes over when the other fails. Who served is sent as
    `x-served-by`, the state of its circuit breaker as `x-circuit`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    primary: ServerName = Field("primary", description="Name of the provider that serves while all is well.")
    fallback: str = Field(
        "fallback", pattern=r"^[\x21-\x7e]{0,64}$", description="Name of the other one; empty: there is none."
    )
    failures: int = Field(5, ge=1, le=100_000, description="Failures in a row after which the fallback is taken.")
    delay: Seconds = Field(0.0, description="Time from the last of these until it is.")
    open: Seconds = Field(30.0, description="Time after which one request tries the primary again.")
    retry: bool = Field(False, description="Whether what the primary fails is tried again at the fallback at once.")

    @model_validator(mode="after")
    def _two(self) -> GatewaySpec:
        if self.primary == self.fallback:
            raise ValueError(f"primary and fallback are both {self.primary!r}; give them different names")
        return self


class ScalingSpec(BaseModel):
    """Replicas of the model that come and go with how busy they are. How many work is sent as `x-replicas`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    least: int = Field(1, ge=1, le=1000, description="Replicas there are at least; each has `slots` and `kv_tokens`.")
    most: int = Field(10, ge=1, le=1000, description="Replicas there are at most.")
    out: Share = Field(0.7, description="Mean utilisation above which one more is started.")
    in_: Share = Field(0.3, alias="in", description="Mean utilisation below which one is taken away.")
    every: Seconds = Field(15.0, ge=0.1, description="Time over which the mean is taken, and between two decisions.")
    delay: Seconds = Field(10.0, description="Time until a replica that was started works.")

    @model_validator(mode="after")
    def _ordered(self) -> ScalingSpec:
        if self.least > self.most:
            raise ValueError(f"least ({self.least}) must not be above most ({self.most})")
        if self.in_ >= self.out:
            raise ValueError(f"in ({self.in_:g}) must be below out ({self.out:g}), or it would go to and fro")
        return self


class BillingSpec(BaseModel):
    """Requests that were answered are billed afterwards, by a worker with a queue. Its length is on `/metrics`, as
    `sim:billing_queue`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: PerSecond = Field(200.0, description="Requests that the worker bills per second.")


class BurdenSpec(BaseModel):
    """A known load on the simulator's process, to hold against what is read of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cores: float = Field(
        0.0, ge=0, le=64, description="Cores its process keeps busy in all; what answering takes is part of it."
    )
    memory: Size = Field(0, description="Bytes of memory it takes, besides what it needs.")
    after: Seconds = Field(0.0, description="Time from the begin of the run until it takes them.")


class SimSpec(BaseModel):
    """How the simulated service behaves. Durations are seconds, or text such as "20ms"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("llmload-sim", pattern=r"^[\x21-\x7e]{1,64}$", description="Sent as `server`.")
    seed: int = 1
    models: tuple[str, ...] = Field(("sim-model",), min_length=1, description="Models served; any other is a 404.")
    keys: dict[str, KeySpec] = Field({}, description="API keys; none: open to everybody.")
    auth: AuthSpec | None = Field(None, description="Where keys are looked up; left out: it takes no time.")

    first_token: Seconds = Field(0.045, description="Time before a request reaches the model (parsing, tokenising).")
    prefill: Seconds = Field(0.040, description="Model time per 1000 prompt tokens.")
    prefill_chunk: int = Field(2048, ge=1, description="Prompt tokens worked on in one step at most.")
    step: Seconds = Field(0.0148, gt=0, description="Model time of a decode step: one token for every sequence.")
    step_per_sequence: Seconds = Field(0.0001, description="What every sequence in the batch adds to a step.")
    jitter: Share = Field(0.02, description="Steps vary evenly by up to this share.")

    slots: int = Field(128, ge=1, le=100_000, description="Sequences in the batch at most.")
    kv_tokens: int = Field(131_072, ge=1, description="Tokens (prompt and answer) that fit in the cache together.")
    prompt_cache: Count = Field(
        0, description="Prompt tokens whose beginnings are remembered; what is known of a prompt is not read again."
    )
    queue_limit: Count = Field(1000, description="Waiting sequences beyond which requests get a 503.")
    context_window: int = Field(8192, ge=2, description="Prompt and answer of one request; more is a 400.")
    too_long: Literal["400", "500", "empty"] = Field(
        "400", description="What a prompt beyond the window gets: an error, a crash, or a 200 with nothing in it."
    )
    max_tokens: int = Field(4096, ge=1, description="The longest answer, whatever the request says.")
    answer: Literal["max"] | Span = Field(
        (40, 160), description='Tokens an answer would have by itself; `max_tokens` cuts it. "max": as long as allowed.'
    )
    headers: Literal["early", "first-token"] = Field("early", description="When a stream's headers are sent.")

    embed: Seconds = Field(0.004, description="Model time of one embeddings request.")
    embed_prefill: Seconds = Field(0.008, description="Model time per 1000 tokens of embeddings input.")
    embed_latency: Seconds = Field(0.006, description="Time an embeddings request takes outside the model.")
    dimensions: int = Field(256, ge=1, le=4096, description="Length of an embedding vector.")

    priorities: tuple[str, ...] = Field(
        (), description="Values of the header `x-priority`, first served first; none: first come, first served."
    )
    instances: tuple[ServerName, ...] = Field(
        (),
        max_length=1000,
        description="Instances behind a balancer, any of which takes a request; sent as `x-served-by`.",
    )

    gateway: GatewaySpec | None = Field(None, description="Two providers instead of one; left out: there is one.")
    scaling: ScalingSpec | None = Field(None, description="Autoscaling; left out: there is one replica.")

    billing: BillingSpec | None = Field(None, description="Billing by a queue; left out: nothing is billed.")

    burden: BurdenSpec | None = Field(None, description="A known CPU and memory load; left out: none.")

    faults: tuple[Fault, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> SimSpec:
        if self.context_window > self.kv_tokens:
            raise ValueError(
                f"context_window ({self.context_window}) must fit into kv_tokens ({self.kv_tokens}), "
                "or its longest request could never run"
            )
        if self.gateway is not None and self.instances:
            raise ValueError("instances and gateway both name who served; give one of them")
        for fault in self.faults:
            if problem := self._without_its_part(fault):
                raise ValueError(problem)
        return self

    def _without_its_part(self, fault: Fault) -> str:
        """What a fault lacks of the service, in words; "" if it can strike."""
        part = _PARTS.get(fault.kind, "")
        return f"the fault {fault.kind!r} needs [sim.{part}]" if part and getattr(self, part) is None else ""

    def with_faults(self, faults: Sequence[Fault]) -> SimSpec:
        """The same service with these faults too. UsageError: one of them is of a part that the service lacks."""
        for fault in faults:
            if problem := self._without_its_part(fault):
                raise UsageError(problem)
        return self.model_copy(update={"faults": (*self.faults, *faults)})

    def step_time(self, sequences: float, prompt_tokens: float = 0) -> float:
        """Seconds of a step with so many sequences in the batch and prompt tokens to work on, without jitter."""
        return self.step + self.step_per_sequence * sequences + self.prefill * prompt_tokens / 1000

    def embed_time(self, tokens: float) -> float:
        """Seconds of the model's time that embedding so many tokens takes."""
        return self.embed + self.embed_prefill * tokens / 1000

    def capacity(self, input_tokens: float, output_tokens: float) -> float:
        """Chat requests/s at which it saturates.

        A full batch of b answers gets b tokens per ``step_time(b)``, so an answer of n tokens takes n / b such
        steps of the model's time for itself, and the prefill of its prompt, during which the others wait.
        """
        batch = min(self.slots, self.kv_tokens / (input_tokens + output_tokens))
        decode = output_tokens / batch * (self.step + self.step_per_sequence * batch)
        return 1.0 / (decode + self.prefill * input_tokens / 1000)
