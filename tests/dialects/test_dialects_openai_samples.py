"""The dialect "openai" against samples of what real servers and gateways send (our own wording)."""

from __future__ import annotations

from pathlib import Path

import pytest
from dialect_kit import Sample, check, check_hostile, load_samples
from hypothesis import given, settings
from hypothesis import strategies as st
from spoiled import spoiled

from llmload.dialects import dialect
from llmload.records import Api

SAMPLES = load_samples(Path(__file__).parent / "samples")


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_sample_gives_the_same_answer_however_it_is_cut(sample: Sample) -> None:
    check(dialect("openai"), sample)


def test_there_are_samples_for_every_api() -> None:
    assert {Api(sample.api) for sample in SAMPLES} == dialect("openai").apis


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_hostile_bytes_never_raise_anything_but_a_decode_error(sample: Sample, data: st.DataObject) -> None:
    """Random bytes, and a sample with some of its bytes replaced."""
    check_hostile(dialect("openai"), sample, spoiled(sample, data))
