"""Figures of who served when one server failed: failover and circuit breakers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Final

from llmload.verdict.kinds import Kind, Stat

if TYPE_CHECKING:
    from llmload.analysis.switches import Outage
    from llmload.verdict.view import View

__all__ = ["BREAKER", "FAILOVER"]

_TRACKED: Final = frozenset({"phase", "over"})


def _of_outages(of: Callable[[Sequence[Outage]], float | None], kind: Kind, help: str) -> Stat:
    """A figure of the times when one server failed; there is none where it is not known who served."""

    def read(view: View) -> tuple[float | None, int]:
        found = view.outages
        return (None, 0) if found is None else (of(found), len(found))

    return Stat(kind, read, help, _TRACKED, windows=False)


def _waits(found: Sequence[Outage]) -> list[float]:
    """Of the outages that callers felt; where they felt none, of the seamless failovers."""
    felt = [each.time_to_fail_over for each in found if each.failed]
    return felt or [each.time_to_fail_over for each in found]


def _switched(found: Sequence[Outage]) -> list[float]:
    return _waits([each for each in found if each.switched is not None])


FAILOVER: Final[Mapping[str, Stat]] = {
    "count": _of_outages(len, Kind.COUNT, "outages of the server that served until then"),
    "done": _of_outages(
        lambda found: sum(each.switched is not None for each in found), Kind.COUNT,
        "outages in which another server took over",
    ),
    "min": _of_outages(
        lambda found: min(_switched(found), default=None), Kind.DURATION, "the shortest time to fail over"
    ),
    "mean": _of_outages(
        lambda found: fmean(_switched(found)) if _switched(found) else None, Kind.DURATION,
        "mean time from the first failed call to the first good one of another server, where one took over",
    ),
    "max": _of_outages(
        lambda found: max(_waits(found), default=None), Kind.DURATION,
        "the longest time to fail over; an outage in which nobody took over counts with its whole length",
    ),
    "lost": _of_outages(
        lambda found: sum(each.failed + each.failed_after for each in found), Kind.COUNT,
        "calls that failed in all outages",
    ),
    "cascade": _of_outages(
        lambda found: sum(each.cascade for each in found), Kind.COUNT,
        "calls that failed on the servers that had taken over",
    ),
    "back": _of_outages(
        lambda found: sum(each.back is not None for each in found), Kind.COUNT,
        "outages after which the first server served again",
    ),
}  # fmt: skip
BREAKER: Final[Mapping[str, Stat]] = {
    "opened": _of_outages(
        lambda found: sum(each.switched is not None for each in found), Kind.COUNT,
        "times that a circuit breaker opened: another server took over",
    ),
    "failures": _of_outages(
        lambda found: max((each.failed for each in found), default=None), Kind.COUNT,
        "most calls that failed before it opened (or in an outage in which it did not)",
    ),
    "probes": _of_outages(
        lambda found: sum(each.probes for each in found), Kind.COUNT,
        "calls that the failing server got while open: half-open",
    ),
    "closed": _of_outages(
        lambda found: sum(each.switched is not None and each.back is not None for each in found), Kind.COUNT,
        "times that it closed again",
    ),
}  # fmt: skip
