"""Reading the next event of a stream without parsing it, exactly.

Theory of operation. The events that carry a stream's tokens differ in one JSON string only. Once such an event has
been parsed, a Template remembers the bytes of its frame up to that string's opening quote (``head``) and from
its closing quote on (``tail``). A later read that begins with ``head``, ends with ``tail``, and whose bytes
between, quotes included, are one JSON string, is the same event with another string:

- JSON is read left to right, and ``head`` was seen to end where a string value begins. Whatever valid string stands
  there, the reader is in the same state after it, and ``tail`` means what it meant before. (What stands between
  is given to a real JSON parser, so escapes, control characters and bad UTF-8 are judged by the rules, not guessed.)
- The string is the one that decides the content, and nothing else in the event does: ``learn`` proves it by
  changing the string and parsing again (so a second key of the same name, or the same key elsewhere, can't deceive it).
- A JSON string holds no raw line end, so to the event decoder, between two events when the read begins, the read is
  what the learned one was: the same ``event`` line if there was one, one ``data`` line and the empty line that ends
  the event.
- Several such events in one read are joined by ``tail + head``, and each string between is checked alike.

The caller must learn only from events that do nothing but carry content (no usage, finish reason or error), and
match only while its event decoder is idle. Anything that fails to match is parsed as ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import orjson

__all__ = ["NO_TEMPLATE", "Template", "learn", "strings"]

Template = tuple[bytes, bytes, int, slice]
"""head (ends with the opening quote), tail (begins with the closing quote), the length of both, and the slice
of a matching read that is the string with its quotes. A bare tuple: it is unpacked for every read."""

NO_TEMPLATE: Final[Template] = (b"", b"", 1 << 62, slice(0))
"""Matches nothing: no read is that long."""

_LONGEST: Final = 16 * 1024
"""Events longer than this are not worth learning from."""
_PROBES: Final = ("probe", "other")
_LINE_ENDS: Final = re.compile(rb"[\r\n]")


@lru_cache(maxsize=64)
def _value_of(field: str) -> re.Pattern[bytes]:
    name = re.escape(orjson.dumps(field))
    return re.compile(name + rb'\s*:\s*"([^"\\]*(?:\\.[^"\\]*)*)"')


def learn(
    read: bytes, event: bytes, field: str, text: str, content_of: Callable[[Any], str | None], kind: bytes = b""
) -> Template:
    """A Template from ``event``, the data of the last event of ``read``, whose content is ``text`` under ``field``.

    ``content_of`` takes a parsed event: its content when it is one single string, else None. ``kind``: the type of
    the event, where a line before it named one.
    Gives NO_TEMPLATE when the string can't be told apart for certain.
    """
    if len(event) > _LONGEST or _LINE_ENDS.search(event):
        return NO_TEMPLATE
    values = list(_value_of(field).finditer(event))
    if not values:
        return NO_TEMPLATE
    found = values[-1]
    before, after = event[: found.start(1)], event[found.end(1) :]
    probe = _PROBES[text == _PROBES[0]]
    if content_of(orjson.loads(before + probe.encode() + after)) != probe:
        return NO_TEMPLATE
    end = b"\r\n\r\n" if read.endswith(b"\r\n\r\n") else b"\n\n"
    spaced = read.removesuffix(end).endswith(b"data: " + event)
    named = b"event: " + kind + end[: len(end) // 2] if kind else b""
    head, tail = named + (b"data: " if spaced else b"data:") + before, after + end
    return head, tail, len(head) + len(tail), slice(len(head) - 1, 1 - len(tail))


def strings(inner: bytes, template: Template) -> list[str]:
    """The strings of a read that is a run of events of this template, none of them empty; [] if it is not.

    ``inner``: the read without the head it begins with and the tail it ends with.
    """
    head, tail, _, _ = template
    values = inner.split(tail + head)
    try:
        return [orjson.loads(b'"' + value + b'"') for value in values] if all(values) else []
    except orjson.JSONDecodeError:
        return []
