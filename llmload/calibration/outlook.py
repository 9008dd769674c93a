"""What a calibration says of a run: before it, whether the machine can do it; after it, its error bar. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from llmload.calibration.calibration import BOUND, Calibration, Kind
from llmload.metrics.catalogue import METRICS
from llmload.metrics.precision import Capacity, Deviation, ErrorBar, Pace
from llmload.metrics.summary import Summary
from llmload.metrics.windows import Window
from llmload.records import Api
from llmload.scenario.plan import Phase, Plan
from llmload.scenario.preview import preview
from llmload.units import format_count, format_rate, format_seconds, format_share
from llmload.workload.mix import shares
from llmload.workload.workload import expected_tokens

__all__ = ["busiest", "error_bar", "planned_pace", "warnings"]

_STRETCH: Final = 10
"""Seconds: a run's load is that of its busiest stretch of this length. Shorter peaks are chance, longer ones matter."""
_LOOKS: Final = 100
"""Moments of a phase at which a mix that changes is looked at."""
_STREAMED: Final = frozenset({Api.CHAT, Api.COMPLETIONS})


# -- before ------------------------------------------------------------------------------------------------------


def planned_pace(plan: Plan) -> Pace | None:
    """The most that ``plan`` asks to be measured per second, by all workers together.

    A stream is taken to come one token at a time and as long as it may get. None in the closed model, where answers
    decide how many calls there are.
    """
    if plan.load.model == "closed":
        return None
    each = {cls.name: expected_tokens(cls)[1] if cls.stream and cls.api in _STREAMED else 0.0 for cls in plan.classes}
    paces = []
    for outlook, phase in zip(preview(plan).phases, plan.phases, strict=True):
        mixes = [shares(plan.classes, weights) for weights in _mixes(phase)]
        events = max(sum(share * each[name] for name, share in mix.items()) for mix in mixes)
        paces.append(Pace(outlook.peak, outlook.peak * events))
    return Pace(max(pace.calls for pace in paces), max(pace.events for pace in paces))


def _mixes(phase: Phase) -> list[Mapping[str, float] | None]:
    """What the mix is in the course of a phase."""
    looks = _LOOKS if phase.varying else 0
    lasts = phase.end - phase.start
    return [phase.weights_at(phase.start + lasts * look / max(looks, 1)) for look in range(looks + 1)]


def warnings(calibration: Calibration, plan: Plan, workers: int, most: int) -> list[str]:
    """What to know before ``plan`` is run by so many workers: that it is too much for them, or will be read late.

    ``most``: how many workers ``plan`` can have on this machine.
    """
    pace = planned_pace(plan)
    if pace is None:
        return []
    capacity = calibration.capacity
    share = capacity.share(pace.over(workers))
    load = f"the planned peak of {format_rate(pace.calls)}"
    load += f" ({format_count(pace.events)} events/s)" if pace.events else ""
    crew = f"{workers} worker{'s' * (workers > 1)}"
    if share > 1.0:
        each = f"{format_count(capacity.events_per_second)} events/s or {format_rate(capacity.requests_per_second)}"
        remedy = _remedy(capacity, pace, most, _simulated(plan))
        return [f"{load} is {share:.1f} times what {crew} can measure here ({each} each): {remedy}"]
    kind: Kind = "stream" if pace.events else "whole"
    worst, title = max(
        ((deviation.p99, name) for name, deviation in calibration.deviations(kind, share)[0].items()), default=(0.0, "")
    )
    if worst <= BOUND or calibration.disturbed:  # disturbed: whose fault it was can't be told
        return []
    off = f"{load} is {format_share(round(share, 2))} of the ceiling of {crew}, where 1 % of {title} was"
    remedy = _ease(workers, most, _simulated(plan))
    return [f"{off} more than {format_seconds(worst)} from the truth in the calibration: {remedy}"]


def _remedy(capacity: Capacity, pace: Pace, most: int, simulated: bool) -> str:
    """What would help against more than the workers can measure."""
    needed = capacity.workers(pace)
    if needed <= most or capacity.share(pace) <= most:
        return f"use --workers {min(needed, most)}, or lower the rate"
    if simulated:
        return "more than this machine can send beside its simulator: lower the rate"
    machines = math.ceil(needed / most)
    return f"more than this machine can send: lower the rate, or split the load over {machines} machines"


def _ease(workers: int, most: int, simulated: bool) -> str:
    if workers < most:
        return f"use --workers {min(most, 2 * workers)}, or lower the rate"
    return "lower the rate" + ("" if simulated else ", or split the load over more machines")


def _simulated(plan: Plan) -> bool:
    """The simulator has its place on this machine, so other machines are no help."""
    return any(target.base_url.startswith("sim:") for target in plan.targets)


# -- after -------------------------------------------------------------------------------------------------------


def error_bar(calibration: Calibration, summary: Summary, workers: int) -> ErrorBar | None:
    """How far the run's times are from the truth, as far as the calibration can tell.

    None if nothing was measured, or the calibration was disturbed: its figures are those of the other work.
    """
    whole = summary.select()
    if calibration.disturbed or not whole.ok:
        return None
    pace = busiest(summary).over(workers)
    share = calibration.capacity.share(pace)
    kinds: list[Kind] = []
    if whole.streams:
        kinds.append("stream")
    if whole.calls > whole.streams:
        kinds.append("whole")
    metrics: dict[str, Deviation] = {}
    beyond = False
    for kind in kinds:
        found, further = calibration.deviations(kind, share)
        beyond |= further
        metrics |= {name: _worse(metrics.get(name), found[name]) for name in found}
    if not metrics:
        return None
    ordered = dict(sorted(metrics.items(), key=lambda item: list(METRICS).index(item[0])))
    return ErrorBar(calibration.made, pace.calls, pace.events, share, beyond, metrics=ordered)


def _worse(one: Deviation | None, other: Deviation) -> Deviation:
    return other if one is None or other.p99 >= one.p99 else one


def busiest(summary: Summary) -> Pace:
    """The load of the busiest stretch: calls sent, and content chunks of the calls that ended, per second."""
    width = summary.window_seconds
    reach = max(1, _STRETCH // width)
    numbers = sorted(summary.windows)
    if not numbers:
        return Pace()
    counts = [_counts(summary.windows.get(number, {})) for number in range(numbers[0], numbers[-1] + 1)]
    reach = min(reach, max(1, round(summary.elapsed / width)))
    stretches = [counts[first : first + reach] for first in range(max(1, len(counts) - reach + 1))]
    seconds = reach * width
    return Pace(
        max(sum(calls for calls, _ in stretch) for stretch in stretches) / seconds,
        max(sum(events for _, events in stretch) for stretch in stretches) / seconds,
    )


def _counts(by_class: Mapping[str, Window]) -> tuple[int, int]:
    """Calls sent and chunks read in one window, over its classes: of n chunks there are n - 1 gaps."""
    sent = sum(window.sent for window in by_class.values())
    series = [window.series for window in by_class.values()]
    return sent, sum(have[name].count for have in series for name in ("itl", "ttft") if name in have)
