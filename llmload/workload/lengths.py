"""Whole numbers from a distribution: tokens of a prompt, size of a batch, ``max_tokens``.

``draw`` and ``mean`` agree: the mean of many draws tends to ``mean``, truncation to low..high included.
Normal and lognormal numbers are drawn by inverting the distribution function within the bounds, which gives
what redrawing until one fits would give, in one step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import NormalDist
from typing import Final

from llmload.draws import Draws
from llmload.workload.spec import Lengths

__all__ = ["check", "draw", "highest", "lowest", "mean"]

_NORMAL: Final = NormalDist()


def check(lengths: Lengths) -> None:
    """ValueError, saying what is wrong, for lengths that can't be drawn."""
    if lengths.kind == "choice":
        if not lengths.parts or min(weight for weight, _ in lengths.parts) < 0 or _weight(lengths) <= 0:
            raise ValueError("a choice of lengths needs parts with weights of 0 or more, at least one of them above 0")
        for _, part in lengths.parts:
            check(part)
        return
    if lengths.low < 0:
        raise ValueError(f"a length can't be below 0, but low is {lengths.low}")
    if lengths.high < lengths.low and (lengths.kind == "uniform" or (lengths.kind != "fixed" and lengths.high)):
        raise ValueError(f"the highest length, {lengths.high}, is below the lowest, {lengths.low}")
    if lengths.kind in ("normal", "lognormal") and not (lengths.mean > 0 and lengths.sd >= 0):
        raise ValueError(f"{lengths.kind} lengths need a mean above 0 and an sd of 0 or more")


def draw(lengths: Lengths, draws: Draws) -> int:
    """One number; the same for the same state of ``draws``."""
    return _DRAW[lengths.kind](lengths, draws)


def mean(lengths: Lengths) -> float:
    """What draws come to on average."""
    return _MEAN[lengths.kind](lengths)


def highest(lengths: Lengths) -> int | None:
    """The largest number that can be drawn; None if there is no bound."""
    if lengths.kind == "choice":
        parts = [highest(part) for _, part in lengths.parts]
        return None if None in parts else max(part for part in parts if part is not None)
    return lengths.low if lengths.kind == "fixed" else lengths.high or None


def lowest(lengths: Lengths) -> int:
    """The smallest number that can be drawn."""
    return min(lowest(part) for _, part in lengths.parts) if lengths.kind == "choice" else lengths.low


def _weight(lengths: Lengths) -> float:
    return sum(weight for weight, _ in lengths.parts)


def _steady(lengths: Lengths) -> bool:
    """It spreads so little that it always rounds to the same number."""
    return lengths.sd <= 1e-9 * lengths.mean


def _span(lengths: Lengths) -> tuple[float, float]:
    """Bounds of the real number that is rounded: half a step around the whole ones."""
    return lengths.low - 0.5, lengths.high + 0.5 if lengths.high else math.inf


def _logarithmic(lengths: Lengths) -> NormalDist:
    """The distribution of the logarithm, from mean and sd of the number itself."""
    variance = math.log1p((lengths.sd / lengths.mean) ** 2)
    return NormalDist(math.log(lengths.mean) - variance / 2.0, math.sqrt(variance))


def _log(value: float) -> float:
    return math.log(value) if value > 0.0 else -math.inf


def _shares(normal: NormalDist, low: float, high: float) -> tuple[float, float]:
    """The distribution function at both bounds; both 0 or 1 where the bounds leave next to nothing."""
    return normal.cdf(low), normal.cdf(high) if high < math.inf else 1.0


def _within(normal: NormalDist, low: float, high: float, position: float) -> float:
    """The number at ``position`` (0..1) of ``normal`` cut to low..high."""
    below, until = _shares(normal, low, high)
    share = below + (until - below) * position
    if 0.0 < share < 1.0 and until > below:
        return min(max(normal.inv_cdf(share), low), high)
    return min(max(normal.mean, low), high)


def _bounded(value: float, lengths: Lengths) -> float:
    return min(max(value, lengths.low), lengths.high or math.inf)


def _whole(value: float, lengths: Lengths) -> int:
    return int(_bounded(math.floor(value + 0.5), lengths))


def _draw_uniform(lengths: Lengths, draws: Draws) -> int:
    return lengths.low + draws.below(lengths.high - lengths.low + 1)


def _draw_normal(lengths: Lengths, draws: Draws) -> int:
    position = draws.unit()
    if _steady(lengths):
        return _whole(lengths.mean, lengths)
    return _whole(_within(NormalDist(lengths.mean, lengths.sd), *_span(lengths), position), lengths)


def _draw_lognormal(lengths: Lengths, draws: Draws) -> int:
    position = draws.unit()
    if _steady(lengths):
        return _whole(lengths.mean, lengths)
    low, high = _span(lengths)
    return _whole(math.exp(_within(_logarithmic(lengths), _log(low), _log(high), position)), lengths)


def _draw_choice(lengths: Lengths, draws: Draws) -> int:
    position = draws.unit() * _weight(lengths)
    for weight, part in lengths.parts:
        position -= weight
        if position < 0.0:
            return draw(part, draws)
    return draw(lengths.parts[-1][1], draws)


def _mean_normal(lengths: Lengths) -> float:
    """mu + sigma (phi(a) - phi(b)) / (Phi(b) - Phi(a)), a and b the bounds in units of sigma."""
    if _steady(lengths):
        return float(_whole(lengths.mean, lengths))
    normal = NormalDist(lengths.mean, lengths.sd)
    low, high = _span(lengths)
    below, until = _shares(normal, low, high)
    if until <= below:
        return float(_whole(lengths.mean, lengths))
    density = normal.pdf(low) - (normal.pdf(high) if high < math.inf else 0.0)
    return _bounded(lengths.mean + lengths.sd**2 * density / (until - below), lengths)


def _mean_lognormal(lengths: Lengths) -> float:
    """mean (Phi(sigma - a) - Phi(sigma - b)) / (Phi(b) - Phi(a)), a and b the logarithmic bounds in units of sigma."""
    if _steady(lengths):
        return float(_whole(lengths.mean, lengths))
    normal = _logarithmic(lengths)
    low, high = (_log(bound) for bound in _span(lengths))
    below, until = _shares(normal, low, high)
    if until <= below:
        return float(_whole(math.exp(normal.mean), lengths))
    a, b = ((bound - normal.mean) / normal.stdev for bound in (low, high))
    partial = _phi(normal.stdev - a) - _phi(normal.stdev - b)
    return _bounded(lengths.mean * partial / (until - below), lengths)


def _phi(z: float) -> float:
    return _NORMAL.cdf(z) if math.isfinite(z) else float(z > 0.0)


def _mean_choice(lengths: Lengths) -> float:
    return sum(weight * mean(part) for weight, part in lengths.parts) / _weight(lengths)


_DRAW: Final[Mapping[str, Callable[[Lengths, Draws], int]]] = {
    "fixed": lambda lengths, draws: lengths.low,
    "uniform": _draw_uniform,
    "normal": _draw_normal,
    "lognormal": _draw_lognormal,
    "choice": _draw_choice,
}
_MEAN: Final[Mapping[str, Callable[[Lengths], float]]] = {
    "fixed": lambda lengths: float(lengths.low),
    "uniform": lambda lengths: (lengths.low + lengths.high) / 2.0,
    "normal": _mean_normal,
    "lognormal": _mean_lognormal,
    "choice": _mean_choice,
}
