"""The whole way, side by side: the C ceiling, plain aiohttp and llmload on the same load, one after the other.

The server is on one core, the client on another. Every figure is the median of the repetitions, and ratios are within
one repetition, so that what else the machine does meanwhile strikes all clients alike.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from statistics import median

from benchmarks.clients import own_clients
from benchmarks.stage import Case, Client, Run, perform
from benchmarks.tables import Table

__all__ = ["RATES", "compare", "run", "streams_table"]

RATES = (240.0, 480.0, 720.0)
_USERS = 64
_STREAM_HEADS = (
    "streams/s", "client", "whole", "CPU s per 1000 streams", "x ceiling", "TTFT p50, ms off", "TTFT p99, ms off",
    "gap p99, ms off", "true TTFT p99",
)  # fmt: skip
_DOCUMENT_HEADS = (
    "users", "client", "whole", "requests/s", "requests per core second", "x plain aiohttp", "latency p50, ms off",
)  # fmt: skip
_BASE = "plain aiohttp"


def compare(clients: Sequence[Client], case: Case, repeat: int) -> list[dict[str, Run]]:
    """Each repetition: what every client made of the case. One that fails is left out, with a word on stderr."""
    rounds: list[dict[str, Run]] = []
    for number in range(repeat):
        runs: dict[str, Run] = {}
        for client in clients:
            print(f"{case.name}, {number + 1} of {repeat}: {client.name} ...", file=sys.stderr, flush=True)
            try:
                runs[client.name] = perform(client, case)
            except RuntimeError as error:
                print(error, file=sys.stderr)
        rounds.append(runs)
    return rounds


def _middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def cost(run: Run | None) -> float | None:
    """CPU seconds per 1000 answers, in the steady part of the run."""
    if run is None:
        return None
    cpu, done, _ = run.steady()
    return 1000 * cpu / done if done else None


def _ratio(of: float | None, to: float | None) -> float | None:
    return of / to if of is not None and to else None


def _names(rounds: Sequence[dict[str, Run]]) -> list[str]:
    return list(dict.fromkeys(name for runs in rounds for name in runs))


def _whole(runs: Sequence[Run]) -> str:
    return min(runs, key=lambda run: (run.complete, run.said.whole)).whole


def streams_table(name: str, cases: Sequence[tuple[Case, list[dict[str, Run]]]]) -> Table:
    """What streams cost, and how far figures are from the truth."""
    table = Table(name, _STREAM_HEADS)
    for case, rounds in cases:
        for client in _names(rounds):
            runs = [each[client] for each in rounds if client in each]
            base = [each.get("C, epoll") for each in rounds if client in each]
            costs = [cost(run) for run in runs]
            ratios = [_ratio(mine, cost(best)) for mine, best in zip(costs, base, strict=True)]
            off = [
                _signed(_middle(run.off(*which) for run in runs)) for which in (("ttft", 0), ("ttft", 1), ("gap", 1))
            ]
            true = _middle(run.true.time("ttft", 1) for run in runs)
            table.rows.append([f"{case.rate:g}", client, _whole(runs), _middle(costs), _middle(ratios), *off, true])
    return table


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.2f}" if abs(value) < 100 else f"{value:+,.0f}"


def documents_table(case: Case, rounds: list[dict[str, Run]]) -> Table:
    """Whole answers, as fast as they come."""
    table = Table("requests", _DOCUMENT_HEADS)
    for client in _names(rounds):
        runs = [each[client] for each in rounds if client in each]
        base = [each.get(_BASE) for each in rounds if client in each]
        per_core = [_ratio(1000, cost(run)) for run in runs]
        ratios = [_ratio(mine, _ratio(1000, cost(plain))) for mine, plain in zip(per_core, base, strict=True)]
        rates = [_ratio(run.steady()[1], run.steady()[2]) for run in runs]
        off = _signed(_middle(run.off("latency", 0) for run in runs))
        row = [f"{case.users}", client, _whole(runs), _middle(rates), _middle(per_core), _middle(ratios), off]
        table.rows.append(row)
    return table


def run(quick: bool, rates: Sequence[float] = RATES, repeat: int = 3, clients: Sequence[Client] = ()) -> list[Table]:
    """Streams at each of ``rates`` a second, then documents for 64 users."""
    clients = clients or own_clients()
    if quick:
        cases, repeat = [Case("40 streams/s", 2.0, rate=40, tokens=20)], 1
        document = Case("8 users", 1.5, users=8, tokens=1, ttft=0, spread=0, stream=False)
    else:
        cases = [Case(f"{rate:g} streams/s", 10.0, rate=rate) for rate in rates]
        document = Case(f"{_USERS} users", 6.0, users=_USERS, tokens=1, ttft=0, spread=0, stream=False)
    streams = streams_table("streams", [(case, compare(clients, case, repeat)) for case in cases])
    return [streams, documents_table(document, compare(clients, document, repeat))]
