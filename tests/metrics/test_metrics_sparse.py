from __future__ import annotations

import base64
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_kit import quick

from llmload.metrics.buckets import COARSE, HIGHEST, Counts, fold
from llmload.metrics.histogram import Histogram
from llmload.metrics.sparse import Sparse

lists = st.lists(st.integers(0, 500) | st.integers(0, 10**7) | st.just(HIGHEST), min_size=1, max_size=40)


def coarse(data: list[int]) -> Counts:
    ((_, counts),) = fold(np.array(data), np.zeros(len(data), np.int64), COARSE)
    return counts


@quick
@given(st.lists(lists, min_size=1, max_size=5))
def test_a_sparse_histogram_equals_a_dense_one(parts: list[list[int]]) -> None:
    sparse, dense = Sparse(), Histogram(COARSE)
    for part in parts:
        sparse.add(coarse(part))
        dense.record(part)
    again = Histogram(COARSE)
    again.add(sparse.counts())
    assert again == dense
    assert sparse.count == dense.count
    assert pickle.loads(pickle.dumps(sparse)).counts()[2:] == sparse.counts()[2:]
    assert Sparse.from_json(sparse.to_json()).to_json() == sparse.to_json()


def test_a_window_of_fifty_calls_takes_less_than_a_kilobyte() -> None:
    sparse = Sparse()
    sparse.add(coarse(np.random.default_rng(1).lognormal(12, 1, 50).astype(np.int64).tolist()))
    assert len(pickle.dumps(sparse)) < 1000


@quick
@given(st.lists(lists, max_size=5))
def test_pooling_many_equals_one_histogram_of_all_values(parts: list[list[int]]) -> None:
    whole = Histogram(COARSE)
    sparse = [Sparse() for _ in parts]
    for one, part in zip(sparse, parts, strict=True):
        one.add(coarse(part))
        whole.record(part)
    assert Sparse.pooled(sparse) == whole


def text(*data: int) -> str:
    return base64.b64encode(bytes(data)).decode()


@pytest.mark.parametrize(
    ("counts", "complaint"),
    [
        (text(0x80), "break off"),
        (text(0xFF, 0xFF, 0xFF, 0xFF, 0x7F), "out of range"),
        (text(0xFF, 0xFF, 0x7F, 0x02), "too many"),
        ("?", "base64|Incorrect|padding"),
    ],
)
def test_damaged_counts_are_refused(counts: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Sparse.from_json({"total": 1, "min": 0, "max": 0, "clamped": 0, "counts": counts})
