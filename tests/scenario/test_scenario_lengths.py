from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.draws import Draws
from llmload.errors import ScenarioError
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source
from llmload.scenario.load import load_scenario
from llmload.scenario.plan import Plan
from llmload.scenario.spans import parse_span
from llmload.workload import lengths
from llmload.workload.profiles import PROFILES

HEAD = """
[load]
rate = "1/s"
duration = "1m"
[targets.main]
base_url = "http://localhost:8000/v1"
model = "m"
[classes.a]
"""


def compiled(text: str) -> Plan:
    return compile_scenario(load_scenario(Source(HEAD + text, "test.toml", Path(), "test"), environ={}))


BINS = st.lists(
    st.tuples(st.integers(1, 1000), st.integers(0, 500), st.floats(0.01, 100)).map(lambda b: [b[0], b[0] + b[1], b[2]]),
    min_size=1,
    max_size=8,
)


@given(BINS)
def test_a_histogram_gives_lengths_inside_its_bins_only(bins: list[list[float]]) -> None:
    sizes = parse_span({"histogram": bins})
    for k in range(60):
        drawn = lengths.draw(sizes, Draws(1, k))
        assert any(low <= drawn <= high for low, high, _ in bins)
    total = sum(weight for _, _, weight in bins)
    assert lengths.mean(sizes) == pytest.approx(sum((low + high) / 2 * weight for low, high, weight in bins) / total)


@pytest.mark.parametrize("bins", [[], [[1, 2]], [[5, 1, 1]], [[0, 3, 1]], [[-4, 3, 1]], [[1, 2, -1]], [["1", 2, 1]], 7])
def test_a_histogram_that_is_none_is_refused(bins: object) -> None:
    with pytest.raises(ValueError, match=r"bin|entry|histogram|bounds|down|weights"):
        parse_span({"histogram": bins})


def test_a_profile_sets_prompts_and_answers_unless_the_class_does() -> None:
    profile = PROFILES["azure-conv-2023"]
    plan = compiled('profile = "azure-conv-2023"\n')
    assert (plan.classes[0].prompt.tokens, plan.classes[0].max_tokens) == (profile.input, profile.output)
    plan = compiled('profile = "azure-conv-2023"\nmax_tokens = 9\nprompt = { tokens = 5 }\n')
    assert (plan.classes[0].prompt.tokens.low, plan.classes[0].max_tokens.low) == (5, 9)  # type: ignore[union-attr]
    assert compiled('profile = "azure-conv-2023"\napi = "embeddings"\n').classes[0].max_tokens is None


def test_answers_go_on_where_that_is_asked_for() -> None:
    assert compiled("ignore_eos = true\nmax_tokens = 9\n").classes[0].params == {"ignore_eos": True}
    assert compiled("max_tokens = 9\n").classes[0].params == {}
    assert compiled("min_tokens = 9\nmax_tokens = '9..20'\n").classes[0].params == {"min_tokens": 9}
    assert compiled("min_tokens = 9\n").classes[0].params == {"min_tokens": 9}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ignore_eos = true\n", "needs max_tokens"),
        ('ignore_eos = true\napi = "embeddings"\n', "is known of chat and completions"),
        ('min_tokens = 5\napi = "embeddings"\n', "is known of chat and completions"),
        ("min_tokens = 5\nmax_tokens = '3..8'\n", "is more than max_tokens can be, which is 3"),
        ("min_tokens = 0\n", "min_tokens"),
        ('profile = "azure-conv-2023"\nprompt = "Hello"\n', "gives lengths of made-up prompts"),
        ('profile = "azure"\n', "profile"),
    ],
)
def test_what_makes_no_sense_is_said(text: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        compiled(text)
