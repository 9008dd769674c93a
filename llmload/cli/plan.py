"""``llmload plan``: what a scenario would do, without doing it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmload.cli.scenario_options import Demo, Env, Scale, ScenarioArgument, Set, Url, read_plan

if TYPE_CHECKING:
    from llmload.calibration.calibration import Calibration
    from llmload.cluster.crew import Crew
    from llmload.records import Call
    from llmload.scenario.plan import Plan

__all__ = ["plan"]

_COLUMNS = 120
"""Points of the series in JSON."""


def plan(
    scenario: ScenarioArgument,
    env: Env = None,
    set_: Set = None,
    scale: Scale = None,
    demo: Demo = None,
    url: Url = None,
    json_: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    arrivals: Annotated[
        int, typer.Option(metavar="N", min=0, max=1_000_000, help="List the first N requests with their times.")
    ] = 0,
) -> None:
    """Show what a scenario would send: requests, tokens and cost per phase, and the rate over time. Sends nothing."""
    import sys

    from llmload.app.staff import staff
    from llmload.calibration.store import look_up

    found = read_plan(scenario, env, set_, scale, demo, url)
    calls = list(_first_calls(found, arrivals)) if arrivals else []
    known = look_up()
    crew = staff(found, None, known)
    warned = _warnings(found, crew, known.calibration)
    if json_:
        import json

        document = _as_json(found, calls) | _staffing(crew) | {"warnings": warned}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    from llmload.cli.plan_text import render
    from llmload.reports.style import style_for

    typer.echo(render(found, calls, style_for(sys.stdout), warned, crew.why), nl=False, color=True)


def _warnings(plan: Plan, crew: Crew, calibration: Calibration | None) -> list[str]:
    """What this plan won't fit into, and what the calibration of this machine, if there is one, says of it."""
    from llmload.calibration.outlook import warnings
    from llmload.cluster.crew import places, shortages
    from llmload.room import room

    here = room()
    known = [] if calibration is None else warnings(calibration, plan, crew.workers, places(plan, here.cores))
    return [*shortages(plan, crew.workers, here), *known]


def _staffing(crew: Crew) -> dict[str, Any]:
    """How many workers ``run`` would take, unless told."""
    return {"workers": {"count": crew.workers, "why": crew.why, "wanted": crew.wanted}}


def _first_calls(plan: Plan, most: int) -> Iterator[tuple[float, str, Call]]:
    """(seconds, phase, call) of the first requests."""
    from itertools import islice

    from llmload.clock import NS
    from llmload.errors import UsageError
    from llmload.workload.workload import Workload

    if plan.load.model == "closed":
        raise UsageError("--arrivals: users decide when they call; only a rate has planned arrivals")
    workload = Workload(plan.classes, plan.seeds.mix, plan.seeds.prompts)
    count = most if plan.load.max_requests is None else min(most, plan.load.max_requests)
    for arrival in islice(plan.schedule().arrivals(), count):
        at = arrival.at / NS
        phase = next((phase for phase in plan.phases if at < phase.end), plan.phases[-1])
        yield at, phase.name, workload.call(arrival.index, phase.weights_at(at), phase.values)


def _as_json(plan: Plan, calls: list[tuple[float, str, Call]]) -> dict[str, Any]:
    import dataclasses

    from llmload.scenario.preview import mix_series, preview, series

    seen = preview(plan)
    levels = series(plan, _COLUMNS)
    return {
        "name": plan.name,
        "description": plan.description,
        "fingerprint": plan.fingerprint,
        "environment": plan.environment,
        "demo": plan.demo,
        "model": plan.load.model,
        "unit": seen.unit,
        "duration": plan.load.duration,
        "targets": {target.name: target.base_url for target in plan.targets},
        "seeds": dataclasses.asdict(plan.seeds),
        "objectives": [str(objective) for objective in plan.objectives],
        "total": dataclasses.asdict(seen.total),
        "phases": [dataclasses.asdict(phase) for phase in seen.phases],
        "series": {"step": plan.load.duration / _COLUMNS, "levels": levels},
        **({"mix": mix} if (mix := mix_series(plan, _COLUMNS + 1)) else {}),
        "arrivals": [_call_as_json(*call) for call in calls],
        "scenario": plan.source,
    }


def _call_as_json(at: float, phase: str, call: Call) -> dict[str, Any]:
    return {
        "index": call.index,
        "at": round(at, 9),
        "phase": phase,
        "class": call.cls,
        "target": call.target,
        "api": call.api,
        "input_tokens": call.input_tokens,
        "max_tokens": call.max_tokens,
    }
