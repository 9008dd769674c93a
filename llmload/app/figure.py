"""The figure that a search makes best, and how well a step knows it."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from llmload.errors import UsageError
from llmload.metrics.summary import Summary
from llmload.verdict.judge import judge
from llmload.verdict.kinds import Kind
from llmload.verdict.objectives import Objective, parse_objective
from llmload.verdict.sureness import unfit

__all__ = ["SOME", "Figure"]

SOME: Final = parse_objective("success.rate > 50%", says="the figure of calls that fail means nothing")
"""What has to hold at least where there are no objectives."""

_NOTHING: Final = ("0", "0/s", "0s", "0%")
"""A bound in every unit."""
_LESS: Final = (Kind.DURATION, Kind.MONEY)
_UNKNOWN: Final = 0.02
"""Standard error, as a share, of a figure that has no interval."""
_Z: Final = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Figure:
    """``objective``: one about the figure, the bound of which means nothing. ``less``: smaller is better."""

    name: str
    objective: Objective
    less: bool

    @classmethod
    def parse(cls, text: str) -> Figure:
        """ "throughput.output", "latency.p95{class=chat}". Raises UsageError."""
        problem = ""
        for bound in _NOTHING:
            try:
                objective = parse_objective(f"{text} > {bound}")
            except ValueError as error:
                problem = problem or str(error)
                continue
            if objective.relation or unfit(parse_objective(f"{text} < {bound}")):
                raise UsageError(f"--best: {text!r} is no figure of a constant load")
            return cls(text.strip(), objective, objective.kind in _LESS or objective.metric == "errors")
        raise UsageError(f"--best: {problem}")

    def of(self, summary: Summary) -> tuple[float | None, float]:
        """The figure (SI unit, None without data) and its standard error."""
        (judged,) = judge([self.objective], summary)
        if judged.observed is None:
            return None, 0.0
        if judged.interval is None:
            return judged.observed, _UNKNOWN * abs(judged.observed)
        return judged.observed, (judged.interval[1] - judged.interval[0]) / (2 * _Z)

    def show(self, value: float) -> str:
        """For reading, with its unit."""
        return self.objective.kind.show(value)
