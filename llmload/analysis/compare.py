"""Two sides compared, figure by figure and class by class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from llmload.analysis.difference import Difference, Effect, difference, holm
from llmload.analysis.estimate import Estimate, Method
from llmload.analysis.figure import DEFAULT_EFFECTS, FIGURES, Figure
from llmload.analysis.side import Side

__all__ = ["Measure", "Row", "compare", "measured"]


@dataclass(frozen=True, slots=True)
class Measure:
    """How to compare: which figures, from which change on it matters (figure -> size; "" for the others), and with
    which confidence."""

    figures: tuple[Figure, ...] = FIGURES
    effects: Mapping[str, float] | None = None
    confidence: float = 0.95

    def effect(self, figure: Figure) -> Effect:
        """The smallest change of a figure that matters: as told, else as told for all (shares aside), else as usual."""
        told, name = self.effects or {}, str(figure)
        if name in told:
            size = told[name]
        elif figure.share:
            size = DEFAULT_EFFECTS[name]
        else:
            size = told.get("", DEFAULT_EFFECTS[""])
        return Effect(size, figure.better, log=not figure.share)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one class ("" if there is only one), A against B."""

    figure: Figure
    cls: str
    difference: Difference


def compare(a: Side, b: Side, measure: Measure) -> tuple[Row, ...]:
    """Every figure that both sides have, of every class that both have; corrected for their number."""
    classes = [cls for cls in a.classes() if cls in b.classes()]
    rows = []
    for cls in classes:
        for figure in measure.figures:
            found = _against(a, b, figure, cls, measure)
            if found is not None:
                rows.append(Row(figure, cls if len(classes) > 1 else "", found))
    sure = holm([row.difference for row in rows])
    return tuple(replace(row, difference=each) for row, each in zip(rows, sure, strict=True))


def _against(a: Side, b: Side, figure: Figure, cls: str, measure: Measure) -> Difference | None:
    runs = len(a.runs) > 1 and len(b.runs) > 1
    of_a, of_b = (side.estimate(figure, cls, measure.confidence, runs) for side in (a, b))
    if of_a is None or of_b is None or not (_counts(of_a) and _counts(of_b)):
        return None
    if not runs and not figure.share and len(a.runs) + len(b.runs) > 2:
        of_a, of_b = _spread_out(a, b, of_a, of_b, figure.metric, cls)
    return difference(of_a, of_b, measure.effect(figure), measure.confidence)


def measured(side: Side, figure: Figure, cls: str) -> bool:
    """Whether a side has anything of a figure in a class that could be compared."""
    found = side.estimate(figure, cls, Measure().confidence, runs=False)
    return found is not None and _counts(found)


def _counts(side: Estimate) -> bool:
    return side.count > 0 and math.isfinite(side.value)


def _spread_out(a: Side, b: Side, of_a: Estimate, of_b: Estimate, metric: str, cls: str) -> tuple[Estimate, Estimate]:
    """One run against several: what runs differ by, for the mean of the several and for the one."""
    spread = (a if len(a.runs) > 1 else b).between(metric, cls)
    return (
        _with(of_a, spread.error / math.sqrt(len(a.runs)), spread.freedom),
        _with(of_b, spread.error / math.sqrt(len(b.runs)), spread.freedom),
    )


def _with(side: Estimate, error: float, freedom: float) -> Estimate:
    """One more source of error, independent of the others; degrees of freedom by Satterthwaite."""
    if not error or side.method is Method.NONE:
        return side
    own = max(side.below, side.above)
    if math.isinf(own):
        return replace(side, below=math.hypot(side.below, error), above=math.hypot(side.above, error))
    total = math.hypot(own, error)
    joint = total**4 / (own**4 / side.freedom + error**4 / freedom)
    return replace(side, below=math.hypot(side.below, error), above=math.hypot(side.above, error), freedom=joint)
