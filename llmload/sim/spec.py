"""Settings of the simulated service: a scenario's ``[sim]`` table.

With the defaults it is a healthy small service: first token after 60 to 80 ms for a short prompt, about 15 ms per
token at light load, 28 ms with all slots in use. ``SimSpec().capacity(85, 100)`` is its knee for prompts of 85 and
answers of 100 tokens: about 40 requests/s (4,000 tokens/s), and some 200 single embeddings/s beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from llmload.sim.faults import Fault, parse_fault
from llmload.sim.fields import Count, PerSecond, Seconds, Share, Span

__all__ = ["AuthSpec", "Fault", "KeySpec", "SimSpec", "parse_fault"]


class KeySpec(BaseModel):
    """One API key: whose it is, and how often it may be used. No ``rate``: as often as it likes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: str = ""
    rate: PerSecond | None = None
    burst: int = Field(0, ge=0, description="Requests that may come at once; 0: those of one second.")


class AuthSpec(BaseModel):
    """Where keys are looked up: a store behind a pool of connections."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lookup: Seconds = Field(0.003, description="Time to look a key up, known or not.")
    pool: int = Field(0, ge=0, le=100_000, description="Lookups at once; the others wait. 0: any number.")
    wait: Seconds = Field(5.0, description="Longest wait for a connection; a 503 after that.")


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
    instances: tuple[Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")], ...] = Field(
        (),
        max_length=1000,
        description="Instances behind a balancer, any of which takes a request; sent as `x-served-by`.",
    )

    faults: tuple[Fault, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> SimSpec:
        if self.context_window > self.kv_tokens:
            raise ValueError(
                f"context_window ({self.context_window}) must fit into kv_tokens ({self.kv_tokens}), "
                "or its longest request could never run"
            )
        return self

    def with_faults(self, faults: Sequence[Fault]) -> SimSpec:
        """The same service with these faults too."""
        return self.model_copy(update={"faults": (*self.faults, *faults)})

    def step_time(self, sequences: int, prompt_tokens: int = 0) -> float:
        """Seconds of a step with so many sequences in the batch and prompt tokens to work on, without jitter."""
        return self.step + self.step_per_sequence * sequences + self.prefill * prompt_tokens / 1000

    def capacity(self, input_tokens: float, output_tokens: float) -> float:
        """Chat requests/s at which it saturates.

        A full batch of b answers gets b tokens per ``step_time(b)``, so an answer of n tokens takes n / b such
        steps of the model's time for itself, and the prefill of its prompt, during which the others wait.
        """
        batch = min(self.slots, self.kv_tokens / (input_tokens + output_tokens))
        decode = output_tokens / batch * (self.step + self.step_per_sequence * batch)
        return 1.0 / (decode + self.prefill * input_tokens / 1000)
