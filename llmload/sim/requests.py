"""Request bodies: read tolerantly, refused as an OpenAI-compatible server refuses them.

400: broken JSON, a missing field, a value out of range, a prompt too long for the model. 404: a model or path that
isn't there. 422: a field of the wrong type. Unknown fields are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from llmload.sim.spec import SimSpec
from llmload.sim.text import draw

__all__ = [
    "ANY",
    "BAD_SIGNATURE",
    "CONTEXT_LENGTH",
    "EmbeddingJob",
    "Refused",
    "TextJob",
    "count_tokens",
    "embedding_job",
    "read_body",
    "rerank_job",
    "text_job",
    "typed",
    "whole",
]

CONTEXT_LENGTH: Final = "context_length_exceeded"
"""The code of an error about a prompt that does not fit."""
ANY: Final = 1 << 30
"""As many tokens as one likes."""
BAD_SIGNATURE: Final = "InvalidSignatureException"
"""The code of an error about a signature that is not that of the key's owner, as AWS calls it."""
_MAX_CHOICES: Final = 128
_MAX_INPUTS: Final = 2048
_MESSAGE_OVERHEAD: Final = 4
"""Tokens a chat template adds to each message."""
_IMAGE_TOKENS: Final = 256
"""Tokens of a picture, whatever its size."""


class Refused(Exception):
    """The request gets this error as its answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.error = {"message": message, "type": kind, "param": param, "code": code}


@dataclass(frozen=True, slots=True)
class TextJob:
    """A request for text: ``prompts`` holds the token count of each prompt, ``lengths`` the tokens of
    each choice's answer (every prompt has ``n`` choices), ``limit`` the most an answer may have. ``texts`` is what the
    prompts say, for the prompt cache; ``cached`` how many tokens of each that knew."""

    chat: bool
    model: str
    prompts: tuple[int, ...]
    n: int
    lengths: tuple[int, ...]
    limit: int
    stream: bool
    include_usage: bool
    texts: tuple[bytes, ...] = ()
    cached: tuple[int, ...] = ()
    tool: str = ""
    """The function that the answer calls; "": it is text."""
    thoughts: tuple[int, ...] = ()
    """Tokens at the beginning of each choice's answer that are thoughts; (): none are."""
    stored: int = 0
    """Prompt tokens that the prompt cache did not know and keeps from now on."""

    def finish(self, choice: int) -> str:
        """Why the answer of this choice ends."""
        if self.tool:
            return "tool_calls"
        return "length" if self.lengths[choice] >= self.limit else "stop"

    def thought(self, choice: int) -> int:
        """How many of the tokens of this choice are thoughts; they come first."""
        return self.thoughts[choice] if self.thoughts else 0


@dataclass(frozen=True, slots=True)
class EmbeddingJob:
    """An embeddings request: ``inputs`` identify the texts, ``tokens`` is the count over all of them.

    Of a rerank request ``inputs`` are the documents and ``dimensions`` is how many of them the answer names."""

    model: str
    inputs: tuple[bytes, ...]
    tokens: int
    base64: bool
    dimensions: int


