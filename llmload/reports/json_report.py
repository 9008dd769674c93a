"""The Result as a JSON document: what ``--out`` writes and every other command reads back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from llmload.reports.document import plain
from llmload.reports.figures import figures
from llmload.reports.result import Result

__all__ = ["document", "encodable", "encoded", "lines", "render"]


def document(result: Result) -> dict[str, Any]:
    """The result and, for those who read it without llmload, what is derived from it: insights and figures."""
    whole = result.to_json()
    summary = whole.pop("summary")
    found = [plain(insight) for insight in result.insights]
    stands = plain(result.standing) | {"light": result.standing.light.value}
    return whole | {"standing": stands, "insights": found, "figures": figures(result.summary), "summary": summary}


def render(result: Result) -> bytes:
    """UTF-8, one top-level key per line: short to store, and still to be found one's way in."""
    return lines(document(result))


def lines(whole: Mapping[str, Any]) -> bytes:
    """A document as ``render`` writes it."""
    return b"{\n" + b",\n".join(b"%b: %b" % (encoded(key), encoded(value)) for key, value in whole.items()) + b"\n}\n"


def encoded(value: object) -> bytes:
    """One value. A lone surrogate in a server's text can't be encoded: it is left out, the rest stays readable."""
    try:
        return orjson.dumps(value, default=str)
    except orjson.JSONEncodeError:
        return orjson.dumps(encodable(value), default=str)


def encodable(value: Any) -> Any:
    """The value without what UTF-8 has no form for."""
    if isinstance(value, str):
        return value.encode("utf-8", "ignore").decode()
    if isinstance(value, dict):
        return {encodable(key): encodable(item) for key, item in value.items()}
    return [encodable(item) for item in value] if isinstance(value, list | tuple) else value
