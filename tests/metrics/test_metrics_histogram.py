from __future__ import annotations

import pickle

import numpy as np
import orjson
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st
from metrics_kit import quick

from llmload.metrics.buckets import COARSE, HIGHEST
from llmload.metrics.histogram import Histogram

values = st.lists(st.integers(0, 3000) | st.integers(0, 10**7) | st.integers(0, HIGHEST), max_size=80)
some = values.filter(bool)
percentiles = st.sampled_from([0, 0.1, 1, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100]) | st.floats(0, 100)


def of(data: list[int]) -> Histogram:
    made = Histogram()
    made.record(data)
    return made


def oracle(data: list[int]) -> HdrHistogram:
    made = HdrHistogram(1, HIGHEST, 3)
    for value in data:
        made.record_value(value)
    return made


@quick
@given(some, percentiles)
def test_percentiles_are_those_of_hdrhistogram_within_the_exact_extremes(data: list[int], p: float) -> None:
    expected = oracle(data).get_value_at_percentile(p)
    assert of(data).percentile(p) == max(min(expected, max(data)), min(data))


@quick
@given(values)
def test_count_sum_extremes_and_mean_are_exact(data: list[int]) -> None:
    made = of(data)
    assert (made.count, made.total, made.clamped) == (len(data), sum(data), 0)
    assert (made.min, made.max) == (min(data, default=0), max(data, default=0))
    assert made.mean == (sum(data) / len(data) if data else 0.0)


@quick
@given(some)
def test_the_standard_deviation_is_right_to_the_width_of_the_buckets(data: list[int]) -> None:
    assert of(data).stddev == pytest.approx(np.std(data), rel=0.01, abs=max(data) * 0.001)


@quick
@given(st.lists(values, max_size=5), st.randoms())
def test_merging_in_any_order_equals_recording_everything_in_one(parts: list[list[int]], random: object) -> None:
    whole = of([value for part in parts for value in part])
    random.shuffle(parts)  # type: ignore[attr-defined]
    merged, nested = Histogram(), Histogram()
    for part in parts:
        merged.merge(of(part))
    for part in reversed(parts):
        inner = of(part)
        inner.merge(nested)
        nested = inner
    assert merged == whole == nested
    assert merged.to_json() == whole.to_json()


@quick
@given(st.lists(values, max_size=5))
def test_recording_in_pieces_equals_recording_at_once(parts: list[list[int]]) -> None:
    pieces = Histogram()
    for part in parts:
        pieces.record(np.array(part, np.int64))
    assert pieces == of([value for part in parts for value in part])


def test_values_out_of_range_are_kept_at_the_bound_and_counted() -> None:
    made = of([-7, 5, HIGHEST + 1, 10**15])
    assert (made.count, made.clamped) == (4, 3)
    assert (made.min, made.max) == (0, HIGHEST)
    assert made.total == 0 + 5 + 2 * HIGHEST


def test_large_sums_stay_exact() -> None:
    made = of([HIGHEST] * 300_000 + [1])
    assert made.total == HIGHEST * 300_000 + 1


def test_an_empty_histogram_has_harmless_figures() -> None:
    empty = Histogram()
    assert (empty.count, empty.min, empty.max, empty.percentile(99), empty.mean, empty.stddev) == (0, 0, 0, 0, 0, 0)
    assert empty.interval(50) is None
    assert not empty.enough(50)
    assert empty.share_above(10) == 0.0
    assert Histogram.from_json(empty.to_json()) == empty


@quick
@given(some, st.floats(-10, 3e11))
def test_the_share_above_a_value_is_right_to_the_width_of_a_bucket(data: list[int], bound: float) -> None:
    share = of(data).share_above(bound)
    above = sum(value > bound for value in data) / len(data)
    surely = sum(value > bound * 1.001 + 1 for value in data) / len(data)
    assert surely <= share <= above


@quick
@given(values)
def test_hdrhistogram_reads_the_encoded_text_to_the_same_percentiles(data: list[int]) -> None:
    made = of(data)
    read = HdrHistogram.decode(made.encode())
    assert read.get_total_count() == len(data)
    for p in (50, 90, 99, 100):
        assert min(read.get_value_at_percentile(p), made.max) == made.percentile(p)


@quick
@given(some)
def test_what_hdrhistogram_encodes_is_decoded_to_within_a_bucket(data: list[int]) -> None:
    read = Histogram.decode(oracle(data).encode().decode())
    assert read.count == len(data)
    assert read.mean == pytest.approx(sum(data) / len(data), rel=0.001, abs=1)
    assert read.min <= min(data) <= max(data) <= read.max


@quick
@given(values)
def test_json_and_pickle_round_trips_are_exact(data: list[int]) -> None:
    made = of([*data, -1])
    assert Histogram.from_json(orjson.loads(orjson.dumps(made.to_json()))) == made
    assert pickle.loads(pickle.dumps(made)) == made


def test_a_document_that_contradicts_itself_is_refused() -> None:
    document = of([1, 2, 3]).to_json()
    document["count"] = 4
    with pytest.raises(ValueError, match="said to hold 4 values holds 3"):
        Histogram.from_json(document)


def test_histograms_of_different_precision_do_not_mix() -> None:
    with pytest.raises(ValueError, match="can't merge 2 digits into 3"):
        Histogram().merge(Histogram(COARSE))


def test_the_interval_encloses_the_percentile_and_stays_within_the_sample() -> None:
    data = np.random.default_rng(3).lognormal(11, 0.5, 2000).astype(np.int64)
    made = Histogram()
    made.record(data)
    for p in (5, 50, 90, 95, 99):
        low, high = made.interval(p) or (0, 0)
        assert data.min() <= low <= made.percentile(p) <= high <= data.max()
    wide, narrow = made.interval(50, 0.99), made.interval(50, 0.8)
    assert wide is not None
    assert narrow is not None
    assert wide[1] - wide[0] > narrow[1] - narrow[0]
    assert made.interval(99.9) is None


def test_enough_values_for_p99_are_662() -> None:
    assert of([5] * 662).enough(99)
    assert not of([5] * 661).enough(99)


def test_memory_follows_the_spread_of_the_values_not_their_size() -> None:
    assert of([80_000_000_000, 80_100_000_000])._bins.nbytes < 100
