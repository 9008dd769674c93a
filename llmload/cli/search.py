"""``llmload search``: the highest load at which the objectives of a scenario hold."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import typer

from llmload.cli.run_options import (
    FailOn,
    Fault,
    Json,
    Out,
    SkipPreflight,
    Workers,
    Yes,
    ask,
    parse_workers,
    with_faults,
)
from llmload.cli.scenario_options import Demo, Env, ScenarioArgument, Set, Url, read_plan
from llmload.cli.search_options import (
    Best,
    From,
    Hold,
    Key,
    Longest,
    Pause,
    Plot,
    Precision,
    Steps,
    To,
    WarmUp,
    picture,
    seconds,
    share,
    value,
)
from llmload.cli.speak import say

if TYPE_CHECKING:
    from llmload.analysis.search import Aim
    from llmload.app.levels import Levels, Written
    from llmload.reports.searched import SearchResult
    from llmload.scenario.plan import Plan

__all__ = ["search"]

_AS_LOW, _AS_HIGH = 64, 1024
"""How far from the scenario's own value the search goes by itself, as factors."""


def search(
    scenario: ScenarioArgument,
    key: Key = None,
    best: Best = None,
    from_: From = None,
    to: To = None,
    precision: Precision = "5%",
    steps: Steps = 24,
    warm_up: WarmUp = "10s",
    hold: Hold = "30s",
    longest: Longest = "2m",
    pause: Pause = "5s",
    env: Env = None,
    set_: Set = None,
    demo: Demo = None,
    url: Url = None,
    fail_on: FailOn = None,
    out: Out = None,
    json: Json = None,
    plot: Plot = None,
    fault: Fault = None,
    workers: Workers = "auto",
    skip_preflight: SkipPreflight = False,
    yes: Yes = False,
) -> None:
    """Find the highest load at which the objectives hold, with its 95 % interval.

    \b
    Examples:
      llmload search quickstart
      llmload search my.toml --url http://host:8000/v1 --fail-on 'ttft.p95<500ms' --to 200/s -o capacity.json
      llmload search my.toml --key classes.embed.batch --from 1 --to 256 --best throughput.input
      llmload search my.toml --json - | jq .capacity
      llmload search my.toml --plot curve.svg

    Each step is the scenario at a constant load, ended as soon as its answer is clear; steps that measured the
    generator instead of the target are refused. Ctrl-C ends the search; what was found until then is reported. Exit
    status: 0 found (or held at the highest), 1 missed at the lowest, 2 usage, 3 the generator's limit, 4 target
    unreachable, 130 interrupted.
    """
    from llmload.reports import files

    destinations = [*(out or ()), *([json] if json else ())]
    for destination in [*destinations, *([picture(plot)] if plot else ())]:
        files.check_writable(destination)
    asked = _Asked(key, best, from_, to, share(precision), steps, parse_workers(workers), yes, skip_preflight)
    times = _Times(*map(seconds, _Times._fields, (warm_up, hold, longest, pause)))

    def read(changed: list[str], demonstration: bool | None = demo) -> Plan:
        plan = read_plan(scenario, env, [*(set_ or ()), *changed], None, demonstration, url, fail_on)
        return with_faults(plan, fault)

    found = _carry_out(asked, times, read)
    _report(found, destinations, plot)
    raise typer.Exit(int(found.exit_status()))


class _Asked(NamedTuple):
    """What is searched for."""

    key: str | None
    best: str | None
    low: str | None
    high: str | None
    precision: float
    steps: int
    workers: int | None
    yes: bool
    skip_preflight: bool


class _Times(NamedTuple):
    """Seconds."""

    warm_up: float
    hold: float
    longest: float
    pause: float


