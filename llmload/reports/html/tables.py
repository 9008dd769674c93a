"""The figures as tables: key figures, times, cuts, tokens, errors, the generator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from rich.text import Text

from llmload import units
from llmload.metrics.catalogue import METRICS, format_value
from llmload.metrics.summary import Slice, Summary
from llmload.reports.counters import said
from llmload.reports.crossed import GROUP_COLUMNS, TERM_COLUMNS, crossed
from llmload.reports.efficient import EFFICIENCY_COLUMNS, efficiency_rows
from llmload.reports.facts import cost_facts, generator_facts, stall_facts, token_facts
from llmload.reports.figures import Distribution, amounts, distinct_slices, distributions, groups
from llmload.reports.html.markup import Html, Node, element, table
from llmload.reports.observed import observed_tables
from llmload.reports.paired import PAIR_COLUMNS, pair_remarks, pair_rows
from llmload.reports.phases import PHASE_COLUMNS, phase_rows
from llmload.reports.ping import PING_COLUMNS, network_lines, ping_rows
from llmload.reports.precision import DEVIATION_COLUMNS, basis, deviation_cells
from llmload.reports.result import Result
from llmload.reports.slowed import SLOWDOWN_COLUMNS, slowdown_rows
from llmload.reports.slowest import slowest_rows
from llmload.reports.tables import MAX_ROWS
from llmload.verdict.view import whole_view

__all__ = ["DETAILS", "key_figures"]

_KEYS: Final = ("p50", "p95", "p99")
_STATS: Final = ("count", "min", "mean", "p50", "p90", "p95", "p99", "p99.9", "p99.99", "max")
_SLICE_FIGURES: Final = (
    ("TTFT p50", "ttft", "p50"), ("TTFT p95", "ttft", "p95"), ("TTFT p99", "ttft", "p99"), ("gap p95", "itl", "p95"),
    ("latency p50", "latency", "p50"), ("latency p95", "latency", "p95"), ("latency p99", "latency", "p99"),
)  # fmt: skip
_THIN: Final = "~: too few samples to rely on; p90 needs 64, p95 130, p99 662, p99.9 6,636"


def key_figures(summary: Summary) -> Html:
    """What one looks at first."""
    calls = whole_view(summary, ()).slice
    found = distributions(calls)
    rates = {row.name: row for row in amounts(summary)}
    good, sent = rates["goodput"], rates["completed"]
    facts: list[tuple[str, Node, str]] = [
        ("Calls", f"{calls.calls:,}", f"{units.format_rate(sent.rate)} completed"),
        ("Good", units.format_share(good.share), f"of planned; {units.format_rate(good.rate)}"),
        ("Failed", units.format_share(calls.error_rate), f"{calls.errors:,} calls"),
    ]
    for name in ("ttft", "itl", "latency"):
        if name in found:
            values = [_stat(found[name], stat) for stat in _KEYS]
            facts.append((f"{METRICS[name].title} {_KEYS[1]}", values[1], f"p50 {values[0]}, p99 {values[2]}"))
    tiles = (
        element("div", element("dt", title), element("dd", element("strong", value)), element("dd", more, class_="dim"))
        for title, value, more in facts
    )
    return element("section", element("h2", "Key figures"), element("dl", tiles, class_="keys"))


def _stat(found: Distribution, stat: str) -> str:
    plain = {"min": found.minimum, "mean": found.mean, "max": found.maximum}
    if stat == "count":
        return units.format_count(found.count)
    if stat in plain:
        return format_value(found.metric, plain[stat])
    value = format_value(found.metric, found.percentiles[stat])
    return value if stat in found.supported else f"~{value}"


def _load(result: Result) -> Iterator[Node]:
    rows = (
        (row.name, f"{row.count:,}", units.format_rate(row.rate), units.format_share(row.share))
        for row in amounts(result.summary)
    )
    yield table(("Load", "calls", "rate", "of planned"), rows, "What became of the planned load")
    attempts = result.summary.select(measured=True).attempts
    if attempts:
        kinds = ", ".join(f"{count:,} {outcome}" for outcome, count in attempts.items())
        yield element("p", f"{sum(attempts.values()):,} further attempts, after {kinds}")


def _times(result: Result) -> Iterator[Node]:
    found = distributions(whole_view(result.summary, ()).slice)
    for title, members in groups(found):
        rows = ((member.metric.title, *(_stat(member, stat) for stat in _STATS)) for member in members)
        yield table(("Metric", *_STATS), rows, title[:1].upper() + title[1:])
    if found:
        yield element("p", _THIN, class_="dim")


def _cuts(result: Result) -> Iterator[Node]:
    unmeasured = {info.name for info in result.summary.phases if not info.measure}
    measured = distributions(whole_view(result.summary, ()).slice)
    times = [row for row in _SLICE_FIGURES if row[1] in measured]
    columns = ("calls", "failed", "good", *(title for title, _, _ in times))
    for dimension, parts in distinct_slices(result.summary):
        skip = unmeasured if dimension == "phase" else set()
        shown = list(parts.items())[:MAX_ROWS]
        rows = [_cut(f"{name} (not measured)" if name in skip else name, part, times) for name, part in shown]
        yield table((dimension, *columns), rows, f"By {dimension[:40]}")
        if left := len(parts) - len(shown):
            yield element("p", f"and {left:,} more", class_="dim")


def _cut(name: str, part: Slice, times: Sequence[tuple[str, str, str]]) -> tuple[Node, ...]:
    found = distributions(part)
    cells = (_stat(found[metric], stat) if metric in found else "-" for _, metric, stat in times)
    good = units.format_share(part.goodput / part.calls) if part.calls else "-"
    failed: Node = units.format_share(part.error_rate)
    return name or "(none)", f"{part.calls:,}", element("b", failed) if part.errors else failed, good, *cells


def _phases(result: Result) -> Iterator[Node]:
    found = phase_rows(result.summary)
    if found is None:
        return
    title, rows, left = found
    yield table(("phase", *(column.title for column in PHASE_COLUMNS)), map(_plain, rows), title)
    if left > 0:
        yield element("p", f"and {left:,} more phases", class_="dim")


def _slowdown(result: Result) -> Iterator[Node]:
    if found := slowdown_rows(result.summary):
        rows, remarks = found
        columns = ("Service", *(column.title for column in SLOWDOWN_COLUMNS[1:]))
        yield table(columns, map(_plain, rows), "How much slower each service is beside others than alone")
        yield from (element("p", remark, class_="dim") for remark in remarks)


def _efficiency(result: Result) -> Iterator[Node]:
    if found := efficiency_rows(result.summary):
        rows, left = found
        columns = ("Phase", *(column.title for column in EFFICIENCY_COLUMNS[1:]))
        yield table(columns, map(_plain, rows), "What the target made of what it used")
        if left:
            yield element("p", f"and {left:,} more phases", class_="dim")


def _pairs(result: Result) -> Iterator[Node]:
    columns = ("Metric", *(column.title for column in PAIR_COLUMNS[1:]))
    for title, rows in pair_rows(result.summary):
        yield table(columns, map(_plain, rows), f"Paired differences: {title}")
    yield from (element("p", remark) for remark in pair_remarks(result.summary))


def _crossed(result: Result) -> Iterator[Node]:
    found = crossed(result.summary)
    if found is None:
        return
    if found.terms:
        yield table([column.title for column in TERM_COLUMNS], map(_plain, found.terms), "What explains latency")
    yield from (element("p", remark, class_="dim") for remark in found.remarks)
    columns = [column.title for column in GROUP_COLUMNS[1:]]
    for title, rows in found.groups:
        yield table((title, *columns), map(_plain, rows), title)
    if found.left > 0:
        yield element("p", f"and {found.left:,} more, which are in the JSON document", class_="dim")


def _plain(row: Sequence[Text]) -> list[str]:
    return [cell.plain for cell in row]


def _tokens(result: Result) -> Iterator[Node]:
    calls, flow = (view := whole_view(result.summary, ())).slice, view.flow
    if not (calls.bytes_in or calls.bytes_out or calls.output_tokens):
        return
    seconds = flow.seconds or 1.0
    rows = (
        ("input tokens", f"{calls.input_tokens:,}", f"{flow.input_tokens / seconds:,.1f}/s"),
        ("output tokens", f"{calls.output_tokens:,}", f"{flow.output_tokens / seconds:,.1f}/s"),
    )
    yield table(("Tokens", "total", "rate"), rows, "Tokens")
    counted = said(result.counters, result.summary)
    for fact in chain(token_facts(calls), counted, cost_facts(calls), stall_facts(calls)):
        yield element("p", fact, class_="dim")


def _errors(result: Result) -> Iterator[Node]:
    summary = result.summary
    every = sorted(summary.errors.values(), key=lambda group: (-group.count, group.outcome, group.status, group.sample))
    if not every:
        return
    calls = max(1, summary.select(measured=False).calls)
    rows = [
        (
            group.outcome.value, str(group.status or "-"), group.sample, f"{group.count:,}",
            units.format_share(group.count / calls), f"{group.first_at:,.0f}–{group.last_at:,.0f} s",
        )
        for group in every[:MAX_ROWS]
    ]  # fmt: skip
    columns = ("outcome", "status", "for example", "calls", "share", "seen")
    yield table(columns, rows, "Errors, the most frequent first, in the server's words", texts=3)
    if left := len(every) - len(rows):
        yield element("p", f"and {left:,} more kinds of error", class_="dim")


def _slowest(result: Result) -> Iterator[Node]:
    found = slowest_rows(result.summary, MAX_ROWS)
    if found is None:
        return
    columns = [column.title for column in found.columns]
    yield table(columns, map(_plain, found.rows), "The slowest calls of each class, from the planned time", texts=2)
    yield from (element("p", remark, class_="dim") for remark in found.remarks)


def _target(result: Result) -> Iterator[Node]:
    for each in observed_tables(result.summary):
        if each.rows:
            columns = ("Figure", *(column.title for column in each.columns))
            yield table(columns, map(_plain, each.rows), each.title)
        yield from (element("p", text, class_="dim" if style == "dim" else None) for text, style in each.remarks)


def _network(result: Result) -> Iterator[Node]:
    yield from (element("p", line) for line in network_lines(result.ping, result.summary))
    columns = ("Step", *(column.title for column in PING_COLUMNS))
    for name, pinged in list(result.ping.items())[:MAX_ROWS]:
        for when, ping in (("before the load", pinged.before), ("after the load", pinged.after)):
            if ping is not None and ping.steps:
                yield table(columns, map(_plain, ping_rows(ping)), f"The way to {name[:40]}, {when}")


def _generator(result: Result) -> Iterator[Node]:
    if facts := generator_facts(result.summary):
        yield table(("Generator", "figure"), facts, "How the generator itself was doing", texts=2)


def _error_bar(result: Result) -> Iterator[Node]:
    bar = result.error_bar
    if bar is None:
        return
    if not bar.disturbed:
        columns = ("Error bar", *(column.title for column in DEVIATION_COLUMNS))
        rows = [
            (METRICS[name].title, *(cell.plain for cell in deviation_cells(each))) for name, each in bar.metrics.items()
        ]
        yield table(columns, rows, "How exact the times are")
    yield element("p", basis(bar), class_="dim")


DETAILS: Final[Mapping[str, Callable[[Result], Iterator[Node]]]] = {
    "Load": _load,
    "Times and sizes": _times,
    "Compared": _cuts,
    "Phases": _phases,
    "Services beside each other": _slowdown,
    "Pairs": _pairs,
    "Crossed": _crossed,
    "Errors": _errors,
    "Slowest calls": _slowest,
    "Tokens and cost": _tokens,
    "The target": _target,
    "The network": _network,
    "Efficiency": _efficiency,
    "The generator": _generator,
    "Precision": _error_bar,
}
"""By heading, in their order; one that yields nothing is left out."""
