"""What there is to say of a run in words, beside its figures: service level, tokens, cost, stalls, the generator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from llmload import units
from llmload.clock import NS
from llmload.metrics.summary import Slice, Summary, WorkerHealth
from llmload.reports.result import Result
from llmload.safe import clean
from llmload.verdict.service_level import Light

__all__ = ["cost_facts", "generator_facts", "light_reasons", "service_level", "stall_facts", "token_facts"]

_WORTH_SAYING: Final = 0.02
"""Disagreement about the length of prompts below which nothing is said of it."""


def service_level(result: Result) -> str:
    """Availability and error budget; "" where no call was answered."""
    stands, slo = result.standing, result.slo
    if stands.availability is None:
        return ""
    share, promise = units.format_share(slo.availability), "promised" if slo.binding else "usual"
    rolling = stands.worst and result.summary.elapsed > slo.window
    parts = [
        f"availability {units.format_share(stands.availability)} ({share} is {promise})",
        f"{_burned(stands.burned)} the error budget" if stands.burned is not None else "",
        f"worst {units.format_seconds(slo.window)}: {units.format_share(stands.worst or 0)} failed" if rolling else "",
    ]
    return "; ".join(filter(None, parts))


def light_reasons(result: Result) -> list[str]:
    """Why the traffic light warns, but for what missed objectives say themselves; insights stand elsewhere in full."""
    stands = result.standing
    if stands.light not in (Light.WARNING, Light.CRITICAL):
        return []
    missed = [each.objective for each in result.judgements if not each.passed]
    told = {words for each in missed for words in (each.says, f"not met: {each}")}
    found = {insight.text for insight in result.insights}
    reasons = ("what stands out, see there" if each in found else each for each in stands.reasons if each not in told)
    return list(dict.fromkeys(reasons))


def _burned(share: float) -> str:
    return f"{share:.3g} times" if share > 1 else f"{share:.2g} of" if share and share < 0.01 else f"{share:.0%} of"


def token_facts(calls: Slice) -> Iterator[str]:
    """How much went over the line, and where the numbers of tokens come from."""
    yield f"sent {units.format_bytes(calls.bytes_out)}, received {units.format_bytes(calls.bytes_in)}"
    yield from filter(None, (_sources(calls), _pictures(calls), _planned(calls)))


def cost_facts(calls: Slice) -> Iterator[str]:
    """What was spent, if anything."""
    if calls.cost:
        yield f"cost ${calls.cost:,.4g}; ${1000 * calls.cost / calls.calls:,.3g} per thousand calls"


def stall_facts(calls: Slice) -> Iterator[str]:
    """How many streams stood still, if any did."""
    if calls.stalls:
        share, lost = units.format_share(calls.stalled_share), units.format_seconds(calls.stall_ns / NS)
        yield f"{calls.stalls:,} stalls in {calls.stalled_calls:,} streams ({share}), {lost} in all"


def generator_facts(summary: Summary) -> list[tuple[str, str]]:
    """How the generator itself was doing: what, and its figure."""
    workers = [summary.health[number] for number in sorted(summary.health)]
    lag = summary.select(measured=True).histogram("schedule_lag")
    facts: list[tuple[str, str]] = []
    if lag.count:
        facts.append(
            ("schedule lag", f"p50 {_us(lag.percentile(50))}, p99 {_us(lag.percentile(99))}, max {_us(lag.max)}")
        )
    return facts + [(name, said) for name, tell in _HEALTH.items() if workers and (said := tell(workers))]


def _planned(calls: Slice) -> str:
    """Where the server counts prompts otherwise than they were planned: both, per call. Where prompts of different
    lengths are all longer by the same, that is what the server puts around them."""
    planned, found = calls.histogram("planned_tokens"), calls.histogram("input_tokens")
    error = calls.histogram("token_error")
    if error.count and error.max == error.min > 0 and planned.max > planned.min and found.mean > planned.mean:
        said = f"the server counts {error.max:,} tokens more in every prompt than were planned"
        return f"prompts: {said} (chat template: raise tokenizer.overhead by {error.max:,})"
    if not planned.count or planned.count != found.count or abs(found.mean / planned.mean - 1) < _WORTH_SAYING:
        return ""
    more = found.mean / planned.mean - 1
    return f"prompts: {planned.mean:,.1f} tokens planned, {found.mean:,.1f} as the server counted them ({more:+.1%})"


def _pictures(calls: Slice) -> str:
    pictured = calls.histogram("image_bytes")
    if not pictured.count:
        return ""
    return f"pictures: {units.format_bytes(round(pictured.mean * pictured.count))} in {pictured.count:,} calls"


_SOURCE_WORDS: Final = {"usage": "as the server counted them", "estimated": "estimated", "none": "unknown"}


def _sources(calls: Slice) -> str:
    """Where the token counts come from; silent calls that failed are not worth a word."""
    known = {name: count for name, count in calls.token_sources.items() if name in _SOURCE_WORDS and name != "none"}
    total = sum(known.values())
    parts = [
        _SOURCE_WORDS[name]
        if count == total
        else f"{_SOURCE_WORDS[name]} for {units.format_share(count / total)} of calls"
        for name, count in sorted(known.items(), key=lambda item: -item[1])
    ]
    return f"tokens: {', '.join(parts)}" if parts else ""


def _us(micros: float) -> str:
    return units.format_seconds(micros / 1e6)


def _loop(workers: Sequence[WorkerHealth]) -> str:
    worst = max(workers, key=lambda worker: worker.loop_lag.percentile(99)).loop_lag
    return f"p99 {_us(worst.percentile(99))}, max {_us(worst.max)}" if worst.count else ""


def _cpu(workers: Sequence[WorkerHealth]) -> str:
    worst = max(workers, key=lambda worker: worker.cpu.mean)
    if not worst.cpu.samples:
        return ""
    of = f"worker {worst.worker}, the busiest of {len(workers)}: " if len(workers) > 1 else ""
    mean, peak = units.format_share(round(worst.cpu.mean, 3)), units.format_share(round(worst.cpu.max, 3))
    return f"{of}mean {mean}, peak {peak} of a core"


def _in_flight(workers: Sequence[WorkerHealth]) -> str:
    most, opened = sum(worker.max_in_flight for worker in workers), sum(worker.connections_opened for worker in workers)
    return f"at most {most:,}; {opened:,} connections opened" if most or opened else ""


def _memory(workers: Sequence[WorkerHealth]) -> str:
    most = sum(worker.rss for worker in workers)
    return units.format_bytes(most) if most else ""


def _path(workers: Sequence[WorkerHealth]) -> str:
    paths = {worker.fallback for worker in workers if worker.fallback}
    return ", ".join(clean(path, 20) for path in sorted(paths))


def _credentials(workers: Sequence[WorkerHealth]) -> str:
    failed = sum(worker.renewals_failed for worker in workers)
    return f"{failed:,} renewals failed; the old credentials were used on" if failed else ""


_HEALTH: Final[Mapping[str, Callable[[Sequence[WorkerHealth]], str]]] = {
    "event-loop lag": _loop,
    "CPU": _cpu,
    "calls in flight": _in_flight,
    "memory": _memory,
    "measuring path": _path,
    "credentials": _credentials,
}
