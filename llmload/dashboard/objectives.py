"""Objectives as lights: the rule, what was observed, and how far that is from the bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmload.dashboard.canvas import Line, columns, safe, width_of
from llmload.verdict.judge import Judgement

__all__ = ["Lights", "judgement_line", "lines", "margin_of"]

_LIGHTS: Final = {"good": "●", "bad": "✗", "dim": "○"}
"""Different in shape too: for those who see no colours, and NO_COLOR."""
_RULE: Final = 40
_OBSERVED: Final = 9
_MARGIN: Final = 6


def _style(judgement: Judgement) -> str:
    if judgement.observed is None:
        return "dim"
    return "good" if judgement.passed else "bad"


class Lights:
    """How the figures of the picture are judged, for colouring them where they stand."""

    def __init__(self, judgements: Sequence[Judgement]) -> None:
        self._styles: dict[tuple[str, str, str], str] = {}
        for judgement in judgements:
            rule = judgement.objective
            where = dict(rule.where)
            cls = where.pop("class", "")
            if where or rule.window or rule.relation or judgement.observed is None:
                continue  # about other calls than any row of the picture is
            key = (rule.metric, rule.stat, cls)
            if self._styles.get(key) != "bad":
                self._styles[key] = _style(judgement)

    def style(self, metric: str, stat: str, cls: str = "") -> str:
        """The style of a figure of one class (of all: ""); "" where no objective speaks of it."""
        return self._styles.get((metric, stat, cls), "")


def judgement_line(judgement: Judgement, rule_width: int) -> Line:
    """One light with its rule, padded to ``rule_width``, and the observed value."""
    style, rule = _style(judgement), safe(str(judgement.objective))
    if len(rule) > rule_width:
        rule = rule[: max(0, rule_width - 1)] + "…"
    kind = judgement.objective.kind
    observed = "no data" if judgement.observed is None else kind.show(judgement.observed)
    line: Line = [
        (_LIGHTS[style], style),
        (f" {rule:<{rule_width}} ", ""),
        (f"{observed:>{_OBSERVED}}", style if style != "good" else ""),
    ]
    return [*line, (f" {margin_of(judgement):>{_MARGIN}}", "dim")]


def margin_of(judgement: Judgement) -> str:
    """How far inside the bound (+) or beyond it (-), relative to the bound."""
    if judgement.margin is None:
        return ""
    percent = judgement.margin * 100
    return f"{percent:+.0f}%" if abs(percent) < 1000 else f"{percent / 100:+.0f}x"


def _together(judgements: Sequence[Judgement]) -> Line:
    """All of them in one line: the worst light, and a failing rule."""
    failing = [judgement for judgement in judgements if _style(judgement) == "bad"]
    if failing:
        said = f" {len(failing)} of {len(judgements)} objectives fail: {safe(str(failing[0].objective))}"
        return [(_LIGHTS["bad"], "bad"), (said, "")]
    met = sum(_style(judgement) == "good" for judgement in judgements)
    style = "good" if met == len(judgements) else "dim"
    return [(_LIGHTS[style], style), (f" {met} of {len(judgements)} objectives met", "")]


def lines(judgements: Sequence[Judgement], width: int, rows: int) -> list[Line]:
    """As many objectives as there is room for: failing ones first once there are too many for the room."""
    if not judgements or rows <= 0:
        return []
    if rows == 1 and len(judgements) > 1:
        return [_together(judgements)]
    longest = max(len(str(judgement.objective)) for judgement in judgements)
    rule_width = max(8, min(longest, _RULE, width - _OBSERVED - _MARGIN - 4))
    items = [judgement_line(judgement, rule_width) for judgement in judgements]
    across = max(1, (width + 3) // (width_of(items[0]) + 3))
    if len(items) > rows * across:
        order = {"bad": 0, "dim": 1, "good": 2}
        ranked = sorted(range(len(items)), key=lambda k: (order[_style(judgements[k])], k))
        kept = sorted(ranked[: rows * across - 1])
        more: Line = [(f"  and {len(items) - len(kept)} more", "dim")]
        items = [*(items[k] for k in kept), more]
    return columns(items, width, rows)
