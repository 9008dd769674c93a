"""Pairs in reports: what one target had more than the other, of calls that asked both the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rich.text import Text

from llmload import units
from llmload.metrics.catalogue import METRICS, Unit, format_value, scale
from llmload.metrics.differences import PAIRED, Difference, PairSums
from llmload.metrics.summary import Summary
from llmload.reports.grid import Column, grid
from llmload.safe import clean
from llmload.verdict import paired
from llmload.verdict.pair_stats import PAIR_FIGURES, PERCENTILES

__all__ = ["PAIR_COLUMNS", "compared", "pair_figures", "pair_remarks", "pair_rows", "pair_section"]

_SHOWN: Final = ("ttft", "ttft_send", "latency", "latency_send", "tokens_per_second")
_MOST_ROWS: Final = 20
PAIR_COLUMNS: Final = (
    Column("Paired differences", right=False), Column("pairs"), Column("mean"), Column("95 % interval", right=False),
    Column("p50", rank=1), Column("p90", rank=4), Column("p95", rank=2), Column("p99", rank=5), Column("more"),
    Column("sign test", rank=3),
)  # fmt: skip


def compared(summary: Summary) -> Iterator[tuple[tuple[str, str, str], PairSums]]:
    """(class, target, against) -> the measured pairs, in a fixed order."""
    for cls, target, against in sorted({key[:3] for key in summary.pairs}):
        sums = summary.paired(target, against, **{"class": cls})
        if sums.pairs:
            yield (cls, target, against), sums


def pair_figures(summary: Summary) -> dict[str, Any]:
    """All of it as plain values in SI units; an interval or percentile that the pairs don't support is null."""
    return {
        "without_partner": summary.without_partner(),
        "compared": [
            {
                "class": cls, "target": target, "against": against, "pairs": sums.pairs,
                "target_failed": sums.target_failed, "against_failed": sums.against_failed,
                "both_failed": sums.both_failed,
                "metrics": {name: _figures(name, sums.metrics[name]) for name in PAIRED if name in sums.metrics},
            }
            for (cls, target, against), sums in compared(summary)
        ],
    }  # fmt: skip


def _figures(metric: str, difference: Difference) -> dict[str, Any]:
    unit = scale(METRICS[metric])
    made: dict[str, Any] = {"count": difference.count, "above": difference.above.count / difference.count}
    for name in ("mean", *PERCENTILES):
        figure = PAIR_FIGURES[name]
        value, interval = figure.value(difference), figure.interval(difference)
        made[name] = None if value is None or not figure.enough(difference) else _tidy(value * unit)
        made[f"{name}_interval"] = None if interval is None else [_tidy(end * unit) for end in interval]
    return made | {"sign": paired.sign_test(difference), "wilcoxon": paired.wilcoxon(difference)}


def _tidy(value: float) -> float:
    return float(f"{value:.9g}")


def pair_section(summary: Summary, width: int) -> Iterator[Text]:
    """A row per class, pair of targets and metric; nothing without pairs."""
    rows: list[list[Text] | Text] = []
    for title, cells in pair_rows(summary):
        rows.append(Text(title, "dim italic"))
        rows += [[Text(f"  {first.plain}"), *others] for first, *others in cells]
    if rows:
        yield from grid(PAIR_COLUMNS, rows, width)
    yield from (Text(said, "yellow") for said in pair_remarks(summary))


def pair_rows(summary: Summary) -> Iterator[tuple[str, list[list[Text]]]]:
    """For each class and pair of targets its title and, for each metric, the cells under ``PAIR_COLUMNS``."""
    for (cls, target, against), sums in list(compared(summary))[:_MOST_ROWS]:
        shown = [name for name in _SHOWN if name in sums.metrics and not _told_already(name, sums)]
        title = f"{clean(target, 28)} - {clean(against, 28)}, {clean(cls, 28)}"
        yield title, [_row(name, sums.metrics[name]) for name in shown]


def pair_remarks(summary: Summary) -> Iterator[str]:
    """What is not in the rows."""
    found = list(compared(summary))
    if len(found) > _MOST_ROWS:
        yield f"and {len(found) - _MOST_ROWS:,} more"
    for (cls, target, against), sums in found[:_MOST_ROWS]:
        if failed := _failed(target, against, sums):
            yield f"{clean(cls, 28)}: left out, as a call of the pair failed: {failed}"
    if alone := summary.without_partner():
        yield f"{units.counted(alone, 'call')} of paired classes had no partner to be compared with"


def _told_already(name: str, sums: PairSums) -> bool:
    """Times from send are shown where they say something else than those from the planned time."""
    felt = sums.metrics.get(name.removesuffix("_send"))
    if not name.endswith("_send") or felt is None:
        return False
    own = paired.mean_interval(sums.metrics[name])
    middle = paired.mean(felt)
    return own is None or middle is None or own[0] <= middle <= own[1]


def _failed(target: str, against: str, sums: PairSums) -> str:
    parts = (
        (sums.target_failed, f"of {clean(target, 28)}"),
        (sums.against_failed, f"of {clean(against, 28)}"),
        (sums.both_failed, "of both"),
    )
    return ", ".join(f"{count:,} {whose}" for count, whose in parts if count)


def _row(name: str, difference: Difference) -> list[Text]:
    ordered, interval = paired.Ordered.of(difference), paired.mean_interval(difference)
    percentiles = [
        Text(("" if ordered.enough(p) else "~") + _signed(name, ordered.percentile(p))) for p in PERCENTILES.values()
    ]
    p = paired.sign_test(difference)
    return [
        Text(METRICS[name].title),
        Text(f"{difference.count:,}"),
        Text(_signed(name, paired.mean(difference))),
        Text(f"{_signed(name, interval[0])} to {_signed(name, interval[1])}" if interval else "-", "dim"),
        *percentiles,
        Text(units.format_share(difference.above.count / difference.count)),
        Text("-" if p is None else f"p {p:.3f}" if p >= 0.001 else "p <0.001"),
    ]


def _signed(name: str, value: float | None) -> str:
    """ "+310µs": the target takes longer, or has more."""
    if value is None:
        return "-"
    size = format_value(METRICS[name], abs(value))
    return f"{'-' if value < 0 else '+'}{size.replace(' ', '') if METRICS[name].unit is Unit.TIME else size}"
