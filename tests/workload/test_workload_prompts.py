from __future__ import annotations

import numpy as np
import pytest

from llmload.draws import Draws
from llmload.workload.prompts import STYLES, expected_prompt_tokens, prepare, prompt
from llmload.workload.spec import Lengths, PromptSpec
from llmload.workload.tokens import estimate_tokens


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("wished", [1, 5, 12, 30, 85, 150, 500, 4000])
def test_a_synthetic_prompt_is_within_five_percent_of_the_wished_tokens(style: str, wished: int) -> None:
    spec = PromptSpec(style=style, tokens=Lengths("fixed", low=wished))
    for k in range(30):
        text, tokens, _ = prompt(spec, Draws(1, k), k)
        assert tokens == estimate_tokens(text)
        assert abs(tokens - wished) <= 0.05 * wished


def test_prompt_lengths_hit_the_mean_of_their_distribution() -> None:
    spec = PromptSpec(tokens=Lengths("lognormal", low=1, high=2000, mean=120.0, sd=100.0))
    tokens = np.array([prompt(spec, Draws(3, k), k)[1] for k in range(4000)])
    assert expected_prompt_tokens(spec) == pytest.approx(tokens.mean(), abs=4 * tokens.std() / np.sqrt(len(tokens)))


def test_code_comes_in_python_and_javascript_and_mixed_in_everything() -> None:
    def heads(style: str) -> list[str]:
        spec = PromptSpec(style=style, tokens=Lengths("fixed", low=60))
        return [prompt(spec, Draws(4, k), k)[0] for k in range(300)]

    code, mixed = heads("code"), heads("mixed")
    assert sum("JavaScript" in text for text in code) == pytest.approx(150, abs=45)
    assert sum("Python" in text for text in code) == pytest.approx(150, abs=45)
    assert sum("JavaScript" in text or "Python" in text for text in mixed) == pytest.approx(120, abs=45)


def test_a_fixed_text_is_always_itself() -> None:
    spec = PromptSpec("text", text="What is machine learning?")
    assert prompt(spec, Draws(1, 1), 1) == prompt(spec, Draws(2, 9), 9) == ("What is machine learning?", 5, ())
    assert expected_prompt_tokens(spec) == 5.0


def test_entries_of_a_file_are_all_taken_at_random() -> None:
    spec = PromptSpec("file", entries=("one", "two words", "three more words"))
    taken = [prompt(spec, Draws(1, k), k)[:2] for k in range(300)]
    assert set(taken) == {("one", 1), ("two words", 2), ("three more words", 3)}
    assert min(taken.count(entry) for entry in set(taken)) > 60
    assert expected_prompt_tokens(spec) == 2.0


def test_a_prompt_file_without_entries_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one entry"):
        prepare(PromptSpec("file"))


def test_impossible_lengths_are_refused_before_the_run() -> None:
    with pytest.raises(ValueError, match="below the lowest"):
        prepare(PromptSpec(tokens=Lengths("uniform", low=9, high=2)))
