from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.records import Api
from llmload.workload.mix import choose, shares
from llmload.workload.spec import RequestClass


def classes(**weights: float) -> list[RequestClass]:
    return [RequestClass(name, weight, Api.CHAT, ("t",), "m") for name, weight in weights.items()]


def test_shares_are_weights_over_their_sum() -> None:
    assert shares(classes(chat=60, embed=25, models=15)) == pytest.approx({"chat": 0.6, "embed": 0.25, "models": 0.15})


def test_weights_of_a_phase_replace_those_of_the_classes_and_leave_out_whom_they_do_not_name() -> None:
    found = shares(classes(chat=60, embed=25, models=15), {"models": 1, "chat": 3})
    assert found == pytest.approx({"chat": 0.75, "embed": 0.0, "models": 0.25})


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=8).filter(any), st.floats(0, 1, exclude_max=True))
def test_every_position_falls_to_a_class_with_a_weight_and_shares_fill_one(weights: list[float], at: float) -> None:
    own = tuple((f"c{i}", weight) for i, weight in enumerate(weights))
    assert weights[choose(own, at)] > 0.0
    assert weights[choose(own, 1.0 - 2.0**-53)] > 0.0
    assert sum(shares(classes(**dict(own))).values()) == pytest.approx(1.0)


def test_positions_fall_to_classes_in_their_order() -> None:
    own = (("a", 1.0), ("b", 0.0), ("c", 3.0))
    assert [choose(own, at) for at in (0.0, 0.2499, 0.25, 0.99)] == [0, 0, 2, 2]
    assert choose(own, 0.5, {"b": 2.0}) == 1


@pytest.mark.parametrize(
    ("given_weights", "says"),
    [
        ({"chta": 1.0}, "the mix names 'chta', but the classes are chat, embed"),
        ({"chat": -1.0, "embed": 3.0}, "0 or more"),
        ({"chat": 0.0}, "at least one of them above 0"),
        ({}, "at least one of them above 0"),
        ({"chat": float("inf")}, "0 or more"),
        ({"chat": float("nan")}, "0 or more"),
    ],
)
def test_a_mix_that_makes_no_sense_is_refused_in_words(given_weights: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        shares(classes(chat=1, embed=1), given_weights)
