"""The report for people: the verdict first, then why, then the figures.

Everything that others wrote passes through ``clean`` and is drawn as ``rich.text.Text``, never as markup.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from llmload import units
from llmload.analysis.insights import Gravity
from llmload.reports.counters import said
from llmload.reports.environment import briefly
from llmload.reports.facts import light_reasons, service_level
from llmload.reports.grid import Column, grid
from llmload.reports.judged import interval_of, margin_of, observed_of, ordered, remedied, score
from llmload.reports.ping import network_lines
from llmload.reports.precision import error_bar
from llmload.reports.result import Result
from llmload.reports.style import ASCII_SIGNS
from llmload.reports.tables import SECTIONS
from llmload.safe import clean
from llmload.verdict.judge import Judgement
from llmload.verdict.service_level import Light
from llmload.verdict.validity import Level
from llmload.verdict.verdict import Decision

__all__ = ["render"]

_DECISION_STYLE: Final = {Decision.PASS: "bold green", Decision.FAIL: "bold red", Decision.INVALID: "bold red"}
_LEVEL_STYLE: Final = {Level.VALID: "green", Level.SUSPECT: "yellow", Level.INVALID: "red"}
_GRAVITY_STYLE: Final = {
    Gravity.GOOD: "green", Gravity.NOTE: "", Gravity.WARNING: "yellow", Gravity.CRITICAL: "bold red",
}  # fmt: skip
_LIGHT_STYLE: Final = {
    Light.GOOD: "bold green", Light.WARNING: "bold yellow", Light.CRITICAL: "bold red", Light.UNKNOWN: "bold red",
}  # fmt: skip
_ANSWERS: Final = {
    Decision.PASS: "good enough, ", Decision.FAIL: "not good enough, ", Decision.INVALID: "nothing is proven, ",
}  # fmt: skip
_TRUST: Final = {
    Level.VALID: "", Level.SUSPECT: ": take them with care", Level.INVALID: ": they prove nothing",
}  # fmt: skip
_FIGURES_WIDTH: Final = 24
"""Columns that an objective's sign, figure and margin take."""
_LEAST_RULE: Final = 36
_JOINT: Final = " · "
_FRACTION: Final = re.compile(r"\.\d+(?=Z|[+-]\d\d:\d\d)")
"""Of the second that a run began in."""
_FILTERS: Final = re.compile(r"\{.*?\}")
_UNPROVEN: Final = ("~", "yellow")
_SKIPPED: Final = ("-", "dim")
_MET: Final = {True: ("✓", "green"), False: ("✗", "red")}
_MET_ASCII: Final = {True: ("ok", "green"), False: ("NOT", "red")}


def render(result: Result, width: int = 80, color: bool = False, unicode: bool = True, height: int = 0) -> str:
    """The whole report, lines of at most ``width`` columns; ``unicode`` False keeps to ASCII. ``height``: lines of a
    screen; where the report has more, it ends in the verdict, too, which would be out of sight otherwise."""
    out = io.StringIO()
    console = Console(
        file=out, width=width, height=1000, force_terminal=color, no_color=not color, legacy_windows=False,
        color_system="standard" if color else None, markup=False, emoji=False, highlight=False,
    )  # fmt: skip
    for section in _sections(result, width, unicode):
        parts = list(section)
        for part in parts:
            console.print(part)
        if parts:
            console.print()
    if height and out.getvalue().count("\n") >= height:
        console.print(_verdict(result))
    lines = "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines()) + "\n"
    return lines if unicode else _ascii(lines)


def _ascii(text: str) -> str:
    """What is not ASCII replaced by one character each, so that columns stay where they are."""
    return text.translate(ASCII_SIGNS).encode("ascii", "replace").decode()


def _sections(result: Result, width: int, unicode: bool) -> Iterator[Iterator[RenderableType]]:
    """What decides comes first: good enough or not, why, can it be trusted. A first screen has room for that."""
    yield _headline(result, width)
    yield _objectives(result, width, unicode)
    yield _trust(result)
    yield _standing(result)
    yield _insights(result)
    yield _remarks(result)
    for section in SECTIONS:
        yield section(result.summary, width)
    yield _network(result, width)
    yield _counters(result, width)
    yield _environment(result, width)
    yield error_bar(result.error_bar, width)
    yield _notes(result)


