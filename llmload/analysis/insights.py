"""Insights: what a reader should know about a run beyond its figures, in words, with what it is concluded from.

An insight is found by a pure function of the Summary and a few facts of the plan; to add one, write such a function and
put it into the table ``FINDERS``. They are derived: worked out when a result is shown or written, and never read back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from llmload.analysis import breaking
from llmload.analysis.amplification import amplified
from llmload.analysis.anomalies import anomalies
from llmload.analysis.recovery import Recovery, recovery, storms
from llmload.analysis.resources import filled, grown
from llmload.analysis.slowdown import BOUND, Slowdown, slowdowns
from llmload.analysis.steady import Settling, settling, shifts
from llmload.analysis.switches import Outage, outages
from llmload.analysis.trend import Trend, slack, steady_load, trend_of
from llmload.analysis.uneven import uneven
from llmload.metrics.observed import figure_of
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.units import counted, format_rate, format_seconds, format_share

__all__ = ["FINDERS", "Facts", "Finder", "Gravity", "Insight", "insights"]


class Gravity(StrEnum):
    """How much an insight should worry its reader, least first."""

    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Insight:
    """``text``: what was found, in one sentence. ``evidence``: the figures it is concluded from, in words.
    ``advice``: what to look at or to do next; "" where there is nothing to say. ``code`` names its kind."""

    code: str
    level: Gravity
    text: str
    evidence: tuple[str, ...] = ()
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What insights may know of the plan: ``model`` ("open", "closed"), planned ``duration`` (s), whether it was the
    demonstration."""

    model: str = "open"
    duration: float = 0.0
    demo: bool = False


Finder = Callable[[Summary, Facts], Iterable[Insight]]


def insights(summary: Summary, facts: Facts) -> tuple[Insight, ...]:
    """All that is found, the gravest first; of one gravity, in the order of the table."""
    found = [insight for find in FINDERS for insight in find(summary, facts)]
    order = list(Gravity)
    return tuple(sorted(found, key=lambda insight: -order.index(insight.level)))


def _breaking(summary: Summary, facts: Facts) -> Iterable[Insight]:
    """How far it held while the load rose in steps, and how it broke."""
    found = breaking.breaking_point(summary)
    if found is None:
        return
    evidence = tuple(sign.words() for sign in found.signs)
    if found.broke is None:
        text = f"it held every step of the load, up to {format_rate(found.steps[-1].rate)}"
        yield Insight("breaking", Gravity.GOOD, text, evidence, "go higher to find where it breaks")
        return
    held = f"it held {format_rate(found.held.rate)} and broke" if found.held else "it broke at the first step"
    at = f"at {format_rate(found.broke.rate)}"
    if found.held and found.held.rate >= found.broke.rate:  # arrivals are random: a step may get no more than the last
        held, at = (
            f"it held {found.held.name} ({format_rate(found.held.rate)}) and broke",
            f"{at} in {found.broke.name}",
        )
    text = f"{held} {at} ({found.why()}): {found.manner()}"
    level = Gravity.CRITICAL if found.crashed else Gravity.WARNING
    yield Insight("breaking", level, text, evidence, _BROKEN[found.crashed])


_BROKEN: Final = {
    True: "overload should be turned away with 429 or 503: look why processes or connections die",
    False: "keep the load below what it held, or add capacity",
}


def _recovery(summary: Summary, facts: Facts) -> Iterable[Insight]:
    """How long it took to recover from each stretch of high load."""
    tried = {storm: recovery(summary, storm, calm) for storm, calm in storms(summary).items()}
    found = {storm: each for storm, each in tried.items() if each is not None}
    lasting = [name for name, each in found.items() if each.censored]
    if not found:
        return
    evidence = tuple(f"after {name}: {_took(each)}" for name, each in found.items())
    if lasting:
        text = f"latency or errors did not come back within the band of quiet times after {_named(lasting)}"
        advice = (
            "look for queues that don't drain, retries that feed on themselves, caches or connections that were lost"
        )
        yield Insight("recovery", Gravity.WARNING, text, evidence, advice)
        return
    name, worst = max(found.items(), key=lambda pair: pair[1].seconds)
    took = f"{format_seconds(worst.seconds)} after {name} had ended" if worst.seconds else "as soon as the load dropped"
    most = "at most " if len(found) > 1 and worst.seconds else ""
    text = f"latency and errors were back within the band of quiet times {most}{took}"
    yield Insight("recovery", Gravity.GOOD, text, evidence)


