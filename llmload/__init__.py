"""llmload: a load generator for LLM HTTP APIs."""

__version__ = "0.1.0"