def _carry_out(asked: _Asked, times: _Times, read: Callable[..., Plan]) -> SearchResult:
    """``read``: the scenario, with settings changed. Raises UsageError, ScenarioError."""
    from llmload.app.figure import SOME, Figure
    from llmload.app.levels import fit_objectives, key_of
    from llmload.app.preflight import preflight
    from llmload.app.search import Search, run_real
    from llmload.app.search import search as carry_out
    from llmload.calibration.store import look_up
    from llmload.reports import search_text

    figure = Figure.parse(asked.best) if asked.best is not None else None
    whole, left_out = fit_objectives(read([]), SOME if figure else None)
    key = key_of(whole, asked.key)
    own = _own(whole, key)
    aim = _aim(whole, own, key, asked)
    levels = _levels(whole, key, own, times, aim, read)
    ask(levels.outlook(aim.start, aim.most), asked.yes)
    for note in () if asked.skip_preflight else preflight(whole):
        say(f"{note}\n")
    return carry_out(
        Search(
            aim, levels, run_real(asked.workers, look_up()), figure, times.pause,
            lambda text: say(f"{text}\n"), left_out, search_text.step_line, search_text.show,
        )
    )  # fmt: skip


def _levels(whole: Plan, key: str, own: Written | None, times: _Times, aim: Aim, read: Callable[..., Plan]) -> Levels:
    """The steps. Raises ScenarioError with its place where the scenario doesn't take the value at either end."""
    from llmload.app.levels import Levels

    def compiled(value: float) -> Plan:
        return read([f"{key}={own.spelled(value) if own else format(value, 'g')}"], whole.demo)

    of_load = key.startswith("load.")
    for end in () if of_load else (aim.low, aim.high):
        compiled(end)
    return Levels(
        whole, key, times.warm_up, times.hold, max(times.hold, times.longest), aim.precision,
        None if of_load else compiled,
    )  # fmt: skip


def _own(plan: Plan, key: str) -> Written | None:
    """The scenario's own value: where the search begins."""
    from llmload.app.levels import RATE, USERS, Written, written

    if key == RATE:
        return Written(plan.load.curve.peak(), unit="/s")
    if key == USERS:
        curve = plan.load.users if plan.load.users is not None else plan.load.curve
        return Written(float(max(1, round(curve.peak()))), whole=True)
    return written(plan.source, key)


def _aim(plan: Plan, own: Written | None, key: str, asked: _Asked) -> Aim:
    """Raises UsageError."""
    from llmload.analysis.search import Aim
    from llmload.app.levels import meant_key
    from llmload.errors import UsageError

    least = None if asked.low is None else value("--from", asked.low)
    start = own.value if own is not None else least
    if start is None:
        near = f"{meant} Else say" if (meant := meant_key(plan, key)) else "say"
        raise UsageError(f"--key: {key} is not in the scenario; {near} with --from where to begin")
    whole = own.whole if own is not None else start == round(start)
    floor = max(1.0, start // _AS_LOW) if whole else start / _AS_LOW
    least = floor if least is None else least
    most_of_all = start * _AS_HIGH if asked.high is None else value("--to", asked.high)
    if not least <= most_of_all:
        raise UsageError(f"--from {least:g} is above --to {most_of_all:g}")
    return Aim(min(max(start, least), most_of_all), least, most_of_all, asked.precision, asked.steps, whole)


def _draw(found: SearchResult, path: str) -> None:
    """Raises OutputError."""
    from llmload.reports import files
    from llmload.reports.charts import Look, capacity
    from llmload.reports.charts.drawing import png, svg
    from llmload.safe import clean

    drawing = capacity.curve(found, Look(height=300))
    if drawing is None:
        say("--plot: nothing to draw, fewer than two loads were measured\n")
        return
    title = {"text": "Latency over throughput", "subtitle": clean(found.scenario.get("name", ""), 64)}
    titled = drawing.spec | {"title": title}
    files.write(path, png(titled) if path.lower().endswith(".png") else svg(titled).encode())


def _report(found: SearchResult, destinations: list[str], plot: str | None) -> None:
    """The document and the picture to where they should go, and the answer for people. Raises OutputError."""
    from llmload.reports import files, search_text, searched
    from llmload.reports.style import style_for

    to_stderr = files.STDOUT in destinations
    style = style_for(sys.stderr if to_stderr else sys.stdout)
    text = search_text.render(found, style.width, style.color, style.unicode)
    try:
        document = searched.render(found)
        for destination in destinations:
            files.write(destination, document)
        if plot:
            _draw(found, plot)
    finally:
        if to_stderr:
            say(text)
        else:
            files.write(files.STDOUT, text.encode(errors="replace"))
