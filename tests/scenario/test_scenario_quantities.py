from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from llmload.scenario import quantities
from llmload.scenario.quantities import Bytes, Duration, LevelField, Name, Offset, Params, Rate, Share, TokenRange
from llmload.scenario.spans import parse_span
from llmload.workload.lengths import check
from llmload.workload.spec import Lengths


def read(kind: Any, value: object) -> Any:
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "value", "meant"),
    [
        (Duration, "1h30m", 5400.0),
        (Offset, "0s", 0.0),
        (Offset, 0, 0.0),
        (Bytes, "64KiB", 65536),
        (Bytes, 512, 512),
        (Share, "5%", 0.05),
        (Share, 0.5, 0.5),
        (Rate, "600/min", (10.0, "rate")),
        (LevelField, 7, (7.0, "users")),
        (Name, "chat-short", "chat-short"),
        (Params, {"a": [1, {"b": True}]}, {"a": [1, {"b": True}]}),
        (TokenRange, "10..50", Lengths("uniform", low=10, high=50)),
        (TokenRange, 150, Lengths("fixed", low=150, high=150)),
    ],
)
def test_quantities_are_read_as_people_write_them(kind: Any, value: object, meant: object) -> None:
    assert read(kind, value) == meant


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Duration, 30, 'write "30s"'),
        (Duration, "0s", "longer than nothing"),
        (Duration, True, "must be a duration"),
        (Duration, "9999d", "is more than"),
        (Duration, "9" * 400 + "s", "is more than"),
        (Offset, -1, "needs its unit"),
        (Rate, 50, 'write "50/s"'),
        (Rate, "50", "is not a rate"),
        (Rate, "1e9", "is not a rate"),
        (Rate, "99999999/s", "is more than"),
        (LevelField, float("inf"), "must be from 0"),
        (LevelField, -1, "must be from 0"),
        (LevelField, True, "must be a rate"),
        (Bytes, "9" * 400 + "GiB", "is more than"),
        (Bytes, -1, "must be a size"),
        (Share, 20, "must be a share"),
        (Share, "200%", "more than all"),
        (Name, "a\nb", "must be a name"),
        (Name, "", "must be a name"),
        (Name, "x" * 65, "must be a name"),
        (Params, [], "must be a table"),
        (Params, {"a": float("nan")}, "can't be sent as JSON"),
        (Params, {"a": 2**64}, "can't be sent as JSON"),
        (TokenRange, "50..10", 'write "10..50"'),
        (TokenRange, 0, "out of bounds"),
        (TokenRange, True, "is not a number of tokens"),
        (TokenRange, {"mean": 5}, "sd must be a number"),
        (TokenRange, {"mean": 5, "sd": 1, "lo": 2}, "did you mean low"),
        (TokenRange, {"mean": 5, "sd": 1, "low": 9}, "must lie between"),
        (TokenRange, {"mean": 5, "sd": 1, "kind": "norml"}, "did you mean normal"),
        (TokenRange, [[1, "10..5"]], "entry 1: '10..5' goes down"),
        (TokenRange, [[0, 5]], "weights are all 0"),
        (TokenRange, [5], r"must be \[weight, range\]"),
        (TokenRange, [], "is not a number of tokens"),
    ],
)
def test_what_is_wrong_says_what_would_be_right(kind: Any, value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        read(kind, value)


@given(
    st.one_of(
        st.integers(),
        st.text(max_size=12),
        st.from_regex(re.compile(r"\d{1,3}\.\.\d{1,3}"), fullmatch=True),
        st.dictionaries(
            st.sampled_from(["mean", "sd", "low", "high", "kind"]), st.integers() | st.floats() | st.text()
        ),
        st.lists(st.tuples(st.integers(-1, 9), st.integers(0, 99)).map(list), max_size=4),
    )
)
def test_any_value_is_lengths_that_can_be_drawn_or_a_message(value: object) -> None:
    lengths = None
    with suppress(ValueError):
        lengths = parse_span(value)
    if lengths is not None:
        check(lengths)


@pytest.mark.parametrize("name", ["Duration", "Offset", "Rate", "LevelField", "Bytes", "Share", "TokenRange"])
def test_the_examples_of_a_quantity_are_right_and_its_pattern_lets_them_and_references_pass(name: str) -> None:
    kind = getattr(quantities, name)
    schema = TypeAdapter(kind).json_schema()
    variants = schema.get("anyOf", [schema])
    pattern = next(variant["pattern"] for variant in variants if "pattern" in variant)
    for example in schema["examples"]:
        assert read(kind, example) is not None
        assert not isinstance(example, str) or re.search(pattern, example)
    assert re.search(pattern, "${VALUE:-1}")
    assert not re.search(pattern, "nonsense")
