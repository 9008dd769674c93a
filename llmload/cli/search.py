"""``llmload search``: the highest load at which the objectives of a scenario hold."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from llmload.cli.run_options import FailOn, Fault, Json, Out, Workers, Yes, ask, parse_workers, with_faults
from llmload.cli.scenario_options import Demo, Env, ScenarioArgument, Set, Url, read_plan
from llmload.cli.speak import say

if TYPE_CHECKING:
    from llmload.analysis.search import Aim
    from llmload.app.levels import Levels, Written
    from llmload.reports.searched import SearchResult
    from llmload.scenario.plan import Plan

__all__ = ["search"]

_AS_LOW, _AS_HIGH = 64, 1024
"""How far from the scenario's own value the search goes by itself, as factors."""

Key = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="Search over this number of the scenario; by default load.rate or load.users."),
]
From = Annotated[str | None, typer.Option("--from", metavar="VALUE", help="The lowest value that may be tried.")]
To = Annotated[str | None, typer.Option("--to", metavar="VALUE", help="The highest value that may be tried.")]
Precision = Annotated[
    str, typer.Option(metavar="SHARE", help="End when the interval reaches no further than this to either side.")
]
Hold = Annotated[
    str, typer.Option(metavar="DURATION", help="Measured time of a step; longer where percentiles need more calls.")
]


Best = Annotated[
    str | None,
    typer.Option(metavar="FIGURE", help="Find the value at which this is best, e.g. throughput.input."),
]
Plot = Annotated[
    str | None, typer.Option(metavar="FILE", help="Draw latency over throughput, with the knee, to a .svg or .png.")
]


def search(
    scenario: ScenarioArgument,
    key: Key = None,
    best: Best = None,
    from_: From = None,
    to: To = None,
    precision: Precision = "5%",
    steps: Annotated[int, typer.Option(min=2, max=100, help="Steps at most.")] = 24,
    warm_up: Annotated[
        str, typer.Option(metavar="DURATION", help="Before each step, left out of its figures.")
    ] = "10s",
    hold: Hold = "30s",
    longest: Annotated[str, typer.Option(metavar="DURATION", help="Measured time of a step at most.")] = "2m",
    pause: Annotated[str, typer.Option(metavar="DURATION", help="Between steps, for the target to recover.")] = "5s",
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
    from llmload.app.figure import SOME, Figure
    from llmload.app.levels import Levels, fit_objectives, key_of
    from llmload.app.search import Search, run_real
    from llmload.app.search import search as carry_out
    from llmload.calibration.store import look_up
    from llmload.reports import files, search_text

    destinations = [*(out or ()), *([json] if json else ())]
    for destination in [*destinations, *([_picture(plot)] if plot else ())]:
        files.check_writable(destination)
    times = {name: _seconds(name, given) for name, given in _given(warm_up, hold, longest, pause).items()}
    figure = Figure.parse(best) if best is not None else None
    scenario_plan = with_faults(read_plan(scenario, env, set_, None, demo, url, fail_on), fault)
    whole, left_out = fit_objectives(scenario_plan, SOME if figure else None)
    named = key_of(whole, key)
    own = _own(whole, named)

    def compiled(value: float) -> Plan:
        changed = [*(set_ or ()), f"{named}={own.spelled(value)}" if own else f"{named}={value:g}"]
        return with_faults(read_plan(scenario, env, changed, None, whole.demo, url, fail_on), fault)

    aim = _aim(whole, own, named, from_, to, _share(precision), steps)
    levels = Levels(
        whole, named, times["warm-up"], times["hold"], max(times["hold"], times["longest"]), aim.precision,
        None if named.startswith("load.") else compiled,
    )  # fmt: skip
    _check(levels, aim)
    ask(levels.outlook(aim.start, aim.most), yes)
    runner = run_real(parse_workers(workers), look_up())
    found = carry_out(
        Search(
            aim, levels, runner, figure, times["pause"], lambda text: say(f"{text}\n"), left_out, search_text.step_line,
            search_text.show,
        )
    )  # fmt: skip
    _report(found, destinations, plot)
    raise typer.Exit(int(found.exit_status()))


def _given(warm_up: str, hold: str, longest: str, pause: str) -> dict[str, str]:
    return {"warm-up": warm_up, "hold": hold, "longest": longest, "pause": pause}


def _own(plan: Plan, key: str) -> Written | None:
    """The scenario's own value: where the search begins."""
    from llmload.app.levels import RATE, USERS, Written, written

    if key == RATE:
        return Written(plan.load.curve.peak(), unit="/s")
    if key == USERS:
        curve = plan.load.users if plan.load.users is not None else plan.load.curve
        return Written(float(max(1, round(curve.peak()))), whole=True)
    return written(plan.source, key)


def _aim(
    plan: Plan, own: Written | None, key: str, low: str | None, high: str | None, precision: float, most: int
) -> Aim:
    """Raises UsageError."""
    from llmload.analysis.search import Aim
    from llmload.app.levels import meant_key
    from llmload.errors import UsageError

    least = None if low is None else _value("--from", low)
    start = own.value if own is not None else least
    if start is None:
        near = f"{meant} Else say" if (meant := meant_key(plan, key)) else "say"
        raise UsageError(f"--key: {key} is not in the scenario; {near} with --from where to begin")
    whole = own.whole if own is not None else start == round(start)
    floor = max(1.0, start // _AS_LOW) if whole else start / _AS_LOW
    least = floor if least is None else least
    most_of_all = start * _AS_HIGH if high is None else _value("--to", high)
    if not least <= most_of_all:
        raise UsageError(f"--from {least:g} is above --to {most_of_all:g}")
    return Aim(min(max(start, least), most_of_all), least, most_of_all, precision, most, whole)


def _check(levels: Levels, aim: Aim) -> None:
    """That the scenario takes the values at both ends. Raises ScenarioError with the place, UsageError."""
    if levels.compiled is not None:
        for value in (aim.low, aim.high):
            levels.compiled(value)


def _value(option: str, text: str) -> float:
    from llmload.errors import UsageError
    from llmload.units import parse_rate

    parsers: tuple[Callable[[str], float], ...] = (float, parse_rate)
    for parse in parsers:
        try:
            value = parse(text)
        except ValueError:
            continue
        if 0 < value <= 1e9:
            return value
    raise UsageError(f"{option}: {text!r} is no value to search from or to; write it like 64 or 50/s")


def _share(text: str) -> float:
    from llmload.errors import UsageError
    from llmload.units import parse_share

    try:
        share = parse_share(text)
    except ValueError as error:
        raise UsageError(f"--precision: {error}; give 0.5% to 50%") from None
    if not 0.005 <= share <= 0.5:
        raise UsageError(f"--precision: {text} is too {'fine' if share < 0.005 else 'coarse'}; give 0.5% to 50%")
    return share


def _seconds(name: str, text: str) -> float:
    from llmload.errors import UsageError
    from llmload.units import parse_duration

    try:
        seconds = 0.0 if text.strip() == "0" else parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--{name}: {error}") from None
    least = 0.0 if name == "pause" else 1.0
    if not least <= seconds <= 86_400:
        raise UsageError(f"--{name}: {text} is too {'short' if seconds < least else 'long'}; give {least:g}s to 1d")
    return seconds


def _picture(path: str) -> str:
    """A path for a picture. Raises UsageError."""
    from llmload.errors import UsageError

    if not path.lower().endswith((".svg", ".png")):
        raise UsageError(f"--plot: {path[:80]!r} ends neither in .svg nor in .png")
    return path


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
