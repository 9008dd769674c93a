"""What a ping found, for people: a table of the steps, and what there is to say about the way."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any, Final

from rich.text import Text

from llmload.metrics.catalogue import METRICS
from llmload.metrics.ping import STEPS, Address, Ping, Pinged, Trips
from llmload.metrics.summary import Summary
from llmload.reports.grid import Column, grid
from llmload.reports.result import Result
from llmload.reports.style import ASCII_SIGNS
from llmload.safe import clean
from llmload.units import format_bytes, format_seconds, format_share
from llmload.verdict.levels import THRESHOLDS, Level
from llmload.verdict.measures import samples_needed
from llmload.verdict.network import typical

__all__ = ["PING_COLUMNS", "document", "network_lines", "ping_rows", "render", "way_changes"]

PING_COLUMNS: Final = (
    Column("tried", rank=2), Column("lost"), Column("min"), Column("median"), Column("p99"), Column("max", rank=1),
    Column("jitter", rank=1),
)  # fmt: skip
_KIND: Final = "llmload-ping"
_VERSION: Final = 1
_MOST_ADDRESSES: Final = 8
_MOST_TARGETS: Final = 8


def document(found: Mapping[str, Ping], interrupted: bool) -> dict[str, Any]:
    """As JSON; times in seconds."""
    return {
        "kind": _KIND, "schema_version": _VERSION, "interrupted": interrupted,
        "targets": {name: ping.to_json() | {"network": ping.network} for name, ping in found.items()},
    }  # fmt: skip


def render(found: Mapping[str, Ping], width: int, unicode: bool = True) -> str:
    """A paragraph for each target, lines of at most ``width`` columns where that can be."""
    out = io.StringIO()
    for number, (name, ping) in enumerate(found.items()):
        out.write("\n" if number else "")
        out.writelines(f"{line.plain.rstrip()}\n" for line in _paragraph(name, ping, width))
    text = out.getvalue()
    return text if unicode else text.translate(ASCII_SIGNS).encode("ascii", "replace").decode()


def _paragraph(name: str, ping: Ping, width: int) -> Iterator[Text]:
    yield Text(f"{clean(name, 60)}: {clean(ping.host, 200)}{f' through {clean(ping.via, 200)}' if ping.via else ''}")
    yield from (Text(f"  {line}") for line in _facts(ping))
    rows = ping_rows(ping)
    if rows:
        yield from grid((Column("Step", right=False), *PING_COLUMNS), rows, width)
    if any("~" in cell.plain for row in rows for cell in row):
        yield Text(f"  ~: the p99 of few round trips is their longest; it takes {samples_needed(99):,} to tell")
    if ping.trouble:
        yield Text(f"  {'last trouble' if ping.answered else 'no answer'}: {clean(ping.trouble)}")


def ping_rows(ping: Ping) -> list[list[Text]]:
    """A row for each step: its name, and a cell for each of ``PING_COLUMNS``."""
    return [_row(STEPS[name], ping.steps[name]) for name in STEPS if name in ping.steps]


def _row(title: str, trips: Trips) -> list[Text]:
    times = [_time(value) for value in (trips.min, trips.median, trips.p99, trips.max, trips.jitter)]
    if trips.p99 is not None and trips.tried - trips.lost < samples_needed(99):
        times[2] = f"~{times[2]}"
    return [Text(title), Text(f"{trips.tried:,}"), Text(format_share(trips.loss)), *map(Text, times)]


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else format_seconds(seconds)


def _facts(ping: Ping) -> Iterator[str]:
    if ping.addresses:
        shown = ", ".join(map(_address, ping.addresses[:_MOST_ADDRESSES]))
        more = len(ping.addresses) - _MOST_ADDRESSES
        whose = "proxy's " if ping.via else ""
        yield f"{whose}addresses {shown}{f' and {more} more' if more > 0 else ''}"
    if ping.tls:
        yield clean(ping.tls, 80)
    if ping.status:
        yield f"asked {clean(ping.asked, 200)}, without a key: HTTP {ping.status}"
    if ping.resent is not None:
        yield f"TCP segments sent again: {ping.resent:,}"
    speed = None if ping.throughput is None else f"{format_bytes(round(ping.throughput))}/s down"
    yield f"throughput {speed or 'not measured'}"


def _address(address: Address) -> str:
    state = "used" if address.used else address.trouble
    return f"{clean(address.text, 80)}{f' ({clean(state, 80)})' if state else ''}"


def network_lines(ping: Mapping[str, Pinged], summary: Summary) -> Iterator[str]:
    """A line for each target: what its calls took, and what of it is the network's round trip. No figure is changed."""
    for name, pinged in list(ping.items())[:_MOST_TARGETS]:
        yield f"{clean(name, 40)}: {_of_calls(name, pinged, summary)}"
    if (left := len(ping) - _MOST_TARGETS) > 0:
        yield f"and {left:,} more targets"


def way_changes(ours: Sequence[Result], theirs: Sequence[Result]) -> Iterator[str]:
    """Of runs that are compared: to which targets the network's round trip was another, by more than what makes the
    figures of a run SUSPECT."""
    for name in ours[0].ping:
        one, two = _round_trip(ours, name), _round_trip(theirs, name)
        found = typical(ours[0].summary, name)
        if one is None or two is None or found is None or not found[1]:
            continue
        share = abs(two - one) / found[1]
        if THRESHOLDS["network"].level(share, abs(two - one)) is not Level.VALID:
            apart = f"{format_share(round(share, 3))} of {METRICS[found[0]].title} p50"
            trips = f"{format_seconds(one)} against {format_seconds(two)} ({apart})"
            yield f"network: round trip to {clean(name, 40)} {trips}; what differs may be the way, not the target"


def _round_trip(results: Sequence[Result], name: str) -> float | None:
    """Its median over several runs, s."""
    known = [each for result in results if name in result.ping and (each := result.ping[name].network) is not None]
    return median(known) if known else None


def _of_calls(name: str, pinged: Pinged, summary: Summary) -> str:
    if pinged.network is None:
        trouble = next((each.trouble for each in (pinged.before, pinged.after) if each is not None), "")
        return f"network round trip not measured{f': {clean(trouble)}' if trouble else ''}"
    trip = f"network round trip {format_seconds(pinged.network)} (median; {', '.join(_moments(pinged))})"
    found = typical(summary, name)
    if found is None or not found[1]:
        return trip
    share = pinged.network / found[1]
    of = f"{METRICS[found[0]].title} p50 {format_seconds(found[1])}, of which"
    return f"{of} {format_share(round(share, 3) or share)} {trip}"


def _moments(pinged: Pinged) -> Iterator[str]:
    for when, each in (("before", pinged.before), ("after", pinged.after)):
        known = each is not None and each.network is not None
        yield f"{when} {format_seconds(each.network) if known else 'unknown'}"  # type: ignore[union-attr, arg-type]
