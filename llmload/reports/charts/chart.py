"""What a chart is: a question, and how the answer is drawn from results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llmload.reports.charts.look import Look
from llmload.reports.charts.subject import Subject

__all__ = ["Chart", "Drawing", "Spec", "Table"]

Spec = dict[str, Any]
"""A Vega-Lite specification, or a part of one."""


@dataclass(frozen=True, slots=True)
class Table:
    """The figures behind a chart, as text: ``rows`` are as long as ``columns``, the first of which names them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """``says``: the chart in a sentence, for who doesn't see it."""

    spec: Spec
    says: str
    table: Table


@dataclass(frozen=True, slots=True)
class Chart:
    """``asks`` is the question it answers. ``draw`` gives None where the results hold nothing to draw.

    ``most``: how many results it can show at once.
    """

    name: str
    title: str
    asks: str
    draw: Callable[[Sequence[Subject], Look], Drawing | None]
    most: int = 8
