"""What a scenario asks to observe beside the answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from llmload.scenario.plan import Observer
from llmload.scenario.quantities import Duration, Flag, Text
from llmload.scenario.table import Table

__all__ = ["ObserveTable"]

_SOURCES = ("process", "port", "pid_file")
_LARGEST_PID = 2**31 - 1


def _process(value: Any) -> Any:
    """A process id, also as text, as a variable gives it."""
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LARGEST_PID:
        return value
    if value in ("target", "sim"):
        return value
    raise ValueError('must be a process id, "target" (the first target\'s process) or "sim" (the embedded simulator)')


def _port(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


class ObserveTable(Table):
    """A process of this machine that is looked at while the run lasts. One of `process`, `port`, `pid_file`."""

    process: Annotated[int | Literal["target", "sim"], BeforeValidator(_process)] | None = Field(
        None,
        description='Its id; "target": whatever listens where the first target is; "sim": the embedded simulator.',
        examples=["target", 1234],
    )
    port: Annotated[int, BeforeValidator(_port), Field(strict=True, ge=1, le=65535)] | None = Field(
        None, description="What listens on this TCP port of this machine."
    )
    pid_file: Text = Field("", description="File that holds its id, relative to the scenario.")
    every: Annotated[Duration, Field(ge=0.1, le=3600)] = Field(0.5, description="Time between two looks.")
    children: Flag = Field(True, description="Count its children to it.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in _SOURCES if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"has both {given[0]} and {given[1]}; keep one of them")
        if not given:
            raise ValueError('does not say what to observe; add process = "target", a port or a pid_file')
        return self

    def observer(self, name: str, pid_file: str) -> Observer:
        """What a Plan keeps of it; ``pid_file``: where the file is."""
        return Observer(name, self.process, self.port, pid_file, self.every, self.children)
