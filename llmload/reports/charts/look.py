"""How large a chart is and which colours it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from llmload.reports.charts.colours import LIGHT, Colours

__all__ = ["Look"]

_FONT: Final = "sans-serif"
_LETTER: Final = 0.56
"""Width of a letter as a share of its size, on average."""


@dataclass(frozen=True, slots=True)
class Look:
    """``width`` and ``height`` of the whole picture, in pixels."""

    width: int = 860
    height: int = 260
    colours: Colours = field(default_factory=lambda: LIGHT)
    letters: int = 12

    @property
    def narrow(self) -> bool:
        """As on a phone: there is no room for more than the most important."""
        return self.width < 500

    def letters_in(self, pixels: float) -> int:
        """How many letters have room in a width."""
        return max(0, int(pixels / (self.letters * _LETTER)))

    def config(self) -> dict[str, Any]:
        """Vega-Lite's ``config``: what all charts have in common."""
        ink, dim, grid = (self.colours[name] for name in ("ink", "dim", "grid"))
        text = {"labelColor": ink, "titleColor": dim, "labelFontSize": self.letters, "titleFontSize": self.letters}
        return {
            "font": _FONT,
            "background": self.colours["paper"],
            "padding": {"top": 18, "left": 4, "right": 6, "bottom": 4},
            "autosize": {"type": "fit", "contains": "padding"},
            "view": {"stroke": None},
            "axis": {
                **text, "titleFontWeight": "normal", "gridColor": grid, "domainColor": grid, "tickColor": grid,
                "labelFlush": True, "labelOverlap": True, "titlePadding": 12,
            },
            "legend": {
                **text, "orient": "top", "direction": "horizontal", "title": None, "symbolType": "square",
                "symbolStrokeWidth": 3, "symbolOpacity": 1, "symbolSize": 80, "labelLimit": self.width,
                "columnPadding": 22, "offset": 20,
            },
            "title": {
                "anchor": "start", "color": ink, "fontSize": self.letters + 3, "subtitleColor": dim,
                "subtitleFontSize": self.letters, "offset": 8,
            },
            "text": {"fontSize": self.letters - 1, "color": dim},
            "aria": False,
        }  # fmt: skip
