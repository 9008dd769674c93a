"""Insights: what a reader should know about a run beyond its figures, in words, with what it is concluded from.

An insight is found by a pure function of the Summary and a few facts of the plan; to add one, write such a function and
put it into the table ``FINDERS``. They are derived: worked out when a result is shown or written, and never read back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from llmload.analysis import breaking
from llmload.metrics.summary import Summary
from llmload.units import format_rate

__all__ = ["FINDERS", "Facts", "Finder", "Gravity", "Insight", "insights"]


class Gravity(StrEnum):
    """How much an insight should worry its reader, least first."""

    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Insight:
    """``text``: what was found, in one sentence. ``evidence``: the figures it is concluded from, in words.
    ``advice``: what to look at or to do next; "" where there is nothing to say. ``code`` names its kind."""

    code: str
    level: Gravity
    text: str
    evidence: tuple[str, ...] = ()
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What insights may know of the plan: ``model`` ("open", "closed"), planned ``duration`` (s), whether it was the
    demonstration."""

    model: str = "open"
    duration: float = 0.0
    demo: bool = False


Finder = Callable[[Summary, Facts], Iterable[Insight]]


def insights(summary: Summary, facts: Facts) -> tuple[Insight, ...]:
    """All that is found, the gravest first; of one gravity, in the order of the table."""
    found = [insight for find in FINDERS for insight in find(summary, facts)]
    order = list(Gravity)
    return tuple(sorted(found, key=lambda insight: -order.index(insight.level)))


def _breaking(summary: Summary, facts: Facts) -> Iterable[Insight]:
    """How far it held while the load rose in steps, and how it broke."""
    found = breaking.breaking_point(summary)
    if found is None:
        return
    evidence = tuple(sign.words() for sign in found.signs)
    if found.broke is None:
        text = f"it held every step of the load, up to {format_rate(found.steps[-1].rate)}"
        yield Insight("breaking", Gravity.GOOD, text, evidence, "go higher to find where it breaks")
        return
    held = f"it held {format_rate(found.held.rate)} and broke" if found.held else "it broke at the first step"
    text = f"{held} at {format_rate(found.broke.rate)} ({found.why()}): {found.manner()}"
    level = Gravity.CRITICAL if found.crashed else Gravity.WARNING
    yield Insight("breaking", level, text, evidence, _BROKEN[found.crashed])


_BROKEN: Final = {
    True: "overload should be turned away with 429 or 503: look why processes or connections die",
    False: "keep the load below what it held, or add capacity",
}

FINDERS: Final[tuple[Finder, ...]] = (_breaking,)
