"""What a scenario asks to observe beside the answers."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator

from llmload.scenario.plan import Observer
from llmload.scenario.quantities import Duration, Flag, Level, Rate, Text
from llmload.scenario.series import SETS, Expression, parse_expression
from llmload.scenario.table import Table

__all__ = ["ObserveTable", "name_alone", "set_alone"]

_SOURCES = ("process", "port", "pid_file", "metrics", "probe")
_PROBE_RATE = 20.0
_OF_PROBES = ("rate", "timeout", "stall")
_MOST_PROBES = 1000
"""In a second, and waiting at once: each has a thread and a connection of its own then."""
_URL = re.compile(r"https?://[^\s@/?#]+(?:[/?]\S*)?")
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


def _page(value: str) -> str:
    if value and value != "target" and not _URL.fullmatch(value):
        raise ValueError(
            'must be an http(s) URL without a password, or "target" (/metrics of the first target\'s host)'
        )
    return value


def _probed(value: str) -> str:
    if value and not (value.startswith("/") and not re.search(r"[\s#]", value)) and not _URL.fullmatch(value):
        raise ValueError('must be a path at the target, like "/health", or an http(s) URL without a password')
    return value


def _probe_rate(level: Level) -> Level:
    if not 0.1 <= level.value <= _MOST_PROBES:
        raise ValueError(f"must be from 0.1/s to {_MOST_PROBES}/s")
    return level


def _expression(value: Any) -> Any:
    return parse_expression(value) if isinstance(value, str) else value


def set_alone(value: Any) -> Any:
    """ "vllm" stands for that set on the target's own page."""
    return {"metrics": "target", "set": value} if isinstance(value, str) else value


def name_alone(value: Any) -> Any:
    """``observe = "vllm"`` stands for an observer of that name, with that set."""
    return {value: value} if isinstance(value, str) else value


SetName = Literal["vllm", "sglang", "tgi", "llamacpp", "process", "node", "dcgm", "postgres", "redis"]
assert set(SETS) == set(get_args(SetName))
FigureName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Formula = Annotated[Expression, BeforeValidator(_expression), WithJsonSchema({"type": "string"})]


class ObserveTable(Table):
    """What is looked at while the run lasts: a process of this machine, by one of `process`, `port`, `pid_file`, or a
    page of `metrics` in Prometheus' format; or a light request that is made beside the load, a `probe`."""

    process: Annotated[int | Literal["target", "sim"], BeforeValidator(_process)] | None = Field(
        None,
        description='Its id; "target": whatever listens where the first target is; "sim": the embedded simulator.',
        examples=["target", 1234],
    )
    port: Annotated[int, BeforeValidator(_port), Field(strict=True, ge=1, le=65535)] | None = Field(
        None, description="What listens on this TCP port of this machine."
    )
    pid_file: Text = Field("", description="File that holds its id, relative to the scenario.")
    metrics: Annotated[Text, AfterValidator(_page)] = Field(
        "", description='Page of metrics: a URL; "target": `/metrics` of the first target\'s host.'
    )
    set: SetName | None = Field(None, description="With `metrics`: what that kind of server calls its series.")
    figures: dict[FigureName, Formula] = Field(
        {},
        max_length=200,
        description="With `metrics`: figures of your own, of its series.",
        examples=[{"jobs": "my_jobs", "served": "rate(my_requests_total)", "slow": "p95(my_seconds)"}],
    )
    probe: Annotated[Text, AfterValidator(_probed)] = Field(
        "", description="A light request, GET: a path at the first target, or a URL.", examples=["/health"]
    )
    rate: Annotated[Rate, AfterValidator(_probe_rate)] | None = Field(
        None, description="With `probe`: how often it is asked; left out: `20/s`."
    )
    timeout: Annotated[Duration, Field(ge=0.05, le=60)] = Field(
        5.0, description="With `probe`: time after which one is given up."
    )
    stall: Annotated[Duration, Field(ge=0.005, le=60)] = Field(
        0.1, description="With `probe`: an answer so much later than the median shows a stall."
    )
    every: Annotated[Duration, Field(ge=0.1, le=3600)] = Field(0.5, description="Time between two looks.")
    children: Flag = Field(True, description="Count its children to it.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in _SOURCES if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"has both {given[0]} and {given[1]}; keep one of them")
        if not given:
            raise ValueError(
                'does not say what to observe; add process = "target", a port, a pid_file, metrics or a probe'
            )
        if bool(self.metrics) != bool(self.set or self.figures):
            missing = "figures or a set" if self.metrics else "metrics"
            raise ValueError(f"needs {missing}: which page, and what is made of its series")
        if not self.probe and (odd := [key for key in _OF_PROBES if key in self.model_fields_set]):
            raise ValueError(f'{odd[0]} is of a probe, and there is none; add probe = "/health"')
        if self.stall >= self.timeout:
            raise ValueError(f"gives a probe up after {self.timeout:g} s, before it shows a stall; make timeout longer")
        rate = _PROBE_RATE if self.rate is None else self.rate.value
        if self.probe and rate * self.timeout > _MOST_PROBES:
            raise ValueError(
                f"lets {rate * self.timeout:,.0f} probes wait at once, where nothing is answered; "
                f"make rate times timeout {_MOST_PROBES:,} at most"
            )
        return self

    def observer(self, name: str, pid_file: str) -> Observer:
        """What a Plan keeps of it; ``pid_file``: where the file is."""
        figures = {**(SETS[self.set] if self.set else {}), **self.figures}
        return Observer(
            name, self.process, self.port, pid_file, self.every, self.children, self.metrics, tuple(figures.items()),
            self.probe, _PROBE_RATE if self.rate is None else self.rate.value, self.timeout, self.stall,
        )  # fmt: skip
