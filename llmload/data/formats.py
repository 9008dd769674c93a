"""Formats of data sets: a row's bytes -> Entry. A row is bad (ValueError) or, where its file is known for such rows,
empty (None): it is passed over then."""

from __future__ import annotations

import base64
import csv
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from llmload.data.entry import Entry, Turn, entry_of
from llmload.records import Image, Message, ToolCall

__all__ = ["FORMATS", "Format", "Shape", "columns_of", "fields_of", "object_of"]

_ROLES: Final[Mapping[str, str]] = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
}
_LIMITS: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_PLACED: Final = frozenset({"model", "messages", "prompt", "input", "stream", "stream_options", *_LIMITS})
"""Fields of a recorded body that stand elsewhere in a scenario."""
_TEXTS: Final = ("prompt", "text", "input", "question")
_PICTURE: Final = "image_url"
_DATA_URL: Final = re.compile(r"data:(image/[a-z0-9.+-]{1,64});base64,(.+)", re.DOTALL)
_SLOT: Final = re.compile(r"\{([^{}]+)\}")


class Shape(NamedTuple):
    """What else it takes to read a row: the columns in the head of its file, and how a prompt is made of them."""

    columns: tuple[str, ...] = ()
    template: str = ""


class Format(NamedTuple):
    """``cut``: how rows are cut; "json" looks whether the file is one list, else they are lines. ``talks``: a row may
    be a conversation of several turns."""

    cut: str
    read: Callable[[bytes, Shape], Entry | None]
    headed: bool = False
    talks: bool = False


def columns_of(row: bytes) -> tuple[str, ...]:
    """The names in the head of a CSV file."""
    names = tuple(name.strip() for name in fields_of(row))
    if len(set(names)) < len(names) or not all(names):
        raise ValueError("is no head of a CSV file: a column has no name, or two have the same")
    return names


def fields_of(row: bytes) -> list[str]:
    """The fields of a CSV record."""
    try:
        return next(csv.reader([_decoded(row)], strict=True))
    except (csv.Error, StopIteration) as error:
        raise ValueError(f"is no record of a CSV file: {error}") from None


def _decoded(row: bytes) -> str:
    try:
        return row.decode()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None


def object_of(row: bytes) -> dict[str, Any]:
    """The JSON object that a row is."""
    try:
        value = orjson.loads(row)
    except ValueError:
        raise ValueError("is not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")
    return value


def _openai(row: bytes, shape: Shape) -> Entry:
    value = object_of(row)
    body = value.get("body", value)
    if not isinstance(body, dict):
        raise ValueError("its body is no JSON object")
    entry = _asked(body)
    if body is value:
        return entry
    limit = next((body[name] for name in _LIMITS if body.get(name) is not None), None)
    if limit is not None and not (isinstance(limit, int) and limit > 0):
        raise ValueError("its max_tokens is no whole number above 0")
    return entry._replace(max_tokens=limit, params={key: body[key] for key in body.keys() - _PLACED})


def _asked(body: Mapping[str, Any]) -> Entry:
    if "messages" not in body:
        text = next((body[name] for name in _TEXTS if isinstance(body.get(name), str) and body[name]), None)
        if text is None:
            raise ValueError(
                f"has neither messages nor a text; its fields are {', '.join(sorted(map(str, body)))[:200]}"
            )
        return Entry((Turn((Message("user", text),)),))
    messages = body["messages"]
    if not isinstance(messages, list):
        raise ValueError("its messages are no list")
    entry = entry_of(map(_message, messages))
    if entry is None:
        raise ValueError("nothing is asked in its messages; there is none of a user")
    return entry


def _message(value: Any) -> Message:
    if not isinstance(value, dict) or not isinstance(value.get("role"), str):
        raise ValueError("a message has no role")
    calls = value.get("tool_calls") or ()
    return Message(
        _role(value["role"]),
        _content(value.get("content")),
        images=_images(value.get("content")),
        tool_calls=tuple(_tool_call(call) for call in calls),
        tool_call_id=str(value.get("tool_call_id") or ""),
    )


