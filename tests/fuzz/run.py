"""Fuzz everything that reads what others wrote.

    python tests/fuzz/run.py --cases 1000000 --seed 1
    python tests/fuzz/run.py --only sse --cases 50000
    python tests/fuzz/run.py --seed 1 --from 4711 --cases 1      # that case again

Case k of a seed is the same wherever it is run, as long as the kept ones are. A case that fails is saved to
tests/fuzz/kept/ and the run goes on; the test suite tries every kept case, and new ones begin with them.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fuzz_aws import FRAMES
from fuzz_case import Case, Fuzz
from fuzz_dialect import DOCUMENT, ERROR, STREAM
from fuzz_exchange import EXCHANGE, RETRY
from fuzz_lines import EVENTS, NDJSON, OLLAMA
from fuzz_result import RESULT
from fuzz_sockets import REALTIME, SOCKET
from fuzz_streams import ARRAY, COHERE, MESSAGES, RESPONSES
from fuzz_wire import CHUNKED, INFLATE, SSE

__all__ = ["KEPT", "TARGETS", "Report", "kept_cases", "run"]

TARGETS: dict[str, Fuzz] = {
    fuzz.name: fuzz
    for fuzz in (
        CHUNKED,
        SSE,
        INFLATE,
        FRAMES,
        STREAM,
        MESSAGES,
        COHERE,
        RESPONSES,
        ARRAY,
        NDJSON,
        OLLAMA,
        EVENTS,
        SOCKET,
        REALTIME,
        DOCUMENT,
        ERROR,
        EXCHANGE,
        RETRY,
        RESULT,
    )
}
KEPT = Path(__file__).parent / "kept"
_MOST_SAVED = 20
"""Failing cases saved of one target in one run: the first few tell what the rest would."""


@dataclass
class Report:
    """What a run did. ``failed``: target, number and words of each case that failed."""

    cases: Counter[str] = field(default_factory=Counter)
    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    failed: list[tuple[str, int, Case, str]] = field(default_factory=list)
    seconds: float = 0.0


def kept_cases(name: str) -> list[Case]:
    """The corpus of a target: one line of JSON per case, bytes as Latin-1."""
    path = KEPT / f"{name}.jsonl"
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [Case(row["data"].encode("latin-1"), tuple(row["cuts"]), row["odd"]) for row in rows]


def keep(name: str, case: Case, why: str) -> None:
    """Add a case to the corpus, unless it is there."""
    if case in kept_cases(name):
        return
    row = {"why": why, "data": case.data.decode("latin-1"), "cuts": case.cuts, "odd": case.odd}
    KEPT.mkdir(exist_ok=True)
    with (KEPT / f"{name}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def _order(targets: Sequence[Fuzz]) -> list[Fuzz]:
    """Who gets which case: by share, the same in every round."""
    return [fuzz for fuzz in targets for _ in range(fuzz.share)]


def run(targets: Sequence[Fuzz], cases: int, seed: int, start: int = 0) -> Report:
    """Try cases ``start`` to ``start + cases`` of ``seed``."""
    report = Report()
    order = _order(targets)
    kept = {fuzz.name: [case.data for case in kept_cases(fuzz.name)] for fuzz in targets}
    began = time.perf_counter()
    for number in range(start, start + cases):
        fuzz = order[number % len(order)]
        case = fuzz.case(Random((seed << 40) | number), kept[fuzz.name])
        at = time.perf_counter()
        try:
            fuzz.check(case)
        except Exception as error:  # whatever it is, it is what we are looking for
            report.failed.append((fuzz.name, number, case, _words(error)))
        report.cases[fuzz.name] += 1
        report.spent[fuzz.name] += time.perf_counter() - at
    report.seconds = time.perf_counter() - began
    return report


def _words(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {str(error)[:600]}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from", dest="start", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", choices=TARGETS, action="append", help="target; may be given several times")
    chosen = parser.parse_args(arguments)
    targets = [TARGETS[name] for name in chosen.only or TARGETS]
    before = _memory()
    report = run(targets, chosen.cases, chosen.seed, chosen.start)
    print(f"{'target':<16} {'cases':>9} {'cases/s':>9} {'failed':>7}")
    failed = Counter(name for name, *_ in report.failed)
    for name, count in report.cases.items():
        print(f"{name:<16} {count:>9} {count / report.spent[name]:>9.0f} {failed[name]:>7}")
    total = sum(report.cases.values())
    print(f"{'all':<16} {total:>9} {total / report.seconds:>9.0f} {len(report.failed):>7}  in {report.seconds:.1f} s")
    print(f"memory grew by {(_memory() - before) / 1024:.1f} MiB to {_memory() / 1024:.1f} MiB at most")
    saved: Counter[str] = Counter()
    for name, number, case, why in report.failed:
        saved[name] += 1
        if saved[name] <= _MOST_SAVED:
            keep(name, case, why.partition("\n")[0][:200])
            print(f"\ncase {number} of seed {chosen.seed}, {name}: {why}\n  {case}", file=sys.stderr)
    return bool(report.failed)


def _memory() -> int:
    """Peak resident memory, KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
