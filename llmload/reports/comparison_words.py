"""How the figures of a comparison are said, the same in every form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from llmload.analysis.compare import Row
from llmload.analysis.difference import Change
from llmload.analysis.estimate import Method
from llmload.metrics.intervals import limits
from llmload.reports.comparison import Against, Comparison, Outcome
from llmload.safe import clean
from llmload.units import counted, format_count, format_share

__all__ = ["change_of", "headline", "interval_of", "method_of", "probability_of", "remarks", "size_of", "verdict_line"]

_LARGE: Final = 10.0
"""From here on a ratio is said as "x12", not in percent."""
_MOST_TOLD: Final = 100.0
"""Times as many calls as were made: beyond, no number is told."""
_UNITS: Final = {Method.CALLS: "calls", Method.WINDOWS: "windows", Method.RUNS: "runs", Method.NONE: "calls"}


def change_of(row: Row) -> str:
    """ "+12.3%", "x14", "-0.4 points"; "" where there is no ratio."""
    found = row.difference
    if row.figure.share:
        return _points(found.difference)
    return _percent(found.ratio) if found.ratio is not None else ""


def interval_of(row: Row) -> str:
    """ "+5% – +20%"; ends that the sample doesn't reach are said as such."""
    low, high = row.difference.interval
    if row.figure.share:
        ends = [_points(end) if math.isfinite(end) else "?" for end in (low, high)]
    else:
        ends = ["?" if end in (0.0, math.inf) else _percent(end) for end in (low, high)]
    return "" if ends == ["?", "?"] else f"{ends[0]} – {ends[1]}"


def probability_of(row: Row) -> str:
    """That B is worse; "" where there is nothing to conclude it from."""
    return format_share(round(row.difference.worse, 4)) if row.difference.told else ""


def size_of(row: Row) -> str:
    """The minimum effect."""
    size = row.difference.effect.size
    return _points(size).lstrip("+") if row.figure.share else f"{size * 100:.3g}%"


def method_of(row: Row) -> str:
    """ "1,200 calls", "61 windows", "5 runs" and what they are compared with."""
    a, b = row.difference.a, row.difference.b
    if a.method is Method.NONE:
        return "no interval"
    if (a.count, a.method) == (b.count, b.method):
        return f"{format_count(a.count)} {_UNITS[a.method]}"
    counts = [format_count(a.count), format_count(b.count)]
    return f"{counts[0]}/{counts[1]} {_UNITS[b.method]}" if a.method is b.method else f"{_one(row, 0)}/{_one(row, 1)}"


def _one(row: Row, side: int) -> str:
    found = (row.difference.a, row.difference.b)[side]
    return f"{format_count(found.count)} {_UNITS[found.method]}"


def remark_of(row: Row) -> str:
    """What it would take to say more; "" where nothing is left open, or no number of calls would do."""
    found = row.difference
    if found.change is not Change.UNCLEAR:
        return ""
    if found.a.method is Method.NONE:
        return "gaps of one stream depend on each other, and the run is too short for more: compare tpot, or run longer"
    unit, most = _UNITS[found.b.method], max(found.a.count, found.b.count)
    if math.isinf(found.needed):
        least = _least(row)
        return f"takes at least {format_count(least)} {unit} on either side" if least > most else ""
    if not 1 < found.needed <= _MOST_TOLD:
        return f"more than {_MOST_TOLD:.0f} times as many {unit}" if found.needed > _MOST_TOLD else ""
    return f"takes about {format_count(math.ceil(most * found.needed))} {unit} on either side"


def remarks(other: Against) -> Iterator[str]:
    """What it would take, of all figures that nothing can be said of: those that need the same together."""
    found: dict[str, list[str]] = {}
    for row in other.rows:
        if said := remark_of(row):
            where = f" of {clean(row.cls, 40)}" if row.cls else ""
            found.setdefault(said, []).append(f"{row.figure}{where}")
    for said, names in found.items():
        yield f"{', '.join(names)}: {said}"


def _least(row: Row) -> int:
    """Calls from which on a percentile has an interval at all."""
    p = row.figure.percentile
    if p is None or row.difference.a.method is not Method.CALLS:
        return 0
    share, confidence = p / 100, row.difference.confidence
    count = math.ceil(math.log((1 - confidence) / 2) / math.log(max(share, 1 - share)))
    while None in limits(count, share, confidence):
        count += 1
    return count


def headline(comparison: Comparison) -> str:
    """The answer in one line: "NO REGRESSION FOUND in 2 of 4 figures; 2 can't say"."""
    outcome = comparison.outcome
    said = outcome.value.upper()
    figures = sum(len(other.rows) for other in comparison.others)
    decided = sum(len(other.decided) for other in comparison.others)
    if outcome is not Outcome.FINE or decided == figures:
        return said
    return f"{said} in {decided} of {counted(figures, 'figure')}; {figures - decided} can't say"


def verdict_line(other: Against) -> str:
    """How many figures of one side got worse, better, stayed the same, or can't be told."""
    counts = {change: sum(row.difference.change is change for row in other.rows) for change in Change}
    said = [f"{count} {change.value}" for change, count in counts.items() if count]
    return f"{counted(len(other.rows), 'figure')}: {', '.join(said)}" if said else "no figure in common"


def _percent(ratio: float) -> str:
    if ratio >= _LARGE:
        return f"x{ratio:.3g}"
    change = (ratio - 1) * 100
    return f"{change:+.1f}%" if abs(change) < 100 else f"{change:+.0f}%"


def _points(share: float) -> str:
    """Percentage points, the unit of a difference of shares."""
    sign = "-" if share < 0 else "+"
    return f"{sign}{format_share(abs(share)).rstrip('%')} pp"
