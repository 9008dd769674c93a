"""How results of a scenario are compared: its ``[compare]`` table."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from llmload.analysis.compare import Measure
from llmload.analysis.figure import FIGURES, parse_figure
from llmload.scenario.quantities import Share, Text
from llmload.scenario.table import Table

__all__ = ["CompareTable"]


def _known(name: str) -> str:
    return str(parse_figure(name))


FigureName = Annotated[Text, AfterValidator(_known)]


class CompareTable(Table):
    """How `llmload run --baseline` compares its result with the baseline's."""

    figures: tuple[FigureName, ...] = Field(
        (), max_length=64, description="What is compared, per class; left out: times, errors, rates.",
        examples=[["latency.mean", "latency.p95"]],
    )  # fmt: skip
    min_effect: Share = Field(0.1, gt=0, description="The change from which on a figure is worse.")
    effects: dict[FigureName, Annotated[Share, Field(gt=0)]] = Field(
        {},
        description='The same for single figures: "latency.p95" = "30%"; for shares in points: "errors.rate" = "1%".',
    )
    confidence: Share = Field(0.95, ge=0.5, lt=1, description="Of intervals and verdicts.")

    def measure(self) -> Measure:
        """The Measure meant."""
        figures = tuple(parse_figure(name) for name in self.figures) or FIGURES
        return Measure(figures, {"": self.min_effect, **self.effects}, self.confidence)