def _role(name: str) -> str:
    role = _ROLES.get(name.lower())
    if role is None:
        raise ValueError(f"there is no role {name[:64]!r}; it is one of {', '.join(sorted(set(_ROLES.values())))}")
    return role


def _content(value: Any) -> str:
    """A text, or a list of parts that are texts, beside pictures."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise ValueError("the content of a message is no text")
    parts = [part for part in value if not (isinstance(part, dict) and part.get("type") == _PICTURE)]
    texts = [part.get("text") if isinstance(part, dict) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a message has a part that is neither a text nor a picture")
    return "".join(map(str, texts))


def _images(value: Any) -> tuple[Image, ...]:
    """The pictures of a message, each in the row itself."""
    parts = value if isinstance(value, list) else ()
    return tuple(
        _image(part.get(_PICTURE)) for part in parts if isinstance(part, dict) and part.get("type") == _PICTURE
    )


def _image(value: Any) -> Image:
    url = value.get("url") if isinstance(value, dict) else value
    found = _DATA_URL.fullmatch(url) if isinstance(url, str) else None
    if found is None:
        raise ValueError('a picture is no "data:image/png;base64,..." URL; pictures elsewhere are not fetched')
    try:
        return Image(found[1], base64.b64decode(found[2], validate=True))
    except ValueError:
        raise ValueError("a picture is not in base64") from None


def _tool_call(value: Any) -> ToolCall:
    function = value.get("function") if isinstance(value, dict) else None
    if not isinstance(function, dict):
        raise ValueError("a tool call has no function")
    return ToolCall(str(value.get("id", "")), str(function.get("name", "")), str(function.get("arguments", "")))


def _sharegpt(row: bytes, shape: Shape) -> Entry | None:
    value = object_of(row)
    said = value.get("conversations", value.get("conversation", value.get("items")))
    if not isinstance(said, list):
        raise ValueError(f"has no conversations; its fields are {', '.join(sorted(map(str, value)))[:200]}")
    return entry_of(map(_said, said))


def _said(value: Any) -> Message:
    who = value.get("from", value.get("role")) if isinstance(value, dict) else None
    text = value.get("value", value.get("content")) if isinstance(value, dict) else None
    if not isinstance(who, str) or not isinstance(text, str):
        raise ValueError('a turn has no "from" and "value"')
    return Message(_role(who), text)


def _csv(row: bytes, shape: Shape) -> Entry:
    fields = fields_of(row)
    if len(fields) != len(shape.columns):
        raise ValueError(f"has {len(fields)} fields where the head has {len(shape.columns)}")
    named = dict(zip(shape.columns, fields, strict=True))
    text = _SLOT.sub(lambda slot: _filled(slot[1], named), shape.template or _usual(shape.columns))
    if not text.strip():
        raise ValueError("makes a prompt without text")
    return Entry((Turn((Message("user", text),)),))


def _usual(columns: Sequence[str]) -> str:
    name = next((name for name in _TEXTS if name in columns), None)
    if name is None:
        raise ValueError(f'needs a template, as in template = "{{{columns[0]}}}"; its columns are {", ".join(columns)}')
    return f"{{{name}}}"


def _filled(name: str, named: Mapping[str, str]) -> str:
    if name not in named:
        raise ValueError(f"the template's {{{name}}} is no column; its columns are {', '.join(named)}")
    return named[name]


def _text(row: bytes, shape: Shape) -> Entry:
    return Entry((Turn((Message("user", _decoded(row).rstrip("\r\n")),)),))


FORMATS: Final[Mapping[str, Format]] = {
    "openai": Format("json", _openai, talks=True),
    "sharegpt": Format("json", _sharegpt, talks=True),
    "csv": Format("records", _csv, headed=True),
    "text": Format("lines", _text),
}
