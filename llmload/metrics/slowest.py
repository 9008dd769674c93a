"""The slowest calls themselves: what a percentile can't say is which calls they were, and where to look for them.

Of each class the ``MOST`` calls with the longest time from planned to the end, of measured phases, whatever their
outcome: a call that was given up on belongs to them. Where only a share of the traces is sampled, the slowest of those
have places among them, as they are the ones that are found elsewhere. Which calls these are depends on nothing but the
calls, so lists of parts of a run add up exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from heapq import heappush, heappushpop, nlargest
from typing import Any, Final, Self

from llmload.metrics.reading import Reading
from llmload.records import Outcome
from llmload.tracing import is_sampled

__all__ = ["MOST", "SAMPLED", "Ranking", "SlowCall", "Slowest", "merge_slowest"]

MOST: Final = 10
"""Calls kept of a class."""
SAMPLED: Final = 3
"""Of them, places for sampled ones, however slow others were."""


@dataclass(frozen=True, slots=True, order=True)
class SlowCall:
    """One call. Times are ns, ``planned`` from the start of the run; ``ttft`` is 0 where no content came.

    ``latency``: from planned to the last content of a good stream, and to the end of any other call. ``request_id``:
    what the server calls it, "" where it doesn't say; ``trace``: the traceparent it was sent with, "" without.
    In the order of the fields: the slowest is the largest.
    """

    latency: int
    planned: int
    index: int
    turn: int
    attempt: int
    cls: str
    target: str
    model: str
    phase: str
    outcome: Outcome
    status: int
    ttft: int
    request_id: str
    trace: str

    @classmethod
    def of(cls, reading: Reading, start: int) -> Self:
        """What is kept of a call of a run that began at monotonic ns ``start``."""
        record = reading.record
        call = record.call
        return cls(
            reading.finish - record.planned, record.planned - start, call.index, call.turn, record.attempt, call.cls,
            call.target, call.model, record.phase, record.outcome, record.status,
            reading.first - record.planned if reading.first else 0, record.request_id, record.trace,
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Every field but the class, which names the list that it stands in."""
        return {name: value for name, value in asdict(self).items() if name != "cls"} | {"outcome": str(self.outcome)}

    @classmethod
    def from_json(cls, name: str, data: Mapping[str, Any]) -> Self:
        """The inverse of ``to_json``, of class ``name``; KeyError, TypeError or ValueError on anything else."""
        known = {field.name: data[field.name] for field in fields(cls) if field.name != "cls"}
        return cls(**known | {"cls": name, "outcome": Outcome(data["outcome"])})


Slowest = dict[str, list[SlowCall]]
"""Class -> its slowest calls, the slowest first."""


class Ranking:
    """Finds the slowest calls as calls end. It never forgets how slow a call must be to be among them."""

    def __init__(self, start: int, unmeasured: frozenset[str]) -> None:
        self._start = start
        self._unmeasured = unmeasured
        self._heaps: dict[str, tuple[list[SlowCall], list[SlowCall]]] = {}
        """By class: the slowest so far, and the slowest of the sampled ones."""
        self._fresh: list[SlowCall] = []

    def add(self, reading: Reading) -> None:
        """A call is over; one that was never begun has nothing to show."""
        record = reading.record
        if not record.dispatched or record.phase in self._unmeasured:
            return
        heaps = self._heaps.get(record.call.cls)
        if heaps is None:
            heaps = self._heaps[record.call.cls] = ([], [])
        every, sampled = heaps
        latency = reading.finish - record.planned
        slow = len(every) < MOST or latency >= every[0].latency
        traced = is_sampled(record.trace) and (len(sampled) < SAMPLED or latency >= sampled[0].latency)
        if not slow and not traced:
            return
        call = SlowCall.of(reading, self._start)
        entered = [slow and _enters(every, MOST, call), traced and _enters(sampled, SAMPLED, call)]
        if any(entered):
            self._fresh.append(call)

    def take(self) -> Slowest:
        """Those that were found since the last take."""
        fresh, self._fresh = self._fresh, []
        found: Slowest = {}
        for call in fresh:
            found.setdefault(call.cls, []).append(call)
        return {cls: _kept(calls) for cls, calls in found.items()}


def _enters(heap: list[SlowCall], most: int, call: SlowCall) -> bool:
    """Whether ``call`` is among the ``most`` slowest, where it then is."""
    if len(heap) < most:
        heappush(heap, call)
        return True
    return heappushpop(heap, call) is not call


def _kept(calls: Sequence[SlowCall]) -> list[SlowCall]:
    """The ``SAMPLED`` slowest sampled ones and, up to ``MOST`` in all, the slowest of the others.

    Parts add up: who is among the slowest sampled ones of the whole is so in its part. Who is one of the others that
    are kept has fewer than so many slower ones that are not sampled first, and in its part no more than that.
    """
    sampled = nlargest(SAMPLED, (call for call in calls if is_sampled(call.trace)))
    rest = nlargest(MOST - len(sampled), (call for call in calls if call not in sampled))
    return sorted([*sampled, *rest], reverse=True)


def merge_slowest(slowest: Slowest, others: Mapping[str, Iterable[SlowCall]]) -> None:
    """Add what another part of the run has found; any order and any grouping gives the same."""
    for cls, calls in others.items():
        slowest[cls] = _kept([*slowest.get(cls, ()), *calls])
