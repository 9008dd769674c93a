"""The APIs that the simulator speaks, one file each. To add one: a class that fulfils ``Format``, and its line here."""

from __future__ import annotations

from typing import Final

from llmload.sim.formats.anthropic import AnthropicFormat
from llmload.sim.formats.azure_openai import AzureOpenAiFormat
from llmload.sim.formats.base import Format, Found, Frames
from llmload.sim.formats.bedrock import BedrockFormat
from llmload.sim.formats.cohere import CohereFormat
from llmload.sim.formats.gemini import GeminiFormat
from llmload.sim.formats.ollama import OllamaFormat
from llmload.sim.formats.openai import OpenAiFormat
from llmload.sim.formats.openai_realtime import OpenAiRealtimeFormat
from llmload.sim.formats.openai_responses import OpenAiResponsesFormat

__all__ = ["FORMATS", "Format", "Found", "Frames", "find"]

FORMATS: Final[tuple[Format, ...]] = (
    OpenAiFormat(),
    OpenAiResponsesFormat(),
    OpenAiRealtimeFormat(),
    AzureOpenAiFormat(),
    AnthropicFormat(),
    GeminiFormat(),
    BedrockFormat(),
    CohereFormat(),
    OllamaFormat(),
)
"""The last is asked first whether a path is its: the first has the most general ones, and those that nobody knows."""


def find(path: str, query: str) -> tuple[Format, Found | None]:
    """The format whose path this is, and what it means there; the first format and None for a path nobody knows."""
    for format_ in reversed(FORMATS):
        if found := format_.find(path, query):
            return format_, found
    return FORMATS[0], None
