"""How a judgement is read out: what reports for people say of it in the same words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Final

from llmload.verdict.judge import Judgement
from llmload.verdict.validity import Reason

__all__ = ["interval_of", "margin_of", "observed_of", "ordered", "remedied", "score", "times_of"]

_WHOLE_TIMES: Final = 9.95
"""From here on, tenths say nothing."""
_MOST_TIMES: Final = 999.5


def observed_of(judgement: Judgement) -> str:
    """The figure in its own unit; "≥8.40 s" where it is larger than what was seen."""
    if judgement.observed is None:
        return "not judged" if judgement.skipped else "no data"
    return "≥" * judgement.larger + judgement.objective.kind.show(judgement.observed)


def interval_of(judgement: Judgement, between: str = " – ") -> str:
    """The ends of the 95 % interval; "" without one."""
    show = judgement.objective.kind.show
    return between.join(map(show, judgement.interval)) if judgement.interval else ""


def margin_of(judgement: Judgement) -> str:
    """The way to the bound: "+78%" to spare, "-12%" beyond it; where it is longer than the bound itself, what the
    figure is of it: "6.0x", "8.8x over". "" where there is none."""
    margin = judgement.margin
    if margin is None:
        return ""
    if abs(margin) <= 1:
        return f"{margin:+.1%}" if abs(margin) < 0.1 else f"{margin:+.0%}"
    times = times_of(judgement)
    if not times:
        return ">+100%" if margin > 0 else "<-100%"
    return times if margin > 0 else f"{times} over"


def times_of(judgement: Judgement) -> str:
    """How many times the bound the figure is, where it is more than that: "8.8x"; "" where that says nothing."""
    bound = judgement.objective.value
    times = (judgement.observed or 0.0) / bound if bound else 0.0
    if times <= 1:
        return ""
    return ">999x" if times >= _MOST_TIMES else f"{times:.1f}x" if times < _WHOLE_TIMES else f"{times:.0f}x"


def score(judgements: Sequence[Judgement]) -> str:
    """ "3 of 5 objectives met"; of those of a run that missed none, how many are unproven."""
    if not judgements:
        return "no objectives set"
    met, doubted, skipped = (sum(map(attrgetter(name), judgements)) for name in ("passed", "unproven", "skipped"))
    said = f", {doubted} of them unproven" if doubted and met == len(judgements) else ""
    left = f", {skipped} not judged" if skipped else ""
    return f"{met - skipped} of {len(judgements) - skipped} objectives met{said}{left}"


def ordered(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Those that were missed first, then those that were met but are unproven; last what was not judged."""
    return sorted(judgements, key=lambda judgement: (judgement.passed, not judgement.unproven, judgement.skipped))


def remedied(reasons: Iterable[Reason]) -> Iterator[tuple[Reason, str]]:
    """Each reason with its remedy; one that several have stands at the first of them."""
    told: set[str] = set()
    for reason in reasons:
        yield reason, "" if reason.remedy in told else reason.remedy
        told.add(reason.remedy)
