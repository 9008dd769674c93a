"""Which dimension explains how latencies vary: shares of variance of every dimension and every two crossed.

The logarithm of the latency of good calls is taken as a sum of effects of the dimensions' values and of their crossings
(analysis of variance; a factor of 2 weighs the same at 10 ms and at 10 s). A term's share is eta squared: its sum of
squares by that of all calls. Sums of squares are of type II: what a term explains beyond all the terms that it is no
part of; so unequal numbers of calls don't let one dimension be credited with what is another's. A dimension is also
part of those that lie within it: models explain what they do, and classes with one model each what is left to them.
What several explain that overlap without that (most of one go with most of the other) is nobody's own: ``shared``.
Sources: R. A. Fisher, Statistical Methods for Research Workers, 1925; F. Yates, The analysis of multiple
classifications with unequal numbers in the different classes, 1934 (what is now called type II); J. H. Goodnight, A
tutorial on the SWEEP operator, 1979 (normal equations without full rank).

Each call's latency is that of its bucket (0.1 % wide), which shares of variance don't show in their first three digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from llmload.analysis.crossings import METRIC, Cut, cuts, timed_cells
from llmload.analysis.series import Floats
from llmload.analysis.student import f_tail
from llmload.metrics.buckets import Ints
from llmload.metrics.summary import Summary

__all__ = ["PLANNED", "Names", "Term", "Variance", "log_sums", "planned", "variance"]

PLANNED: Final = frozenset({"class", "phase"})
"""Dimensions whose differences the scenario asks for: other requests, another load."""
_FEWEST: Final = 30
"""Calls and, beyond the effects, degrees of freedom from which shares say something."""
_MOST_EFFECTS: Final = 240
"""Effects that are fitted at once; crossings with the most values are left out beyond."""
_PIVOT: Final = 1e-9
"""What is left of an effect, as a share, from which it is its own and not the sum of others."""

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """A dimension, or two crossed. ``share``: of the variance of log latency, explained by this alone (for two: beyond
    what each explains). ``together``: by the two and their crossing; the same as ``share`` for one. ``within``: the
    same, as a share of what varies within class and phase; None for these and what they tell. ``p``: of Fisher's F,
    with calls taken as independent."""

    of: Names
    freedom: int
    share: float
    together: float
    within: float | None
    p: float


@dataclass(frozen=True, slots=True)
class Variance:
    """``calls``: good ones. ``spread``: standard deviation of the logarithm of their latencies. ``left``: the share
    that no term explains. ``shared``: what several explain, but none beyond the others; ``sharing``: the dimensions
    with the most of it. ``skipped``: crossings with too many values."""

    calls: int
    spread: float
    cuts: tuple[Cut, ...]
    terms: tuple[Term, ...]
    left: float
    shared: float = 0.0
    sharing: Names = ()
    skipped: tuple[Names, ...] = ()

    def term(self, *of: str) -> Term | None:
        """The term of these dimensions."""
        return next((term for term in self.terms if set(term.of) == set(of)), None)


def planned(found: Iterable[Cut]) -> frozenset[str]:
    """Class, phase, and the dimensions whose values these tell."""
    return PLANNED.union(*(cut.coarser for cut in found if cut.name in PLANNED))


def variance(summary: Summary) -> Variance | None:
    """None where nothing was cut, latencies don't vary, or calls are too few."""
    found = cuts(summary)
    cells = _Cells.of(summary, found) if found else None
    if cells is None or cells.calls < _FEWEST:
        return None
    fit = _Fit(cells, found)
    if fit.whole <= 0 or cells.calls - 1 - fit.freedom(fit.terms) < _FEWEST:
        return None
    terms = tuple(term for of in fit.terms if (term := _term(fit, of)) is not None)
    spread = float(np.sqrt(fit.whole / cells.calls))
    left = fit.left(fit.terms) / fit.whole
    shared = max(0.0, 1 - left - sum(term.share for term in terms))
    return Variance(cells.calls, spread, found, terms, left, shared, _sharing(fit, terms, shared), fit.skipped)


def _sharing(fit: _Fit, terms: Iterable[Term], shared: float) -> Names:
    """The dimensions that by themselves explain at least half of what is shared beyond their own; those that others lie
    within speak for these."""
    alone = {term.of: 1 - fit.left([term.of]) / fit.whole - term.share for term in terms if len(term.of) == 1}
    most = [of[0] for of, more in alone.items() if more >= shared / 2]
    return tuple(name for name in most if not any(name in fit.told[each] for each in most if each != name))


def _term(fit: _Fit, of: Names) -> Term | None:
    """None where a term has nothing of its own: one dimension lies within the other."""
    others = [each for each in fit.terms if not set(of) <= fit.tells(each)]
    freedom = fit.freedom([*others, of]) - fit.freedom(others)
    if freedom <= 0:
        return None
    own = max(0.0, fit.left(others) - fit.left([*others, of]))
    asked = [] if set(of) <= fit.planned else [each for each in fit.terms if set(each) <= fit.planned]
    apart = [each for each in fit.terms if not fit.tells(of) & fit.tells(each) or each in asked]
    parts = [each for each in fit.terms if set(each) <= set(of)]
    together = max(own, fit.left(apart) - fit.left([*apart, *parts])) if len(of) > 1 else own
    base = 0.0 if set(of) <= fit.planned else fit.left(asked)
    within = together / base if base > 0 else None
    return Term(of, freedom, own / fit.whole, together / fit.whole, within, _chance(fit, own, freedom))


