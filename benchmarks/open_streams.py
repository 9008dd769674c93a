"""What an open stream holds: ten thousand of them at once, in one process.

The growth of the client's largest process, from just before its first request to its peak, by the number of
streams that the server had open then. Connections are not opened ahead (but one), so that they are counted.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.clients import Ceiling, Llmload, PlainAiohttp
from benchmarks.stage import Case, Client, Run, compiled, perform
from benchmarks.tables import Row, Table

__all__ = ["run"]

_HEADS = ("client", "open at once", "whole", "MB before", "MB at most", "KB a stream", "TTFT p99, ms off")


def growth(run: Run) -> tuple[int, int]:
    """Resident bytes before the first request and at most, of the process that grew most."""
    before = [look for look in run.looks if look.rss and look.at < run.first] or [
        look for look in run.looks if look.rss
    ]
    base = before[-1].rss
    peaks = {pid: max(look.rss.get(pid, 0) for look in run.looks) for pid in base}
    largest = max(base, key=lambda pid: peaks[pid] - base[pid])
    return base[largest], peaks[largest]


def run(quick: bool, clients: Sequence[Client] = ()) -> list[Table]:
    """The same streams for every client."""
    ceiling: list[Client] = [Ceiling()] if compiled("ceiling") else []
    chosen = clients or [*ceiling, PlainAiohttp(), Llmload(connections=1)]
    if quick:
        case = Case("200 open", 1.0, rate=200, tokens=4, ttft=1000, spread=0, itl=250)
    else:
        case = Case("10,000 open", 12.5, rate=800, tokens=15, ttft=1000, spread=0, itl=1000)
    table = Table("open-streams", _HEADS)
    for client in chosen:
        found = perform(client, case)
        most = max(look.stats["open"] for look in found.looks)
        before, peak = growth(found)
        each = (peak - before) / most / 1024 if most else None
        off = found.off("ttft", 1)
        row: Row = [
            client.name,
            most,
            found.whole,
            before / 2**20,
            peak / 2**20,
            each,
            "" if off is None else f"{off:+.1f}",
        ]
        table.rows.append(row)
    return [table]