def count_tokens(text: str) -> int:
    """The simulator's tokenizer: one token per four bytes, at least one."""
    return max(1, (len(text.encode("utf-8", "surrogatepass")) + 3) // 4)


def read_body(body: bytes) -> dict[str, Any]:
    """The JSON object in a request body."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"We could not parse the JSON body of your request: {error}") from None
    if not isinstance(document, dict):
        raise Refused(422, "The body of the request must be a JSON object.")
    return document


def typed(body: dict[str, Any], name: str, kind: type, default: Any = None) -> Any:
    """A field of this type in a request, ``default`` where there is none; raises Refused."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        got = type(value).__name__
        raise Refused(422, f"Invalid type for '{name}': expected {kind.__name__}, got {got}.", param=name)
    return value


def whole(body: dict[str, Any], name: str, high: int) -> int | None:
    """A number from 1 to ``high`` in a request, None where there is none; raises Refused."""
    value: int | None = typed(body, name, int)
    if value is not None and not 1 <= value <= high:
        raise Refused(400, f"Invalid value for '{name}': expected 1 to {high}, got {value}.", param=name)
    return value


def _model(body: dict[str, Any], spec: SimSpec) -> str:
    model: str | None = typed(body, "model", str)
    if not model:
        raise Refused(400, "You must provide a model parameter.", param="model")
    if model not in spec.models:
        raise Refused(404, f"The model '{model[:200]}' does not exist.", param="model", code="model_not_found")
    return model


def _content_tokens(content: object) -> int:
    """Tokens of a message's content: text, a list of parts, or nothing."""
    if isinstance(content, str):
        return count_tokens(content)
    if content is None:
        return 0
    if isinstance(content, list):
        return sum(_part_tokens(part) for part in content)
    raise Refused(422, "Invalid type for 'messages[].content': expected a string or a list of parts.", param="messages")


def _part_tokens(part: object) -> int:
    if isinstance(part, str):
        return count_tokens(part)
    if not isinstance(part, dict):
        return 0
    text = part.get("text")
    if isinstance(text, str):
        return count_tokens(text)
    return _IMAGE_TOKENS if _is_picture(part) else 0


def _is_picture(part: dict[str, Any]) -> bool:
    """As OpenAI and Anthropic name one, as Bedrock does, or as Gemini does."""
    kind, data = part.get("type"), part.get("inlineData") or part.get("inline_data")
    media = (data.get("mimeType") or data.get("mime_type")) if isinstance(data, dict) else ""
    return "image" in part or any(isinstance(said, str) and "image" in said for said in (kind, media))


def _chat_prompt(body: dict[str, Any]) -> tuple[bytes, int]:
    """What the messages say, and their tokens."""
    messages = typed(body, "messages", list)
    if not messages:
        raise Refused(400, "Missing required parameter: 'messages'.", param="messages")
    total = _MESSAGE_OVERHEAD - 1
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise Refused(422, f"Invalid 'messages[{number}]': expected an object with a role.", param="messages")
        total += _MESSAGE_OVERHEAD + _content_tokens(message.get("content"))
    said = ((message["role"], message.get("content")) for message in messages)
    return b"".join(_said(role, content) for role, content in said), total


def _said(role: str, content: object) -> bytes:
    """A message as it is known again, whatever it is made of."""
    text = content if isinstance(content, str) else orjson.dumps(content).decode()
    return f"{role}\n{text}\n".encode("utf-8", "surrogatepass")


def _texts(value: object, name: str) -> list[tuple[bytes, int]]:
    """(what identifies it, tokens) of each text in a string, list of strings, token list, or list of token lists."""
    if isinstance(value, str):
        return [(value.encode("utf-8", "surrogatepass"), count_tokens(value))]
    if not isinstance(value, list):
        raise Refused(422, f"Invalid type for '{name}': expected a string or a list.", param=name)
    if not value:
        raise Refused(400, f"'{name}' must not be empty.", param=name)
    if isinstance(value[0], int):
        return [(orjson.dumps(value), len(value))]
    if len(value) > _MAX_INPUTS:
        raise Refused(400, f"'{name}' has {len(value)} entries; at most {_MAX_INPUTS} are allowed.", param=name)
    return [_text(entry, name) for entry in value]


def _text(entry: object, name: str) -> tuple[bytes, int]:
    if not isinstance(entry, str | list):
        raise Refused(422, f"Invalid type in '{name}': expected strings or token lists.", param=name)
    return _texts(entry, name)[0] if isinstance(entry, str) else (orjson.dumps(entry), len(entry))


def _too_long(window: int, prompt: int, answer: int, param: str) -> Refused:
    return Refused(
        400,
        f"This model's maximum context length is {window} tokens. However, you requested {prompt + answer} tokens "
        f"({prompt} in the {param}, {answer} in the completion). Please reduce the length of the {param}.",
        code=CONTEXT_LENGTH,
        param=param,
    )


def _answer_limit(body: dict[str, Any], spec: SimSpec, prompt: int, param: str) -> int:
    """The most tokens an answer may have."""
    asked = whole(body, "max_completion_tokens", spec.max_tokens) or whole(body, "max_tokens", spec.max_tokens)
    if prompt + (asked or 1) > spec.context_window:
        raise _too_long(spec.context_window, prompt, asked or 1, param)
    return asked or min(spec.max_tokens, spec.context_window - prompt)


def _length(body: dict[str, Any], spec: SimSpec, limit: int, *key: object) -> int:
    """The tokens of one answer: drawn by the seed, or all that is allowed (as vLLM's ``ignore_eos`` asks for)."""
    if spec.answer == "max" or body.get("ignore_eos") is True:
        return limit
    low, high = spec.answer
    length = low + int(draw(spec.seed, "length", *key) * (high - low + 1))
    least = body.get("min_tokens")
    return min(limit, max(length, least if isinstance(least, int) else 1))


def _tool(body: dict[str, Any]) -> str:
    """The function that must be called: the one named, or the first where any will do."""
    choice = body.get("tool_choice")
    tools = body.get("tools")
    known = [name for name in map(_function, tools if isinstance(tools, list) else ()) if name]
    if choice in ("required", "any"):
        return known[0] if known else ""
    wanted = _function(choice)
    if wanted and wanted not in known:
        raise Refused(400, f"Tool choice '{wanted[:64]}' not found in 'tools'.", param="tool_choice")
    return wanted


def _function(value: object) -> str:
    """The name of a function: ``{"function": {"name": ...}}`` or ``{"name": ...}``."""
    inner = value.get("function", value) if isinstance(value, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else ""


def text_job(body: dict[str, Any], chat: bool, request_id: str, spec: SimSpec, thoughts: int = 0) -> TextJob:
    """A chat or completions request; raises Refused.

    ``thoughts``: the most tokens of them that the answer may begin with. Half of it are, if there may be so many.
    """
    model = _model(body, spec)
    param = "messages" if chat else "prompt"
    asked = [_chat_prompt(body)] if chat else _texts(body.get("prompt", ""), "prompt")
    prompts = [tokens for _, tokens in asked]
    n = whole(body, "n", _MAX_CHOICES) or 1
    if n * len(prompts) > _MAX_CHOICES:
        raise Refused(400, f"{n * len(prompts)} choices were asked for; at most {_MAX_CHOICES} are allowed.", param="n")
    limit = _answer_limit(body, spec, max(prompts), param)
    options = typed(body, "stream_options", dict, {})
    lengths = tuple(_length(body, spec, limit, request_id, choice) for choice in range(n * len(prompts)))
    return TextJob(
        chat=chat,
        model=model,
        prompts=tuple(prompts),
        n=n,
        lengths=lengths,
        limit=limit,
        stream=typed(body, "stream", bool, False),
        include_usage=bool(typed(options, "include_usage", bool, False)),
        texts=tuple(text for text, _ in asked),
        tool=_tool(body) if chat else "",
        thoughts=tuple(min(thoughts, length // 2) for length in lengths) if thoughts > 0 else (),
    )


def embedding_job(body: dict[str, Any], spec: SimSpec) -> EmbeddingJob:
    """An embeddings request; raises Refused."""
    model = _model(body, spec)
    if body.get("input") is None:
        raise Refused(400, "Missing required parameter: 'input'.", param="input")
    texts = _texts(body["input"], "input")
    longest = max(tokens for _, tokens in texts)
    if longest > spec.context_window:
        raise _too_long(spec.context_window, longest, 0, "input")
    encoding = typed(body, "encoding_format", str, "float")
    if encoding not in ("float", "base64"):
        raise Refused(
            400, "Invalid value for 'encoding_format': expected 'float' or 'base64'.", param="encoding_format"
        )
    return EmbeddingJob(
        model=model,
        inputs=tuple(text for text, _ in texts),
        tokens=sum(tokens for _, tokens in texts),
        base64=encoding == "base64",
        dimensions=whole(body, "dimensions", spec.dimensions) or spec.dimensions,
    )


def rerank_job(body: dict[str, Any], spec: SimSpec) -> EmbeddingJob:
    """A rerank request: its documents are the inputs, each read together with the query; raises Refused."""
    model = _model(body, spec)
    for name in ("query", "documents"):
        if not body.get(name):
            raise Refused(400, f"Missing required parameter: '{name}'.", param=name)
    query = typed(body, "query", str)
    texts = _texts([_document_text(entry) for entry in typed(body, "documents", list)], "documents")
    asked = count_tokens(query)
    longest = asked + max(tokens for _, tokens in texts)
    if longest > spec.context_window:
        raise _too_long(spec.context_window, longest, 0, "documents")
    return EmbeddingJob(
        model=model,
        inputs=tuple(text for text, _ in texts),
        tokens=sum(asked + tokens for _, tokens in texts),
        base64=False,
        dimensions=min(whole(body, "top_n", _MAX_INPUTS) or len(texts), len(texts)),
    )


def _document_text(entry: object) -> str:
    text = entry.get("text") if isinstance(entry, dict) else entry
    if not isinstance(text, str):
        raise Refused(422, "Invalid type in 'documents': expected strings, or objects with a text.", param="documents")
    return text
