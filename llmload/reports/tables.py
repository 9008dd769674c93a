"""The tables of the text report: load, latencies, slices, tokens, errors, the generator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from rich.text import Text

from llmload import units
from llmload.metrics.catalogue import METRICS, Metric, Unit, format_value, scale
from llmload.metrics.summary import Slice, Summary
from llmload.records import Outcome
from llmload.reports.crossed import crossed_section
from llmload.reports.efficient import efficiency_section
from llmload.reports.facts import cost_facts, generator_facts, stall_facts, token_facts
from llmload.reports.figures import Distribution, amounts, distinct_slices, distributions, groups
from llmload.reports.grid import Column, grid
from llmload.reports.observed import observed_section
from llmload.reports.paired import pair_section
from llmload.reports.phases import phase_section
from llmload.reports.slowed import slowdown_section
from llmload.reports.slowest import slowest_section
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
    for n, (dimension, parts) in enumerate(distinct_slices(summary)):
        if n:
            yield Text()
        columns = [
            Column(f"By {clean(dimension, 20)}", right=False), Column("calls"), Column("failed"),
            Column("goodput", rank=3), *(Column(title, rank=rank) for title, _, _, rank in _SLICE_FIGURES),
        ]  # fmt: skip
        shown = list(parts.items())[:MAX_ROWS]
        skip = unmeasured if dimension == "phase" else set()
        yield from grid(columns, [_slice_row(name, part, name in skip) for name, part in shown], width)
        yield from _more(len(parts) - len(shown), "rows")


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
    yield from (Text(fact, "dim") for fact in token_facts(calls))
    yield from (Text(fact) for fact in cost_facts(calls))
    yield from (Text(fact, "yellow") for fact in stall_facts(calls))


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
    facts = generator_facts(summary)
    if facts:
        rows = [[_cell(name), Text(said)] for name, said in facts]
        yield from grid((Column("Generator", right=False), Column("", right=False, least=30)), rows, width)


SECTIONS: Final[tuple[Section, ...]] = (
    load_section,
    latency_section,
    slice_sections,
    crossed_section,
    phase_section,
    slowdown_section,
    pair_section,
    token_section,
    error_section,
    slowest_section,
    observed_section,
    efficiency_section,
    generator_section,
)
"""In the order they are shown."""
