from __future__ import annotations

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st
from metrics_kit import quick

from llmload.metrics.buckets import COARSE, FINE, HIGHEST, Buckets, Counts, fold

values = st.integers(0, HIGHEST) | st.integers(0, 37).flatmap(
    lambda bit: st.sampled_from([v for v in ((1 << bit) - 1, 1 << bit, (1 << bit) + 1) if v <= HIGHEST])
)
both = pytest.mark.parametrize("buckets", [FINE, COARSE], ids=["3 digits", "2 digits"])


@both
@quick
@given(data=st.lists(values, min_size=1, max_size=50))
def test_the_bucket_of_a_value_is_the_one_hdrhistogram_gives_it(buckets: Buckets, data: list[int]) -> None:
    oracle = HdrHistogram(1, HIGHEST, buckets.digits)
    index = buckets.index(np.array(data))
    assert index.tolist() == [oracle._counts_index_for(value) for value in data]
    assert buckets.lowest(index).tolist() == [oracle.get_lowest_equivalent_value(value) for value in data]
    assert buckets.highest(index).tolist() == [oracle.get_highest_equivalent_value(value) for value in data]


@both
def test_there_are_as_many_buckets_as_hdrhistogram_has(buckets: Buckets) -> None:
    assert buckets.size == HdrHistogram(1, HIGHEST, buckets.digits).counts_len
    assert buckets.index(np.array([HIGHEST])).tolist() == [buckets.size - 1]


@quick
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-5, HIGHEST + 5) | st.integers(0, 50)), min_size=1))
def test_folding_groups_at_once_equals_folding_each_alone(pairs: list[tuple[int, int]]) -> None:
    groups, data = np.array(pairs).T
    found = dict(fold(data, groups, FINE))
    assert list(found) == sorted(set(groups.tolist()))
    for group, counts in found.items():
        mine = data[groups == group]
        kept = np.clip(mine, 0, HIGHEST)
        places, each = np.unique(FINE.index(kept), return_counts=True)
        assert counts.places.tolist() == places.tolist()
        assert counts.counts.tolist() == each.tolist()
        assert counts[2:] == (sum(kept.tolist()), kept.min(), kept.max(), int((mine != kept).sum()))


def test_folding_nothing_gives_no_groups() -> None:
    assert list(fold(np.zeros(0, np.int64), np.zeros(0, np.int64), FINE)) == []


@quick
@given(st.lists(values, min_size=1, max_size=100))
def test_fine_counts_regrouped_are_the_coarse_counts_of_the_same_values(data: list[int]) -> None:
    ((_, fine),) = fold(np.array(data), np.zeros(len(data), np.int64), FINE)
    ((_, coarse),) = fold(np.array(data), np.zeros(len(data), np.int64), COARSE)
    again: Counts = FINE.regroup(fine, COARSE)
    assert again.places.tolist() == coarse.places.tolist()
    assert again.counts.tolist() == coarse.counts.tolist()
    assert again[2:] == coarse[2:]
