"""Where and when a fault applies; what it does is said by each kind. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from llmload.sim.fields import Count, Seconds, Share
from llmload.sim.script import Script

__all__ = ["FaultBase", "Route"]

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
    overload: Count = Field(0, description="Only after an overload: once more than so many have waited for a slot.")
    lasts: Seconds | None = Field(
        None, description="With `overload`: goes on so long after no more than that wait; left out: for ever."
    )

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
        if self.lasts is not None and not self.overload:
            raise ValueError("`lasts` needs `overload`, how many wait when it begins")
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
