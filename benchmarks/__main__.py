"""``python3 tasks.py bench [PART ...]``: every benchmark, or those named."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import (
    accuracy,
    decoders,
    dispatching,
    end_to_end,
    open_streams,
    peers,
    precision,
    records,
    report,
    soak,
    stage,
)
from benchmarks.clients import own_clients
from benchmarks.tables import Table
from llmload.errors import ScenarioError
from llmload.units import parse_duration

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"


def _end_to_end(options: argparse.Namespace) -> list[Table]:
    return end_to_end.run(options.quick, options.rates, options.repeat)


def _peers(options: argparse.Namespace) -> list[Table]:
    """Those that are there, between our own clients; at a rate that all of them should stand."""
    found = peers.found(options.peer)
    if not found:
        return [Table("peers", ("no peer on PATH, none named with --peer",))]
    case = stage.Case("50 streams/s", 2.0 if options.quick else 10.0, rate=10 if options.quick else 50)
    rounds = end_to_end.compare([*own_clients(), *found], case, 1 if options.quick else options.repeat)
    return [end_to_end.streams_table("peers", [(case, rounds)])]


def _soak(options: argparse.Namespace) -> list[Table]:
    return soak.run(options.duration, options.rate)


PARTS: dict[str, Callable[[argparse.Namespace], list[Table]]] = {
    "decoders": lambda options: decoders.run(options.quick),
    "records": lambda options: records.run(options.quick),
    "dispatch": lambda options: dispatching.run(options.quick),
    "precision": lambda options: precision.run(options.quick),
    "accuracy": lambda options: accuracy.run(options.quick),
    "end-to-end": _end_to_end,
    "open-streams": lambda options: open_streams.run(options.quick),
    "peers": _peers,
    "soak": _soak,
}
_ASKED_FOR = frozenset({"peers", "soak"})
"""What runs only when it is named."""


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 tasks.py bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all but peers and soak")
    parser.add_argument("--quick", action="store_true", help="a few seconds: shows that it works, proves nothing")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions, of which the median counts")
    rates = parser.add_argument("--rates", default=end_to_end.RATES, help="streams/s of end-to-end: 240,480,720")
    rates.type = lambda text: tuple(float(rate) for rate in text.split(","))
    parser.add_argument("--peer", action="append", default=[], metavar="NAME[=PATH]", help=", ".join(peers.PEERS))
    parser.add_argument("--duration", type=_duration, default=3600.0, help="of the soak: 3m, 1h")
    parser.add_argument("--rate", type=float, default=40.0, help="calls/s of the soak")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the tables as JSON")
    parser.add_argument("--page", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_intermixed_args(arguments)
    if unknown := [name for name in options.parts if name not in PARTS]:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    return options


def main(arguments: Sequence[str]) -> int:
    """Run the parts and print their tables as they come."""
    options = _options(arguments)
    tables = [report.machine()]
    print(report.markdown(tables), flush=True)
    failed = False
    for name in options.parts or [name for name in PARTS if name not in _ASKED_FOR]:
        try:
            made = PARTS[name](options)
        except (RuntimeError, ValueError, ScenarioError) as error:
            print(f"{name} failed: {error}", file=sys.stderr)
            failed = True
            continue
        tables += made
        print(report.markdown(made), flush=True)
    if options.json is not None:
        options.json.write_text(report.document(tables), "utf-8")
    if options.page:
        report.refresh(PAGE, tables)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