def _chance(fit: _Fit, own: float, freedom: int) -> float:
    """How likely a sum of squares as large is where the term has no effect."""
    left, error = fit.left(fit.terms), fit.cells.calls - 1 - fit.freedom(fit.terms)
    return f_tail(own / freedom / (left / error), freedom, error) if left > 0 else 0.0


@dataclass(frozen=True)
class _Cells:
    """The calls that have the same values of all dimensions, as numbers: how many, sums of log latency and of its
    square. ``values``: by dimension, which value each cell has."""

    values: Mapping[str, Sequence[str]]
    n: Floats
    total: Floats
    squares: Floats

    @classmethod
    def of(cls, summary: Summary, found: Sequence[Cut]) -> _Cells | None:
        sums: dict[Names, Floats] = {}
        for key, part in timed_cells(summary):
            at = tuple(key.value(cut.name) for cut in found)
            sums[at] = sums.get(at, np.zeros(3)) + log_sums(*part.good[METRIC].nonzero())
        if not sums:
            return None
        table = np.array(list(sums.values()))
        names = {cut.name: [at[n] for at in sums] for n, cut in enumerate(found)}
        return cls(names, table[:, 0], table[:, 1], table[:, 2])

    @property
    def calls(self) -> int:
        return int(self.n.sum())


def log_sums(values: Ints, counts: Ints) -> Floats:
    """How many values there are, and the sums of their logarithms and of the squares of these."""
    logs = np.log(np.maximum(values, 1).astype(float))
    return np.array([counts.sum(), counts @ logs, counts @ logs**2], float)


class _Fit:
    """Least squares on the cells, of any choice of terms."""

    def __init__(self, cells: _Cells, found: Sequence[Cut]) -> None:
        self.cells = cells
        self.planned = planned(found)
        self.told = {cut.name: frozenset({cut.name, *cut.coarser}) for cut in found}
        mains = {cut.name: _indicators(cells.values[cut.name]) for cut in found}
        columns: dict[Names, Floats] = {(name,): made for name, made in mains.items()}
        pairs = [
            (one, two) for one, two in combinations(mains, 2) if two not in self.told[one] and one not in self.told[two]
        ]
        crossed = {(one, two): _products(mains[one], mains[two]) for one, two in pairs}
        used = sum(made.shape[1] for made in columns.values())
        for pair in sorted(crossed, key=lambda pair: crossed[pair].shape[1]):
            used += crossed[pair].shape[1]
            if used <= _MOST_EFFECTS:
                columns[pair] = crossed[pair]
        self.terms: tuple[Names, ...] = (*((name,) for name in mains), *(pair for pair in crossed if pair in columns))
        self.skipped = tuple(pair for pair in crossed if pair not in columns)
        self._places = dict(_places(columns))
        self._equations = _normal_equations(np.hstack(list(columns.values())), cells)
        self.whole = float(self._equations[-1, -1])
        """Sum of squares of all calls about their mean."""
        self._solved: dict[frozenset[Names], tuple[float, int]] = {}

    def tells(self, of: Names) -> frozenset[str]:
        """The dimensions whose values are known where these are."""
        return frozenset().union(*(self.told[name] for name in of))

    def left(self, terms: Iterable[Names]) -> float:
        """The sum of squares that these terms leave unexplained."""
        return self._solve(frozenset(terms))[0]

    def freedom(self, terms: Iterable[Names]) -> int:
        """How many effects they have that are not sums of others."""
        return self._solve(frozenset(terms))[1]

    def _solve(self, terms: frozenset[Names]) -> tuple[float, int]:
        if terms not in self._solved:
            chosen = [place for term in sorted(terms) for place in self._places[term]]
            self._solved[terms] = _eliminated(self._equations[np.ix_([*chosen, -1], [*chosen, -1])])
        return self._solved[terms]


def _places(columns: Mapping[Names, Floats]) -> Iterator[tuple[Names, range]]:
    start = 0
    for term, made in columns.items():
        yield term, range(start, start + made.shape[1])
        start += made.shape[1]


def _indicators(values: Sequence[str]) -> Floats:
    """A column per value but the first: 1 for the cells that have it."""
    return np.array([[float(value == each) for each in sorted(set(values))[1:]] for value in values])


def _products(one: Floats, two: Floats) -> Floats:
    """The columns of a crossing; those of crossings that no call has are left out."""
    made = (one[:, :, None] * two[:, None, :]).reshape(len(one), -1)
    filled: Floats = made[:, made.any(axis=0)]
    return filled


def _normal_equations(columns: Floats, cells: _Cells) -> Floats:
    """Cross products of the columns and, last, of log latency itself, all about their means over the calls."""
    n, calls = cells.n, cells.n.sum()
    middle = cells.total.sum() / calls
    centred = columns - (n @ columns) / calls
    target = centred.T @ (cells.total - n * middle)
    whole = float((cells.squares - 2 * middle * cells.total + n * middle**2).sum())
    made: Floats = np.block([[centred.T @ (centred * n[:, None]), target[:, None]], [target[None, :], whole]])
    return made


def _eliminated(equations: Floats) -> tuple[float, int]:
    """What is left of the last diagonal element when all other columns are eliminated, and how many could be."""
    table, own, rank = equations.copy(), np.diag(equations).copy(), 0
    for k in range(len(table) - 1):
        if table[k, k] > _PIVOT * own[k]:
            table -= np.outer(table[:, k], table[k] / table[k, k])
            rank += 1
    return max(0.0, float(table[-1, -1])), rank
