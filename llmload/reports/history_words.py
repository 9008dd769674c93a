"""How a history is said, the same in every form."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

import numpy as np

from llmload.analysis.changes import LEAST, Change
from llmload.analysis.history import Line
from llmload.analysis.series import Floats
from llmload.reports.archive import History
from llmload.units import counted

__all__ = ["change_words", "drift_words", "headline", "picture", "range_of", "shown", "size_of", "summary_line"]

_BARS: Final = "▁▂▃▄▅▆▇█"
_MOST_BARS: Final = 30
_LARGE: Final = 10.0
"""From here on a change is said as "x12", not in percent."""


def headline(history: History) -> str:
    """One word, or few: what a reader is to do about it."""
    if history.worsened:
        return "WORSE"
    if any(line.changes for line in history.lines):
        return "CHANGED"
    return "STEADY" if len(history.runs) >= LEAST else "TOO FEW RUNS"


def summary_line(history: History) -> str:
    """ "24 runs from 2026-02-01 12:00 to 2026-02-24 12:00; 2 left out (1 INVALID, 1 aborted)"."""
    said = counted(len(history.runs), "run")
    if history.runs:
        said += f" from {history.runs[0].day} to {history.runs[-1].day}"
    if history.left_out:
        kinds = ", ".join(f"{many} {kind}" for kind, many in sorted(Counter(r.doubt for r in history.left_out).items()))
        said += f"; {len(history.left_out)} left out ({kinds})"
    if 0 < len(history.runs) < LEAST:
        said += f"; from {LEAST} runs on, a change can be told from chance"
    return said


def shown(line: Line, value: float) -> str:
    """A value of the line; "-" for none."""
    return "-" if math.isnan(value) else line.figure.show(value)


def range_of(line: Line) -> str:
    """The smallest and the largest."""
    known = line.known
    return f"{line.figure.show(float(known.min()))} – {line.figure.show(float(known.max()))}"


def size_of(line: Line, change: Change) -> str:
    """ "+26%", "x14", "+2.4 points"."""
    if line.figure.share:
        return f"{100 * (change.after - change.before):+.3g} points"
    if not change.before:
        return f"from {shown(line, change.before)}"
    return f"x{change.ratio:.3g}" if change.ratio >= _LARGE else f"{change.ratio - 1:+.1%}"


def change_words(line: Line, change: Change) -> str:
    """ "latency.p95 went from 1.20 s to 1.51 s (+26%): worse"."""
    before, after = shown(line, change.before), shown(line, change.after)
    verdict = "worse" if line.worse(change) else "better"
    return f"{line.figure} went from {before} to {after} ({size_of(line, change)}): {verdict}"


def drift_words(line: Line) -> str:
    """ "latency.p95 drifts: +12% over the runs since (95 % interval +5% – +19%)"; "" where it doesn't."""
    if line.drift is None:
        return ""
    growth, (low, high) = line.drift
    unit = " points" if line.figure.share else "%"
    since = "the runs since the change" if line.changes else "all runs"
    ends = f"{100 * low:+.3g}{unit} – {100 * high:+.3g}{unit}"
    return f"{line.figure} drifts: {100 * growth:+.3g}{unit} over {since} (95 % interval {ends})"


def picture(values: Floats) -> str:
    """The runs as bars that end at the largest value and begin at half of it, or at the smallest if that is less: what
    hardly varies looks so. A gap where there is no value. Of many runs, neighbours are averaged."""
    if len(values) > _MOST_BARS:
        values = np.array([_mean(part) for part in np.array_split(values, _MOST_BARS)])
    known = values[~np.isnan(values)]
    high = float(known.max()) if len(known) else 0.0
    low = min(high / 2, float(known.min())) if len(known) else 0.0
    steps = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(" " if math.isnan(value) else _BARS[round(steps * (value - low))] for value in values.tolist())


def _mean(part: Floats) -> float:
    known = part[~np.isnan(part)]
    return float(known.mean()) if len(known) else math.nan
