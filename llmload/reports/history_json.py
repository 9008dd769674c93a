"""Histories as a JSON document, for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from llmload.analysis.history import Line
from llmload.reports.archive import History, Run
from llmload.reports.json_report import lines

__all__ = ["KIND", "document", "render"]

KIND: Final = "llmload-history"
_VERSION: Final = "1.0"


def render(found: Sequence[History]) -> bytes:
    """UTF-8, one top-level key per line."""
    return lines(document(found))


def document(found: Sequence[History]) -> dict[str, Any]:
    """In SI units; what a run has no value of is null."""
    return {
        "kind": KIND,
        "schema_version": _VERSION,
        "worsened": any(history.worsened for history in found),
        "histories": [_history(history) for history in found],
    }


def _history(history: History) -> dict[str, Any]:
    return {
        "scenario": history.scenario,
        "worsened": [str(line.figure) for line in history.worsened],
        "runs": [_run(run) for run in history.runs],
        "left_out": [_run(run) | {"why": run.doubt} for run in history.left_out],
        "figures": [_line(history, line) for line in history.lines],
    }


def _run(run: Run) -> dict[str, Any]:
    return {"file": run.file, "started": run.started, "verdict": run.verdict, "facts": dict(run.facts)}


def _line(history: History, line: Line) -> dict[str, Any]:
    return {
        "figure": str(line.figure),
        "unit": line.figure.unit,
        "better": line.figure.better,
        "values": [_number(value) for value in line.values.tolist()],
        "level": _number(line.level),
        "changes": [
            {
                "run": change.at,
                "file": history.runs[change.at].file,
                "started": history.runs[change.at].started,
                "before": change.before,
                "after": change.after,
                "worse": line.worse(change),
                "differences": history.differences(change.at),
            }
            for change in line.changes
        ],
        "drift": None if line.drift is None else {"growth": line.drift[0], "interval": list(line.drift[1])},
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
