"""What browsers are told: a value, encoded at most once in either of its two forms, however many browsers there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import orjson

from llmload.dashboard.web.history import Point
from llmload.dashboard.web.panels import Panel, plain

__all__ = ["BYE", "HELLO", "Moment", "event"]


def event(name: str, data: Any) -> bytes:
    """A server-sent event (WHATWG HTML, 9.2). JSON holds no line break."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))


HELLO: Final = b"retry: 1000\n\n"
"""First of all: after how many ms a browser that lost us tries again."""
BYE: Final = event("bye", {})
"""Last of all: nobody will be here to be asked again."""


@dataclass(frozen=True)
class Moment:
    """One run at one moment, of ``runs``. ``changed``: the numbers of the points that differ from those of the moment
    before, None where everything may. ``reports``: of the runs that have ended (run, decision, path)."""

    run: int
    runs: int
    about: Mapping[str, Any]
    state: Mapping[str, Any]
    panels: Sequence[Panel]
    columns: Sequence[str]
    step: int
    points: Mapping[int, Point]
    changed: Sequence[int] | None = None
    reports: tuple[tuple[int, str, str], ...] = ()

    @cached_property
    def whole(self) -> bytes:
        """For a browser that knows nothing, or missed something."""
        return event(
            "whole",
            {
                **self._common,
                "run": self.run,
                "runs": self.runs,
                "about": self.about,
                "panels": plain(self.panels),
                "columns": self.columns,
                "step": self.step,
                "points": sorted(self.points.items()),
            },
        )

    @cached_property
    def news(self) -> bytes:
        """For a browser that was told the moment before."""
        if self.changed is None:
            return self.whole
        return event("news", {**self._common, "points": [(number, self.points[number]) for number in self.changed]})

    @property
    def _common(self) -> dict[str, Any]:
        return {"state": self.state, "reports": self.reports}
