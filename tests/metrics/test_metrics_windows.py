from __future__ import annotations

import numpy as np
import pytest

from llmload.metrics.buckets import COARSE, Counts, fold
from llmload.metrics.windows import MAX_WINDOWS, Window, as_slice, coarsen, width_for
from llmload.records import Outcome


def coarse(data: list[int]) -> Counts:
    ((_, counts),) = fold(np.array(data), np.zeros(len(data), np.int64), COARSE)
    return counts


@pytest.mark.parametrize(
    ("seconds", "width"), [(0, 1), (MAX_WINDOWS - 1, 1), (MAX_WINDOWS, 2), (2 * MAX_WINDOWS, 4), (86_400, 16)]
)
def test_windows_get_wider_before_there_are_too_many(seconds: int, width: int) -> None:
    assert width_for(seconds) == width
    assert seconds // width < MAX_WINDOWS


def window(n: int) -> Window:
    made = Window(n, n, n, n, n, {Outcome.OK: n, Outcome.HTTP_5XX: 1, Outcome.DROPPED: 1}, {0: n})
    made.add("ttft", coarse([n * 1000]))
    return made


def test_wider_windows_hold_the_sums_of_those_they_are_made_of() -> None:
    wide = coarsen({4: {"": window(1)}, 5: {"": window(2), "chat": window(3)}, 7: {"": window(4)}}, 2)
    assert sorted(wide) == [2, 3]
    both = wide[2][""]
    assert (both.planned, both.ok, both.errors, both.completed, both.in_flight) == (3, 3, 2, 5, 2)
    assert both.series["ttft"].counts().total == 3000
    assert wide[2]["chat"].planned == 3


def test_calls_in_flight_add_up_over_workers_and_not_over_time() -> None:
    made = Window(peaks={0: 5})
    for other in (Window(peaks={0: 3}), Window(peaks={1: 4})):
        made.merge(other)
    assert made.in_flight == 9


def test_windows_as_a_slice_count_calls_and_pool_their_histograms() -> None:
    whole = as_slice([window(1), window(5)])
    assert (whole.calls, whole.ok, whole.errors, whole.dropped) == (10, 6, 2, 2)
    assert (whole.goodput, whole.input_tokens, whole.output_tokens) == (6, 6, 6)
    assert (whole.good["ttft"].count, whole.good["ttft"].total) == (2, 6000)
    assert "itl" not in whole.good


def test_json_leaves_out_what_is_nothing() -> None:
    assert Window().to_json() == {}
    assert Window.from_json(window(3).to_json()).to_json() == window(3).to_json()
