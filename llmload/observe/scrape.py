"""A page of metrics in Prometheus' text format, read while a run lasts, and figures made of its series.

A page is got by a thread, so that one that comes late delays nothing; its values count for the time at which it came.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from llmload.metrics.observed import Observed
from llmload.observe.process import Unseen
from llmload.safe import clean
from llmload.scenario.series import Expression

__all__ = ["PageWatch", "Series", "fetch", "quantile", "read_page"]

_SECONDS: Final = 2.0
"""For a page, in all."""
_LARGEST: Final = 8 * 2**20
_PIECE: Final = 1 << 16
_SLOW: Final = "the page of metrics takes too long"
_BOUND: Final = "le"
"""The label of a bucket's bound."""
_NOTHING: Final = 2.0**62
"""Values from here on are none: infinities, and what NVIDIA's DCGM has for what a GPU does not tell, 2^63 - 14."""

Series = Mapping[str, Sequence[tuple[Mapping[str, str], float]]]
"""Name -> (labels, value) of each sample."""
_Group = tuple[tuple[str, str], ...]
_State = dict[_Group, dict[str, float]]
"""What one expression needs of a page: for each set of labels (without a bucket's bound) the counters under it, by name
or bound; of what does not flow, its value alone, under no labels and no name."""


def fetch(url: str) -> str:
    """The page. Raises Unseen that says why there is none."""
    end = time.monotonic() + _SECONDS
    pool = urllib3.PoolManager(num_pools=1, retries=False, timeout=urllib3.Timeout(total=_SECONDS))
    try:
        answer = pool.request("GET", url, redirect=False, preload_content=False, headers={"Accept": "text/plain"})
        if answer.status != 200:
            raise Unseen(f"the page of metrics answers HTTP {answer.status}")
        body = bytearray()
        for piece in answer.stream(_PIECE):
            body += piece
            if len(body) > _LARGEST:
                raise Unseen(f"the page of metrics is larger than {_LARGEST >> 20} MiB")
            if time.monotonic() > end:
                raise Unseen(f"the page of metrics takes longer than {_SECONDS:g} s")
    except urllib3.exceptions.HTTPError as error:
        slow = isinstance(error, urllib3.exceptions.TimeoutError) and not isinstance(
            error, urllib3.exceptions.NewConnectionError
        )
        raise Unseen(_SLOW if slow else "the page of metrics can not be reached") from None
    finally:
        pool.clear()
    return body.decode("utf-8", "replace")


def read_page(text: str, wanted: Iterable[str]) -> Series:
    """The samples of these names. Raises Unseen where it is no such page. The parser knows every counter as ``_total``,
    as OpenMetrics has it, also one that is called otherwise on the page: both names will do."""
    names = frozenset(wanted)
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                short = sample.name.removesuffix("_total") if family.type == "counter" else sample.name
                for name in {sample.name, short} & names:
                    found.setdefault(name, []).append((sample.labels, float(sample.value)))
    except (ValueError, KeyError, IndexError) as error:
        raise Unseen(f"the page is not in Prometheus' text format: {clean(str(error), 100)}") from None
    return found


def names_of(expression: Expression) -> tuple[str, ...]:
    """The names of the samples that it is made of."""
    if expression.how == "mean":
        return f"{expression.name}_sum", f"{expression.name}_count"
    return (f"{expression.name}_bucket",) if expression.how == "quantile" else (expression.name,)


def quantile(p: float, buckets: Mapping[float, float]) -> float | None:
    """The percentile ``p`` (0..100) of values of which ``buckets`` says how many are at most each bound, by straight
    lines between bounds, the lowest from 0 on, as PromQL's histogram_quantile does it. In the highest bucket, which has
    no bound, it is the bound below. None without values."""
    bounds = sorted(buckets)
    if not bounds or bounds[-1] != math.inf or buckets[math.inf] <= 0:
        return None
    rank, below, low = p / 100 * buckets[math.inf], 0.0, 0.0
    for bound in bounds:
        upto = max(below, buckets[bound])  # what is not scraped at one moment may not rise
        if upto >= rank and upto > below:
            return low if math.isinf(bound) else low + (bound - low) * (rank - below) / (upto - below)
        below, low = upto, low if math.isinf(bound) else bound
    return low