def _took(found: Recovery) -> str:
    if found.censored:
        return f"at least {format_seconds(found.seconds)}, when it was last looked at"
    if not found.what or found.interval is None:
        return f"at once, to within {format_seconds(found.resolution)}"
    low, high = (format_seconds(end) for end in found.interval)
    return f"{format_seconds(found.seconds)} ({low} to {high})"


def _named(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _trend(summary: Summary, facts: Facts) -> Iterable[Insight]:
    """What grew in the longest phase, where the load did not."""
    longest = _longest(summary)
    if longest is None:
        return
    found = {what: trend_of(summary, what, (longest.start, longest.end)) for what in _TRENDS}
    grown = {what: each for what, each in found.items() if each is not None and each.interval is not None}
    grown = {what: each for what, each in grown.items() if each.rising and each.growth > _GROWN}
    if "in_flight" in grown and (grown["in_flight"].interval or (0.0,))[0] < slack(
        summary, (longest.start, longest.end)
    ):
        del grown["in_flight"]  # the load itself may have grown as much
    if not grown:
        return
    said = " and ".join(f"{_TRENDS[what]} by {_amount(what, each.growth)}" for what, each in grown.items())
    text = f"at a steady load, {said} from the beginning of {longest.name} to its end"
    evidence = tuple(f"{what}: {_interval(what, each)}, {each.words()}" for what, each in grown.items())
    advice = "look for what only grows: memory, caches, connections, tables, a queue; see whether a restart helps"
    yield Insight("trend", Gravity.WARNING, text, evidence, advice)


def _amount(what: str, growth: float) -> str:
    if what == "errors":
        return f"{100 * growth:.1f} points"
    return f"{growth:.0%}" if growth < 10 else f"{growth:.0f} times its level"


def _interval(what: str, found: Trend) -> str:
    low, high = found.interval or (found.growth, found.growth)
    return f"{_amount(what, low)} to {_amount(what, high)}"


def _warm_up(summary: Summary, facts: Facts) -> Iterable[Insight]:
    """A beginning of the first measured phase that is clearly not like the rest of it, at a load that is; not where
    servers failed, which is no matter of the beginning."""
    first = next((info for info in summary.phases if info.measure), None)
    if first is None or not steady_load(summary, (first.start, min(first.end, summary.elapsed))):
        return
    found = settling(summary, first.name)
    if found is None or not _matters(found) or any(map(outages, summary.tracks.values())):
        return
    if found.censored or found.interval is None:
        text = f"at a steady load, {found.what} did not become steady in the first half of {first.name}: {found.how()}"
        advice = "run longer: what is measured is not its usual state yet"
        yield Insight("warm_up", Gravity.NOTE, text, advice=advice)
        return
    text = f"the first {format_seconds(found.seconds)} of {first.name} are not like the rest of it: {found.how()}"
    low, high = (format_seconds(end) for end in found.interval)
    evidence = (f"steady from {format_seconds(found.seconds)} on ({low} to {high})",)
    advice = "put a phase with measure = false before it, so that it is left out of the figures"
    yield Insight("warm_up", Gravity.NOTE, text, evidence, advice)


def _matters(found: Settling) -> bool:
    early, late = found.failed
    faulty = abs(early - late) >= _FAULTIER and max(early, late) >= _SHIFTED * min(early, late)
    slow = abs(math.log(found.ratio)) >= math.log(_SHIFTED)
    return ("latency" in found.what and slow) or ("errors" in found.what and faulty)


def _anomalies(summary: Summary, facts: Facts) -> Iterable[Insight]:
    """Moments of steady load that stand out."""
    for info in summary.phases:
        span = (info.start, min(info.end, summary.elapsed))
        found = anomalies(summary, span) if info.measure and steady_load(summary, span) else ()
        if found:
            what = "1 moment of {} stands" if len(found) == 1 else f"{len(found)} moments of {{}} stand"
            text = f"{what.format(info.name)} out from what is around {'it' if len(found) == 1 else 'them'}"
            evidence = tuple(each.words() for each in found[:_MOST_MOMENTS])
            advice = "look into the target's logs at these times: restarts, garbage collection, backups, other tenants"
            yield Insight("anomalies", Gravity.WARNING, text, evidence, advice)


def _levels(summary: Summary, facts: Facts) -> Iterable[Insight]:
    """Latency that went to another level in the longest phase though the load did not."""
    longest = _longest(summary)
    if longest is None:
        return
    found = shifts(summary, (longest.start, longest.end))
    told = [(at, ratio) for at, ratio in found if abs(math.log(ratio)) >= math.log(_SHIFTED)]
    if told:
        times = "once" if len(told) == 1 else f"{len(told)} times"
        text = f"at a steady load, latency changed its level {times} in {longest.name}"
        evidence = tuple(f"{ratio:.2f}x from {format_seconds(at)} on" for at, ratio in told[:_MOST_MOMENTS])
        advice = "look what happened then: replicas that came or went, a failover, a deployment, a full cache"
        yield Insight("levels", Gravity.NOTE, text, evidence, advice)


def _longest(summary: Summary) -> PhaseInfo | None:
    """The longest measured phase that is over, if its load was steady."""
    infos = [info for info in summary.phases if info.measure and info.end <= summary.elapsed]
    longest = max(infos, key=lambda info: info.end - info.start, default=None)
    return longest if longest and steady_load(summary, (longest.start, longest.end)) else None


_MOST_MOMENTS: Final = 10
_GROWN: Final = 0.05
"""Growth that is worth a word, where it is beyond doubt."""
_SHIFTED: Final = 1.2
"""Times as slow, or as faulty, from which a part of a run is said to be unlike another."""
_FAULTIER: Final = 0.02
"""The difference of shares of failed calls from which it is."""
_TRENDS: Final = {
    "latency": "latency grew",
    "errors": "the share of failed calls grew",
    "in_flight": "calls in flight grew",
}


def _retries(summary: Summary, facts: Facts) -> Iterable[Insight]:
    """Where retries became a load of their own."""
    storms = [each for each in amplified(summary) if each.storm]
    if not storms:
        return
    worst = max(storms, key=lambda each: each.factor)
    text = f"a retry storm in {worst.phase}: {worst.factor:.2g} attempts per call"
    evidence = tuple(
        f"{each.phase}: {each.attempts:,} attempts for {each.calls:,} calls, "
        f"{format_share(each.failed)} of which failed in the end"
        for each in storms
    )
    advice = "bound retries by a budget, back off with jitter, and honour Retry-After; shed load before it is worked on"
    yield Insight("retries", Gravity.WARNING, text, evidence, advice)


def _failover(summary: Summary, facts: Facts) -> Iterable[Insight]:
    """Each time one server failed: who took over, and when."""
    for label, track in summary.tracks.items():
        found = outages(track)
        if not found:
            continue
        alone = [each for each in found if each.switched is None]
        lost = sum(each.failed + each.failed_after for each in found)
        cascade = sum(each.cascade for each in found)
        text = f"{counted(len(found), 'outage')} of one {label}"
        text += f", in {len(alone)} of which no other took over" if alone else ", another took over each time"
        text += f"; {counted(lost, 'call')} lost" if lost else ", and no call was lost"
        level = Gravity.CRITICAL if alone or cascade else Gravity.WARNING if lost else Gravity.GOOD
        advice = "look at health checks, time-outs and thresholds between the two" if level is not Gravity.GOOD else ""
        yield Insight("failover", level, text, tuple(map(_outage, found[:_MOST_OUTAGES])), advice)


def _outage(each: Outage) -> str:
    parts = [f"at {format_seconds(each.start)} {each.incumbent} failed {counted(each.failed, 'call')}"]
    if not each.failed:
        parts = [f"at {format_seconds(each.start)} {each.successor} served in place of {each.incumbent}"]
    elif each.switched is not None:
        parts.append(f"{each.successor} served {format_seconds(each.time_to_fail_over)} later")
    else:
        parts.append("nobody took over")
    parts += [f"{counted(each.cascade, 'call')} failed there too"] if each.cascade else []
    parts += [f"{each.incumbent} was back at {format_seconds(each.back)}"] if each.back is not None else []
    return ", ".join(parts)


def _uneven(summary: Summary, facts: Facts) -> Iterable[Insight]:
    """Which dimension, or which two crossed, explain how latencies vary, and who is slow."""
    found = uneven(summary)
    if found is not None:
        advice = f"look at what serves {found.who}: nothing that slows one of the two alone explains it"
        level = Gravity.WARNING if found.harmed else Gravity.NOTE
        yield Insight("variance", level, found.words(), found.evidence(), advice if found.harmed else "")


def _interference(summary: Summary, facts: Facts) -> Iterable[Insight]:
    """Which services are slower beside others than alone."""
    found = [each for each in slowdowns(summary) if each.comparable]
    slowed = sorted((each for each in found if each.slowed()), key=lambda each: -each.ratio())
    if slowed:
        worst = slowed[0]
        text = f"{worst.service} takes {worst.ratio():.2g} times as long beside {_named(worst.others)} as alone"
        advice = "look for what they share: a pool of connections or workers, a queue, a device, a limiter"
        yield Insight("interference", Gravity.WARNING, text, tuple(map(_slowed, slowed)), advice)
    elif found and all(each.spared() for each in found):
        text = f"no service is slower by {format_share(round(BOUND - 1, 3))} beside others than alone"
        yield Insight("interference", Gravity.GOOD, text, tuple(map(_slowed, found)))


def _slowed(each: Slowdown) -> str:
    low, high = each.figures["p50"].interval
    median = f"median {each.ratio():.2f} times that of {each.alone} ({low:.2f} to {high:.2f})"
    return f"{each.service} in {each.phase}: {median}"


def _stalls(summary: Summary, facts: Facts) -> Iterable[Insight]:
    """When a server stood still: its probe waited, whatever else it was asked."""
    for name, seen in summary.observed.items():
        if seen.probed is None or not seen.probed.stalls:
            continue
        stalls = sorted(seen.probed.stalls, key=lambda stall: -stall.least)
        times = "once" if len(stalls) == 1 else f"{len(stalls)} times"
        longest = "" if len(stalls) == 1 else "up to "
        lasted = f"{longest}{format_seconds(stalls[0].least)}"
        text = f"the server's event loop was blocked {times}, for {lasted}, as {name} saw"
        evidence = tuple(
            f"{format_seconds(each.at)} into the run for {format_seconds(each.least)} to {format_seconds(each.most)}"
            for each in stalls[:_MOST_MOMENTS]
        )
        advice = (
            "look for what computes, sleeps or waits in the loop's own thread (a file, a database, a lock), or whether "
            "its machine stood still"
        )
        yield Insight("stalls", Gravity.WARNING, text, evidence, advice)


def _leak(summary: Summary, facts: Facts) -> Iterable[Insight]:
    """What the target held more and more of, though the load did not grow."""
    longest = _longest(summary)
    found = grown(summary, (longest.start, longest.end)) if longest else []
    if longest and found:
        said = _named([f"{figure_of(each.figure).title} ({each.observer})" for each in found[:_MOST_MOMENTS]])
        text = f"at a steady load, {said} grew from the beginning of {longest.name} to its end"
        evidence = tuple(
            f"{each.figure} of {each.observer}: {_interval('', each.trend)}, {each.trend.words()}" for each in found
        )
        advice = "run longer to see whether it levels off (caches that fill) or not (a leak, a queue that never drains)"
        yield Insight("leak", Gravity.WARNING, text, evidence, advice)


def _saturated(summary: Summary, facts: Facts) -> Iterable[Insight]:
    """Which resource of the target was used up, and which was the first."""
    found = filled(summary)
    if found:
        first = found[0]
        what = f"{figure_of(first.figure).title} ({first.observer})"
        more = ", the first of its resources" if len(found) > 1 else ""
        text = f"{what} was used up from {format_seconds(first.at)} on{more}"
        evidence = tuple(
            f"{each.figure} of {each.observer}: {format_share(round(each.share, 3))} on average in "
            f"{format_seconds(each.seconds)} from {format_seconds(each.at)} on"
            for each in found
        )
        advice = "more of it, or less work for it, is what lets the target carry more than it did then"
        yield Insight("saturated", Gravity.NOTE, text, evidence, advice)


def _ended(summary: Summary, facts: Facts) -> Iterable[Insight]:
    """A process of the target that ended while it was observed."""
    for name, seen in summary.observed.items():
        if seen.ended:
            times = _named([format_seconds(at) for at in seen.ended[:_MOST_MOMENTS]])
            text = f"{seen.what or name} ended while it was observed, at {times}"
            advice = "look for why: its log, the kernel's (out of memory), exit status, a supervisor's restarts"
            yield Insight("ended", Gravity.CRITICAL, text, advice=advice)


_MOST_OUTAGES: Final = 10
FINDERS: Final[tuple[Finder, ...]] = (
    _breaking, _recovery, _trend, _warm_up, _levels, _anomalies, _failover, _retries, _uneven, _interference,
    _stalls, _leak, _saturated, _ended,
)  # fmt: skip
