"""llmload: a load generator for LLM HTTP APIs. What Python programs use of it is in ``llmload.api``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmload.api import LlmloadError, Result, failures, read, report, run

__all__ = ["LlmloadError", "Result", "__version__", "failures", "read", "report", "run"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """What is asked for is imported then: the command line starts without it."""
    if name in __all__:
        from llmload import api

        return getattr(api, name)
    raise AttributeError(f"module 'llmload' has no attribute {name!r}")
