"""The error bar of a result: how far from the truth its times were read, as far as a calibration can tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from llmload.metrics.catalogue import METRICS
from llmload.metrics.precision import Deviation, ErrorBar
from llmload.reports.grid import Column, grid
from llmload.safe import clean
from llmload.units import format_count, format_rate, format_seconds, format_share

__all__ = ["DEVIATION_COLUMNS", "basis", "deviation_cells", "error_bar", "signed"]

DEVIATION_COLUMNS: Final = (
    Column("mean"), Column("off by p50"), Column("p99"), Column("p50 high by", rank=1),
    Column("p99 high by", rank=2),
)  # fmt: skip
_UNRELIABLE: Final = "No error bar: the calibration was made on a disturbed machine"


def signed(seconds: float) -> str:
    """ "+310 µs": positive is late, or too long."""
    return f"+{format_seconds(seconds)}" if seconds >= 0 else format_seconds(seconds)


def deviation_cells(deviation: Deviation) -> list[Text]:
    """The cells under DEVIATION_COLUMNS."""
    sizes = (format_seconds(deviation.p50), format_seconds(deviation.p99))
    return [
        Text(cell)
        for cell in (signed(deviation.bias), *sizes, signed(deviation.shift_p50), signed(deviation.shift_p99))
    ]


def error_bar(bar: ErrorBar | None, width: int) -> Iterator[RenderableType]:
    """A line per metric under what it is and what it rests on; nothing without a calibration."""
    if bar is None:
        return
    if bar.disturbed:
        yield Text(basis(bar), "dim")
        return
    columns = (Column("Error bar", right=False), *DEVIATION_COLUMNS)
    rows = [[Text(METRICS[name].title), *deviation_cells(each)] for name, each in bar.metrics.items()]
    yield from grid(columns, rows, width)
    yield Padding(Text(basis(bar), "yellow" if bar.beyond else "dim"), (0, 0, 0, 2))


def basis(bar: ErrorBar) -> str:
    """What an error bar rests on, or why there is none."""
    if bar.disturbed:
        return _UNRELIABLE
    load = format_rate(bar.calls) + (f" and {format_count(bar.events)} events/s" if bar.events else "")
    parts = [
        f"at {load} per worker, {format_share(round(bar.share, 3))} of its ceiling, as calibrated on"
        f" {clean(bar.calibrated, 40)[:10]} against a simulator on the same machine",
        "this load is more than was calibrated: deviations may be larger" if bar.beyond else "",
    ]
    return "; ".join(filter(None, parts))
