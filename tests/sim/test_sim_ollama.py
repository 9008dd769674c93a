"""Ollama's own client judges the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import ollama
import pytest

from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec

MESSAGES = [{"role": "user", "content": "Hello"}]
SPEC = {
    "first_token": "5ms",
    "step": "2ms",
    "keys": {"good": {}, "limited": {"rate": "1/h"}, "broken": {}},
    "faults": [{"kind": "error-event", "key": "broken", "after": 2}],
}


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    with SimProcess(SimSpec.model_validate(SPEC)) as sim:
        yield sim.root


@contextmanager
def client(root: str, key: str = "good") -> Iterator[ollama.Client]:
    made = ollama.Client(root, headers={"Authorization": f"Bearer {key}"}, timeout=10)
    try:
        yield made
    finally:
        made._client.close()


def test_a_chat(root: str) -> None:
    with client(root) as judge:
        answer = judge.chat("sim-model", MESSAGES, options={"num_predict": 8})
    assert (answer.done_reason, answer.eval_count) == ("length", 8)
    assert answer.message.content
    assert len(answer.message.content.split()) == 8


def test_a_streamed_chat(root: str) -> None:
    with client(root) as judge:
        parts = list(judge.chat("sim-model", MESSAGES, stream=True, options={"num_predict": 8}))
    assert [part.done for part in parts] == [False] * 8 + [True]
    assert all(part.message.content for part in parts[:-1])
    assert parts[-1].eval_count == 8


def test_a_completion(root: str) -> None:
    with client(root) as judge:
        assert judge.generate("sim-model", "Hello", options={"num_predict": 3}).eval_count == 3


def test_embeddings(root: str) -> None:
    with client(root) as judge:
        assert len(judge.embed("sim-model", ["a", "b"]).embeddings) == 2


def test_models(root: str) -> None:
    with client(root) as judge:
        assert [model.model for model in judge.list().models] == ["sim-model"]


@pytest.mark.parametrize(("key", "model", "status"), [("wrong", "sim-model", 401), ("good", "no-such", 404)])
def test_errors_are_the_clients(root: str, key: str, model: str, status: int) -> None:
    with client(root, key) as judge, pytest.raises(ollama.ResponseError) as caught:
        judge.chat(model, MESSAGES)
    assert caught.value.status_code == status


def test_an_error_among_the_lines_is_raised(root: str) -> None:
    with client(root, "broken") as judge, pytest.raises(ollama.ResponseError, match="failed while generating"):
        list(judge.chat("sim-model", MESSAGES, stream=True))


def test_a_key_over_its_rate_is_a_429(root: str) -> None:
    with client(root, "limited") as limited:
        limited.chat("sim-model", MESSAGES, options={"num_predict": 1})
        with pytest.raises(ollama.ResponseError) as caught:
            limited.chat("sim-model", MESSAGES, options={"num_predict": 1})
    assert caught.value.status_code == 429
