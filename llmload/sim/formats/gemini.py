"""Gemini, as the Gemini API and Vertex AI speak it; V is v1, v1beta or v1beta1.

    POST /V/models/M:generateContent    POST /V/models/M:streamGenerateContent (an array; events with ?alt=sse)
    POST /V/models/M:embedContent       POST /V/models/M:batchEmbedContents       POST /V/models/M:predict
    GET  /V/models (not v1: OpenAI's)   GET  /V/models/M (not v1)                 GET  /V/publishers/google/models

The same with ``projects/P/locations/L`` and ``publishers/google`` before ``models``.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import orjson

from llmload.sim.formats.base import Found, Headers, bearer
from llmload.sim.formats.parts import VECTORS, Speech, around, parsed, signature, speeches, vector
from llmload.sim.limiter import LimitState
from llmload.sim.requests import (
    ANY,
    EmbeddingJob,
    Refused,
    TextJob,
    count_tokens,
    embedding_job,
    read_body,
    text_job,
    typed,
)
from llmload.sim.spec import SimSpec
from llmload.sim.text import Voice

__all__ = ["GeminiFormat", "ResponseFrames"]

Json = dict[str, Any]

_PATH: Final = re.compile(
    r"/(?P<version>v1|v1beta|v1beta1)(/projects/[^/]+/locations/[^/]+)?(?P<vertex>/publishers/[^/]+)?"
    r"/models(/(?P<model>[^/:]+)(:(?P<verb>\w+))?)?"
)
_UNDERSCORE: Final = re.compile(r"_([a-z])")
_CHATS: Final[Mapping[str, bool]] = {"generateContent": False, "streamGenerateContent": True}
_EMBEDDINGS: Final = frozenset({"embedContent", "batchEmbedContents", "predict"})
_STOPS: Final[Mapping[str, str]] = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}
_STATES: Final[Mapping[int, str]] = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Google's name of an error by HTTP status; INVALID_ARGUMENT for other 4xx, INTERNAL for other 5xx."""


class GeminiFormat:
    """See ``Format``. The ``query`` of what is found: "sse" or "array" for streams, the verb for embeddings, "vertex"
    for lists of publishers' models."""

    name = "gemini"
    id_header = "x-request-id"

    def limits(self, state: LimitState, now: float) -> list[tuple[str, str]]:
        return []

    def find(self, path: str, query: str) -> Found | None:
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        model, verb, vertex = unquote(match["model"] or ""), match["verb"], bool(match["vertex"])
        if verb in _CHATS:
            how = "sse" if parse_qs(query).get("alt") == ["sse"] else "array"
            return Found("chat", "POST", model, _CHATS[verb], how)
        if verb in _EMBEDDINGS:
            return Found("embeddings", "POST", model, False, verb)
        if verb or (match["version"] == "v1" and not vertex):
            return None
        return Found("models", "GET", model, False, "vertex" if vertex else "")

    def key(self, headers: Mapping[str, str], query: str) -> str:
        given = parse_qs(query).get("key", [""])[0]
        return headers.get("x-goog-api-key", "").strip() or given or bearer(headers)

    def text(self, found: Found, body: bytes, request_id: str, spec: SimSpec) -> TextJob:
        asked = read_body(body)
        return text_job(_chat(found, asked), True, request_id, spec, _thoughts(asked))

    def frames(self, found: Found, job: TextJob, tagged: str, created: int) -> ResponseFrames:
        return ResponseFrames(job, tagged, found.query == "sse")

    def embeddings(self, found: Found, body: bytes, spec: SimSpec) -> EmbeddingJob:
        return embedding_job(_READERS[found.query](read_body(body)) | {"model": found.name}, spec)

    def vectors(self, found: Found, job: EmbeddingJob, shift: int = 0) -> bytes:
        made = [vector(job.dimensions, (zlib.crc32(text) + shift) % VECTORS, False) for text in job.inputs]
        if found.query == "embedContent":
            return b'{"embedding":{"values":%b}}' % made[0]
        if found.query == "batchEmbedContents":
            return b'{"embeddings":[%b]}' % b",".join(b'{"values":%b}' % values for values in made)
        return b'{"predictions":[%b]}' % b",".join(map(_prediction, job.inputs, made))

    def models(self, found: Found, names: tuple[str, ...], created: int) -> bytes:
        vertex = found.query == "vertex"
        if found.name:
            return orjson.dumps(_model(found.name, vertex))
        return orjson.dumps({"publisherModels" if vertex else "models": [_model(name, vertex) for name in names]})

    def error(self, why: Refused) -> tuple[Headers, bytes]:
        error = _error(why.status, str(why))
        wait = dict(why.headers).get("retry-after")
        if wait:
            error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait}s"}]
        return (), orjson.dumps({"error": error})