def _headline(result: Result, width: int) -> Iterator[RenderableType]:
    yield _verdict(result)
    yield from (Text(line, "dim") for line in _load_lines(result, width))
    if result.last_heard:
        yield Text(f"This run did not end; it was last heard of at {clean(result.last_heard, 40)}.", "bold red")
    stopped = result.interrupted or result.aborted
    if stopped:
        how = "interrupted" if result.interrupted else "aborted"
        yield Text(f"{how} after {units.format_seconds(result.summary.elapsed)}: {clean(stopped)}", "yellow")


def _verdict(result: Result) -> Text:
    """The line that says it all."""
    decision, level = result.verdict.decision, result.validity.level
    line = Text()
    line.append(decision.value, _DECISION_STYLE[decision])
    line.append(f"  {clean(result.scenario.name, 60)}", "bold")
    doubted = decision is Decision.PASS and any(judgement.unproven for judgement in result.judgements)
    judged = bool(result.judgements) or decision is Decision.INVALID
    answer = _ANSWERS[decision] if judged and not doubted else ""
    so_far = "so far " if judged and (result.interrupted or result.aborted) else ""
    line.append(f": {so_far}{answer}{score(result.judgements)}; figures ")
    line.append(level.value, _LEVEL_STYLE[level])
    return line


def _network(result: Result, width: int) -> Iterator[RenderableType]:
    """What of the calls' times the way to the target takes; the figures above are with it."""
    if result.ping:
        yield Text("Network", "bold")
    for line in network_lines(result.ping, result.summary):
        yield from (Text(part) for part in wrap(line, width))


def _counters(result: Result, width: int) -> Iterator[RenderableType]:
    for line in said(result.counters, result.summary):
        yield Text("\n".join(wrap(clean(line), width)), "dim")


def _environment(result: Result, width: int) -> Iterator[RenderableType]:
    for line in briefly(result):
        yield Text("\n".join(wrap(line, width)), "dim")


def _load_lines(result: Result, width: int) -> list[str]:
    """As many parts on a line as fit; the last of several doesn't hold a part alone where another can stand by it."""
    load, scenario = result.load, result.scenario
    parts = [
        f"{units.format_count(load.users)} users" if load.users else "",
        f"up to {units.format_rate(load.peak_rate)}" if load.peak_rate else "",
        f"for {units.format_seconds(load.duration)}" if load.duration else "",
        f"{result.workers} worker{'s' * (result.workers != 1)}",
        f"environment {clean(scenario.environment, 30)}" if scenario.environment else "",
        "demonstration size" if scenario.demo else "",
        _FRACTION.sub("", clean(result.started, 40)),
    ]
    lines: list[list[str]] = [[]]
    for part in filter(None, parts):
        if lines[-1] and cell_len(_JOINT.join([*lines[-1], part])) > width:
            lines.append([])
        lines[-1].append(part)
    if len(lines) > 1 and len(lines[-1]) == 1 < len(lines[-2]):
        moved = [lines[-2][-1], *lines[-1]]
        if cell_len(_JOINT.join(moved)) <= width:
            lines[-2:] = [lines[-2][:-1], moved]
    return [_JOINT.join(line) for line in lines]


def _objectives(result: Result, width: int, unicode: bool) -> Iterator[RenderableType]:
    """A line each, those that were missed first, with what that means and why."""
    if not result.judgements:
        return
    signs = _MET if unicode else _MET_ASCII
    room = max(_LEAST_RULE, width - _FIGURES_WIDTH)
    columns = (
        Column("", right=False), Column("Objective", right=False), Column("observed"),
        Column("95 % interval", rank=1), Column("margin"),
    )  # fmt: skip
    rows: list[list[Text] | Text] = []
    for judgement in ordered(result.judgements):
        rule, below = _rule(clean(str(judgement.objective), 200), room)
        sign = _SKIPPED if judgement.skipped else _UNPROVEN if judgement.unproven else signs[judgement.passed]
        rows.append(_objective_row(judgement, sign, rule))
        rows += _beneath(judgement, below, width)
    yield from grid(columns, rows, width)


