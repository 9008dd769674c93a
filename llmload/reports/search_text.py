"""A capacity search for people, on a terminal: the answer first, then every load that was tried."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.text import Text

from llmload.analysis.search import Answer, Ended
from llmload.reports.grid import Column, grid
from llmload.reports.searched import SearchResult, Step
from llmload.reports.style import ASCII_SIGNS
from llmload.safe import clean
from llmload.units import counted, format_rate, format_seconds, format_share

__all__ = ["answer_of", "render", "show", "step_line"]

_RATE: Final = "load.rate"
_STYLES: Final = {Answer.HELD: "green", Answer.MISSED: "red", Answer.UNCLEAR: "", Answer.INVALID: "dim"}
_COLUMNS: Final = (
    Column("load"), Column("objectives", right=False), Column("p95"), Column("p50"), Column("done/s", rank=2),
    Column("figure", rank=1), Column("errors", rank=3), Column("requests", rank=4),
    Column("nearest objective", right=False, rank=5, least=24),
)  # fmt: skip


def show(found_key: str, value: float) -> str:
    """A value of what was searched over, for reading."""
    return format_rate(value) if found_key == _RATE else f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def step_line(key: str, number: int, step: Step) -> str:
    """One step, as it is told when it is over."""
    shown = ", ".join(filter(None, [step.figure_shown, f"{step.rule}: {step.shown}" if step.shown else ""]))
    figure = f" ({shown})" if shown else ""
    early = f", {step.ended}" if step.ended else ""
    why = f": {clean(step.reasons[0])}" if step.answer is Answer.INVALID and step.reasons else ""
    return f"step {number}: {show(key, step.value)} {step.answer}{why}{figure}{early}"


def render(found: SearchResult, width: int = 80, color: bool = False, unicode: bool = True) -> str:
    """The whole of it, tables of at most ``width`` columns; ``unicode`` False keeps to ASCII."""
    out = io.StringIO()
    console = Console(
        file=out, width=width, height=1000, force_terminal=color, no_color=not color, legacy_windows=False,
        color_system="standard" if color else None, markup=False, emoji=False, highlight=False,
    )  # fmt: skip
    for section in (_head(found), _remarks(found), _table(found, width)):
        lines = list(section)
        for line in lines:
            console.print(line)
        if lines:
            console.print()
    text = "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines()) + "\n"
    return text if unicode else text.translate(ASCII_SIGNS).encode("ascii", "replace").decode()


def _head(found: SearchResult) -> Iterator[Text]:
    subject = f"  {clean(found.scenario.get('name', ''), 64)}, {found.key}"
    yield Text(answer_of(found), "bold").append(subject, "dim")
    for rule in found.objectives:
        yield Text(f"  {rule}", "dim")


def answer_of(found: SearchResult) -> str:
    """The answer in a sentence."""
    if found.best is not None:
        return _best_of(found)
    capacity = found.capacity
    if capacity.value is not None and capacity.interval is not None:
        low, high = (show(found.key, end) for end in capacity.interval)
        return f"Capacity {show(found.key, capacity.value)} (95 %: {low} to {high})"
    if capacity.held is not None:
        return f"Capacity not found; at least {show(found.key, capacity.held)}"
    if capacity.missed is not None:
        return f"No capacity: the objectives are missed at {show(found.key, capacity.missed)}"
    return "Capacity not found"


def _best_of(found: SearchResult) -> str:
    best = found.best
    if best is None or best.value is None:
        return f"No value found at which {found.figure} could be measured and the objectives hold"
    at = next(step for step in found.steps if step.value == best.value)
    others = f"; up to {show(found.key, best.high)} is as good" if best.high > best.low else ""
    return f"Best {show(found.key, best.value)} ({found.figure} {at.figure_shown}{others})"


def _remarks(found: SearchResult) -> Iterator[Text]:
    if found.stopped:
        yield Text(f"ended early: {clean(found.stopped)}", "bold")
    elif why := _WHY.get(found.best.ended if found.best else found.capacity.ended):
        yield Text(why.format(**_said(found)))
    if found.capacity.limit is not None and found.capacity.ended not in (Ended.GENERATOR, Ended.INVALID):
        yield Text("not measured: {limit}, which the generator could not do".format(**_said(found)))
    if found.knee is not None:
        at, knee = show(found.key, found.knee.value), found.knee
        yield Text(f"knee at {at}: beyond, latency grows faster than throughput (p95 {format_seconds(knee.p95)} there)")
    yield from _validity(found)
    for rule in found.left_out:
        yield Text(f"not asked: {rule}", "dim")
    seconds = sum(step.seconds for step in found.steps)
    steps = counted(len(found.steps), "step")
    cost = sum(step.cost for step in found.steps)
    money = f", ${cost:,.2f}" if cost else ""
    yield Text(f"{steps}, {counted(found.requests, 'request')}, {format_seconds(seconds)} measured{money}", "dim")


def _validity(found: SearchResult) -> Iterator[Text]:
    """How far the steps can be trusted, and why not further."""
    if found.steps:
        levels = ", ".join(f"{count} {level}" for level, count in found.validities.items())
        yield Text(f"validity of the steps: {levels}")
    for why, count in list(found.doubts.items())[:_MOST_DOUBTS]:
        yield Text(f"  {counted(count, 'step')}: {clean(why)}", "dim")
    if (more := len(found.doubts) - _MOST_DOUBTS) > 0:
        yield Text(f"  and {counted(more, 'more reason')}; --out writes them all", "dim")


_MOST_DOUBTS: Final = 4
_WHY: Final = {
    Ended.STEPS: "the interval is as wide as that after all the steps that were allowed: --steps allows more",
    Ended.LOWEST: "missed at the lowest load that was allowed; --from allows less",
    Ended.HIGHEST: "held at the highest load that was allowed: --to allows more",
    Ended.GENERATOR: "the generator's own limit: it could not do {limit}; the highest load measured validly is {valid}",
    Ended.INVALID: "too many steps measured nothing: the generator, not the target, is the limit here; "
    "the highest load measured validly is {valid}. The first one: {reason}",
}


def _said(found: SearchResult) -> dict[str, str]:
    capacity = found.capacity
    reasons = [step.reasons[0] for step in found.steps if step.answer is Answer.INVALID and step.reasons]
    return {"reason": clean(next(iter(reasons), "no reason was given"))} | {
        name: "none" if value is None else show(found.key, value)
        for name, value in (("limit", capacity.limit), ("valid", capacity.valid))
    }


def _table(found: SearchResult, width: int) -> Iterator[Text]:
    ordered = sorted(found.steps, key=lambda step: step.value)
    if ordered:
        shown = [n for n, column in enumerate(_COLUMNS) if column.title != "figure" or found.figure]
        rows = [[cells[n] for n in shown] for cells in (_row(found, step) for step in ordered)]
        yield from grid([_COLUMNS[n] for n in shown], rows, width)


def _row(found: SearchResult, step: Step) -> list[Text]:
    known = step.answer is not Answer.INVALID
    mark = " (knee)" if step is found.knee else ""
    cells = [
        show(found.key, step.value),
        step.answer.value + mark,
        format_seconds(step.p95) if known else "",
        format_seconds(step.p50) if known else "",
        f"{step.completed:.3g}" if known else "",
        step.figure_shown,
        format_share(step.errors) if known else "",
        f"{step.requests:,}",
        f"{step.rule}: {step.shown}" if known and step.shown else (step.reasons[0] if step.reasons else ""),
    ]
    return [Text(clean(cell), _STYLES[step.answer] if n == 1 else "") for n, cell in enumerate(cells)]
