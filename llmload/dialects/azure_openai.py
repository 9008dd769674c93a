"""Azure OpenAI: OpenAI's formats under a deployment's path, with a version in the query and the key in ``api-key``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from llmload.dialects.base import DialectKind
from llmload.dialects.model_list import ModelList
from llmload.dialects.openai import OpenAi
from llmload.records import Api, Call, WireRequest

__all__ = ["KIND", "AzureOpenAi"]

_VERSION: Final = "2024-10-21"
"""The newest version of the API that was generally available when this was written."""


class AzureOpenAi(OpenAi):
    """Dialect "azure-openai". A call's model is the name of the deployment."""

    name = "azure-openai"
    apis = frozenset({Api.CHAT, Api.COMPLETIONS, Api.EMBEDDINGS, Api.MODELS})

    def __init__(self, options: Mapping[str, str]) -> None:
        self._query = f"?api-version={quote(options.get('api_version', _VERSION), safe='')}"

    def request(self, call: Call) -> WireRequest:
        """The request as it goes out, without credentials."""
        plain = super().request(call)
        place = "" if call.api is Api.MODELS else f"deployments/{quote(call.model, safe='')}/"
        return replace(plain, path=f"{place}{plain.path}{self._query}")


KIND: Final = DialectKind(
    "azure-openai",
    AzureOpenAi.apis,
    AzureOpenAi,
    options={"api_version": f"Version of the API, sent in the query; left out: {_VERSION}."},
    key=("api-key", ""),
    sim_base="/openai",
    models=ModelList(place=""),
)
