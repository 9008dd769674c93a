"""A calibration for people: the ceiling first, then load by load how far from the truth it was measured."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final

from rich.console import Console, RenderableType
from rich.text import Text

from llmload.calibration.calibration import BOUND, Calibration, Kind, Step
from llmload.calibration.cost import CEILING
from llmload.calibration.stability import Stability
from llmload.metrics.catalogue import METRICS
from llmload.metrics.precision import REFERENCE_TOKENS
from llmload.reports.grid import Column, grid
from llmload.reports.precision import DEVIATION_COLUMNS, deviation_cells
from llmload.reports.style import ASCII_SIGNS, Style
from llmload.safe import clean
from llmload.units import format_count, format_rate, format_seconds, format_share

__all__ = ["render", "stability"]

_TITLES: Final[tuple[tuple[Kind, str], ...]] = (("stream", "streams"), ("whole", "answers in one piece"))


def render(calibration: Calibration, style: Style) -> str:
    """The whole text."""
    out = io.StringIO()
    console = Console(
        file=out, width=style.width, height=1000, force_terminal=style.color, no_color=not style.color,
        color_system="standard" if style.color else None, markup=False, emoji=False, highlight=False,
        legacy_windows=False,
    )  # fmt: skip
    for part in _parts(calibration, style.width):
        console.print(part)
    text = "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
    return text if style.unicode else text.translate(ASCII_SIGNS).encode("ascii", "replace").decode()


def _parts(calibration: Calibration, width: int) -> Iterator[RenderableType]:
    yield from _ceiling(calibration)
    for kind, title in _TITLES:
        steps = calibration.of(kind)
        if steps:
            yield Text()
            yield from _table(calibration, title, steps, width)
    yield Text()
    yield from _precise(calibration)
    for note in calibration.notes:
        yield Text(f"note: {clean(note)}", "dim")
    yield _noise(calibration)


def _ceiling(calibration: Calibration) -> Iterator[RenderableType]:
    capacity, cost = calibration.capacity, calibration.cost
    yield Text.assemble(
        (f"{format_count(capacity.events_per_second)} events/s", "bold"),
        " or ",
        (f"{format_count(capacity.requests_per_second)} requests/s", "bold"),
        " or ",
        (f"{format_count(capacity.streams_per_second)} streams/s", "bold"),
        f" of {REFERENCE_TOKENS} tokens",
    )
    yield Text(f"per worker, at {format_share(CEILING)} of a core: the ceiling of this machine")
    price = f"{format_seconds(cost.event)} per event, {format_seconds(cost.call)} per call"
    base = f"{format_share(round(cost.idle, 3))} of a core whatever the load"
    yield Text(f"CPU: {price}, {base} (so within {format_share(round(cost.spread, 3))} of a core)", "dim")


def _table(calibration: Calibration, title: str, steps: list[Step], width: int) -> Iterator[RenderableType]:
    columns = (Column(title, right=False), *DEVIATION_COLUMNS)
    rows: list[list[Text] | Text] = []
    for step in steps:
        events = f", {format_count(step.events)} events/s" if step.events else ""
        share = format_share(round(calibration.share(step), 3))
        noisy = " (disturbed)" if step.noise.disturbing else ""
        behind = f" (of {format_rate(step.planned)} planned)" if step.calls < 0.95 * step.planned else ""
        load = f"{format_rate(step.calls)}{behind}{events}: {share} of the ceiling{noisy}"
        rows.append(Text(load, "yellow" if noisy or behind else "bold"))
        for name, deviation in step.metrics.items():
            rows.append([Text(f"  {METRICS[name].title}"), *deviation_cells(deviation)])
    yield from grid(columns, rows, width)


def _precise(calibration: Calibration) -> Iterator[RenderableType]:
    """Up to where figures can be had within BOUND."""
    for kind, title in _TITLES:
        if not calibration.of(kind):
            continue
        bound = f"99 % of all times within {format_seconds(BOUND)} of the truth"
        best = calibration.precise_up_to(kind)
        if best is None:
            yield Text(f"{title}: not even the lowest load had {bound}", "yellow")
        else:
            events = f" ({format_count(best.events)} events/s)" if best.events else ""
            yield Text(f"{title}: {bound} up to {format_rate(best.calls)}{events}")


def _noise(calibration: Calibration) -> RenderableType:
    noise = calibration.noise
    used = f"other processes used {format_share(round(noise.others, 3))} of this machine meanwhile"
    used += f", the hypervisor took {format_share(round(noise.steal, 3))}"
    if not calibration.disturbed:
        return Text(used, "dim")
    return Text(f"DISTURBED: {used}. Deviations are larger than they need be; try again when it is idle.", "yellow")


def stability(found: Stability) -> str:
    """The answer in a line, and what it rests on."""
    if found.stable:
        lines = ["STABLE: the machine is quiet, and the same load came out the same each time"]
    else:
        lines = ["NOT STABLE: a run now is not to be trusted"]
        lines += [f"  {text}" for text, _ in found.problems]
        lines += dict.fromkeys(remedy for _, remedy in found.problems)
    for metric in found.steps[0].metrics:
        p99 = max(step.metrics[metric].p99 for step in found.steps)
        apart = format_seconds(found.spread(metric))
        lines.append(f"{METRICS[metric].title}: off by {format_seconds(p99)} at most (p99), medians {apart} apart")
    return "\n".join(lines) + "\n"
