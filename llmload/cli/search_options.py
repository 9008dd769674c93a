"""The options of ``llmload search`` that no other command has, and what their texts mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

__all__ = [
    "Best",
    "From",
    "Hold",
    "Key",
    "Longest",
    "Pause",
    "Plot",
    "Precision",
    "Steps",
    "To",
    "WarmUp",
    "picture",
    "seconds",
    "share",
    "value",
]

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
Steps = Annotated[int, typer.Option(min=2, max=100, help="Steps at most.")]
WarmUp = Annotated[str, typer.Option(metavar="DURATION", help="Before each step, left out of its figures.")]
Longest = Annotated[str, typer.Option(metavar="DURATION", help="Measured time of a step at most.")]
Pause = Annotated[str, typer.Option(metavar="DURATION", help="Between steps, for the target to recover.")]


def value(option: str, text: str) -> float:
    """A number or a rate. Raises UsageError."""
    from llmload.errors import UsageError
    from llmload.units import parse_rate

    parsers: tuple[Callable[[str], float], ...] = (float, parse_rate)
    for parse in parsers:
        try:
            found = parse(text)
        except ValueError:
            continue
        if 0 < found <= 1e9:
            return found
    raise UsageError(f"{option}: {text!r} is no value to search from or to; write it like 64 or 50/s")


def share(text: str) -> float:
    """What ``--precision`` says. Raises UsageError."""
    from llmload.errors import UsageError
    from llmload.units import parse_share

    try:
        found = parse_share(text)
    except ValueError as error:
        raise UsageError(f"--precision: {error}; give 0.5% to 50%") from None
    if not 0.005 <= found <= 0.5:
        raise UsageError(f"--precision: {text} is too {'fine' if found < 0.005 else 'coarse'}; give 0.5% to 50%")
    return found


def seconds(field: str, text: str) -> float:
    """What the option for ``field`` says. Raises UsageError."""
    from llmload.errors import UsageError
    from llmload.units import parse_duration

    name = field.replace("_", "-")
    try:
        found = 0.0 if text.strip() == "0" else parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--{name}: {error}") from None
    least = 0.0 if name == "pause" else 1.0
    if not least <= found <= 86_400:
        raise UsageError(f"--{name}: {text} is too {'short' if found < least else 'long'}; give {least:g}s to 1d")
    return found


def picture(path: str) -> str:
    """A path for a picture. Raises UsageError."""
    from llmload.errors import UsageError

    if not path.lower().endswith((".svg", ".png")):
        raise UsageError(f"--plot: {path[:80]!r} ends neither in .svg nor in .png")
    return path
