"""Differences of calls that asked the same of two targets: what is kept of them, all of it exact and additive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from llmload.clock import NS
from llmload.metrics.catalogue import METRICS
from llmload.metrics.histogram import Histogram

__all__ = ["BLOCK_NS", "MOST_BLOCKS", "PAIRED", "Alone", "Difference", "PairKey", "PairSums", "Pairs", "merge_pairs"]

PAIRED: Final = (
    "ttft", "ttft_send", "ttfo", "latency", "latency_send", "tpot", "tokens_per_second", "tokens_per_second_whole",
    "server_time", "server_queue", "server_work", "output_tokens", "cost",
)  # fmt: skip
"""The metrics of which differences are kept."""
BLOCK_NS: Final = NS // 4
"""Width of the narrowest block of time."""
MOST_BLOCKS: Final = 32
"""Beyond these, two neighbouring blocks become one, and so on."""


class PairKey(NamedTuple):
    """Which pairs: of calls of one class, to ``target`` and to ``against``, planned in one phase, with these tags."""

    cls: str
    target: str
    against: str
    phase: str
    tags: tuple[tuple[str, str], ...] = ()

    def value(self, dimension: str) -> str:
        """Its value of "class", "phase" or a tag; "" where it has none."""
        return self.cls if dimension == "class" else self.phase if dimension == "phase" else self._tag(dimension)

    def _tag(self, name: str) -> str:
        return dict(self.tags).get(name, "")


Alone = dict[tuple[str, str], int]
"""(class, phase) -> calls whose partners have not been seen to end; parts of a run may hold less than none."""


@dataclass(slots=True)
class Difference:
    """Of one metric: what ``target`` had more than ``against``, in the unit of the metric's histogram.

    ``above`` and ``below``: how much more and how much less, each a histogram; ``same``: pairs without a difference.
    ``blocks``: number of a block of time -> (pairs planned in it, their sum).
    """

    above: Histogram = field(default_factory=Histogram)
    below: Histogram = field(default_factory=Histogram)
    same: int = 0
    blocks: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Pairs of which both calls have the metric."""
        return self.above.count + self.below.count + self.same

    @property
    def total(self) -> int:
        """The exact sum."""
        return self.above.total - self.below.total

    def add(self, differences: Mapping[int, list[int]]) -> None:
        """Take the differences of the pairs of each block."""
        for number, found in differences.items():
            self.above.record([each for each in found if each > 0])
            self.below.record([-each for each in found if each < 0])
            self.same += found.count(0)
            self._add_block(number, len(found), sum(found))

    def merge(self, other: Difference) -> None:
        """Add another part, whose blocks are as wide."""
        self.above.merge(other.above)
        self.below.merge(other.below)
        self.same += other.same
        for number, (pairs, total) in other.blocks.items():
            self._add_block(number, pairs, total)

    def _add_block(self, number: int, pairs: int, total: int) -> None:
        here = self.blocks.get(number, (0, 0))
        self.blocks[number] = here[0] + pairs, here[1] + total

    def coarsen(self, times: int) -> None:
        """Make blocks ``times`` as wide."""
        if times == 1:
            return
        narrow, self.blocks = self.blocks, {}
        for number, (pairs, total) in narrow.items():
            self._add_block(number // times, pairs, total)

    def turned(self) -> Difference:
        """The same the other way round: what ``against`` had more than ``target``."""
        blocks = {number: (pairs, -total) for number, (pairs, total) in self.blocks.items()}
        return Difference(self.below, self.above, self.same, blocks)

    def to_json(self) -> dict[str, Any]:
        """Plain values in a fixed order."""
        return {
            "above": self.above.to_json(),
            "below": self.below.to_json(),
            "same": self.same,
            "blocks": [[number, *self.blocks[number]] for number in sorted(self.blocks)],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Difference:
        """The inverse of ``to_json``; KeyError, TypeError or ValueError on anything else."""
        blocks = {int(number): (int(pairs), int(total)) for number, pairs, total in data["blocks"]}
        above, below = (Histogram.from_json(data[name]) for name in ("above", "below"))
        return cls(above, below, int(data["same"]), blocks)


@dataclass(slots=True)
class PairSums:
    """The pairs of one key. ``pairs``: those of which both calls are over; of these, ``target_failed`` and
    ``against_failed`` lack the one or the other answer, ``both_failed`` both. ``width``: of blocks, in BLOCK_NS."""

    pairs: int = 0
    target_failed: int = 0
    against_failed: int = 0
    both_failed: int = 0
    width: int = 1
    metrics: dict[str, Difference] = field(default_factory=dict)

    def merge(self, other: PairSums) -> None:
        """Add other pairs; any order and any grouping gives the same sum."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.widen(other.width)
        if other.width < self.width:
            other = other.copy()
            other.widen(self.width)
        for name, difference in other.metrics.items():
            self.metrics.setdefault(name, Difference()).merge(difference)

    def copy(self) -> PairSums:
        """One that shares nothing with it."""
        made = PairSums(width=self.width)
        made.merge(self)
        return made

    def widen(self, width: int) -> None:
        """Have blocks at least so wide."""
        for difference in self.metrics.values():
            difference.coarsen(max(1, width // self.width))
        self.width = max(self.width, width)

    def fit(self) -> None:
        """Have no more blocks than are kept."""
        last = max((max(each.blocks, default=0) for each in self.metrics.values()), default=0)
        width = self.width
        while last * self.width // width >= MOST_BLOCKS:
            width *= 2
        self.widen(width)

    def turned(self) -> PairSums:
        """The same with ``target`` and ``against`` in each other's place."""
        metrics = {name: difference.turned() for name, difference in self.metrics.items()}
        return PairSums(self.pairs, self.against_failed, self.target_failed, self.both_failed, self.width, metrics)

    def to_json(self) -> dict[str, Any]:
        """Counts, then differences in the order of ``PAIRED``."""
        found = {name: self.metrics[name].to_json() for name in PAIRED if name in self.metrics}
        return {name: getattr(self, name) for name in _COUNTS} | {"width": self.width, "metrics": found}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> PairSums:
        """The inverse of ``to_json``; KeyError, TypeError or ValueError on anything else."""
        pairs, target_failed, against_failed, both_failed, width = (int(data[name]) for name in (*_COUNTS, "width"))
        made = cls(pairs, target_failed, against_failed, both_failed, width)
        if made.width < 1 or made.width & (made.width - 1):
            raise ValueError(f"blocks of pairs are {made.width} wide, which is no power of two")
        for name, difference in data["metrics"].items():
            if name not in METRICS:
                raise ValueError(f"pairs of {name!r}, which is no metric")
            made.metrics[name] = Difference.from_json(difference)
        return made


_COUNTS: Final = ("pairs", "target_failed", "against_failed", "both_failed")

Pairs = dict[PairKey, PairSums]


def merge_pairs(into: Pairs, other: Pairs) -> None:
    """Add the pairs of another part of the run."""
    for key, sums in other.items():
        into.setdefault(key, PairSums()).merge(sums)
