"""The slowest calls in reports: which they were, and by what ids the server knows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.text import Text

from llmload import units
from llmload.clock import NS
from llmload.metrics.slowest import SlowCall
from llmload.metrics.summary import Summary
from llmload.reports.grid import Column, grid
from llmload.safe import clean
from llmload.tracing import is_sampled, trace_id

__all__ = ["SlowRows", "slowest_figures", "slowest_rows", "slowest_section"]

_ROWS: Final = 6
"""Of all classes together, where room is short."""
_UNSAMPLED: Final = "*"
_REMARK: Final = f"{_UNSAMPLED} not sampled: sent without the flag that asks others to record the trace"


@dataclass(frozen=True, slots=True)
class SlowRows:
    """A table; the first column is never left out. ``remarks``: what to know of it. What others wrote is cleaned."""

    columns: tuple[Column, ...]
    rows: list[list[Text]]
    remarks: list[str]


def slowest_figures(summary: Summary) -> list[dict[str, Any]]:
    """As plain values in SI units, class by class."""
    return [
        {
            "class": call.cls,
            **{name: getattr(call, name) for name in ("target", "model", "phase", "index", "turn", "attempt")},
            "planned": call.planned / NS, "outcome": str(call.outcome), "status": call.status or None,
            "ttft": call.ttft / NS if call.ttft else None, "latency": call.latency / NS,
            "request_id": call.request_id, "trace_id": trace_id(call.trace), "sampled": is_sampled(call.trace),
        }
        for _, calls in sorted(summary.slowest.items())
        for call in calls
    ]  # fmt: skip


def slowest_rows(summary: Summary, most: int = _ROWS) -> SlowRows | None:
    """The slowest of each class, at most ``most`` in all, the class with the slowest first. None where no call has
    ended."""
    shown = _chosen(summary, most)
    if not shown:
        return None
    traced = any(call.trace for call in shown)
    named = any(call.request_id for call in shown)
    columns = (
        Column("Slowest calls", right=False, least=13), Column("latency"), Column("TTFT", rank=4), Column("at", rank=3),
        Column("outcome", right=False, rank=2), Column("target", right=False, rank=6),
        *[Column("request id", right=False, rank=5 if traced else 1)] * named,
        *[Column("trace id", right=False)] * traced,
    )  # fmt: skip
    marked = any(call.trace and not is_sampled(call.trace) for call in shown)
    return SlowRows(columns, [_row(call, named, traced) for call in shown], [_REMARK] * marked)


def _chosen(summary: Summary, most: int) -> list[SlowCall]:
    ranked = sorted(filter(None, summary.slowest.values()), reverse=True)[:most]
    return [call for calls in ranked for call in _first(calls, most // len(ranked))]


def _first(calls: Sequence[SlowCall], room: int) -> list[SlowCall]:
    """The first, one of them sampled if any is and there is room for more than one: whoever looks for a trace must find
    one."""
    shown = list(calls[:room])
    if room > 1 and not any(is_sampled(call.trace) for call in shown):
        shown[-1:] = next(([call] for call in calls[room:] if is_sampled(call.trace)), shown[-1:])
    return shown


def _row(call: SlowCall, named: bool, traced: bool) -> list[Text]:
    turn = f".{call.turn}" if call.turn else ""
    again = f" (attempt {call.attempt})" if call.attempt > 1 else ""
    mark = _UNSAMPLED if call.trace and not is_sampled(call.trace) else ""
    return [
        Text(f"{clean(call.cls, 28)} {call.index}{turn}{again}"),
        Text(_seconds(call.latency)),
        Text(_seconds(call.ttft)) if call.ttft else Text("-", "dim"),
        Text(_seconds(call.planned)),
        Text(str(call.outcome), "" if call.outcome.good else "red"),
        Text(clean(call.target, 28)),
        *[Text(clean(call.request_id, 40) or "-")] * named,
        *[Text(f"{clean(trace_id(call.trace), 32)}{mark}" or "-", "dim" if mark else "")] * traced,
    ]


def _seconds(ns: int) -> str:
    return units.format_seconds(ns / NS).replace(" ", "")


def slowest_section(summary: Summary, width: int) -> Iterator[Text]:
    """The table of the text report."""
    if found := slowest_rows(summary):
        yield from grid(found.columns, found.rows, width)
        yield from (Text(remark, "dim") for remark in found.remarks)
