"""Estimates of tokens, corrected by what servers report.

For each kind of text of each class: tokens reported for each that was estimated, over all calls so far. A run that
learns asks longer or shorter prompts the longer it lasts, and each worker learns from its own calls: what is sent then
depends on what was answered, and no longer on the seeds alone. That is why learning is asked for and never a default.
"""

from __future__ import annotations

from typing import Final

__all__ = ["Correction"]

_LOWEST, _HIGHEST = 0.25, 4.0
"""What a server says beyond this is no matter of vocabularies."""
_WORTH: Final = 0.002
"""Changes below this are not worth a new plan."""


class Correction:
    """Factors of the kinds of text of one class."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[int, int]] = {}
        self._used: dict[str, float] = {}
        self._new: dict[str, tuple[int, int]] = {}

    def add(self, kind: str, estimated: int, reported: int) -> bool:
        """One prompt; whether the factors have changed so much that they should be used anew."""
        before = self._sums.get(kind, (0, 0))
        self._sums[kind] = total = (before[0] + estimated, before[1] + reported)
        new = self._new.get(kind, (0, 0))
        self._new[kind] = (new[0] + estimated, new[1] + reported)
        factor = min(max(total[1] / max(1, total[0]), _LOWEST), _HIGHEST)
        if abs(factor - self._used.get(kind, 1.0)) <= _WORTH:
            return False
        self._used[kind] = factor
        return True

    @property
    def factors(self) -> tuple[tuple[str, float], ...]:
        """Kind -> tokens reported for each that is estimated."""
        return tuple(sorted(self._used.items()))

    def take(self) -> dict[str, tuple[int, int]]:
        """Kind -> tokens estimated and tokens reported since this was last asked."""
        new, self._new = self._new, {}
        return new