def _error(status: int, message: str) -> Json:
    state = _STATES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
    return {"code": status, "message": message, "status": state}


def _model(name: str, vertex: bool) -> Json:
    if vertex:
        return {"name": f"publishers/google/models/{name}", "versionId": "default", "launchStage": "GA"}
    verbs = ["generateContent", "countTokens"]
    return {"name": f"models/{name}", "version": "1", "displayName": name, "supportedGenerationMethods": verbs}


def _prediction(text: bytes, values: bytes) -> bytes:
    tokens = count_tokens(text.decode("utf-8", "surrogatepass"))
    statistics = b'{"token_count":%d,"truncated":false}' % tokens
    return b'{"embeddings":{"values":%b,"statistics":%b}}' % (values, statistics)


def _chat(found: Found, body: Json) -> Json:
    """A request in the terms of a chat."""
    config = body.get("generationConfig")
    config = config if isinstance(config, dict) else {}
    contents = body.get("contents")
    if not isinstance(contents, list) or not contents:
        raise Refused(400, "* GenerateContentRequest.contents: contents is not specified", param="contents")
    system = body.get("systemInstruction")
    turns = [*([{**system, "role": "system"}] if isinstance(system, dict) else []), *contents]
    return {
        **body,
        "model": found.name,
        "messages": [_message(turn) for turn in turns],
        "max_tokens": config.get("maxOutputTokens"),
        "n": config.get("candidateCount"),
        "stream": found.stream,
        **_tools(body),
    }


def _named(body: Json, name: str) -> Json:
    """An object in a request. Its names may also be written with underscores, as in Google's own descriptions."""
    found: Json = typed(body, name, dict, {})
    return {_UNDERSCORE.sub(lambda match: match[1].upper(), key): value for key, value in found.items()}


def _tools(body: Json) -> Json:
    """The functions, and which of them must be called: any, in mode ANY, but those allowed if some are named."""
    declared = [tool.get("functionDeclarations") for tool in typed(body, "tools", list, []) if isinstance(tool, dict)]
    functions = [function for some in declared if isinstance(some, list) for function in some]
    calling = _named(_named(body, "toolConfig"), "functionCallingConfig")
    allowed = typed(calling, "allowedFunctionNames", list, [])
    must = {"name": allowed[0]} if allowed else "required"
    return {"tools": functions, "tool_choice": must if calling.get("mode") == "ANY" else None}


def _thoughts(body: Json) -> int:
    """The most tokens of thoughts, of a request that wants to see them; a budget of -1 is the model's own."""
    thinking = _named(typed(body, "generationConfig", dict, {}), "thinkingConfig")
    budget = typed(thinking, "thinkingBudget", int, ANY)
    return (ANY if budget < 0 else budget) if thinking.get("includeThoughts") is True else 0


def _message(turn: object) -> Json:
    if not isinstance(turn, dict):
        raise Refused(400, "Invalid JSON payload received. Expected an object in 'contents'.", param="contents")
    parts = turn.get("parts")
    return {"role": turn.get("role") or "user", "content": parts if isinstance(parts, list) else None}


def _text_of(content: object) -> str:
    """The text of a ``Content``; of any other value, none."""
    parts = content.get("parts") if isinstance(content, dict) else None
    texts = [part.get("text") for part in parts or () if isinstance(part, dict)] if isinstance(parts, list) else []
    return "".join(text for text in texts if isinstance(text, str))


def _list(body: Json, name: str) -> list[Json]:
    entries = body.get(name)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Refused(400, f"Invalid value for '{name}': expected a list of objects.", param=name)
    return entries


def _one(body: Json) -> Json:
    return {"input": [_text_of(body.get("content"))], "dimensions": body.get("outputDimensionality")}


def _batch(body: Json) -> Json:
    requests = _list(body, "requests")
    wanted = requests[0].get("outputDimensionality") if requests else None
    return {"input": [_text_of(entry.get("content")) for entry in requests], "dimensions": wanted}


def _instances(body: Json) -> Json:
    parameters = body.get("parameters")
    wanted = parameters.get("outputDimensionality") if isinstance(parameters, dict) else None
    return {"input": [str(entry.get("content", "")) for entry in _list(body, "instances")], "dimensions": wanted}


_READERS: Final = {"embedContent": _one, "batchEmbedContents": _batch, "predict": _instances}
"""Requests for embeddings, by verb, in the terms of one."""


