"""Finds the calls of paired classes that asked the same, whichever worker sent them, and takes their differences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from llmload.metrics.batch import SCALARS
from llmload.metrics.catalogue import Unit
from llmload.metrics.differences import BLOCK_NS, PAIRED, Alone, Difference, PairKey, Pairs, PairSums
from llmload.records import Record

__all__ = ["MOST_KEYS", "MOST_WAITING", "Pairing", "Waiting"]

MOST_WAITING: Final = 50_000
"""Blocks of which some calls are over and others are not; beyond these, the oldest is given up."""
MOST_KEYS: Final = 200
"""Beyond these, pairs are no longer kept apart by tags."""
_NAMES: Final = tuple(metric.name for metric in SCALARS)
_PLACES: Final = tuple(_NAMES.index(name) for name in PAIRED)
_TIMES: Final = tuple(SCALARS[place].unit is Unit.TIME for place in _PLACES)


class _Side(NamedTuple):
    """One call of a block: what is compared, and where the pair belongs."""

    phase: str
    tags: tuple[tuple[str, str], ...]
    planned: int
    good: bool
    values: tuple[int | None, ...]


Waiting = dict[tuple[str, int], dict[str, _Side]]
"""(class, block) -> target -> its call, until all calls of the block are over; shared by the Recorders of a run."""


class Pairing:
    """Matches calls as they end. ``targets``: of each paired class, all of the same number; calls k * number to
    (k + 1) * number - 1 are block k, and go to one target each. ``start``: monotonic ns."""

    def __init__(
        self, targets: Mapping[str, Sequence[str]], start: int, tags: frozenset[str], waiting: Waiting
    ) -> None:
        self._targets = targets
        self._block = max(map(len, targets.values()), default=1)
        self._start = start
        self._tags = tags
        self._waiting = waiting
        self._keys: set[PairKey] = set()
        self._fresh()

    def _fresh(self) -> None:
        self._sums: Pairs = {}
        self._found: dict[PairKey, list[defaultdict[int, list[int]]]] = {}
        self._alone: Alone = {}

    def add(self, record: Record, good: bool, values: Sequence[int | None]) -> None:
        """A call is over; ``values``: of SCALARS, ns where they are times."""
        call = record.call
        targets = self._targets.get(call.cls)
        if targets is None or call.target not in targets:
            return
        tags = tuple(sorted(tag for tag in call.tags if tag[0] in self._tags))
        side = _Side(record.phase, tags, record.planned, good, tuple(values[place] for place in _PLACES))
        block = (call.cls, call.index // self._block)
        there = self._waiting.setdefault(block, {})
        there[call.target] = side
        self._count_alone(call.cls, side.phase, 1)
        for other, partner in there.items():
            if other != call.target and partner.phase == side.phase:
                self._pair(call.cls, targets, {call.target: side, other: partner})
        if len(there) == len(targets):
            self._complete(block)
        elif len(self._waiting) > MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]

    def _complete(self, block: tuple[str, int]) -> None:
        """Nobody of the block is alone, unless it lies on the border of two phases."""
        phases = [side.phase for side in self._waiting.pop(block).values()]
        if len(set(phases)) == 1:
            self._count_alone(block[0], phases[0], -len(phases))

    def _count_alone(self, cls: str, phase: str, calls: int) -> None:
        self._alone[cls, phase] = self._alone.get((cls, phase), 0) + calls

    def _pair(self, cls: str, targets: Sequence[str], sides: Mapping[str, _Side]) -> None:
        """The later of the two in the scenario's order is what is set against the earlier."""
        against, target = (name for name in targets if name in sides)
        a, b = sides[against], sides[target]
        key = PairKey(cls, target, against, b.phase, b.tags)
        if key not in self._keys and len(self._keys) >= MOST_KEYS:
            key = key._replace(tags=())
        self._keys.add(key)
        sums = self._sums.setdefault(key, PairSums())
        sums.pairs += 1
        sums.target_failed += a.good and not b.good
        sums.against_failed += b.good and not a.good
        sums.both_failed += not a.good and not b.good
        if not (a.good and b.good):
            return
        block = max(0, min(a.planned, b.planned) - self._start) // BLOCK_NS
        found = self._found.setdefault(key, [defaultdict(list) for _ in PAIRED])
        for n, (more, less) in enumerate(zip(b.values, a.values, strict=True)):
            if more is not None and less is not None:
                found[n][block].append(round((more - less) / 1000) if _TIMES[n] else more - less)

    def take(self) -> tuple[Pairs, Alone]:
        """Everything since the last take."""
        for key, found in self._found.items():
            for name, blocks in zip(PAIRED, found, strict=True):
                if blocks:
                    self._sums[key].metrics.setdefault(name, Difference()).add(blocks)
            self._sums[key].fit()
        taken = self._sums, {key: calls for key, calls in self._alone.items() if calls}
        self._fresh()
        return taken
