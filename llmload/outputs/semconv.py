"""What OpenTelemetry's conventions for generative AI call the things llmload knows.

Names are those of open-telemetry/semantic-conventions-genai, whose schema URL says the version; its status is
"Development", so that names may change with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from llmload.outputs.points import Labels
from llmload.records import Api
from llmload.scenario.plan import Plan, Target

__all__ = ["SCHEMA_URL", "Attributes", "described", "named", "operation", "server"]

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/gen-ai/1.42.0"

Attributes = dict[str, str | int | float | bool | tuple[str, ...]]

_PROVIDERS: Final[Mapping[str, str]] = {
    "openai": "openai", "openai-responses": "openai", "openai-realtime": "openai", "azure-openai": "azure.ai.openai",
    "anthropic": "anthropic", "gemini": "gcp.gemini", "vertex": "gcp.vertex_ai", "bedrock": "aws.bedrock",
    "cohere": "cohere", "ollama": "ollama",
}  # fmt: skip
"""gen_ai.provider.name by dialect: the format that is spoken, whoever is behind it. Dialects that aren't here speak
the scenario's own words, and are no operations of generative AI."""
_OPERATIONS: Final[Mapping[Api, str]] = {
    Api.CHAT: "chat", Api.COMPLETIONS: "text_completion", Api.EMBEDDINGS: "embeddings", Api.RERANK: "rerank",
}  # fmt: skip
"""gen_ai.operation.name; "rerank" is our own, the conventions have none."""
_GENERATE: Final = frozenset({"gemini", "vertex"})
"""Dialects whose chat the conventions know as "generate_content"."""
_LABELS: Final[Mapping[str, str]] = {"model": "gen_ai.request.model"}
_PORTS: Final = {"http": 80, "https": 443}
_TAG: Final = "tag_"


def operation(api: Api, dialect: str) -> str:
    """What is done, as the conventions name it; "" for what is none of their operations."""
    if dialect not in _PROVIDERS or api not in _OPERATIONS:
        return ""
    return "generate_content" if api is Api.CHAT and dialect in _GENERATE else _OPERATIONS[api]


def server(target: Target) -> Attributes:
    """server.address and server.port."""
    if target.unix_socket:
        return {"server.address": target.unix_socket}
    url = urlsplit(target.base_url)
    if not url.hostname:
        return {}
    return {"server.address": url.hostname, "server.port": url.port or _PORTS.get(url.scheme, 443)}


def described(plan: Plan) -> dict[tuple[str, str], Attributes]:
    """By class and target: operation, provider and server of their calls; nothing for what isn't generative AI."""
    found: dict[tuple[str, str], Attributes] = {}
    for cls in plan.classes:
        for target in map(plan.target, cls.targets):
            if done := operation(cls.api, target.dialect):
                provider = _PROVIDERS[target.dialect]
                names: Attributes = {"gen_ai.operation.name": done, "gen_ai.provider.name": provider}
                found[cls.name, target.name] = names | server(target)
    return found


def named(labels: Labels) -> Attributes:
    """The labels of a point as attributes; those without a value are left out."""
    return {_name(label): value for label, value in labels if value}


def _name(label: str) -> str:
    if label.startswith(_TAG):
        return f"llmload.tag.{label.removeprefix(_TAG)}"
    return _LABELS.get(label, f"llmload.{label}")