def _objective_row(judgement: Judgement, sign: tuple[str, str], rule: str) -> list[Text]:
    return [
        Text(*sign),
        Text(rule),
        Text(observed_of(judgement), "" if judgement.passed else "red"),
        Text(interval_of(judgement), "dim"),
        Text(margin_of(judgement), "dim" if judgement.unproven else sign[1]),
    ]


def _rule(text: str, room: int) -> tuple[str, str]:
    """A rule that fits, and what of it is to stand beneath: the whole of one that is too long, whose filters are left
    out."""
    short = _FILTERS.sub("{…}", text)
    if cell_len(text) <= room:
        return text, ""
    return (short if cell_len(short) <= room else f"{set_cell_size(text, room - 1).rstrip()}…"), text


def _beneath(judgement: Judgement, rule: str, width: int) -> Iterator[Text]:
    """Lines under an objective: the rule if it had no room, of a missed one, what that means and why, and of one that
    is unproven, why."""
    lines = [(rule, "dim")]
    if not judgement.passed:
        lines.append((clean(judgement.objective.says), "red"))
    if judgement.unproven or not judgement.passed:
        lines.append((_remark(judgement), "yellow"))
    for text, style in lines:
        yield from (Text(f"   {line}", style) for line in wrap(text, width - 4))


def _remark(judgement: Judgement) -> str:
    """What there is to say about one objective beyond its figures; "" if there is nothing, or just no data."""
    window, show = judgement.worst_window, judgement.objective.side_kind.show
    parts = [
        f"{show(judgement.sides[0])} against {show(judgement.sides[1])}" if judgement.sides else "",
        clean(judgement.note),
        f"worst from {window[0]:,.0f} s to {window[1]:,.0f} s" if window and not judgement.passed else "",
    ]
    remark = "; ".join(filter(None, parts))
    return "" if remark == "no data" else remark


def _remarks(result: Result) -> Iterator[RenderableType]:
    """On the objectives that were met for sure."""
    for judgement in result.judgements:
        if judgement.passed and not judgement.unproven and (remark := _remark(judgement)):
            yield Padding(Text(f"{clean(judgement.objective.rule, 120)}: {remark}", "dim"), (0, 0, 0, 2))


def _standing(result: Result) -> Iterator[RenderableType]:
    """The traffic light, availability and error budget in a line, then why, and what to check. What helps against
    doubts, and what insights advise, stands with those."""
    stands = result.standing
    if stands.availability is None:
        return
    line = Text("Traffic light ", "bold")
    line.append(stands.light.value, _LIGHT_STYLE[stands.light])
    line.append(f": {service_level(result)}")
    yield line
    for each in light_reasons(result):
        yield Padding(Text(clean(each), "yellow"), (0, 0, 0, 2))
    told = {insight.advice for insight in result.insights} | {reason.remedy for reason in result.validity.reasons}
    for each in stands.check:
        if each not in told:
            yield Padding(Text(f"check {clean(each)}", "dim"), (0, 0, 0, 2))


def _insights(result: Result) -> Iterator[RenderableType]:
    """What was found, the gravest first, with its evidence and what to do next beneath it."""
    if result.insights:
        yield Text("What stands out", "bold")
    for insight in result.insights:
        yield Padding(
            Text(f"{insight.level.value}: {clean(insight.text)}", _GRAVITY_STYLE[insight.level]), (0, 0, 0, 2)
        )
        for line in filter(None, ("; ".join(map(clean, insight.evidence)), clean(insight.advice))):
            yield Padding(Text(line, "dim"), (0, 0, 0, 4))


def _trust(result: Result) -> Iterator[RenderableType]:
    """Why the figures are not to be relied on, and what would help; nothing where they are."""
    level = result.validity.level
    if level is Level.VALID and not result.validity.reasons:
        return
    line = Text("The figures are ", "bold")
    line.append(level.value, f"bold {_LEVEL_STYLE[level]}")
    line.append(_TRUST[level])
    yield line
    for reason, remedy in remedied(result.validity.reasons):
        text = Text(f"{clean(reason.text)}", _LEVEL_STYLE[reason.level])
        if remedy:
            text.append(f": {clean(remedy)}", "default")
        yield Padding(text, (0, 0, 0, 2))


def _notes(result: Result) -> Iterator[RenderableType]:
    for note in result.notes:
        yield Text(f"note: {clean(note)}", "dim")
