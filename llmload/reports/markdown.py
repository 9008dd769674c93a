"""The report as Markdown, for a comment on a pull request: short, the answer first, and safe to post.

Text that others wrote is data here, too: it can't become a heading, a link, HTML, a mention or another cell of a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from llmload import units
from llmload.analysis.insights import Gravity
from llmload.metrics.catalogue import METRICS, format_value
from llmload.metrics.slices import Slice
from llmload.reports.efficient import EFFICIENCY_COLUMNS, efficiency_rows
from llmload.reports.figures import Distribution, amounts, distinct_slices, distributions
from llmload.reports.judged import interval_of, margin_of, observed_of, ordered, remedied, score
from llmload.reports.markdown_text import code, prose, table
from llmload.reports.observed import observed_tables
from llmload.reports.ping import network_lines
from llmload.reports.result import Result
from llmload.reports.slowed import SLOWDOWN_COLUMNS, slowdown_rows
from llmload.reports.slowest import slowest_rows
from llmload.verdict.judge import Judgement
from llmload.verdict.service_level import Light
from llmload.verdict.validity import Level
from llmload.verdict.view import whole_view

__all__ = ["LIMIT", "render"]

LIMIT: Final = 60_000
"""Characters: GitHub takes comments of up to 65,536."""
_ROWS: Final = 20
_DIMENSIONS: Final = 6
_LIGHTS: Final = {Light.GOOD: "🟢", Light.WARNING: "🟡", Light.CRITICAL: "🔴", Light.UNKNOWN: "⚪"}
_GRAVITIES: Final = {Gravity.GOOD: "🟢", Gravity.NOTE: "🔵", Gravity.WARNING: "🟡", Gravity.CRITICAL: "🔴"}
_STATS: Final = ("count", "mean", "p50", "p90", "p95", "p99", "max")
_TIMES: Final = (
    "ttft", "ttfo", "latency", "ttft_send", "latency_send", "itl", "tpot", "tokens_per_second", "schedule_lag",
)  # fmt: skip
"""The metrics that a comment has room for."""
_SLICE_FIGURES: Final = (("ttft", "p50"), ("ttft", "p95"), ("latency", "p50"), ("latency", "p95"))


def render(result: Result) -> bytes:
    """At most ``LIMIT`` characters: sections that go beyond it are left out, the last ones first, and it says so."""
    whole, left_out = "", 0
    for section in (
        _verdict,
        _objectives,
        _insights,
        _trust,
        _load,
        _times,
        _slowdown,
        _target,
        _network,
        _cuts,
        _errors,
        _slowest,
        _footer,
    ):
        text = "".join(f"{line}\n" for line in section(result))
        if not text:
            continue
        if left_out or len(whole) + len(text) > LIMIT:
            left_out += 1
        else:
            whole += f"{text}\n"
    if left_out:
        whole += f"*{units.counted(left_out, 'section')} left out: too long for a comment.*\n"
    return f"{whole.rstrip()}\n".encode()


def _verdict(result: Result) -> Iterator[str]:
    light = result.standing.light
    yield f"## {_LIGHTS[light]} {result.verdict.decision}: {prose(result.scenario.name, 60)}"
    yield ""
    yield f"**{score(result.judgements)}; the figures are {result.validity.level}; traffic light {light}.**"
    if result.last_heard:
        yield ""
        yield f"This run did not end; it was last heard of at {prose(result.last_heard, 40)}."
    if stopped := result.interrupted or result.aborted:
        how = "Interrupted" if result.interrupted else "Aborted"
        yield ""
        yield f"{how} after {units.format_seconds(result.summary.elapsed)}: {prose(stopped)}"
    yield from _reasons(result)


def _reasons(result: Result) -> Iterator[str]:
    stands = result.standing
    if stands.reasons or stands.check:
        yield ""
    yield from (f"- {prose(reason)}" for reason in stands.reasons)
    yield from (f"- check: {prose(each)}" for each in stands.check)


def _objectives(result: Result) -> Iterator[str]:
    if not result.judgements:
        return
    rows = ordered(result.judgements)
    columns = ("", "Objective", "observed", "95 % interval", "margin")
    yield from table(columns, map(_objective, rows[:_ROWS]), texts=2)
    yield from _more(len(rows) - _ROWS, "objective")
    if noted := [judgement for judgement in rows[:_ROWS] if judgement.note not in ("", "no data")]:
        yield ""
        yield from (f"- {code(each.objective.rule)}: {prose(each.note)}" for each in noted)


def _objective(judgement: Judgement) -> tuple[str, ...]:
    return (
        "–" if judgement.skipped else "\\~" if judgement.unproven else "✅" if judgement.passed else "❌",
        code(str(judgement.objective), 120),
        prose(observed_of(judgement)),
        prose(interval_of(judgement)),
        prose(margin_of(judgement)),
    )


def _more(left: int, what: str) -> Iterator[str]:
    if left > 0:
        yield f"and {left:,} more {what}{'' if left == 1 else 's'}"


def _insights(result: Result) -> Iterator[str]:
    if not result.insights:
        return
    yield "### What stands out"
    yield ""
    for insight in result.insights[:_ROWS]:
        yield f"- {_GRAVITIES[insight.level]} **{insight.level}**: {prose(insight.text)}"
        yield from (f"  - {prose(line)}" for line in (*insight.evidence, insight.advice) if line)
    yield from _more(len(result.insights) - _ROWS, "insight")


def _trust(result: Result) -> Iterator[str]:
    if result.validity.level is Level.VALID and not result.validity.reasons:
        return
    yield f"### Can the figures be trusted? {result.validity.level}"
    yield ""
    for reason, remedy in remedied(result.validity.reasons[:_ROWS]):
        helps = f" ({prose(remedy)})" if remedy else ""
        yield f"- {reason.level}: {prose(reason.text)}{helps}"


def _load(result: Result) -> Iterator[str]:
    rows = (
        (row.name, f"{row.count:,}", units.format_rate(row.rate), units.format_share(row.share))
        for row in amounts(result.summary)
    )
    yield from table(("Load", "calls", "rate", "of planned"), rows)


def _times(result: Result) -> Iterator[str]:
    found = distributions(whole_view(result.summary, ()).slice)
    rows = [(METRICS[name].title, *(_stat(found[name], stat) for stat in _STATS)) for name in _TIMES if name in found]
    if rows:
        yield from table(("Latency", *_STATS), rows)
        yield ""
        yield "\\~: too few samples to rely on"


def _stat(found: Distribution, stat: str) -> str:
    if stat == "count":
        return units.format_count(found.count)
    plain = {"mean": found.mean, "max": found.maximum}
    if stat in plain:
        return format_value(found.metric, plain[stat])
    value = format_value(found.metric, found.percentiles[stat])
    return value if stat in found.supported else f"\\~{value}"


def _slowdown(result: Result) -> Iterator[str]:
    if found := slowdown_rows(result.summary):
        rows, remarks = found
        yield from table([column.title for column in SLOWDOWN_COLUMNS], map(_cells, rows))
        yield ""
        yield from (f"- {prose(remark)}" for remark in remarks)


def _efficiency(result: Result) -> Iterator[str]:
    if found := efficiency_rows(result.summary):
        rows, left = found
        yield from table([column.title for column in EFFICIENCY_COLUMNS], map(_cells, rows))
        yield from _more(left, "phase")


def _target(result: Result) -> Iterator[str]:
    for number, each in enumerate(list(observed_tables(result.summary))[:_DIMENSIONS]):
        if number:
            yield ""
        if each.rows:
            columns = (prose(each.title, 80), *(column.title for column in each.columns))
            yield from table(columns, map(_cells, each.rows[:_ROWS]))
            yield from _more(len(each.rows) - _ROWS, "figure")
            yield ""
        yield from (f"- {prose(remark)}" for remark, _ in each.remarks[:_ROWS])


def _network(result: Result) -> Iterator[str]:
    yield from (f"- {prose(line)}" for line in network_lines(result.ping, result.summary))


def _cells(row: Sequence[Text]) -> list[str]:
    return [prose(cell.plain, 60) for cell in row]


def _cuts(result: Result) -> Iterator[str]:
    titles = (f"{METRICS[metric].title} {stat}" for metric, stat in _SLICE_FIGURES)
    columns = ("calls", "failed", "good", *titles)
    cuts = list(distinct_slices(result.summary))
    unmeasured = {phase.name for phase in result.summary.phases if not phase.measure}
    if not cuts:
        return
    yield "<details><summary>Slices</summary>"
    for dimension, parts in cuts[:_DIMENSIONS]:
        yield ""
        skip = unmeasured if dimension == "phase" else frozenset()
        rows = (_cut(name, part, name in skip) for name, part in list(parts.items())[:_ROWS])
        yield from table((code(dimension, 40), *columns), rows)
        yield from _more(len(parts) - _ROWS, "row")
    yield from _more(len(cuts) - _DIMENSIONS, "table")
    yield ""
    yield "</details>"


def _cut(name: str, part: Slice, skipped: bool) -> tuple[str, ...]:
    found = distributions(part)
    times: Sequence[str] = [_stat(found[metric], stat) if metric in found else "-" for metric, stat in _SLICE_FIGURES]
    good = units.format_share(part.goodput / part.calls) if part.calls else "-"
    title = (code(name, 40) or "(none)") + " (not measured)" * skipped
    return title, f"{part.calls:,}", units.format_share(part.error_rate), good, *times


def _errors(result: Result) -> Iterator[str]:
    every = sorted(
        result.summary.errors.values(), key=lambda group: (-group.count, group.outcome, group.status, group.sample)
    )
    if not every:
        return
    rows = (
        (group.outcome.value, code(group.sample, 120), str(group.status or "-"), f"{group.count:,}")
        for group in every[:_ROWS]
    )
    yield "<details><summary>Errors</summary>"
    yield ""
    yield from table(("Errors", "for example", "status", "calls"), rows, texts=2)
    yield from _more(len(every) - _ROWS, "kind")
    yield ""
    yield "</details>"


def _slowest(result: Result) -> Iterator[str]:
    found = slowest_rows(result.summary)
    if found is None:
        return
    yield "<details><summary>Slowest calls</summary>"
    yield ""
    kinds = [prose if column.right else code for column in found.columns]
    rows = ([said(cell.plain, 60) for said, cell in zip(kinds, row, strict=True)] for row in found.rows)
    yield from table([column.title for column in found.columns], rows, texts=len(kinds))
    yield from (f"\n{prose(remark)}" for remark in found.remarks)
    yield ""
    yield "</details>"


def _footer(result: Result) -> Iterator[str]:
    yield from (f"- note: {prose(note)}" for note in result.notes[:_ROWS])
    parts = (
        f"llmload {prose(result.version, 40)}",
        prose(result.started, 40),
        f"{units.format_seconds(result.load.duration)} of load" if result.load.duration else "",
        f"{result.workers} worker{'s' * (result.workers != 1)}",
        f"environment {prose(result.scenario.environment, 30)}" if result.scenario.environment else "",
        "demonstration size" if result.scenario.demo else "",
    )
    yield ""
    yield f"<sub>{' · '.join(filter(None, parts))}</sub>"


_SECTIONS: Final = (
    _verdict, _objectives, _insights, _trust, _load, _times, _slowdown, _target, _efficiency, _cuts, _errors, _slowest,
    _footer,
)  # fmt: skip
"""In the order in which they are shown, and kept where there isn't room for all."""
