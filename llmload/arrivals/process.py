"""How arrivals are spaced along a curve: the s_k at which arrival k is due, in units of one expected arrival.

Each process has a mean of one step per unit from the very beginning (a stationary renewal process), so
that it puts into every stretch of a curve as many arrivals, on average, as the curve expects there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count, repeat
from typing import Final, Protocol

import numpy as np
import numpy.random  # else loaded when first used: at the start of a run, when files may have run out

from llmload.arrivals.base import Floats, need

__all__ = ["CHUNK", "Gamma", "Poisson", "Process", "Uniform"]

CHUNK: Final = 1 << 16
"""Steps made at a time."""
_FIRST: Final = 1 << 10
"""Steps made at first, since most schedules are short and the first arrival may be due at once."""

_SEEDS: Final = 1 << 64


class Process(Protocol):
    """How arrivals are spaced: a frozen, picklable value."""

    def steps(self, seed: int) -> Iterator[float]:
        """s_0, s_1, ...: increasing without end, the same for the same seed."""
        ...

    def chunks(self, seed: int) -> Iterator[Floats]:
        """The same numbers, many at a time."""
        ...


@dataclass(frozen=True, slots=True)
class Uniform:
    """Even spacing: s_k = k + 0.5."""

    def steps(self, seed: int) -> Iterator[float]:
        """0.5, 1.5, 2.5, ..., whatever the seed."""
        return (k + 0.5 for k in count())

    def chunks(self, seed: int) -> Iterator[Floats]:
        """The same, many at a time."""
        return (np.arange(k, k + CHUNK, dtype=np.float64) + 0.5 for k in count(0, CHUNK))


@dataclass(frozen=True, slots=True)
class Poisson:
    """Independent users: gaps are exponentially distributed."""

    def steps(self, seed: int) -> Iterator[float]:
        """Sums of exponential draws of mean 1."""
        return _one_by_one(self.chunks(seed))

    def chunks(self, seed: int) -> Iterator[Floats]:
        """The same, many at a time; one random number per step, by inversion, whatever numpy's version."""
        random = _generator(seed)
        last = 0.0
        for size in _sizes():
            sums = last + np.cumsum(-np.log1p(-random.random(size)))
            last = float(sums[-1])
            yield sums


@dataclass(frozen=True, slots=True)
class Gamma:
    """Gaps of mean 1 and coefficient of variation ``cv``: above 1 bursty, 1 like Poisson, below 1 steadier.

    Gaps follow a gamma distribution of shape 1 / cv**2. With a high ``cv`` most gaps are next to nothing,
    so successive steps may be equal.
    """

    cv: float

    def __post_init__(self) -> None:
        need(0.0 < self.cv <= 100.0, f"the coefficient of variation must be above 0 and at most 100, not {self.cv:g}")

    def steps(self, seed: int) -> Iterator[float]:
        """Sums of gamma draws of mean 1."""
        return _one_by_one(self.chunks(seed))

    def chunks(self, seed: int) -> Iterator[Floats]:
        """The same, many at a time.

        The first step is what is left of a gap that time 0 falls into (a long gap is the likelier to be
        fallen into: its length is gamma of shape + 1, and time 0 lies anywhere in it).
        """
        random = _generator(seed)
        shape = 1.0 / self.cv**2
        last = float(random.random() * random.standard_gamma(shape + 1.0) / shape)
        head = np.array([last])
        for size in _sizes():
            sums = last + np.cumsum(random.standard_gamma(shape, size) / shape)
            last = float(sums[-1])
            yield np.concatenate((head, sums))
            head = head[:0]


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed % _SEEDS))


def _sizes() -> Iterator[int]:
    return chain((_FIRST,), repeat(CHUNK))


def _one_by_one(chunks: Iterator[Floats]) -> Iterator[float]:
    return chain.from_iterable(chunk.tolist() for chunk in chunks)
