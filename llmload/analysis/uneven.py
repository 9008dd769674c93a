"""Who is served unlike the others: the dimension, or two crossed, that explain most, and the values that stand out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from llmload.analysis.crossings import METRIC, timed_cells
from llmload.analysis.series import Floats
from llmload.analysis.variance import PLANNED, Names, Term, log_sums, variance
from llmload.metrics.summary import Summary
from llmload.units import format_count, format_share

__all__ = ["Standout", "Uneven", "standout", "uneven"]

_SAYS_MUCH: Final = 0.1
"""The share of the variance within classes and phases from which a dimension is worth a word, and the share of what two
explain together that their crossing has to have, to be more than the two."""
_SURE: Final = 0.001
_HARMED: Final = 1.5
_ALIKE: Final = 1.2
"""Times as long from which calls are harmed; below which they are alike."""


def _times(ratio: float) -> str:
    return f"{ratio:.2g}" if ratio < 10 else f"{ratio:,.0f}"


@dataclass(frozen=True, slots=True)
class Standout:
    """The value, or crossing of values, that differs most from all other calls: by how much (``ratio`` of geometric
    means), in how many good ``calls``."""

    values: Names
    ratio: float
    calls: int


def standout(summary: Summary, of: Names) -> Standout | None:
    """Of one or two dimensions, the values that explain most by themselves; None if no two can be compared.

    Calls are compared within class and phase, so that neither can be the reason; each class and phase weighs with
    n1 n2 / (n1 + n2), as in a regression with an effect of each. Source: W. G. Cochran, Some methods for strengthening
    the common chi-squared tests, 1954, section 5.
    """
    strata: dict[Names, dict[Names, Floats]] = {}
    for key, part in timed_cells(summary):
        groups = strata.setdefault((key.cls, key.phase), {})
        values = tuple(key.value(name) for name in of)
        groups[values] = groups.get(values, np.zeros(3)) + log_sums(*part.good[METRIC].nonzero())
    compared = {values: _against_rest(values, strata.values()) for groups in strata.values() for values in groups}
    known = {values: found for values, found in compared.items() if found[1] > 0 and all(values)}
    if not known:
        return None
    values, (difference, _) = max(known.items(), key=lambda item: item[1][0] ** 2 * item[1][1])
    calls = sum(int(groups[values][0]) for groups in strata.values() if values in groups)
    return Standout(values, float(np.exp(difference)), calls)


def _against_rest(values: Names, strata: Iterable[Mapping[Names, Floats]]) -> tuple[float, float]:
    """The mean difference of log latency from all other calls of each stratum, and its weight."""
    sums, weights = 0.0, 0.0
    for groups in strata:
        if values in groups and len(groups) > 1:
            n, total, _ = groups[values]
            others, rest, _ = np.sum(list(groups.values()), axis=0) - groups[values]
            weight = n * others / (n + others)
            sums += weight * (total / n - rest / others)
            weights += weight
    return (float(sums / weights) if weights else 0.0), float(weights)


@dataclass(frozen=True, slots=True)
class Uneven:
    """The ``term`` that explains most, with those of its dimensions ``alone``, and who stands ``out``. ``within``:
    there is more than one class or phase, and what is said is about calls of the same."""

    term: Term
    alone: tuple[Term, ...]
    out: Standout
    within: bool

    @property
    def who(self) -> str:
        """The values, as people write them: "asia/free"."""
        return "/".join(self.out.values)

    @property
    def harmed(self) -> bool:
        """A crossing is slow beyond what its dimensions explain: no table by one of them shows it."""
        return len(self.term.of) > 1 and self.out.ratio >= _HARMED

    def words(self) -> str:
        """In a sentence."""
        where = " within classes and phases" if self.within else ""
        return (
            f"{' x '.join(self.term.of)} explains {_rough(_explained(self.term))} of the variance of latency{where}: "
            f"{self.who} takes {_times(self.out.ratio)} times as long as the rest"
        )

    def evidence(self) -> tuple[str, ...]:
        """The figures it is concluded from."""
        alone = (f"{each.of[0]} alone {_rough(_explained(each))}" for each in self.alone)
        return (
            *alone,
            f"of all variance {_rough(self.term.together)}",
            f"{format_count(self.out.calls)} calls of {self.who}",
        )


def uneven(summary: Summary) -> Uneven | None:
    """None where no dimension explains much, or whoever stands out is hardly unlike the rest."""
    found = variance(summary)
    best = max(found.terms, key=_weight, default=None) if found else None
    if found is None or best is None or _weight(best) < _SAYS_MUCH:
        return None
    out = standout(summary, best.of)
    if out is None or 1 / _ALIKE < out.ratio < _ALIKE:
        return None
    alone = tuple(term for term in found.terms if len(best.of) > 1 and term.of in {(name,) for name in best.of})
    within = any(cut.name in PLANNED for cut in found.cuts)
    return Uneven(best, tuple(term for term in alone if term.within is not None), out, within)


def _explained(term: Term) -> float:
    return term.within or 0.0


def _weight(term: Term) -> float:
    """What a term explains within classes and phases; 0 if that is no more than chance, or no more than the dimensions
    that are crossed explain."""
    own = len(term.of) == 1 or term.share >= _SAYS_MUCH * term.together
    return _explained(term) if own and term.p < _SURE else 0.0


def _rough(share: float) -> str:
    return format_share(round(share, 2))
