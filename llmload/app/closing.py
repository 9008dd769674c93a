"""The end of a run for its outputs: who fetches figures is given the time to, and what outputs say is kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from llmload.app.interrupts import Interrupts
from llmload.dashboard.live import Display
from llmload.outputs.base import Lingers, Output, Speaks
from llmload.reports.result import Result
from llmload.units import format_seconds

__all__ = ["finish", "linger"]

_STEP: Final = 0.1
"""Seconds from one look to the next."""


def linger(outputs: Sequence[Output], result: Result, display: Display, interrupts: Interrupts) -> None:
    """Show the end to those who come for it, and wait for them as long as an output says. A signal ends that, and who
    has interrupted the run does not wait at all."""
    serving = [output for output in outputs if isinstance(output, Lingers)]
    for output in serving:
        output.end(result)
    before, told = interrupts.count, False
    while not result.interrupted and interrupts.count == before:
        awaited = {output.name: left for output in serving if (left := output.awaited()) > 0}
        if not awaited:
            return
        if not told:
            told = True
            most = format_seconds(max(awaited.values()))
            names = ", ".join(sorted(awaited))
            display.message(
                f"{names}: the last figures are still to be fetched; waiting {most} at most, Ctrl-C: no more"
            )
        time.sleep(_STEP)


def finish(outputs: Sequence[Output], result: Result | None, display: Display) -> list[str]:
    """Finish the outputs; what they had to say, such as what they lost, which the user was told."""
    said: list[str] = []
    with ExitStack() as every:  # also those after one that fails
        for output in reversed(outputs):
            every.callback(_finish, output, result, said)
    for text in said:
        display.message(text)
    return said


def _finish(output: Output, result: Result | None, said: list[str]) -> None:
    output.finish(result)
    if isinstance(output, Speaks):
        said += output.messages()
