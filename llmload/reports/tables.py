"""The tables of the text report: load, latencies, slices, tokens, errors, the generator."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

from rich.text import Text

from llmload import units
from llmload.clock import NS
from llmload.metrics.catalogue import METRICS, Metric, Unit, format_value, scale
from llmload.metrics.summary import CellKey, Slice, Summary, WorkerHealth
from llmload.records import Outcome
from llmload.reports.crossed import crossed_section
from llmload.reports.figures import Distribution, amounts, distributions, groups, slices
from llmload.reports.grid import Column, grid
from llmload.reports.paired import pair_section
from llmload.safe import clean
from llmload.verdict.view import whole_view

__all__ = ["MAX_ROWS", "SECTIONS", "Section"]

MAX_ROWS: Final = 20
"""Rows of a table about what others named (classes, tags, errors): the rest is counted in one line."""

Section = Callable[[Summary, int], Iterator[Text]]
"""A part of the report: nothing where there is nothing to say."""


def _cell(text: str, style: str = "") -> Text:
    return Text(text, style)


def _compact(metric: Metric, value: float) -> str:
    """A value in a table's cell, at most 6 columns wide where that can be: "12.3ms", "30.1µ$"."""
    dollars = value * scale(metric)
    if metric.unit is Unit.MONEY and dollars < 1:
        return f"{dollars * 1e3:.3g}m$" if dollars >= 1e-3 else f"{dollars * 1e6:.3g}µ$"
    return format_value(metric, value).replace(" ", "")


def _named(text: str, limit: int = 28) -> Text:
    return Text(clean(text, limit) or "(none)")


def _more(left: int, what: str) -> Iterator[Text]:
    if left > 0:
        yield Text(f"and {left:,} more {what}", "dim")


def load_section(summary: Summary, width: int) -> Iterator[Text]:
    """How much was asked for, and how much became of it."""
    columns = (Column("Load", right=False), Column("calls"), Column("rate"), Column("of planned"))
    rows = [
        [
            _cell(row.name),
            _cell(f"{row.count:,}"),
            _cell(units.format_rate(row.rate)),
            _cell(units.format_share(row.share)),
        ]
        for row in amounts(summary)
    ]
    yield from grid(columns, rows, width)
    calls = summary.select(measured=True)
    lost = [
        f"{count:,} {outcome}" for outcome, count in calls.outcomes.items() if not outcome.good and not outcome.error
    ]
    parts = [
        f"{calls.errors:,} failed" if calls.errors else "",
        *lost,
        f"{calls.queued:,} queued" if calls.queued else "",
    ]
    if said := ", ".join(filter(None, parts)):
        yield Text(said, "yellow")
    if calls.attempts:
        kinds = ", ".join(f"{count:,} {outcome}" for outcome, count in calls.attempts.items())
        yield Text(f"{calls.further_attempts:,} further attempts, after {kinds}", "yellow")


_LATENCY_COLUMNS: Final[tuple[tuple[str, int], ...]] = (
    ("count", 0), ("min", 9), ("mean", 0), ("stddev", 8), ("p50", 0), ("p90", 2), ("p95", 0), ("p99", 0),
    ("p99.9", 1), ("p99.99", 10), ("max", 0),
)  # fmt: skip


_NOTHING_TO_SAY: Final = frozenset({"cached_tokens", "reasoning_tokens"})
"""Metrics that are left out where they are 0 throughout."""


def _latency_cell(found: Distribution, name: str) -> Text:
    if name == "count":
        return _cell(units.format_count(found.count))
    plain = {"min": found.minimum, "mean": found.mean, "stddev": found.stddev, "max": found.maximum}
    if name in plain:
        return _cell(_compact(found.metric, plain[name]))
    value = _compact(found.metric, found.percentiles[name])
    return _cell(value) if name in found.supported else _cell(f"~{value}", "dim")


