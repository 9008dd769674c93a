"""Native histograms: what they hold is what the HDR histogram holds, and quantiles are as near as is said."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.metrics.histogram import Histogram
from llmload.outputs.native import SCHEMAS, ZERO, Native, Span, factor, native

VALUES = st.lists(
    st.integers(0, 400_000_000) | st.integers(0, 40) | st.integers(0, 28).map(lambda n: 2**n), max_size=80
)


def histogram(values: list[int]) -> Histogram:
    made = Histogram()
    made.record(values)
    return made


def buckets(told: Native) -> Iterator[tuple[int, int]]:
    """Number and count of each bucket, read as the specification says."""
    number, held, deltas = 0, 0, iter(told.deltas)
    for n, span in enumerate(told.spans):
        assert span.length > 0
        assert span.offset > 0 or not n, "neighbours are one span"
        number += span.offset
        for _ in range(span.length):
            held += next(deltas)
            yield number, held
            number += 1
    assert next(deltas, None) is None


@given(VALUES, st.sampled_from(SCHEMAS))
def test_every_value_is_in_the_bucket_that_is_its_own(values: list[int], schema: int) -> None:
    told = native(made := histogram(values), 1e-6, schema)
    expected: dict[int, int] = {}
    for value, count in zip(*made.nonzero(), strict=True):
        if value:
            seconds = float(value * 1e-6)
            number = math.ceil(math.log2(seconds) * 2**schema)
            while 2.0 ** ((number - 1) / 2**schema) >= seconds:  # the logarithm is a hair too large
                number -= 1
            while 2.0 ** (number / 2**schema) < seconds:
                number += 1
            expected[number] = expected.get(number, 0) + int(count)
    assert dict(buckets(told)) == expected
    assert told.zero == values.count(0)
    assert told.count == told.zero + sum(expected.values()) == len(values)
    assert told.total == sum(values) * 1e-6


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_power_of_two_is_the_upper_bound_of_its_bucket(schema: int) -> None:
    for exponent in range(-10, 6):
        told = native(histogram([1]), 2.0**exponent, schema)
        assert list(buckets(told)) == [(exponent * 2**schema, 1)]


def test_gaps_are_told_by_spans() -> None:
    told = native(histogram([0, 1, 1, 1, 2, 8]), 1.0, 3)
    assert told == Native(3, 6, 13.0, 1, (Span(0, 1), Span(7, 1), Span(15, 1)), (3, -2, 0))


def test_nothing_is_told_of_nothing() -> None:
    assert native(Histogram(), 1e-6, 5) == Native(5, 0, 0.0, 0, (), ())
    assert native(histogram([0, 0]), 1e-6, 5) == Native(5, 2, 0.0, 2, (), ())


@given(VALUES.filter(any), st.sampled_from(SCHEMAS), st.integers(1, 100))
def test_a_percentile_is_within_the_width_of_a_bucket(values: list[int], schema: int, p: int) -> None:
    told = native(made := histogram(values), 1e-6, schema)
    rank, below = max(1, math.ceil(p / 100 * told.count)), told.zero
    true = made.at_rank(rank) * 1e-6
    if rank <= told.zero:
        assert true <= ZERO
        return
    for number, held in buckets(told):
        below += held
        if below >= rank:
            low, high = 2.0 ** ((number - 1) / 2**schema), 2.0 ** (number / 2**schema)
            assert low * 0.999 < true <= high * 1.001, "0.1 %: the width of an HDR bucket"
            assert high / low == pytest.approx(factor(schema))
            return
    raise AssertionError("no bucket has it")
