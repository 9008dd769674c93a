"""Who is served unlike the others, on runs whose truth is known."""

from __future__ import annotations

import pytest
from test_analysis_variance import Values, asia_is_slow_for_free, drawn, summary

from llmload.analysis.uneven import standout, uneven


def test_what_stands_out_is_named_with_how_much_and_classes_are_not_the_reason() -> None:
    made = standout(summary(drawn(6000, asia_is_slow_for_free)), ("region", "user"))
    assert made is not None
    assert made.values == ("asia", "free")
    assert made.ratio == pytest.approx(2.0, rel=0.05)


def test_a_crossing_that_is_slow_is_named_and_harmed() -> None:
    made = uneven(summary(drawn(6000, asia_is_slow_for_free)))
    assert made is not None
    assert made.term.of == ("region", "user")
    assert made.who == "asia/free"
    assert made.harmed
    assert made.words().endswith("asia/free takes 2 times as long as the rest")
    assert made.words().startswith("region x user explains ")
    assert {each.split(" alone")[0] for each in made.evidence()[:2]} == {"user", "region"}


def test_a_dimension_that_is_slow_by_itself_is_named_alone_and_may_be_meant() -> None:
    made = uneven(summary(drawn(6000, lambda values: 2.0 if values[1] == "free" else 1.0)))
    assert made is not None
    assert made.term.of == ("user",)
    assert made.out.ratio == pytest.approx(0.5, rel=0.05) or made.out.ratio == pytest.approx(2.0, rel=0.05)
    assert not made.harmed


def by_class(values: Values) -> float:
    return 5.0 if values[0] == "complex" else 1.0


@pytest.mark.parametrize("slower", [by_class, lambda values: 1.0, lambda values: 1.1 if values[1] == "free" else 1.0])
def test_nothing_is_said_of_classes_of_chance_and_of_little(slower: object) -> None:
    assert uneven(summary(drawn(2000, slower))) is None  # type: ignore[arg-type]
