"""What a Plan will do, before anything is sent: requests, tokens and cost per phase, and the rate over time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import isclose

import numpy as np

from llmload.arrivals.base import expected_all
from llmload.arrivals.curves import Sequence
from llmload.scenario.plan import Phase, Plan
from llmload.workload.mix import shares
from llmload.workload.spec import RequestClass
from llmload.workload.workload import expected_image_bytes, expected_tokens

__all__ = ["Outlook", "Preview", "mix_of", "mix_series", "preview", "series"]

_LOOKS = 2000
"""Places at which a curve is looked at where its pieces aren't known."""
_MILLION = 1e6


@dataclass(slots=True)
class Outlook:
    """What is expected of one stretch of the run.

    ``peak`` and ``mean`` are requests per second, or users in the closed model. There nobody can know how many
    requests come of it: ``requests`` is None, and with it ``classes``, tokens and ``cost`` are empty.
    """

    name: str
    start: float
    end: float
    measure: bool = True
    mean: float = 0.0
    peak: float = 0.0
    requests: float | None = None
    classes: dict[str, float] = field(default_factory=dict)
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    image_bytes: float = 0.0
    cost: float = 0.0

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Preview:
    """The whole run and its phases. ``unit``: what curves are counted in, "requests/s" or "users"."""

    total: Outlook
    phases: tuple[Outlook, ...]
    unit: str


@dataclass(frozen=True, slots=True)
class _Each:
    """Means of one request of a class."""

    input: float
    output: float
    images: float
    cost: float


def preview(plan: Plan) -> Preview:
    """The outlook for ``plan``. Output tokens are taken to reach their limit, so the cost is rather too high.

    ``max_requests`` ends the run early: phases that come after are expected to make nothing.
    """
    curve = plan.load.curve
    each = {cls.name: _each(cls, plan) for cls in plan.classes}
    left = float("inf") if plan.load.max_requests is None else float(plan.load.max_requests)
    phases: list[Outlook] = []
    for number, phase in enumerate(plan.phases):
        outlook = Outlook(phase.name, phase.start, phase.end, phase.measure, peak=_peak(plan, number))
        whole = curve.expected(phase.end) - curve.expected(phase.start)
        outlook.mean = whole / outlook.duration
        if plan.load.model != "closed":
            outlook.requests = min(whole, left)
            left -= outlook.requests
            _fill(outlook, mix_of(plan, phase, outlook.requests), each)
        phases.append(outlook)
    return Preview(_total(phases, plan), tuple(phases), "users" if plan.load.model == "closed" else "requests/s")


def mix_of(plan: Plan, phase: Phase, requests: float) -> dict[str, float]:
    """Each class's share of the first ``requests`` planned in the phase: where weights are curves, the integral of the
    rate times their share by that of the rate."""
    if not phase.varying:
        return shares(plan.classes, phase.weights)
    edges = np.linspace(phase.start, phase.end, _LOOKS + 1)
    upto = np.minimum(expected_all(plan.load.curve, edges) - plan.load.curve.expected(phase.start), requests)
    whole = dict.fromkeys((cls.name for cls in plan.classes), 0.0)
    for at, calls in zip((edges[1:] + edges[:-1]) / 2, np.diff(upto), strict=True):
        if calls > 0:
            for name, share in shares(plan.classes, phase.weights_at(float(at))).items():
                whole[name] += share * float(calls)
    made = sum(whole.values())
    return {name: calls / made for name, calls in whole.items()} if made else shares(plan.classes)


def mix_series(plan: Plan, looks: int) -> dict[str, list[float]]:
    """Each class's share of the requests at ``looks`` moments from the beginning of the run to its end; empty where no
    class has a weight that varies."""
    if not any(phase.varying for phase in plan.phases):
        return {}
    ends = [plan.load.duration * look / max(1, looks - 1) for look in range(looks)]
    found = [
        shares(plan.classes, next((each for each in plan.phases if at < each.end), plan.phases[-1]).weights_at(at))
        for at in ends
    ]
    return {cls.name: [mix[cls.name] for mix in found] for cls in plan.classes}


def series(plan: Plan, columns: int) -> list[float]:
    """The planned level (requests/s or users) in each of ``columns`` equal stretches of the run, on average."""
    curve = plan.load.curve
    edges = [curve.expected(curve.duration * i / columns) for i in range(columns + 1)]
    width = curve.duration / columns
    return [(after - before) / width for before, after in pairwise(edges)]


def _peak(plan: Plan, number: int) -> float:
    """The highest level in phase ``number``: exact where phases are the curve's parts."""
    curve, phase = plan.load.curve, plan.phases[number]
    if len(plan.phases) == 1:
        return curve.peak()
    if isinstance(curve, Sequence) and _parts_are_phases(curve, plan):
        return curve.parts[number].peak()
    step = (phase.end - phase.start) / _LOOKS
    return max(curve.rate(phase.start + step * look) for look in range(_LOOKS))


def _parts_are_phases(curve: Sequence, plan: Plan) -> bool:
    starts = [phase.start for phase in plan.phases]
    return len(curve.parts) == len(starts) and all(map(isclose, curve.starts, starts))


def _each(cls: RequestClass, plan: Plan) -> _Each:
    """Prices are averaged over a class's targets, by their shares of the calls."""
    tokens_in, tokens_out = expected_tokens(cls)
    cost = 0.0
    for name in cls.targets:
        prices = plan.target(name).price_of(cls.model)
        each = (tokens_in * prices.input + tokens_out * prices.output) / _MILLION + prices.request
        cost += each * cls.share_of(name)
    return _Each(tokens_in, tokens_out, expected_image_bytes(cls), cost)


def _fill(outlook: Outlook, mix: Mapping[str, float], each: Mapping[str, _Each]) -> None:
    requests = outlook.requests or 0.0
    outlook.classes = {name: share * requests for name, share in mix.items()}
    outlook.input_tokens = sum(count * each[name].input for name, count in outlook.classes.items())
    outlook.output_tokens = sum(count * each[name].output for name, count in outlook.classes.items())
    outlook.image_bytes = sum(count * each[name].images for name, count in outlook.classes.items())
    outlook.cost = sum(count * each[name].cost for name, count in outlook.classes.items())


def _total(phases: list[Outlook], plan: Plan) -> Outlook:
    total = Outlook("total", 0.0, plan.load.duration, peak=max(phase.peak for phase in phases))
    total.mean = sum(phase.mean * phase.duration for phase in phases) / plan.load.duration
    if plan.load.model == "closed":
        return total
    total.requests = sum(phase.requests or 0.0 for phase in phases)
    for cls in plan.classes:
        total.classes[cls.name] = sum(phase.classes.get(cls.name, 0.0) for phase in phases)
    total.input_tokens = sum(phase.input_tokens for phase in phases)
    total.output_tokens = sum(phase.output_tokens for phase in phases)
    total.image_bytes = sum(phase.image_bytes for phase in phases)
    total.cost = sum(phase.cost for phase in phases)
    return total
