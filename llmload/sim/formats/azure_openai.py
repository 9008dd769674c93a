"""Azure OpenAI: OpenAI's documents under the paths of deployments.

    POST /openai/deployments/NAME/chat/completions   .../completions   .../embeddings
    GET  /openai/models

Each with ``?api-version=``; without one it is a 404, as Azure has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import orjson

from llmload.sim.formats.base import Found, bearer
from llmload.sim.formats.openai import OpenAiFormat
from llmload.sim.requests import EmbeddingJob, Refused, TextJob, embedding_job, read_body, text_job
from llmload.sim.spec import SimSpec

__all__ = ["AzureOpenAiFormat"]

_DEPLOYED: Final = re.compile(r"/openai/deployments/([^/]+)(/chat/completions|/completions|/embeddings)")


class AzureOpenAiFormat(OpenAiFormat):
    """See ``Format``. A deployment has the name of its model."""

    name = "azure-openai"

    def find(self, path: str, query: str) -> Found | None:
        if path == "/openai/models":
            return Found("models", "GET", query=query)
        match = _DEPLOYED.fullmatch(path)
        if match is None:
            return None
        route = "embeddings" if match[2] == "/embeddings" else "chat" if "chat" in match[2] else "completions"
        return Found(route, name=unquote(match[1]), query=query)

    def key(self, headers: Mapping[str, str], query: str) -> str:
        return headers.get("api-key", "").strip() or bearer(headers)

    def text(self, found: Found, body: bytes, request_id: str, spec: SimSpec) -> TextJob:
        return text_job(_deployed(found, body), found.route == "chat", request_id, spec)

    def embeddings(self, found: Found, body: bytes, spec: SimSpec) -> EmbeddingJob:
        return embedding_job(_deployed(found, body), spec)

    def models(self, found: Found, names: tuple[str, ...], created: int) -> bytes:
        _check_version(found)
        models = [{"id": name, "object": "model", "created_at": created, "status": "succeeded"} for name in names]
        return orjson.dumps({"object": "list", "data": models})


def _check_version(found: Found) -> None:
    if not parse_qs(found.query).get("api-version"):
        raise Refused(404, "Resource not found", code="404")


def _deployed(found: Found, body: bytes) -> dict[str, Any]:
    """The body with the deployment as its model, whatever model it names itself."""
    _check_version(found)
    return {**read_body(body), "model": found.name}
