"""The service level of a run: availability, the error budget, and a traffic light with what to check next.

The *error budget* is the share of calls that may fail: 0.5 % of them for an availability of 99.5 %. A run that fails
twice as many has burned 200 % of it. (B. Beyer et al., The Site Reliability Workbook, chapter 2.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from llmload.analysis.insights import Gravity, Insight
from llmload.metrics.summary import Summary
from llmload.records import Outcome
from llmload.units import format_seconds, format_share
from llmload.verdict.judge import Judgement, judge
from llmload.verdict.kinds import Kind
from llmload.verdict.objectives import Objective, parse_objective
from llmload.verdict.validity import Level, Validity
from llmload.verdict.verdict import Decision

__all__ = ["USUAL", "Light", "ServiceLevel", "Standing", "standing"]

_NARROW: Final = 0.1
"""An objective met by less than this share of its bound is close to being missed."""
_SPENT: Final = 0.5
"""Share of the error budget from which to take care."""
_MOST: Final = 5


class Light(StrEnum):
    """The traffic light. ``UNKNOWN``: the figures can't be trusted, so they say nothing."""

    GOOD = "good"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """What is promised: the share of calls that go well, and the largest error rate of any ``window`` (s).

    ``binding``: the scenario asked for it, so it counts; otherwise it is only shown.
    """

    availability: float = 0.995
    error_rate: float = 0.005
    window: float = 300.0
    binding: bool = False

    def objectives(self) -> tuple[Objective, ...]:
        """The rules it stands for, if it is binding."""
        if not self.binding:
            return ()
        promise = f"success.rate >= {self.availability * 100:.10g}%"
        window = format_seconds(self.window)
        return (
            parse_objective(promise, says="the service is less available than it should be", name="availability"),
            parse_objective(
                f"errors.rate < {self.error_rate * 100:.10g}%", window=self.window, name="rolling errors",
                says=f"in some stretch of {window} more calls failed than may",
            ),
        )  # fmt: skip


USUAL: Final = ServiceLevel()
"""What a run is compared with whose scenario promises nothing."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands. ``availability``: share of the answered calls that went well, None without any.
    ``burned``: share of the error budget. ``worst``: the largest error rate of any window, ``worst_at`` where (s).
    ``reasons`` for the light, and what to ``check`` next."""

    light: Light
    availability: float | None
    burned: float | None
    worst: float | None = None
    worst_at: tuple[float, float] | None = None
    reasons: tuple[str, ...] = ()
    check: tuple[str, ...] = ()


def standing(
    level: ServiceLevel,
    summary: Summary,
    judgements: Sequence[Judgement],
    validity: Validity,
    decision: Decision,
    insights: Sequence[Insight] = (),
) -> Standing:
    """The traffic light of a run that was judged, and why."""
    calls = summary.select()
    answered = calls.ok + calls.errors
    availability = calls.ok / answered if answered else None
    allowed = 1 - level.availability
    burned = calls.errors / answered / allowed if answered and allowed > 0 else None
    rolling = parse_objective("errors.rate < 100%", window=level.window)
    worst = judge([rolling], summary)[0]
    grave = list(_grave(judgements, insights))
    mild = list(_mild(level, burned, judgements, validity, insights))
    if decision is Decision.INVALID:
        light, reasons = Light.UNKNOWN, [reason.text for reason in validity.reasons if reason.level is Level.INVALID]
    else:
        light = Light.CRITICAL if grave else Light.WARNING if mild else Light.GOOD
        reasons = [*grave, *mild]
    check = tuple(dict.fromkeys(_checks(summary, judgements, validity, insights)))[:_MOST] if reasons else ()
    return Standing(light, availability, burned, worst.observed, worst.worst_window, tuple(reasons[:_MOST]), check)


def _grave(judgements: Sequence[Judgement], insights: Sequence[Insight]) -> Iterator[str]:
    for each in judgements:
        if not each.passed:
            yield each.objective.says or f"not met: {each.objective}"
    yield from (insight.text for insight in insights if insight.level is Gravity.CRITICAL)


