"""Errors as servers word them, in any of the shapes seen in the field -> one clean line.

``{"error": {"message", "type", "code"}}``, ``{"error": "text"}``, ``{"error": {}}``, ``{"type": "error", ...}``,
``{"object": "error", ...}``, ``{"detail": "text"}``, ``{"detail": [{"loc", "msg"}]}``, any of these in a list,
plain text, HTML.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from llmload.dialects.clean import clean_line
from llmload.records import Answer

__all__ = ["ERROR_LIMIT", "ErrorReader", "describe_error", "describe_error_body", "reported_error"]

ERROR_LIMIT: Final = 64 * 1024
"""Most bytes kept of an error body."""

NO_MESSAGE: Final = "an error without a message"

_DEPTH: Final = 4
"""Errors are wrapped in errors by gateways; deeper than this nobody looks."""
_INNER: Final = ("error", "detail", "errors", "message", "msg", "error_description", "title")
"""Where the wording of an error may be; the first two that say something are taken."""
_LABELS: Final = ("type", "code", "status")
_DULL: Final = frozenset({"error", "none", "null", ""})
_PAGE: Final = 4096
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_UNSEEN: Final = re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG: Final = re.compile(r"<[^>]*>")


def reported_error(document: Mapping[str, Any]) -> str | None:
    """The error that a JSON object of a good (2xx) response reports; None when it reports none."""
    error = document.get("error")
    if error or document.get("type") == "error" or document.get("object") == "error":
        return describe_error(document)
    if "choices" in document or "data" in document:
        return None
    empty = error is not None and error is not False
    unmarked = "detail" in document or {"code", "message"} <= document.keys()
    return describe_error(document) if empty or unmarked else None


def describe_error(value: object) -> str:
    """A parsed error body in one clean line, its type and code with it."""
    return clean_line(_words(value, _DEPTH)) or NO_MESSAGE


def describe_error_body(body: bytes) -> str:
    """As ``describe_error``, from bytes that may be JSON, HTML or plain text; "" for an empty body."""
    text = body.decode("utf-8", "replace").strip()
    if not text:
        return ""
    try:
        return describe_error(orjson.loads(body))
    except orjson.JSONDecodeError:
        return clean_line(_readable(text)) or NO_MESSAGE


def _readable(text: str) -> str:
    """Plain text as it is; a page's title, else its words. Of the beginning only: no pattern sees much hostile text."""
    text = text[:_PAGE]
    if not text.startswith("<"):
        return text
    title = _TITLE.search(text)
    page = title[1] if title and title[1].strip() else _UNSEEN.sub(" ", text)
    return html.unescape(_TAG.sub(" ", page))


def _words(value: object, depth: int) -> str:
    if isinstance(value, str):
        return value.strip()
    if depth == 0 or not value:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_words(entry, depth - 1) for entry in value[:4])))
    if isinstance(value, Mapping):
        return _labelled(value, depth)
    return ""


def _labelled(error: Mapping[str, Any], depth: int) -> str:
    """``type: message (code 500)``, as far as they are there and say something."""
    said = filter(None, (_words(error.get(key), depth - 1) for key in _INNER))
    message = ": ".join([*dict.fromkeys(said)][:2])
    place = error.get("loc")
    if isinstance(place, list) and message:
        message = f"{'.'.join(str(part) for part in place[:8])}: {message}"
    label, *codes = [*dict.fromkeys(filter(None, (_label(error.get(key)) for key in _LABELS))), ""]
    if not message:
        return label
    if label.isdigit():
        return message if label in message else f"{message} (code {label})"
    code = next(iter(codes), "")
    head = f"{label}: " if label and label not in message else ""
    return f"{head}{message}" + (f" (code {code})" if code and code not in message else "")


def _label(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value)[:80]
    return "" if text.lower() in _DULL else text


class ErrorReader:
    """Reads the body of a response that is no answer (a status that isn't 2xx); keeps its first 64 KiB.

    What ``answer.error`` holds by then is the error's name, from a header.
    """

    __slots__ = ("_answer", "_body")

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._body = bytearray()

    def feed(self, data: bytes, t: int) -> None:
        """Keep what there is room for."""
        self._body += data[: ERROR_LIMIT - len(self._body)]

    def template(self) -> None:
        """See Reader: a document has none."""

    def close(self, t: int) -> None:
        """Word the error; an empty body leaves ``answer.error`` as it is."""
        said, named = describe_error_body(bytes(self._body)), self._answer.error or ""
        self._answer.error = (said if named in said else clean_line(f"{named}: {said}")) or named or None
        self._answer.ended = True
