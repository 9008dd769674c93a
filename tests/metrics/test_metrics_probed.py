"""What a probe told: added up, cut by time, written and read back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.metrics.observed import Observed
from llmload.metrics.probed import Answered, Probed, Stall
from llmload.metrics.windows import MAX_WINDOWS

ANSWERS = st.lists(
    st.builds(
        Answered, st.floats(0, 3 * MAX_WINDOWS), st.floats(0, 5), st.floats(0, 0.1), st.booleans()
    ), max_size=12,
)  # fmt: skip
SPAN = [(0.0, 1e9)]


def probed(*answers: Answered) -> Probed:
    made = Probed(20.0, 0.1)
    made.take(answers)
    return made


def test_times_are_of_the_windows_in_which_probes_were_due() -> None:
    made = probed(Answered(0.5, 0.001), Answered(1.5, 0.002), Answered(1.9, 0.3), Answered(2.0, 5.0, lost=True))
    assert made.within([(1.0, 2.0)]).count == 2
    assert made.within([(1.0, 2.0)]).max == 300_000
    assert made.within([(0.0, 2.0)]).count == 3
    assert made.lost_in([(0.0, 2.0)]) == 0
    assert probed(Answered(0.5, 0.3, own=0.1)).within(SPAN, least=True).max == 200_000
    assert made.lost_in([(2.0, 3.0)]) == 1


def test_a_stall_lasts_between_what_was_seen_and_what_nobody_asked() -> None:
    stall = Stall(3.0, 0.25, before=0.04, own=0.01)
    assert (stall.least, stall.most, stall.end) == (pytest.approx(0.24), pytest.approx(0.29), 3.25)


def test_stalls_that_overlap_are_one_told_by_the_longest() -> None:
    made = probed()
    for stall in (Stall(1.0, 0.3), Stall(1.05, 0.25), Stall(1.25, 0.2), Stall(2.0, 0.2), Stall(1.1, 2.0)):
        made.stalled(stall)
        if stall.at == 2.0:
            assert made.stalls == [Stall(1.0, 0.3), Stall(2.0, 0.2)]
    assert made.stalls == [Stall(1.1, 2.0)]


def test_stalls_count_where_they_began() -> None:
    made = probed()
    for at in (0.5, 1.5, 2.5):
        made.stalled(Stall(at, 0.2))
    assert [stall.at for stall in made.stalls_in([(1.0, 2.0), (2.2, 9.0)])] == [1.5, 2.5]


def test_a_run_of_days_has_wider_windows() -> None:
    made = probed(Answered(0.5, 0.001), Answered(MAX_WINDOWS + 0.5, 0.002, lost=True), Answered(1.5, 0.003))
    assert made.width == 2
    assert made.times.keys() == {0, MAX_WINDOWS // 2}
    assert made.within([(0.0, 2.0)]).count == 2
    assert made.lost == {MAX_WINDOWS // 2: 1}


@given(ANSWERS, ANSWERS)
def test_parts_add_up_in_any_order_and_are_read_back(first: list[Answered], second: list[Answered]) -> None:
    there, back = probed(*first), probed(*second)
    there.stalled(Stall(1.0, 0.2))
    back.stalled(Stall(0.5, 0.3))
    there.merge(probed(*second))
    back.merge(probed(*first))
    assert there.within(SPAN).count == len(first) + len(second) == back.within(SPAN).count
    assert (there.width, there.lost) == (back.width, back.lost)
    for made in (there, back):
        data = json.loads(json.dumps(made.to_json()))
        assert Probed.from_json(data).to_json() == made.to_json()


def test_an_observer_keeps_it_and_what_was_written_before_has_none() -> None:
    seen = Observed("20 probes/s", probed=probed(Answered(0.5, 0.001)))
    seen.merge(Observed(probed=probed(Answered(1.5, 0.001))))
    data = json.loads(json.dumps(seen.to_json()))
    again = Observed.from_json(data)
    assert again.probed is not None
    assert again.probed.within(SPAN).count == 2
    del data["probed"]
    assert Observed.from_json(data).probed is None


@pytest.mark.parametrize(
    ("key", "value"),
    [("width", 0), ("times", [[-1, {}]]), ("lost", [[MAX_WINDOWS, 1]]), ("stalls", [{"at": "x"}]), ("lag", None)],
)
def test_what_can_not_be_is_refused(key: str, value: object) -> None:
    data = probed(Answered(0.5, 0.001)).to_json()
    data[key] = value
    with pytest.raises((KeyError, TypeError, ValueError)):
        Probed.from_json(data)
