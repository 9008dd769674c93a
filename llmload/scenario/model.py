"""The scenario format: what a file may hold. Descriptions are the documentation that editors show.

Here stand shapes and values that are wrong by themselves; what must fit together is in ``checks``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from llmload.scenario.comparing import CompareTable
from llmload.scenario.curves import CurveTable
from llmload.scenario.dimensions import DimensionTables
from llmload.scenario.exports import ExportTable
from llmload.scenario.mix import ClassTable
from llmload.scenario.observers import ObserveTable, name_alone, set_alone
from llmload.scenario.quantities import Bytes, Duration, Factor, Flag, Name, Number, Offset, Rate, Share, Text, Whole
from llmload.scenario.retries import RetryTable
from llmload.scenario.table import Shorthand, Table
from llmload.scenario.targets import TargetTable
from llmload.scenario.tracing import TracingTable
from llmload.sim.spec import SimSpec
from llmload.verdict.objectives import Objective, parse_objective
from llmload.verdict.service_level import ServiceLevel

__all__ = [
    "BudgetTable",
    "DemoTable",
    "LimitsTable",
    "LoadTable",
    "ObjectiveTable",
    "PhaseTable",
    "ScaleTable",
    "Scenario",
    "SeedsTable",
    "SloTable",
    "TraceTable",
]

Seed = Annotated[int, Field(strict=True, ge=0, lt=2**62)]
Weights = dict[Text, Annotated[Number, Field(le=1e9)]]


def _number_of_users(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"type": "constant", "rate": value}
    if isinstance(value, str):
        raise ValueError("must be a number of users, or a curve over users; a request rate goes under rate")
    return value


def _rule_alone(value: Any) -> Any:
    return {"rule": value} if isinstance(value, str) else value


def _parsable(rule: str) -> str:
    parse_objective(rule)
    return rule


UsersCurve = Annotated[CurveTable, Shorthand(_number_of_users, {"type": "number", "minimum": 0})]


class SeedsTable(Table):
    """Seeds apart, so that changing one leaves the others alone."""

    arrivals: Seed = Field(1, description="Of the arrival times.")
    mix: Seed = Field(2, description="Of which class comes when.")
    prompts: Seed = Field(3, description="Of the prompts' texts and lengths.")


class PhaseTable(Table):
    """A named stretch of the run."""

    name: Name = Field(description="What results call it.")
    duration: Duration | None = Field(None, description="How long it lasts; may be left out if the curve says.")
    rate: Rate | None = Field(None, description="Constant request rate; left out with curve: the load's.")
    curve: CurveTable | None = Field(None, description="Request rate over the phase.")
    users: UsersCurve | None = Field(None, description="Users over the phase (closed model); left out: the load's.")
    measure: Flag = Field(True, description="false: warm-up, left out of totals and objectives.")
    mix: Weights | None = Field(
        None,
        description="Weights of the classes in this phase; a class not named is not sent. `dimension.value`: the "
        "same for a dimension's values.",
    )


class TraceTable(Table):
    """Arrivals and lengths as they were recorded."""

    file: Text = Field(min_length=1, description="The trace, relative to the scenario; `.gz` too.")
    format: Literal["azure", "burstgpt", "mooncake", "llmload"] = Field(
        description="Azure's and BurstGPT's CSV, Mooncake's JSON lines, or a log that --requests wrote."
    )
    time_scale: Factor = Field(1.0, description="Times every time in it: 0.5 replays twice as fast.")
    loop: Flag = Field(False, description="Begin again at its end, until load.duration is over.")
    jitter: Offset | None = Field(
        None, description="Spread equal stamps over so much time; left out: 3s for mooncake, 1s for burstgpt, else 0."
    )
    limit: Whole | None = Field(None, description="Take only so many rows.")
    prefixes: Flag = Field(
        True, description="Prompts that share hash_ids begin alike, block by block of 512 tokens (mooncake)."
    )


class LoadTable(Table):
    """When requests are made: a rate (open model), users (closed model), or both (users at a limited rate)."""

    rate: Rate | None = Field(None, description="Constant request rate.")
    curve: CurveTable | None = Field(
        None, description="Request rate over time; with phases: over all of them, which then only cut it."
    )
    users: UsersCurve | None = Field(None, description="Users, each calling again after its last answer.")
    duration: Duration | None = Field(None, description="How long requests are sent.")
    phases: tuple[PhaseTable, ...] = Field((), max_length=1000, description="Phases in place of a single duration.")
    process: Literal["uniform", "poisson", "gamma"] = Field("poisson", description="How arrivals are spaced.")
    cv: Number | None = Field(None, description='Coefficient of variation of the gaps, with process = "gamma".')
    trace: TraceTable | None = Field(None, description="Arrivals of a trace, in place of a rate.")
    think: Offset = Field(0.0, description="Pause of a user between an answer and the next request.")
    think_random: Flag = Field(False, description="Draw pauses at random (exponential) with that mean.")
    max_in_flight: Whole | None = Field(None, le=1_000_000, description="Most requests in flight at once.")
    on_limit: Literal["queue", "drop"] = Field("queue", description="What happens to arrivals beyond max_in_flight.")
    max_requests: Whole | None = Field(None, description="Stop after so many requests.")


class LimitsTable(Table):
    """Time-outs and bounds of one request. 0 switches first_token, idle and total off."""

    connect: Duration = Field(10.0, description="To open a connection.")
    first_token: Offset = Field(300.0, description="From sending to the first content.")
    idle: Offset = Field(120.0, description="Between contents.")
    total: Offset = Field(1800.0, description="From sending to the end.")
    drain: Offset = Field(30.0, description="How long to wait at the end for requests in flight.")
    stall: Duration = Field(1.0, description="A gap longer than this is a stall.")
    body: Bytes = Field(256 * 2**20, ge=1, description="Largest answer.")


class BudgetTable(Table):
    """What a run may cost, in US dollars."""

    ask: Number = Field(1.0, description="Ask before a run that will cost more.")
    stop: Number = Field(0.0, description="Stop when so much is spent; 0: never.")


class SloTable(Table):
    """The service level that is promised: two objectives, and what the error budget is counted against."""

    availability: Share = Field(0.995, lt=1, description="Share of the requests that go well, at least.")
    error_rate: Share = Field(0.005, gt=0, description="Largest share that may fail in any stretch of `window`.")
    window: Duration = Field(300.0, description="Length of that stretch.")

    def level(self, time: float = 1.0) -> ServiceLevel:
        """The ServiceLevel meant, its window times ``time``."""
        return ServiceLevel(self.availability, self.error_rate, max(1.0, self.window * time), binding=True)


class ObjectiveTable(Table):
    """A rule that the run must keep."""

    rule: Annotated[Text, AfterValidator(_parsable)] = Field(
        description="metric.stat{filter} op value", examples=["ttft.p95 < 500ms", "errors.rate{class=chat} < 1%"]
    )
    window: Duration | None = Field(None, description="Judge the worst stretch of this length, not the whole run.")
    abort: Flag = Field(False, description="Stop the run when it fails.")
    delay: Offset = Field(0.0, description="With abort: not before this time.")
    says: Text = Field("", max_length=2000, description="What a failure means, in your words.")
    name: Text = Field("", max_length=64, description="A short name for reports.")
    optional: Flag = Field(False, description="Of `target` only: not judged where nothing observes the target.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self.objective()
        return self

    def objective(self, time: float = 1.0) -> Objective:
        """The Objective meant, with what it says of times of the schedule times ``time``. Raises ValueError."""
        window = max(1.0, self.window * time) if self.window else 0.0
        made = parse_objective(
            self.rule, window=window, abort=self.abort, delay=self.delay * time, says=self.says, name=self.name,
            optional=self.optional,
        )  # fmt: skip
        return made.scaled(time)


class ScaleTable(Table):
    """Makes the whole load smaller or larger; what `--scale` sets."""

    rate: Factor = Field(1.0, description="Times every rate and number of users.")
    time: Factor = Field(1.0, description="Times every duration.")


class DemoTable(ScaleTable):
    """Demonstration size: how to shrink the run for the embedded simulator."""

    set: dict[Text, Any] = Field({}, description='Values to change then: "limits.drain" = "5s".')


class Scenario(Table):
    """A load test of LLM services, for llmload."""

    name: Name | None = Field(None, description="What results call it; left out: the file's name.")
    description: Text = Field("", max_length=10_000, description="What the run is to find out.")
    seed: Seed | None = Field(None, description="One seed for everything random.")
    seeds: SeedsTable | None = Field(None, description="Seeds apart.")
    tags: dict[Name, Name] = Field({}, description="Tags of the run.")
    slice_by: tuple[Name, ...] = Field((), max_length=16, description="Tags that results are cut by.")
    objectives: tuple[Annotated[ObjectiveTable, Shorthand(_rule_alone, {"type": "string"})], ...] = Field(
        (),
        max_length=1000,
        description="Rules the run must keep.",
        examples=[["ttft.p95 < 500ms", "errors.rate < 0.5%"]],
    )
    slo: SloTable | None = Field(None, description="The service level promised: availability and rolling error rate.")
    compare: CompareTable = Field(CompareTable(), description="How results are compared with a baseline.")
    targets: dict[Name, TargetTable] = Field(min_length=1, description="Where requests go.")
    classes: dict[Name, ClassTable] = Field(min_length=1, description="What requests are made of: the mix.")
    dimensions: DimensionTables = Field(
        {},
        max_length=16,
        description="Named cuts of the traffic, crossed: tenants, regions, priorities.",
    )
    retries: dict[Name, RetryTable] = Field({}, description="Policies by which failed calls are tried again.")
    observe: Annotated[
        dict[Name, Annotated[ObserveTable, Shorthand(set_alone, {"type": "string"})]],
        Field(max_length=16),
        Shorthand(name_alone, {"type": "string"}),
    ] = Field({}, description="What to observe beside the answers: the target's process, its metrics.")
    tracing: TracingTable | None = Field(None, description="The ids of a trace on each request; left out: none.")
    export: dict[Name, ExportTable] = Field(
        {}, max_length=16, description="Other systems that are told of the run while it lasts."
    )
    load: LoadTable = Field(description="When requests are made.")
    limits: LimitsTable = Field(LimitsTable(), description="Time-outs and bounds.")
    budget: BudgetTable = Field(BudgetTable(), description="What a run may cost.")
    scale: ScaleTable = Field(ScaleTable(), description="Makes the load smaller or larger.")
    demo: DemoTable | None = Field(None, description="Demonstration size against the embedded simulator.")
    sim: SimSpec | None = Field(None, description="Settings of the embedded simulator.")
