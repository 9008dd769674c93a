"""Load tests of an LLM service beside its other tests: pytest --llmload test_llm.py

SERVICE_URL says where the service is; where it is not set, the embedded simulator stands in for it. Without --llmload
everything here is skipped.
"""

import os

import pytest

from llmload import Result

URL = os.environ.get("SERVICE_URL") or "sim:"
SHORT = {"load.duration": "5s", "limits.drain": "5s"}


@pytest.fixture(scope="module")
def chat(llmload_shared) -> Result:
    """One run that several tests look at."""
    return llmload_shared("quickstart", url=URL, values=SHORT, objectives=["ttft.p95 < 800ms"])


def test_objectives_are_met(chat: Result) -> None:
    assert chat.passed


def test_no_call_fails(chat: Result) -> None:
    assert chat.summary.select().errors == 0


def test_answers_are_whole(chat: Result) -> None:
    calls = chat.summary.select()
    assert calls.output_tokens / calls.ok > 10


@pytest.mark.llmload("quickstart", url=URL, values=SHORT, scale=0.5)
def test_half_the_load_is_no_trouble() -> None:
    """Passes if the run does."""
