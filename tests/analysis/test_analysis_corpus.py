"""What prompt sets are like, against scipy and known shares."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from llmload.analysis import corpus
from llmload.data.entry import Entry, entry_of
from llmload.records import Message
from llmload.workload.profiles import PROFILES

SAMPLES = st.lists(st.integers(0, 50), min_size=1, max_size=60).map(sorted)


@given(SAMPLES, SAMPLES)
def test_distances_are_those_of_scipy(a: list[int], b: list[int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its p-value, for the smallest of samples
        expected = stats.ks_2samp(a, b, method="asymp").statistic
    assert corpus.ks_distance(a, b) == pytest.approx(expected)
    assert corpus.wasserstein(a, b) == pytest.approx(stats.wasserstein_distance(a, b))


def entries(rows: list[dict]) -> list[Entry]:
    made = [entry_of(Message(**message) for message in row["messages"]) for row in rows]
    return [entry for entry in made if entry is not None]


def test_topics_are_told_apart() -> None:
    for text, topic in {
        "def add(a, b):\n    return a + b": "code",
        "The server drops the cache under load.": "technical",
        "Compare both essays.": "analytical",
        "Can you help me with my garden?": "conversational",
        "The river was quiet.": "prose",
    }.items():
        assert corpus.topic(text) == topic


@pytest.mark.parametrize("name", PROFILES)
def test_what_is_generated_is_representative_of_its_profile_and_of_no_other(name: str) -> None:
    like = corpus.of_profile(PROFILES[name])
    made = corpus.portrait(entries(list(corpus.generate(like, 400, seed=3))))
    assert all(difference.alike for difference in corpus.compare(made, like))
    for other in PROFILES.keys() - {name}:
        assert not all(difference.alike for difference in corpus.compare(made, corpus.of_profile(PROFILES[other])))


def test_the_same_seed_gives_the_same_rows_and_another_others() -> None:
    like = corpus.of_profile(PROFILES["short-medium-long"])
    once = list(corpus.generate(like, 50, seed=1))
    assert once == list(corpus.generate(like, 50, seed=1))
    assert once != list(corpus.generate(like, 50, seed=2))
    assert all(row["max_tokens"] >= 1 for row in once)


def test_samples_of_one_set_are_rarely_called_different() -> None:
    """1 % per respect is what chance may do; of 100 pairs, some five."""
    like = corpus.of_profile(PROFILES["short-medium-long"])
    sets = [corpus.portrait(entries(list(corpus.generate(like, 60, seed)))) for seed in range(40)]
    unlike = sum(
        not all(difference.alike for difference in corpus.compare(a, b))
        for a, b in zip(sets[::2], sets[1::2], strict=True)
    )
    assert unlike <= 2
