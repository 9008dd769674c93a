"""``/tokenize``: how the simulator cuts a text, as vLLM and SGLang say it, and as llama.cpp does.

    {"model": ..., "prompt": TEXT} -> {"count": N, "max_model_len": N, "tokens": [ID, ...]}
    {"content": TEXT}              -> {"tokens": [ID, ...]}

A token is four bytes, whatever they mean.
"""

from __future__ import annotations

import zlib
from typing import Final

import orjson

from llmload.sim.requests import Refused, read_body, typed
from llmload.sim.spec import SimSpec

__all__ = ["tokenized"]

_BYTES: Final = 4
_VOCABULARY: Final = 128_000


def tokenized(body: bytes, spec: SimSpec) -> bytes:
    """The answer to such a request; raises Refused."""
    asked = read_body(body)
    if (content := typed(asked, "content", str)) is not None:
        return orjson.dumps({"tokens": _ids(content)})
    prompt = typed(asked, "prompt", str)
    if prompt is None:
        raise Refused(400, "Missing required parameter: 'prompt'.", param="prompt")
    ids = _ids(prompt)
    return orjson.dumps({"count": len(ids), "max_model_len": spec.context_window, "tokens": ids})


def _ids(text: str) -> list[int]:
    data = text.encode("utf-8", "surrogatepass")
    return [zlib.crc32(data[at : at + _BYTES]) % _VOCABULARY for at in range(0, len(data), _BYTES)]
