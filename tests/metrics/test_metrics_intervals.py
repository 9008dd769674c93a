from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from llmload.metrics.intervals import enough, ranks


@pytest.mark.parametrize(
    ("percentile", "needed"),
    [(50, 11), (75, 24), (90, 64), (95, 130), (97, 219), (99, 662), (99.9, 6636), (99.99, 66_381)],
)
def test_a_percentile_needs_as_many_values_as_the_early_stopping_rule_says(percentile: float, needed: int) -> None:
    assert enough(needed, percentile / 100, 0.99)
    assert not enough(needed - 1, percentile / 100, 0.99)
    share = percentile / 100
    assert binom.cdf(1, needed, 1 - share) < 0.01 <= binom.cdf(1, needed - 1, 1 - share)


def test_low_percentiles_are_judged_by_their_own_tail() -> None:
    assert enough(662, 0.01, 0.99)
    assert not enough(600, 0.01, 0.99)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_extremes_are_no_percentiles(share: float) -> None:
    assert not enough(10**6, share, 0.99)
    assert ranks(10**6, share, 0.95) is None


def test_no_values_support_nothing() -> None:
    assert not enough(0, 0.5, 0.99)
    assert ranks(0, 0.5, 0.95) is None


@pytest.mark.parametrize("count", [8, 20, 100, 999, 5000, 20_000])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_ranks_hold_the_quantile_with_the_confidence_asked_for(count: int, share: float, confidence: float) -> None:
    found = ranks(count, share, confidence)
    tail = (1 - confidence) / 2
    if found is None:
        assert binom.cdf(0, count, share) > tail or binom.cdf(count - 1, count, share) < 1 - tail
        return
    low, high = found
    slack = 0.001 if count * share * (1 - share) > 2500 else 1e-9
    assert binom.cdf(low - 1, count, share) <= tail + slack
    assert binom.cdf(high - 1, count, share) >= 1 - tail - slack


@pytest.mark.parametrize("count", [8, 100, 999])
def test_small_samples_get_the_narrowest_such_ranks(count: int) -> None:
    low, high = ranks(count, 0.5, 0.95) or (0, 0)
    assert binom.cdf(low, count, 0.5) > 0.025
    assert binom.cdf(high - 2, count, 0.5) < 0.975


def test_a_sample_that_does_not_reach_beyond_the_percentile_has_no_interval() -> None:
    assert ranks(100, 0.99, 0.95) is None
    assert ranks(368, 0.99, 0.95) is not None


@pytest.mark.parametrize(("count", "share"), [(60, 0.5), (400, 0.95), (30_000, 0.5)])
def test_the_interval_covers_the_true_quantile_as_often_as_it_says(count: int, share: float) -> None:
    generator = np.random.default_rng(7)
    low, high = ranks(count, share, 0.95) or (0, 0)
    trials = 400
    samples = np.sort(generator.random((trials, count)), axis=1)
    covered = ((samples[:, low - 1] <= share) & (share <= samples[:, high - 1])).mean()
    # With 400 trials the observed share strays by 0.011 (one standard deviation) from at least 0.95.
    assert 0.95 - 0.03 < covered <= 1.0
