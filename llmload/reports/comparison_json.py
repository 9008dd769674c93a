"""A comparison as a JSON document, for programs."""

from __future__ import annotations

import math
from typing import Any, Final

from llmload.analysis.compare import Row
from llmload.analysis.estimate import Estimate
from llmload.reports.comparison import Against, Comparison, Party
from llmload.reports.document import plain
from llmload.reports.json_report import lines

__all__ = ["KIND", "document", "render"]

KIND: Final = "llmload-comparison"
_VERSION: Final = "1.1"


def render(comparison: Comparison) -> bytes:
    """UTF-8, one top-level key per line."""
    return lines(document(comparison))


def document(comparison: Comparison) -> dict[str, Any]:
    """In SI units. Infinite and unknown ends of intervals are null."""
    return {
        "kind": KIND,
        "schema_version": _VERSION,
        "regressed": comparison.regressed,
        "outcome": comparison.outcome.value,
        "wanting": comparison.wanting(),
        "confidence": comparison.measure.confidence,
        "first": _party(comparison.first),
        "others": [_against(other) for other in comparison.others],
    }


def _party(party: Party) -> dict[str, Any]:
    runs = [
        {
            "scenario": result.scenario.name, "environment": result.scenario.environment, "version": result.version,
            "fingerprint": result.scenario.fingerprint, "started": result.started,
            "validity": result.validity.level.value, "calls": result.summary.completed,
        }
        for result in party.results
    ]  # fmt: skip
    return {"name": party.name, "runs": runs}


def _against(other: Against) -> dict[str, Any]:
    return {
        **_party(other.party),
        "warnings": list(other.warnings),
        "differences": list(other.differences),
        "rows": [_row(row) for row in other.rows],
        "parity": None if other.parity is None else plain(other.parity),
    }


def _row(row: Row) -> dict[str, Any]:
    found = row.difference
    low, high = found.interval
    return {
        "class": row.cls,
        "figure": str(row.figure),
        "unit": row.figure.unit,
        "a": _estimate(found.a),
        "b": _estimate(found.b),
        "difference": _number(found.difference),
        "ratio": found.ratio,
        "interval": [_number(low) if low or row.figure.share else None, _number(high)],
        "interval_of": "difference" if row.figure.share else "ratio",
        "worse": found.worse,
        "min_effect": found.effect.size,
        "verdict": found.change.value,
        "needed": _number(found.needed) or None,
    }


def _estimate(side: Estimate) -> dict[str, Any]:
    return {"value": _number(side.value), "count": side.count, "method": side.method.value}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
