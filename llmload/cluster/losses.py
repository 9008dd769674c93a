"""What a worker that is gone leaves behind: which of its calls never ended, and which were never sent.

The parent hears of every call twice: when it is due (its time), and when it is over (its Record). Calls are numbered in
the order in which they fall due: the k-th of shard i of n is number i + k * n. So the parent knows, without being told,
which calls of a lost worker were under way, and from the schedule how many more were to come.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from llmload.clock import NS
from llmload.engine.run import due
from llmload.records import Origin, Outcome, Record
from llmload.scenario.plan import Phase, Plan
from llmload.workload.workload import Workload

__all__ = ["Ledger", "Loss", "lost_calls", "never_sent"]

_TRIM: Final = 4096
"""Ended calls at the front that are kept before the list is shortened."""


class Ledger:
    """The calls of one shard that have fallen due and are not over. Holds no more than lies between the oldest of
    them and the newest call: 8 bytes each."""

    def __init__(self, shard: int, of: int) -> None:
        self._shard = shard
        self._of = of
        self._times: array[int] = array("q")
        """When each call was planned, from number ``_first`` of the shard on; 0: it is over."""
        self._turns: dict[tuple[int, int], int] = {}
        """When each later turn of a session was planned that is not over, by number of its arrival and turn."""
        self._first = 0
        self._ended = 0
        """So many at the front are over."""

    @property
    def fallen_due(self) -> int:
        """Calls that were due so far, over or not."""
        return self._first + len(self._times)

    def planned(self, times: Iterable[int]) -> None:
        """The next calls have fallen due at these monotonic ns."""
        self._times.extend(times)

    def later(self, turns: Iterable[tuple[int, int, int]]) -> None:
        """Later turns of sessions have fallen due: number of the arrival, turn, monotonic ns."""
        for index, turn, time in turns:
            self._turns[index, turn] = time

    def over(self, calls: Iterable[tuple[int, int]]) -> None:
        """These calls, by their numbers in the whole schedule and their turns, have their Records."""
        times, first, shard, of = self._times, self._first, self._shard, self._of
        for index, turn in calls:
            if turn:
                del self._turns[index, turn]
                continue
            times[(index - shard) // of - first] = 0
        ended = self._ended
        while ended < len(times) and not times[ended]:
            ended += 1
        if ended > _TRIM:
            del times[:ended]
            self._first, ended = first + ended, 0
        self._ended = ended

    def open(self) -> Iterator[tuple[int, int, int]]:
        """Number in the whole schedule, turn, and planned monotonic ns, of each call that is not over."""
        for place, time in enumerate(self._times, self._first):
            if time:
                yield self._shard + place * self._of, 0, time
        for (index, turn), time in self._turns.items():
            yield index, turn, time


@dataclass(frozen=True, slots=True)
class Loss:
    """What is missing of one worker.

    ``seconds``: of the schedule, when it was last heard of. ``due``: calls that its whole shard had, ``unsent`` of them
    not sent; both 0 in the closed model, where answers decide. ``unfinished``: calls under way, or waiting under a cap.
    """

    seconds: float = 0.0
    unfinished: int = 0
    unsent: int = 0
    due: int = 0


def never_sent(plan: Plan, ledger: Ledger, shard: int, of: int) -> tuple[int, int]:
    """(calls that were still to come, calls there are in all) of a shard; (0, 0) in the closed model."""
    if plan.load.model == "closed":
        return 0, 0
    whole = due(plan, shard, of)
    return whole - ledger.fallen_due, whole


def lost_calls(plan: Plan, ledger: Ledger, start: int, end: int, worker: int, why: str) -> Iterator[Record]:
    """A Record for each call that was under way when its worker was lost: ``unfinished`` at monotonic ns ``end``.

    Nothing is known of them but what was planned; so they count, and no time of theirs is taken for a measured one.
    """
    workload = Workload(plan.classes, plan.seeds.mix, plan.seeds.prompts)
    origin = Origin.USER if plan.load.model == "closed" else Origin.SCHEDULE
    for index, turn, planned in ledger.open():
        phase = _phase_at(plan, planned - start)
        weights = phase.weights_at((planned - start) / NS)
        call = replace(workload.call(index, weights, phase.values), turn=turn)
        record = Record(call, planned, phase.name, Origin.SESSION if turn else origin)
        record.worker = worker
        record.outcome, record.detail, record.end = Outcome.UNFINISHED, f"lost with its worker: {why}", end
        yield record


def _phase_at(plan: Plan, offset: int) -> Phase:
    return next((phase for phase in plan.phases if offset < round(phase.end * NS)), plan.phases[-1])
