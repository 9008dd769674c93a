"""Calls as they were measured, held against what the simulator wrote down of them. Pure.

Both sides use one clock. The truth of a call begins when the simulator has read the request and ends when it hands
over the bytes; what it is said to have taken begins at the planned time and ends when the bytes were read. So what is
found to be late holds the way there and back through the loopback, and everything the generator adds.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from llmload.clock import NS
from llmload.metrics.precision import Deviation
from llmload.metrics.reading import Reading
from llmload.records import Record

__all__ = ["Comparison", "Deviations", "compare", "deviation", "pair"]

_PARTS: Final = 3
"""A stretch is cut into so many, and the median of what they say is taken: one hiccup is not the rule."""
_FEW: Final = 100
"""Values from which a part can say something about p99."""

_Ints = NDArray[np.int64]
Truth = Mapping[str, Any]
"""A line of the truth log."""


@dataclass(frozen=True, slots=True)
class Deviations:
    """One metric, value by value, in ns: when it became known (``at``), what was ``said``, what was ``true``."""

    at: _Ints
    said: _Ints
    true: _Ints

    def within(self, start: int, end: int) -> Deviations:
        """Those that became known in [start, end)."""
        inside = (self.at >= start) & (self.at < end)
        return Deviations(self.at[inside], self.said[inside], self.true[inside])


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every call of a run beside its truth. ``sent`` and ``read``: when calls were sent and content chunks read, ns.

    ``unmatched``: good calls without a truth of the same size.
    """

    sent: _Ints
    read: _Ints
    metrics: Mapping[str, Deviations]
    unmatched: int = 0


def pair(records: Iterable[Record], truths: Iterable[Truth]) -> tuple[list[tuple[Record, Truth]], int]:
    """Good calls with their truth, and how many of them have none.

    Calls carry no mark that the server could log: they are told apart by the tokens of prompt and answer, which differ
    from call to call, and equal ones by their time: a request is received after it was sent, and before its answer.
    """
    waiting: dict[tuple[int, int], deque[Truth]] = defaultdict(deque)
    for truth in sorted(truths, key=lambda truth: int(truth["received"])):
        waiting[truth["prompt_tokens"], truth["tokens"]].append(truth)
    pairs: list[tuple[Record, Truth]] = []
    unmatched = 0
    for record in sorted((record for record in records if record.outcome.good), key=lambda record: record.sent):
        usage = record.answer.usage
        alike = waiting[usage.input or 0, usage.output or 0] if usage is not None else deque()
        while alike and alike[0]["received"] < record.sent:
            alike.popleft()
        if alike and alike[0]["received"] < record.end and len(alike[0]["content"]) == len(record.answer.stamps):
            pairs.append((record, alike.popleft()))
        else:
            unmatched += 1
    return pairs, unmatched


def compare(records: Sequence[Record], truths: Iterable[Truth]) -> Comparison:
    """TTFT, chunk gaps and latency of every good call, as said and as they truly were."""
    pairs, unmatched = pair(records, truths)
    found: dict[str, list[tuple[_Ints, _Ints, _Ints]]] = defaultdict(list)
    for record, truth in pairs:
        stamps, content = np.array(record.answer.stamps, np.int64), np.array(truth["content"], np.int64)
        received, finish = int(truth["received"]), Reading(record, {}).finish
        if len(stamps):
            found["ttft"].append((stamps[:1], stamps[:1] - record.planned, content[:1] - received))
            found["itl"].append((stamps[1:], np.diff(stamps), np.diff(content)))
        over = int(content[-1]) if len(content) else _body(truth)
        found["latency"].append((_ints(finish), _ints(finish - record.planned), _ints(over - received)))
    return Comparison(
        sent=np.array([record.sent for record in records if record.sent], np.int64),
        read=np.concatenate([np.zeros(0, np.int64), *(np.array(r.answer.stamps, np.int64) for r in records)]),
        metrics={name: Deviations(*map(np.concatenate, zip(*parts, strict=True))) for name, parts in found.items()},
        unmatched=unmatched,
    )


def _ints(value: int) -> _Ints:
    return np.array([value], np.int64)


def _body(truth: Truth) -> int:
    """When an answer in one piece was handed over."""
    return next((int(at) for what, at in truth["other"] if what == "body"), int(truth["end"]))


def deviation(values: Deviations, start: int, end: int) -> Deviation | None:
    """How far the values of [start, end) were from the truth: figure by figure the median of the parts of that
    stretch, or of the whole where there are too few for parts. None without values."""
    inside = values.within(start, end)
    if not len(inside.at):
        return None
    edges = np.linspace(start, end, _PARTS + 1).astype(np.int64)
    parts = [inside.within(int(first), int(last)) for first, last in pairwise(edges)]
    if min(len(part.at) for part in parts) < _FEW:
        return _figures(inside)
    figures = [_figures(part) for part in parts]
    names = [each.name for each in fields(Deviation)]
    return Deviation(**{name: float(np.median([getattr(part, name) for part in figures])) for name in names})


def _figures(values: Deviations) -> Deviation:
    away = (values.said - values.true) / NS
    size = np.abs(away)

    def at(p: float, of: NDArray[Any]) -> float:
        return float(np.percentile(of, p, method="higher"))

    return Deviation(
        bias=float(away.mean()),
        p50=at(50, size),
        p99=at(99, size),
        shift_p50=(at(50, values.said) - at(50, values.true)) / NS,
        shift_p99=(at(99, values.said) - at(99, values.true)) / NS,
    )