def _mild(
    level: ServiceLevel,
    burned: float | None,
    judgements: Sequence[Judgement],
    validity: Validity,
    insights: Sequence[Insight],
) -> Iterator[str]:
    if level.binding and burned is not None and _SPENT < burned <= 1:
        yield f"{format_share(burned)} of the error budget is burned"
    for each in judgements:
        if not each.passed or _perfect(each):
            continue
        if each.margin is not None and each.margin < _NARROW and each.objective.op != "==":
            yield f"met by less than {_NARROW:.0%}: {each.objective}"
        elif each.close:
            yield f"too close to call: {each.objective}"
    if validity.level is not Level.VALID:
        yield f"the figures are {validity.level}"
    yield from (insight.text for insight in insights if insight.level is Gravity.WARNING)


def _perfect(judgement: Judgement) -> bool:
    """A share that can't be any better: all of the calls, or none."""
    best = 0.0 if judgement.objective.upper else 1.0
    return judgement.objective.kind is Kind.SHARE and judgement.observed == best


def _checks(
    summary: Summary, judgements: Sequence[Judgement], validity: Validity, insights: Sequence[Insight]
) -> Iterator[str]:
    worrying = (Gravity.WARNING, Gravity.CRITICAL)
    yield from (insight.advice for insight in insights if insight.level in worrying and insight.advice)
    outcomes = summary.select().outcomes
    failed = {outcome: count for outcome, count in outcomes.items() if outcome in _LOOK_AT}
    for outcome in sorted(failed, key=lambda outcome: -failed[outcome]):
        yield f"{failed[outcome]:,} {outcome}: {_LOOK_AT[outcome]}"
    for each in judgements:
        if not each.passed and each.observed is not None and each.objective.metric in _METRICS:
            yield f"{each.objective.metric}: {_METRICS[each.objective.metric]}"
    yield from (reason.remedy for reason in validity.reasons if reason.level is not Level.VALID and reason.remedy)


_TIMED_OUT: Final = "queue length and saturation of the target; the limits under [limits]"
_LOOK_AT: Final[Mapping[Outcome, str]] = {
    Outcome.HTTP_4XX: "the requests themselves: key, model name, length of the context, fields the server doesn't know",
    Outcome.HTTP_429: "rate limits and quotas of the keys used; retries that honour Retry-After",
    Outcome.HTTP_503: "capacity: the target turns load away; how many replicas are up",
    Outcome.HTTP_5XX: "the target's logs at the times of the errors: crashed handlers, bad gateways",
    Outcome.CONNECT_ERROR: "whether processes restart or run out of sockets; the listen queue; firewalls between",
    Outcome.TLS_ERROR: "certificates and protocol versions on both sides",
    Outcome.TIMEOUT_CONNECT: "the listen queue and the network between",
    Outcome.TIMEOUT_FIRST_TOKEN: _TIMED_OUT,
    Outcome.TIMEOUT_IDLE: "what makes streams fall silent: preempted sequences, a dead backend behind a live proxy",
    Outcome.TIMEOUT_TOTAL: _TIMED_OUT,
    Outcome.PROTOCOL_ERROR: "proxies that change answers; the dialect named for the target",
    Outcome.ERROR_EVENT: "the target's logs: errors inside streams that began well",
    Outcome.TRUNCATED: "time limits of proxies and load balancers; restarts in the middle of streams",
    Outcome.EMPTY: "why answers hold nothing: content filters, stop words, a full context",
    Outcome.CORRUPT: "state that requests share: answers held what belongs to others",
}
"""Where to look, by how calls failed."""
_SATURATION: Final = "queueing: compare with a lower rate, and look at the target's batch, queue and cache use"
_METRICS: Final[Mapping[str, str]] = {
    "ttft": _SATURATION,
    "ttft_send": _SATURATION,
    "latency": _SATURATION,
    "latency_send": _SATURATION,
    "itl": "the batch: many sequences or long prompts make every step slower",
    "tpot": "the batch: many sequences or long prompts make every step slower",
    "stall": "preemption of sequences, garbage collection, a full cache",
    "throughput": "whether the target or the schedule is what limits: in flight, batch size, planned rate",
    "rate": "whether calls failed, or the schedule asked for more than the target can",
}
"""Where to look, by what was not kept."""
