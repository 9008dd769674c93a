"""``llmload calibrate``: what this machine can measure and how exactly, found out against the simulator's own log; and
whether it can be trusted now (``--check``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import psutil

from llmload.app.ramp import Ramp, Ramped, Sample, climb
from llmload.calibration.calibration import Calibration, Noise, Step
from llmload.calibration.compare import deviation
from llmload.calibration.cost import Spent, fit
from llmload.calibration.stability import Stability
from llmload.calibration.store import fingerprint
from llmload.clock import NS
from llmload.errors import ExitStatus, LlmloadError
from llmload.units import format_rate

__all__ = ["CHECK", "FULL", "QUICK", "assemble", "calibrate", "check"]

FULL: Final = (
    Ramp("stream", (25.0, 50.0, 100.0, 200.0, 400.0, 700.0, 1000.0), 3.0, 30, 50),
    Ramp("whole", (100.0, 300.0, 700.0, 1500.0, 2500.0), 2.5, 5, 25),
)
QUICK: Final = (
    Ramp("stream", (50.0, 200.0, 500.0), 2.0, 30, 50),
    Ramp("whole", (200.0, 1000.0), 1.5, 5, 25),
)
CHECK: Final = Ramp("stream", (50.0,), 3.0, 30, 50)
"""A load that every machine can measure, if it is left alone."""

_NAMES: Final = {"stream": "streams", "whole": "answers in one piece"}
_SETTLING: Final = 0.4
"""The share of a level that may be left to settling at most."""
_BEGINNING: Final = 1.0
"""Seconds that the first level settles longer: processes that have just begun find their place in memory and caches."""
_BEGINNING_SHARE: Final = 0.7


def calibrate(quick: bool = False, each: float = 0.0, tell: Callable[[str], None] = lambda text: None) -> Calibration:
    """Try loads of rising height (``each`` s for each, 0: as long as usual) and say what was found.

    ``tell`` hears what is being done. Raises InterruptedRun, or LlmloadError where nothing can be found out.
    """
    climbed = []
    for ramp in QUICK if quick else FULL:
        ramp = replace(ramp, each=each or ramp.each)
        climbed.append((ramp, climb(ramp, _telling(ramp, tell))))
    return assemble(climbed, quick)


def check(repeats: int = 3, each: float = 0.0, tell: Callable[[str], None] = lambda text: None) -> Stability:
    """Measure one small load ``repeats`` times. Raises InterruptedRun, or LlmloadError where nothing was measured."""
    ramp = replace(CHECK, each=each or CHECK.each)
    steps: list[Step] = []
    for number in range(1, repeats + 1):
        tell(f"{format_rate(ramp.levels[0])} for {ramp.each:g} s ({number} of {repeats})")
        steps += _steps(ramp, climb(ramp, lambda level: None))
    if len(steps) < repeats:
        failed = LlmloadError("the check came to nothing: calls could not be found in the simulator's log")
        failed.status = ExitStatus.INVALID
        raise failed
    return Stability(tuple(steps))


def assemble(climbed: Sequence[tuple[Ramp, Ramped]], quick: bool = False) -> Calibration:
    """What ramps come to. Raises LlmloadError where nothing can be made of them."""
    steps: list[Step] = []
    spent: list[Spent] = []
    noises: list[tuple[float, Noise]] = []
    notes: list[str] = []
    for ramp, ramped in climbed:
        steps += _steps(ramp, ramped)
        spent += _spent(ramped)
        noises += [((after.at - before.at) / NS, _noise(before, after)) for before, after in pairwise(ramped.samples)]
        notes += _notes(ramp, ramped)
    try:
        cost = fit(spent)
    except ValueError as error:
        failed = LlmloadError(f"the calibration came to nothing: {error}; try again when the machine is idle")
        failed.status = ExitStatus.INVALID
        raise failed from None
    made = datetime.now(UTC).isoformat(timespec="seconds")
    return Calibration(made, fingerprint(), cost, tuple(steps), quick, _mean(noises), tuple(notes))


def _telling(ramp: Ramp, tell: Callable[[str], None]) -> Callable[[int], None]:
    def rise(level: int) -> None:
        rate = format_rate(ramp.levels[level])
        tell(f"{_NAMES[ramp.kind]}: {rate} for {ramp.each:g} s (load {level + 1} of {len(ramp.levels)})")

    return rise


def _notes(ramp: Ramp, ramped: Ramped) -> Iterator[str]:
    name = _NAMES[ramp.kind]
    if ramped.stopped:
        highest = format_rate(ramp.levels[ramped.reached - 1])
        yield f"{name}: no higher load than {highest} was tried, as {ramped.stopped}"
    if ramped.comparison.unmatched:
        yield f"{name}: {ramped.comparison.unmatched:,} calls could not be found in the simulator's log"


def _steps(ramp: Ramp, ramped: Ramped) -> Iterator[Step]:
    """What each level came to, once it had settled."""
    comparison = ramped.comparison
    for number, level in enumerate(ramp.levels[: ramped.reached]):
        settling = min(ramp.answer_seconds, ramp.each * _SETTLING)
        if number == 0:
            settling = min(ramp.answer_seconds + _BEGINNING, ramp.each * _BEGINNING_SHARE)
        start = ramped.start + round((number * ramp.each + settling) * NS)
        end = ramped.start + round((number + 1) * ramp.each * NS)
        seconds = (end - start) / NS
        found = {name: deviation(values, start, end) for name, values in comparison.metrics.items()}
        metrics = {name: each for name, each in found.items() if each is not None}
        sent = int(((comparison.sent >= start) & (comparison.sent < end)).sum())
        read = int(((comparison.read >= start) & (comparison.read < end)).sum())
        around = [sample for sample in ramped.samples if start - NS // 2 <= sample.at <= end + NS // 2]
        noise = _noise(around[0], around[-1]) if len(around) > 1 else Noise()
        if metrics:
            calls = len(comparison.metrics["latency"].within(start, end).at)
            yield Step(ramp.kind, level, sent / seconds, read / seconds, calls, metrics, noise)


def _spent(ramped: Ramped) -> Iterator[Spent]:
    sent, read = ramped.comparison.sent, ramped.comparison.read
    for before, after in pairwise(ramped.samples):
        calls = int(((sent >= before.at) & (sent < after.at)).sum())
        events = int(((read >= before.at) & (read < after.at)).sum())
        yield Spent((after.at - before.at) / NS, after.worker - before.worker, calls, events)


def _noise(before: Sample, after: Sample) -> Noise:
    ours, busy = after.ours - before.ours, after.busy - before.busy
    total = (after.at - before.at) / NS * (psutil.cpu_count() or 1)
    return Noise(max(0.0, busy - ours) / total, max(0.0, after.stolen - before.stolen) / total)


def _mean(noises: list[tuple[float, Noise]]) -> Noise:
    seconds = sum(length for length, _ in noises) or 1.0
    others = sum(length * noise.others for length, noise in noises) / seconds
    return Noise(others, sum(length * noise.steal for length, noise in noises) / seconds)
