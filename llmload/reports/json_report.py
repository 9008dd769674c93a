"""The Result as a JSON document: what ``--out`` writes and every other command reads back."""

from __future__ import annotations

from typing import Any

import orjson

from llmload.reports.figures import figures
from llmload.reports.result import Result

__all__ = ["document", "render"]


def document(result: Result) -> dict[str, Any]:
    """The result and, for those who read it without llmload, the figures derived from it."""
    whole = result.to_json()
    summary = whole.pop("summary")
    return whole | {"figures": figures(result.summary), "summary": summary}


def render(result: Result) -> bytes:
    """UTF-8, one top-level key per line: short to store, and still to be found one's way in."""
    lines = [f"{_dumps(key)}: {_dumps(value)}" for key, value in document(result).items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _dumps(value: object) -> str:
    # A lone surrogate in a server's text can't be encoded: it is left out, the document stays readable.
    try:
        return orjson.dumps(value, default=str).decode()
    except orjson.JSONEncodeError:
        return orjson.dumps(_encodable(value), default=str).decode()


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "ignore").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, list | tuple) else value
