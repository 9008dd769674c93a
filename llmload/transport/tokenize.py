"""Tokens as a target counts them itself: its ``/tokenize``, asked before a run and never during one.

    POST /tokenize {"model": ..., "prompt": TEXT, "add_special_tokens": false} -> {"count": N, ...}    vLLM, SGLang
    POST /tokenize {"content": TEXT, "add_special": false}                     -> {"tokens": [...]}    llama.cpp

It stands at the server's root, beside ``/v1``. llama.cpp takes the first shape for an empty text: no tokens of a text
that has some are the sign of the other shape.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from llmload.dialects.clean import clean_line
from llmload.errors import UsageError
from llmload.records import WireRequest
from llmload.scenario.plan import Target
from llmload.transport.base import CallFailed
from llmload.transport.choice import open_transport
from llmload.transport.whole import Whole

__all__ = ["TargetCounter"]

_AT_ONCE: Final = 16
"""Texts under way at the same time."""
_SECONDS: Final = 60.0
"""For one text."""
_LIMIT: Final = 64 * 2**20
"""Bytes of an answer: ids of some million tokens."""
_SHOWN: Final = 200
_TOKENS: Final = 1 << 31
_HEADERS: Final = (("Content-Type", "application/json"), ("Accept", "application/json"))
_TRY: Final = "What is it?"

Shape = Callable[[str, str], Mapping[str, Any]]
"""(model, text) -> what is asked."""


def _by_prompt(model: str, text: str) -> Mapping[str, Any]:
    return {**({"model": model} if model else {}), "prompt": text, "add_special_tokens": False}


def _by_content(model: str, text: str) -> Mapping[str, Any]:
    return {"content": text, "add_special": False}


class TargetCounter:
    """Counts by asking ``target``, with its credentials, proxy and certificates. UsageError: it can't count.

    To be opened and closed; UnreachableError where it can't be reached.
    """

    def __init__(self, target: Target) -> None:
        root = target.base_url.removesuffix("/v1")
        self._target = replace(target, base_url=root, dialect="openai", options={})
        self._transport, _ = open_transport([self._target])
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._shape: Shape = _by_prompt

    async def open(self, model: str) -> None:
        """Connect, and find out how the target wants to be asked."""
        await self._transport.open({self._target.name: 1})
        for shape in (_by_prompt, _by_content):
            self._shape = shape
            status, data = await self._ask(model, _TRY)
            if status == 200 and _tokens(data):
                return
        raise self._no_use(status, data)

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

    async def count(self, model: str, texts: Sequence[str]) -> list[int]:
        """The tokens of each text, without any that a model adds."""
        tasks = [asyncio.create_task(self._count(model, text)) for text in texts]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _count(self, model: str, text: str) -> int:
        async with self._room:
            status, data = await self._ask(model, text)
        tokens = _tokens(data) if status == 200 else None
        if tokens is None:
            raise self._no_use(status, data)
        return tokens

    async def _ask(self, model: str, text: str) -> tuple[int, bytes]:
        sink = Whole(_LIMIT)
        request = WireRequest("POST", "tokenize", _HEADERS, orjson.dumps(self._shape(model, text)))
        try:
            async with asyncio.timeout(_SECONDS):
                await self._transport.exchange(self._target.name, request, sink)
        except CallFailed as failed:
            raise self._cannot(failed.detail) from None
        except TimeoutError:
            raise self._cannot(f"no answer within {_SECONDS:g} s") from None
        return sink.status, bytes(sink.data)

    def _no_use(self, status: int, data: bytes) -> UsageError:
        said = clean_line(data.decode("utf-8", "replace"), _SHOWN)
        why = "it has none" if status == 404 else f"it answered {status}"
        return self._cannot(f"{why}: {said}" if said and status != 404 else why)

    def _cannot(self, why: str) -> UsageError:
        name, url = self._target.name, self._target.base_url
        return UsageError(
            f"targets.{name}.tokenizer.server: {url}/tokenize can't count: {self._transport.redact(why)}\n"
            "    vLLM, SGLang and llama.cpp have one; for others name a vocabulary, as in "
            'tokenizer = { file = "tokenizer.json" }'
        )


def _tokens(data: bytes) -> int | None:
    """How many tokens an answer speaks of; None if it speaks of none."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict):
        return None
    count, tokens = document.get("count"), document.get("tokens")
    if type(count) is int and 0 <= count < _TOKENS:
        return count
    return len(tokens) if isinstance(tokens, list) else None
