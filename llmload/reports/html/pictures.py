"""The charts of a page: each in two sizes, for wide and for narrow screens, with its figures behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from llmload.reports.charts import CHARTS, Chart, Drawing, Look, Subject
from llmload.reports.charts.colours import ON_PAGE
from llmload.reports.charts.drawing import svg
from llmload.reports.charts.target import shown_of
from llmload.reports.html.markup import Html, element, table
from llmload.reports.result import Result

__all__ = ["SHOWN", "pictures"]

SHOWN: Final = (
    "load", "ttft", "itl", "latency", "ttft-by-class", "latency-by-class", "percentiles", "ttft-heatmap", "itl-heatmap",
    "latency-heatmap", "outcomes", "in-flight", "tokens",
)  # fmt: skip
"""In their order. All that a result has nothing for are left out."""
_UNLESS: Final = {"latency-heatmap": "ttft-heatmap"}
"""Charts that are left out where another one is shown."""
_WIDE: Final = Look(width=900, height=250, colours=ON_PAGE, letters=13)
_NARROW: Final = Look(width=344, height=230, colours=ON_PAGE, letters=12)
_SMALL: Final = (Look(width=440, height=170, colours=ON_PAGE, letters=12), replace(_NARROW, height=170))
"""Of what the target was seen to do: two beside each other, on wide screens."""


def pictures(result: Result) -> Html | None:
    """All charts that there is something to draw for."""
    subject = Subject("", result)
    made, target = list(_figures(subject)), list(_target(subject))
    if not made and not target:
        return None
    small = element("div", target, class_="small") if target else None
    return element("section", element("h2", "Over time"), made, small)


def _target(subject: Subject) -> Iterator[Html]:
    for chart in shown_of(subject.result):
        wide, narrow = (chart.draw([subject], look) for look in _SMALL)
        if wide is not None and narrow is not None:
            yield _figure(chart, wide, narrow)


def _figures(subject: Subject) -> Iterator[Html]:
    drawn: set[str] = set()
    for name in SHOWN:
        chart = CHARTS[name]
        wide = None if _UNLESS.get(name) in drawn else chart.draw([subject], _WIDE)
        narrow = None if wide is None else chart.draw([subject], _NARROW)
        if wide is not None and narrow is not None:
            drawn.add(name)
            yield _figure(chart, wide, narrow)


def _figure(chart: Chart, wide: Drawing, narrow: Drawing) -> Html:
    figures = element(
        "details",
        element("summary", f"The figures behind: {chart.title}"),
        table(wide.table.columns, wide.table.rows, chart.title),
    )
    return element(
        "figure",
        element("figcaption", element("h3", chart.title), element("p", chart.asks, class_="dim")),
        element("div", _inline(wide), class_="wide"),
        element("div", _inline(narrow), class_="narrow"),
        figures,
        id=f"chart-{chart.name}",
    )


def _inline(drawing: Drawing) -> Html:
    """The picture as a part of the page: as wide as there is room, and with a name for who doesn't see it."""
    head, _, body = svg(drawing.spec).partition(">")
    box = head.partition('viewBox="')[2].partition('"')[0]
    start = element("svg", viewBox=box, role="img", aria_label=drawing.says).removesuffix("</svg>")
    return Html(start + body)
