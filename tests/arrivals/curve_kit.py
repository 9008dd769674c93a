"""What every curve must hold to. ``check_curve`` takes any curve, ours or not, and asserts all of it."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from llmload.arrivals.base import BatchCurve, Curve, expected_all, inverse, inverse_all, rate_all, solve

_CELLS = 8000


def check_curve(curve: Curve) -> None:
    """Assert that ``curve`` is a curve: see the functions below, one claim each."""
    assert 0.0 < curve.duration < math.inf
    assert isinstance(hash(curve), int)
    assert pickle.loads(pickle.dumps(curve)) == curve
    _rate_is_from_zero_to_the_peak(curve)
    _expected_is_the_integral_of_the_rate(curve)
    _expected_never_falls_and_stops_at_the_ends(curve)
    _inverse_undoes_expected(curve)
    _arrays_and_single_values_agree(curve)
    _scaling_multiplies(curve)


def _grid(curve: Curve, count: int = 101) -> np.ndarray:
    return np.linspace(0.0, curve.duration, count)


def _rate_is_from_zero_to_the_peak(curve: Curve) -> None:
    rates = rate_all(curve, _grid(curve, 1003))
    assert (rates >= 0.0).all()
    assert rates.max() <= curve.peak() * (1 + 1e-12)
    assert curve.rate(-1e-9) == 0.0
    assert curve.rate(curve.duration * (1 + 1e-9)) == 0.0


def _expected_is_the_integral_of_the_rate(curve: Curve) -> None:
    """By the midpoint rule; a jump inside a cell costs at most half the cell times its height."""
    edges = _grid(curve, _CELLS + 1)
    rates = rate_all(curve, (edges[1:] + edges[:-1]) / 2.0)
    sums = np.concatenate(([0.0], np.cumsum(rates) * curve.duration / _CELLS))
    worst = 2e-3 * curve.peak() * curve.duration + 1e-12
    assert np.abs(expected_all(curve, edges) - sums).max() <= worst


def _expected_never_falls_and_stops_at_the_ends(curve: Curve) -> None:
    values = expected_all(curve, _grid(curve, 1003))
    whole = curve.expected(curve.duration)
    assert values[0] == 0.0
    assert (np.diff(values) >= -1e-12 * whole).all()
    assert curve.expected(-1.0) == 0.0
    assert curve.expected(curve.duration + 1.0) == whole


def _inverse_undoes_expected(curve: Curve) -> None:
    whole = curve.expected(curve.duration)
    assert inverse(curve, whole) == curve.duration
    assert inverse(curve, whole * 2 + 1) == curve.duration
    if whole == 0.0:
        return
    s = np.linspace(0.0, whole, 257)[:-1]
    times = inverse_all(curve, s)
    assert (np.diff(times) >= 0.0).all()
    assert ((times >= 0.0) & (times <= curve.duration)).all()
    np.testing.assert_allclose(expected_all(curve, times), s, rtol=1e-9, atol=1e-9 * whole)
    np.testing.assert_allclose(solve(curve, s), times, rtol=0.0, atol=1e-6 * curve.duration)
    grid = _grid(curve)[:-1]
    rises = grid[rate_all(curve, grid) > 1e-3 * curve.peak()]
    np.testing.assert_allclose(
        inverse_all(curve, expected_all(curve, rises)), rises, rtol=0.0, atol=1e-9 * curve.duration
    )
    for t in rises[::25].tolist():
        assert inverse(curve, curve.expected(t)) == pytest.approx(t, abs=1e-9 * curve.duration)


def _arrays_and_single_values_agree(curve: Curve) -> None:
    times = _grid(curve, 57)
    if isinstance(curve, BatchCurve):
        np.testing.assert_allclose(curve.rate_all(times), [curve.rate(t) for t in times.tolist()], rtol=1e-12)
        np.testing.assert_allclose(curve.expected_all(times), [curve.expected(t) for t in times.tolist()], rtol=1e-12)
    assert len(inverse_all(curve, np.array([]))) == 0


def _scaling_multiplies(curve: Curve) -> None:
    assert curve.scaled() == curve
    scaled = curve.scaled(rate=2.5, time=0.25)
    assert scaled.duration == pytest.approx(curve.duration * 0.25)
    assert scaled.peak() == pytest.approx(curve.peak() * 2.5)
    whole = curve.expected(curve.duration)
    for t in _grid(curve, 41).tolist():
        assert scaled.expected(t * 0.25) == pytest.approx(curve.expected(t) * 2.5 * 0.25, abs=1e-9 * whole, rel=1e-9)
