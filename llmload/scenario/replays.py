"""``[load.trace]`` resolved: arrivals that were recorded, and the classes that take their lengths from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llmload.arrivals.process import Uniform
from llmload.arrivals.replay import Replay
from llmload.clock import NS
from llmload.data.traces import TRACES, Trace, open_trace
from llmload.errors import Problem, ScenarioError
from llmload.scenario.datasets import beside, said
from llmload.scenario.document import Document
from llmload.scenario.mix import ClassTable
from llmload.scenario.model import LoadTable, Scenario
from llmload.scenario.plan import Load, Phase
from llmload.scenario.timeline import WHOLE_RUN, Timeline
from llmload.units import format_seconds
from llmload.workload.spec import Lengths, RequestClass

__all__ = ["lay_out_trace", "lengths_from"]

_HINT = "a trace says when requests are made; keep one of them"


def lay_out_trace(
    scenario: Scenario, seed: int, document: Document, directory: Path
) -> tuple[Timeline | None, list[Problem]]:
    """The timeline of a scenario with a trace, or None and what stands against it. Reads the trace once."""
    load, scale = scenario.load, scenario.scale
    table = load.trace
    assert table is not None
    others = {"rate", "curve", "users", "process", "cv", "think", "think_random"} & load.model_fields_set
    problems = [document.problem(("load", key), "stands beside a trace", _HINT) for key in sorted(others)]
    if scale.rate != 1.0:
        hint = "set load.trace.time_scale: 0.5 replays twice as fast"
        problems.append(document.problem(("scale", "rate"), "a trace has as many requests as it has", hint))
    problems += _phases_alone(load, document)
    lasting = [phase.duration for phase in load.phases if phase.duration is not None]
    until = sum(lasting) if lasting and len(lasting) == len(load.phases) else None
    if table.loop and load.duration is None and until is None:
        problems.append(document.problem(("load", "duration"), "is missing", "a trace that loops needs an end"))
    if load.on_limit == "drop" and load.max_in_flight is None:
        problems.append(document.problem(("load", "on_limit"), "there is no limit to drop at", "set max_in_flight"))
    if "prefixes" in table.model_fields_set and not TRACES[table.format].block:
        hint = "of these formats, only mooncake's rows have hash_ids"
        problems.append(document.problem(("load", "trace", "prefixes"), "says nothing here", hint))
    try:
        trace = open_trace(beside(directory, table.file), table.format, table.limit)
    except ScenarioError as error:
        problems.append(document.problem(("load", "trace", "file"), said(error)))
    if problems:
        return None, problems
    if not table.prefixes:
        trace = replace(trace, block=0)
    quantum = TRACES[table.format].quantum if table.jitter is None else table.jitter
    whole = Replay(trace, 0.0, table.time_scale, quantum, seed)
    lasts = whole.lap * table.time_scale / NS
    ends = [end for end in (load.duration, until, None if table.loop else lasts) if end is not None]
    duration = min(ends) * scale.time
    replay = replace(whole, duration=duration)
    try:
        curve = replay.curve()
    except ValueError as error:
        return None, [document.problem(("load", "trace"), str(error), "loop a longer trace, or for a shorter time")]
    made = Load(
        "open", curve, Uniform(), duration, max_in_flight=load.max_in_flight, on_limit=load.on_limit,
        max_requests=load.max_requests, replay=replay,
    )  # fmt: skip
    phases = _phases(load, scale.time, duration)
    if phases[-1].start >= duration:
        late = next(number for number, phase in enumerate(phases) if phase.start >= duration)
        hint = f"it ends after {format_seconds(duration / scale.time)}; make phases shorter, or let the trace loop"
        return None, [document.problem(("load", "phases", late), "begins when the replay is over", hint)]
    if not any(phase.measure for phase in phases):
        return None, [document.problem(("load", "phases"), "nothing is measured: every phase has measure = false")]
    return Timeline(made, phases), []


def _phases_alone(load: LoadTable, document: Document) -> list[Problem]:
    """What phases of a replay may not say: they only name stretches of it."""
    problems = []
    for number, phase in enumerate(load.phases):
        path = ("load", "phases", number)
        keys = sorted({"rate", "curve", "users"} & phase.model_fields_set)
        problems += [document.problem((*path, key), "stands beside a trace", _HINT) for key in keys]
        if phase.duration is None and number + 1 < len(load.phases):
            hint = 'write it like "30s"; only the last goes on to the end of the replay'
            problems.append(document.problem((*path, "duration"), "is missing", hint))
    return problems


def _phases(load: LoadTable, time: float, end: float) -> tuple[Phase, ...]:
    """Phases edge to edge; the last, or the whole, ends with the replay."""
    phases: list[Phase] = []
    start = 0.0
    for number, phase in enumerate(load.phases, 1):
        until = end if number == len(load.phases) else start + (phase.duration or 0.0) * time
        phases.append(Phase(phase.name, start, until, phase.measure, phase.mix))
        start = until
    return tuple(phases) or (Phase(WHOLE_RUN, 0.0, end),)


def lengths_from(trace: Trace, cls: RequestClass, table: ClassTable) -> RequestClass:
    """The class with the lengths of the trace where it says nothing of its own; it is planned with their means."""
    if cls.prompt.kind == "synthetic" and table.prompt.tokens is None:
        mean = Lengths("fixed", low=max(1, round(trace.input_mean)))
        cls = replace(cls, input_from=trace, prompt=replace(cls.prompt, tokens=mean))
    if table.max_tokens is None and cls.api in ("chat", "completions"):
        cls = replace(cls, output_from=trace, max_tokens=Lengths("fixed", low=max(1, round(trace.output_mean))))
    return cls
