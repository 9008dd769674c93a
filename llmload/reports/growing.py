"""The document of a run that still goes on, written again every few seconds.

Most of a long run's document never changes again: windows that are over, cells that get no more calls. Each cell
and each window is encoded once and again only when it has changed, so what a checkpoint costs depends on what
happened since the last one and hardly on how long the run has taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import orjson

from llmload.metrics.slices import CellKey
from llmload.metrics.summary import Summary
from llmload.reports.json_report import encoded, lines
from llmload.reports.result import Result

__all__ = ["GrowingDocument"]


class GrowingDocument:
    """``changed`` with every delta of one run, ``render`` whenever its document is wanted."""

    def __init__(self) -> None:
        self._cells: dict[CellKey, bytes] = {}
        self._windows: dict[tuple[int, str], bytes] = {}
        self._window_seconds = 1

    def changed(self, delta: Summary, total: Summary) -> None:
        """``delta`` has been merged into ``total``."""
        for key in delta.cells:
            self._cells.pop(key, None)
        if total.window_seconds != self._window_seconds:
            self._window_seconds = total.window_seconds
            self._windows.clear()
        for number, by_class in delta.windows.items():
            for cls in by_class:
                self._windows.pop((number * delta.window_seconds // total.window_seconds, cls), None)

    def render(self, result: Result) -> bytes:
        """As ``json_report.render``, without the figures that can be derived from the rest."""
        summary = result.summary
        whole = replace(result, summary=replace(summary, cells={}, windows={})).to_json()
        whole["summary"]["cells"] = [orjson.Fragment(part) for part in self._cell_parts(summary)]
        whole["summary"]["windows"] = [orjson.Fragment(part) for part in self._window_parts(summary)]
        return lines(whole)

    def _cell_parts(self, summary: Summary) -> Iterator[bytes]:
        for key in sorted(summary.cells):
            part = self._cells.get(key)
            if part is None:
                alone = Summary(cells={key: summary.cells[key]}).to_json()
                part = self._cells[key] = encoded(alone["cells"][0])
            yield part

    def _window_parts(self, summary: Summary) -> Iterator[bytes]:
        for number, by_class in sorted(summary.windows.items()):
            for cls in sorted(by_class):
                part = self._windows.get((number, cls))
                if part is None:
                    alone = Summary(windows={number: {cls: by_class[cls]}}).to_json()
                    part = self._windows[number, cls] = encoded(alone["windows"][0])
                yield part
