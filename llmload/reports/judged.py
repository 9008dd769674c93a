"""How a judgement is read out: what reports for people say of it in the same words."""

from __future__ import annotations

from typing import Final

from llmload.verdict.judge import Judgement

__all__ = ["interval_of", "margin_of", "observed_of", "score"]

_WIDEST_MARGIN: Final = 9.995


def observed_of(judgement: Judgement) -> str:
    """The figure in its own unit."""
    return "no data" if judgement.observed is None else judgement.objective.kind.show(judgement.observed)


def interval_of(judgement: Judgement, between: str = " – ") -> str:
    """The ends of the 95 % interval; "" without one."""
    show = judgement.objective.kind.show
    return between.join(map(show, judgement.interval)) if judgement.interval else ""


def margin_of(judgement: Judgement) -> str:
    """The way to the bound: "+78%" to spare, "-12%" beyond; "" where there is none."""
    margin = judgement.margin
    if margin is None:
        return ""
    if abs(margin) > _WIDEST_MARGIN:
        return ">+999%" if margin > 0 else "<-999%"
    return f"{margin:+.1%}" if abs(margin) < 0.1 else f"{margin:+.0%}"


def score(met: int, judged: int) -> str:
    """ "3 of 5 objectives met"."""
    return f"{met} of {judged} objectives met" if judged else "no objectives set"
