"""A hint for a name that doesn't exist: the one that was probably meant, or the choice there is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

__all__ = ["choice", "did_you_mean", "listed", "nearest"]

_MANY: Final = 12


def nearest(word: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, or nothing when none is near."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower()[:100], by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ "did you mean rate?", or nothing when no known name is near."""
    near = nearest(word, known)
    return f"did you mean {near}?" if near else ""


def choice(word: str, known: Iterable[str]) -> str:
    """The near name if there is one, else all of them."""
    names = list(known)
    return did_you_mean(word, names) or (f"there is {listed(names)}" if names else "there are none")


def listed(names: Iterable[str]) -> str:
    """ "a, b, c", cut short when there are very many."""
    every = list(names)
    return ", ".join(every[:_MANY]) + (" ..." if len(every) > _MANY else "")
