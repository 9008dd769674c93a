"""The closed model's plan: how many users there are when, and how long each thinks between calls."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from llmload.arrivals.base import Curve
from llmload.draws import unit

__all__ = ["Think", "Users", "spread"]

_GOLDEN: Final = (math.sqrt(5) - 1) / 2
_NO_THINK_SECONDS: Final = 1.0
_MOST_OF_A_RUN: Final = 0.1


@dataclass(frozen=True, slots=True)
class Users:
    """Planned users over time. ``curve``'s rate is read as a number of users.

    Users are numbered from 0; user u belongs to shard u % of. When the number falls, those with the
    highest numbers leave, so every shard's share follows the curve.
    """

    curve: Curve

    def count(self, t: float) -> int:
        """Users at ``t`` seconds, to the nearest whole; 0 before the start and after the end."""
        return math.floor(self.curve.rate(t) + 0.5)

    def share(self, t: float, shard: int = 0, of: int = 1) -> int:
        """How many of them belong to shard ``shard`` of ``of``; the shares of all shards sum to ``count``."""
        return (self.count(t) - shard + of - 1) // of

    def peak(self) -> int:
        """The most users there ever are."""
        return math.floor(self.curve.peak() + 0.5)

    def changes(self, every: float = 0.1, shard: int = 0, of: int = 1) -> Iterator[tuple[float, int]]:
        """(seconds, share) at the start and whenever the share is found changed, looking each ``every`` s.

        The last one is the end of the curve, with nobody left.
        """
        if every <= 0.0:
            raise ValueError(f"users can't be looked at every {every:g} s; take a time above 0")
        before = -1
        for look in range(math.ceil(self.curve.duration / every)):
            share = self.share(look * every, shard, of)
            if share != before:
                yield look * every, share
                before = share
        yield self.curve.duration, 0


@dataclass(frozen=True, slots=True)
class Think:
    """Pauses between a user's calls: always ``mean`` seconds, or ``random``: exponential of that mean."""

    mean: float
    random: bool = False
    seed: int = 0

    def pause(self, user: int, turn: int) -> float:
        """Seconds that ``user`` thinks before call number ``turn``; the same whoever asks."""
        if not self.random:
            return self.mean
        return -self.mean * math.log1p(-unit(self.seed, user, turn))


def spread(user: int, think: float, duration: float) -> float:
    """Seconds that ``user`` waits before its first call, so that those who come together don't call together.

    Users are spread evenly over a think time (1 s where there is none), but over no more than a tenth of the run.
    User 0 never waits. Multiples of the golden section, modulo 1, lie evenly however many there are.
    """
    return user * _GOLDEN % 1.0 * min(think or _NO_THINK_SECONDS, _MOST_OF_A_RUN * duration)