def latency_section(summary: Summary, width: int) -> Iterator[Text]:
    """Every metric that has values, as users felt it and as the target did it."""
    calls = summary.select(measured=True)
    found = {
        name: member for name, member in distributions(calls).items() if member.maximum or name not in _NOTHING_TO_SAY
    }
    rows: list[list[Text] | Text] = []
    for title, members in groups(found):
        rows.append(Text(title, "dim italic"))
        rows += [_latency_row(member.metric.title, member) for member in members]
    if (failed := calls.failed.get("latency")) is not None and failed.count:
        rows.append(Text("calls that failed: from the planned time to the failure", "dim italic"))
        rows.append(_latency_row("Failure", Distribution.of(METRICS["latency"], failed)))
    if calls.outcomes.get(Outcome.CANCELLED) and (left := calls.censored.get("latency")) is not None:
        rows.append(
            Text("calls without an end: from the planned time until the user left, or the run was over", "dim italic")
        )
        rows.append(_latency_row("Left", Distribution.of(METRICS["latency"], left)))
    if not rows:
        return
    columns = [Column("Times and sizes", right=False), *(Column(name, rank=rank) for name, rank in _LATENCY_COLUMNS)]
    yield from grid(columns, rows, width)
    if any("p99.9" not in member.supported for member in found.values()):
        yield Text("~ too few samples to rely on: p90 needs 64, p95 130, p99 662, p99.9 6,636", "dim")


def _latency_row(title: str, found: Distribution) -> list[Text]:
    name = Text("  " + title.removesuffix(" from send"))
    return [name, *(_latency_cell(found, column) for column, _ in _LATENCY_COLUMNS)]


_SLICE_FIGURES: Final[tuple[tuple[str, str, str, int], ...]] = (
    ("TTFT p50", "ttft", "p50", 4), ("TTFT p95", "ttft", "p95", 1), ("TTFT p99", "ttft", "p99", 6),
    ("gap p95", "itl", "p95", 5), ("latency p50", "latency", "p50", 2),
    ("p95", "latency", "p95", 0), ("p99", "latency", "p99", 3),
)  # fmt: skip


def slice_sections(summary: Summary, width: int) -> Iterator[Text]:
    """A table per dimension that has several values: class, target, model, phase, tags."""
    unmeasured = {info.name for info in summary.phases if not info.measure}
    shown_cuts: list[Collection[Collection[CellKey]]] = []
    for dimension, parts in slices(summary):
        cut = _cut(summary, dimension)
        if cut in shown_cuts:
            continue
        if shown_cuts:
            yield Text()
        shown_cuts.append(cut)
        columns = [
            Column(f"By {clean(dimension, 20)}", right=False), Column("calls"), Column("failed"),
            Column("goodput", rank=3), *(Column(title, rank=rank) for title, _, _, rank in _SLICE_FIGURES),
        ]  # fmt: skip
        shown = list(parts.items())[:MAX_ROWS]
        skip = unmeasured if dimension == "phase" else set()
        yield from grid(columns, [_slice_row(name, part, name in skip) for name, part in shown], width)
        yield from _more(len(parts) - len(shown), "rows")


def _cut(summary: Summary, dimension: str) -> Collection[Collection[CellKey]]:
    """How a dimension divides the calls: one that divides them as another did (each class with a model of its
    own) has nothing to add."""
    found: dict[str, set[CellKey]] = {}
    for key in summary.cells:
        found.setdefault(key.value(dimension), set()).add(key)
    return {frozenset(keys) for keys in found.values()}


def _slice_row(name: str, part: Slice, unmeasured: bool) -> list[Text]:
    found = distributions(part)
    title = _named(name)
    if unmeasured:
        title.append(" (not measured)", "dim")
    figures = [
        _latency_cell(found[metric], stat) if metric in found else _cell("-", "dim")
        for _, metric, stat, _ in _SLICE_FIGURES
    ]
    failed = _cell(units.format_share(part.error_rate), "red" if part.errors else "")
    within = _cell(units.format_share(part.goodput / part.calls) if part.calls else "-")
    return [title, _cell(f"{part.calls:,}"), failed, within, *figures]


