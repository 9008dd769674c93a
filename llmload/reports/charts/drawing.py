"""Vega-Lite specifications as pictures: the one place that knows vl-convert.

It runs Vega in an engine of its own, without a browser and without the network: nothing a specification names is
loaded. Half a second the first time, a twentieth for every further chart.
"""

from __future__ import annotations

import re
from typing import Final

from llmload.reports.charts.chart import Spec

__all__ = ["png", "svg"]

_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"
_EMPTY: Final = re.compile(r'<path class="(?:background|foreground)" aria-hidden="true" d="[^"]*"[^>]*/>')
"""Frames of groups, which charts here never show."""
_ATTRIBUTES: Final = re.compile(
    r' (?:class="mark-[^"]*"|role="graphics-[^"]*"|aria-roledescription="[^"]*"|pointer-events="none"'
    r'|aria-hidden="true"|stroke-miterlimit="10")'
)
"""Of no use in a still picture, and a third of its size."""


_TAG: Final = re.compile(r"<(?:path|line|g|text)\b[^<>]*>")
_DIGITS: Final = re.compile(r"(\d\.\d\d)\d+")
"""Hundredths of a pixel are as exact as a picture can be."""


def svg(spec: Spec) -> str:
    """The picture as SVG: text in it is text, escaped."""
    import vl_convert

    made = vl_convert.vegalite_to_svg(_whole(spec), allowed_base_urls=[])
    return _TAG.sub(lambda tag: _DIGITS.sub(r"\1", tag[0]), _ATTRIBUTES.sub("", _EMPTY.sub("", made)))


def png(spec: Spec, scale: float = 2.0) -> bytes:
    """The picture as PNG, ``scale`` times as large as it says it is."""
    import vl_convert

    return vl_convert.vegalite_to_png(_whole(spec), scale=scale, allowed_base_urls=[])


def _whole(spec: Spec) -> Spec:
    return {"$schema": _SCHEMA, **spec}