class ResponseFrames:
    """The answer to one request: a stream of responses, each with the usage so far, and a whole one.

    ``sse``: the stream is one of events; else an array, in which all but the first have a comma before them. A call of
    a function is one part, sent when its last token is made.
    """

    __slots__ = ("_around", "_base", "_begun", "_job", "_speeches", "_sse", "_thinking", "content_type")

    def __init__(self, job: TextJob, tagged: str, sse: bool) -> None:
        self._job = job
        self._sse = sse
        self._begun = False
        self.content_type = "text/event-stream" if sse else "application/json; charset=UTF-8"
        self._base: Json = {"modelVersion": job.model, "responseId": tagged}
        self._speeches = speeches(job, tagged)
        each = range(len(job.lengths))
        self._around = [around(partial(self._piece, choice, {})) for choice in each]
        self._thinking = [around(partial(self._piece, choice, {"thought": True})) for choice in each]

    @property
    def choices(self) -> int:
        return len(self._job.lengths)

    def length(self, choice: int) -> int:
        return self._job.lengths[choice]

    def opening(self, choice: int) -> bytes:
        return b""

    def token(self, choice: int, k: int, voice: Voice | None = None) -> bytes:
        speech = self._speeches[choice]
        usage = orjson.dumps(self._usage(max(0, k + 1 - speech.thoughts), min(k + 1, speech.thoughts)))
        if self._job.tool and k >= speech.thoughts:
            return self._called(choice, speech, usage) if k + 1 == speech.length else b""
        before, after = (self._thinking if k < speech.thoughts else self._around)[choice]
        text = speech.token(k, voice).encode()
        return self._framed(b'%b%b%b,"usageMetadata":%b}' % (before, text, after[:-1], usage))

    def _called(self, choice: int, speech: Speech, usage: bytes) -> bytes:
        said = orjson.dumps({"candidates": [self._candidate(choice, self._parts(speech, ""))], **self._base})
        return self._framed(said[:-1] + b',"usageMetadata":%b}' % usage)

    def closing(self, choice: int) -> bytes:
        parts = [] if self._job.tool else [{"text": ""}]
        ended = self._candidate(choice, parts, _STOPS[self._job.finish(choice)])
        return self._framed(orjson.dumps(self._response([ended])))

    def ending(self) -> bytes:
        return self.done()

    def done(self) -> bytes:
        return b"" if self._sse else b"]" if self._begun else b"[]"

    def ping(self) -> bytes:
        return b""

    def failure(self, code: str, message: str, named: bool) -> bytes:
        return self._framed(orjson.dumps({"error": _error(500, message)})) + self.done()

    def document(self, foreign: str = "") -> bytes:
        spoken = speeches(self._job, foreign) if foreign else self._speeches
        whole = [
            self._candidate(choice, self._parts(speech, speech.thought()), _STOPS[self._job.finish(choice)])
            for choice, speech in enumerate(spoken)
        ]
        return orjson.dumps(self._response(whole))

    def _parts(self, speech: Speech, thought: str) -> list[Json]:
        thoughts: list[Json] = [{"text": thought, "thought": True}] if thought else []
        if not self._job.tool:
            return [*thoughts, {"text": speech.said()}]
        signed = {"thoughtSignature": signature(self._base["responseId"])} if speech.thoughts else {}
        return [*thoughts, {"functionCall": {"name": self._job.tool, "args": parsed(speech.said())}, **signed}]

    def _framed(self, response: bytes) -> bytes:
        if self._sse:
            return b"data: %b\r\n\r\n" % response
        lead = b",\r\n" if self._begun else b"["
        self._begun = True
        return lead + response

    def _piece(self, choice: int, marks: Json, text: str) -> bytes:
        return orjson.dumps({"candidates": [self._candidate(choice, [{"text": text, **marks}])], **self._base})

    def _candidate(self, choice: int, parts: list[Json], finish: str = "") -> Json:
        ended = {"finishReason": finish} if finish else {}
        return {"content": {"parts": parts, "role": "model"}, **ended, "index": choice}

    def _response(self, candidates: list[Json]) -> Json:
        thoughts = sum(self._job.thoughts)
        usage = self._usage(sum(self._job.lengths) - thoughts, thoughts)
        return {"candidates": candidates, **self._base, "usageMetadata": usage}

    def _usage(self, output: int, thoughts: int) -> Json:
        """Thoughts are counted apart from the rest of the output."""
        prompt, cached = sum(self._job.prompts), sum(self._job.cached)
        made = {"promptTokenCount": prompt, "candidatesTokenCount": output}
        more = {"thoughtsTokenCount": thoughts, "cachedContentTokenCount": cached}
        total = {"totalTokenCount": prompt + output + thoughts}
        return {**made, **total, **{name: count for name, count in more.items() if count}}