def token_section(summary: Summary, width: int) -> Iterator[Text]:
    """Tokens, what they cost, and where their numbers come from."""
    view = whole_view(summary, ())
    calls, flow = view.slice, view.flow
    if not (calls.bytes_in or calls.bytes_out or calls.output_tokens):
        return
    seconds = flow.seconds or 1.0
    rows = [
        [_cell("input tokens"), _cell(f"{calls.input_tokens:,}"), _cell(f"{flow.input_tokens / seconds:,.1f}/s")],
        [_cell("output tokens"), _cell(f"{calls.output_tokens:,}"), _cell(f"{flow.output_tokens / seconds:,.1f}/s")],
    ]
    yield from grid((Column("Throughput", right=False), Column("total"), Column("rate")), rows, width)
    yield Text(f"sent {units.format_bytes(calls.bytes_out)}, received {units.format_bytes(calls.bytes_in)}", "dim")
    if sources := _sources(calls):
        yield Text(sources, "dim")
    pictured = calls.histogram("image_bytes")
    if pictured.count:
        sent = units.format_bytes(round(pictured.mean * pictured.count))
        yield Text(f"pictures: {sent} in {pictured.count:,} calls", "dim")
    if planned := _planned(calls):
        yield Text(planned, "dim")
    if calls.cost:
        yield Text(f"cost ${calls.cost:,.4g}; ${1000 * calls.cost / calls.calls:,.3g} per thousand calls")
    if calls.stalls:
        share, lost = units.format_share(calls.stalled_share), units.format_seconds(calls.stall_ns / NS)
        yield Text(f"{calls.stalls:,} stalls in {calls.stalled_calls:,} streams ({share}), {lost} in all", "yellow")


_WORTH_SAYING: Final = 0.02
"""Disagreement about the length of prompts below which nothing is said of it."""


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


def error_section(summary: Summary, width: int) -> Iterator[Text]:
    """What went wrong, most frequent first, with one example of each in the server's words."""
    if not summary.errors:
        return
    every = sorted(summary.errors.values(), key=lambda group: (-group.count, group.outcome, group.status, group.sample))
    calls = max(1, summary.select(measured=False).calls)
    columns = (
        Column("Errors", right=False), Column("calls"), Column("share"), Column("status", rank=1),
        Column("for example", right=False, least=20),
    )  # fmt: skip
    rows = [
        [
            _cell(group.outcome.value, "red"),
            _cell(f"{group.count:,}"),
            _cell(units.format_share(group.count / calls)),
            _cell(str(group.status or "-")),
            Text(clean(group.sample)),
        ]
        for group in every[:MAX_ROWS]
    ]
    yield from grid(columns, rows, width)
    yield from _more(len(every) - MAX_ROWS, "kinds of error")
    if any(not phase.measure for phase in summary.phases):
        yield Text("errors of unmeasured phases are among them", "dim")


def generator_section(summary: Summary, width: int) -> Iterator[Text]:
    """How the generator itself was doing."""
    workers = [summary.health[number] for number in sorted(summary.health)]
    lag = summary.select(measured=True).histogram("schedule_lag")
    facts: list[tuple[str, str]] = []
    if lag.count:
        facts.append(
            ("schedule lag", f"p50 {_us(lag.percentile(50))}, p99 {_us(lag.percentile(99))}, max {_us(lag.max)}")
        )
    facts += [(name, said) for name, tell in _HEALTH.items() if workers and (said := tell(workers))]
    if facts:
        rows = [[_cell(name), Text(said)] for name, said in facts]
        yield from grid((Column("Generator", right=False), Column("", right=False, least=30)), rows, width)


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

SECTIONS: Final[tuple[Section, ...]] = (
    load_section,
    latency_section,
    slice_sections,
    crossed_section,
    pair_section,
    token_section,
    error_section,
    generator_section,
)
"""In the order they are shown."""