class PageWatch:
    """Samples a page into an ``Observed``."""

    def __init__(self, what: str, find: Callable[[], str], figures: Sequence[tuple[str, Expression]]) -> None:
        """``find`` gives the page's address, or raises Unseen."""
        self.seen: Final = Observed()
        self._what: Final = what
        self._find: Final = find
        self._figures: Final = dict(figures)
        self._names: Final = {name for each in self._figures.values() for name in names_of(each)}
        self._before: dict[str, tuple[float, _State]] = {}
        self._got: Series | Unseen | None = None
        self._took = 0.0
        self._asked, self._begun = -math.inf, 0.0
        self._thread: threading.Thread | None = None

    def look(self, at: float, last: bool = False) -> None:
        """Take in the page that has come, and ask for the next, ``at`` seconds after the start of the run (minus
        infinity: some time before it). Waits for it before and at the end of the run only."""
        self._take()
        if self._thread is not None:
            if last:
                self._thread.join(2 * _SECONDS)
                self._take()
            if self._thread is not None and time.monotonic() - self._begun > 2 * _SECONDS:
                self.seen.trouble = _SLOW
            return
        self._asked, self._begun = at, time.monotonic()
        self._thread = threading.Thread(target=self._get, name="llmload-scrape", daemon=True)
        self._thread.start()
        if last or math.isinf(at):
            self._thread.join(2 * _SECONDS)
            self._take()

    def _get(self) -> None:
        begun = time.monotonic()
        try:
            self._got = read_page(fetch(self._find()), self._names)
        except Unseen as why:
            self._got = why
        self._took = time.monotonic() - begun

    def _take(self) -> None:
        if self._thread is None or self._thread.is_alive():
            return
        got, self._got, self._thread = self._got, None, None
        if isinstance(got, Unseen):
            self.seen.trouble = str(got)
            self._before.clear()
        elif got is not None:
            self.seen.what, self.seen.trouble = self._what, ""
            for figure, expression in self._figures.items():
                self._enter(figure, expression, got, self._asked + self._took)

    def _enter(self, figure: str, expression: Expression, page: Series, at: float) -> None:
        state = _state(expression, page)
        if not state:
            self.seen.missing.setdefault(figure, f"the page has no series {expression.name}")
            return
        self.seen.missing.pop(figure, None)
        if not expression.flows:
            self.seen.samples(figure).read(at, state[()][""] / expression.per)
            return
        before, self._before[figure] = self._before.get(figure), (at, state)
        if before is None or not before[0] < at or math.isinf(before[0]):
            return
        value = _between(expression, before[1], state, at - before[0])
        if value is not None:
            self.seen.samples(figure).lasted(before[0], at, value / expression.per)


def _state(expression: Expression, page: Series) -> _State:
    if not expression.flows:
        (name,) = names_of(expression)
        values = [value for labels, value in page.get(name, ()) if _fits(labels, expression) and abs(value) < _NOTHING]
        return {(): {"": _COMBINED.get(expression.how, math.fsum)(values)}} if values else {}
    found: _State = {}
    for name in names_of(expression):
        if not any(_fits(labels, expression) for labels, _ in page.get(name, ())):
            return {}
        for labels, value in page[name]:
            if _fits(labels, expression) and abs(value) < _NOTHING:
                group = tuple(sorted(pair for pair in labels.items() if pair[0] != _BOUND))
                part = labels.get(_BOUND, "") if expression.how == "quantile" else name
                found.setdefault(group, {})[part] = value
    return found


_COMBINED: Final[Mapping[str, Callable[[list[float]], float]]] = {
    "max": max,
    "avg": lambda values: math.fsum(values) / len(values),
}


def _fits(labels: Mapping[str, str], expression: Expression) -> bool:
    return all(labels.get(name) == value for name, value in expression.labels)


def _between(expression: Expression, then: _State, now: _State, seconds: float) -> float | None:
    """What happened between two looks. Counters of one set of labels of which any has fallen began anew, from 0; of a
    set that was not there before nothing is known yet: it may be new, or be back."""
    grown: dict[str, float] = {}
    for group, parts in now.items():
        before = then.get(group)
        if before is not None:
            anew = any(value < before.get(part, 0.0) for part, value in parts.items())
            for part, value in parts.items():
                grown[part] = grown.get(part, 0.0) + value - (0.0 if anew else before.get(part, 0.0))
    if not grown:
        return None
    if expression.how == "rate":
        return grown[expression.name] / seconds
    if expression.how == "mean":
        took, count = (grown.get(name, 0.0) for name in names_of(expression))
        return took / count if count > 0 else None
    return quantile(expression.p, {bound: count for key, count in grown.items() if (bound := _bound(key)) is not None})


def _bound(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
