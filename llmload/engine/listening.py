"""What answers say besides what was asked: labels to cut results by, how long the server took, what it calls them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from llmload.dialects.base import Reader
from llmload.dialects.clean import clean_line
from llmload.dialects.template import Template
from llmload.records import Record
from llmload.scenario.plan import Target

__all__ = ["FIELD", "MOST_VALUES", "OTHER", "Listener", "listener", "request_id", "server_time"]

FIELD: Final = "json:"
"""What a source begins with that is a field of the body, not a header."""

MOST_VALUES: Final = 64
"""Values of one label that are kept apart in a process."""
OTHER: Final = "(other)"
"""What all further ones are called."""
_LONGEST: Final = 64
_LISTENED: Final = 16384
"""Bytes of a body in which a field is looked for."""
_DAY: Final = 86_400_000.0
_KNOWN: Final = ("openai-processing-ms", "server-timing", "x-envoy-upstream-service-time")
_IDS: Final = ("x-request-id", "request-id", "x-amzn-requestid", "apim-request-id", "cf-ray")
"""OpenAI and most others, Anthropic, AWS, Azure, and what Cloudflare adds before any of them."""
_ID: Final = re.compile(r"[\w.:=+/-]{1,64}", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,12}(?:\.\d{1,12})?")
_DURATION: Final = re.compile(r";\s*dur\s*=\s*\"?(\d{1,12}(?:\.\d{1,12})?)", re.IGNORECASE)


class Listener:
    """Takes into a Record what its head says and, where a label comes from the body, what that says."""

    def __init__(self, target: Target, times: tuple[_Time, ...]) -> None:
        sources = [(tag, source, _Values()) for tag, source in target.capture.items()]
        self._headers = tuple((tag, name.lower(), kept) for tag, name, kept in sources if not name.startswith(FIELD))
        self._fields = tuple(
            (tag, _field(name.removeprefix(FIELD)), kept) for tag, name, kept in sources if name.startswith(FIELD)
        )
        self._times = times

    def head(self, record: Record, headers: Mapping[str, str]) -> None:
        """The head of the answer is there."""
        if self._headers:
            found = ((tag, values.kept(headers.get(header, ""))) for tag, header, values in self._headers)
            record.labels = tuple((tag, value) for tag, value in found if value)
        for slot, names, entry in self._times:
            if (told := server_time(headers, names, entry)) is not None:
                setattr(record.answer, slot, told)

    def reader(self, record: Record, reader: Reader) -> Reader:
        """A reader that listens too, as long as it has not heard everything. (Sockets are not listened to.)"""
        deaf = not self._fields or hasattr(reader, "say")
        return reader if deaf else _Listening(record, reader, self._fields)


def _field(name: str) -> re.Pattern[bytes]:
    return re.compile(rb'"%b"\s*:\s*"([^"\\]{0,256})"' % re.escape(name.encode()))


class _Listening:
    """Looks for fields in the first bytes of a body, wherever in it they stand, on their way to the reader."""

    def __init__(self, record: Record, reader: Reader, fields: Iterable[_Field]) -> None:
        self._record = record
        self._reader = reader
        self._missing = list(fields)
        self._seen = b""

    def feed(self, data: bytes, t: int) -> None:
        """See Reader."""
        if self._missing:
            self._look(data)
        self._reader.feed(data, t)

    def _look(self, data: bytes) -> None:
        self._seen += data[: _LISTENED - len(self._seen)]
        for field in list(self._missing):
            tag, pattern, values = field
            if found := pattern.search(self._seen):
                self._missing.remove(field)
                if value := values.kept(found[1].decode("utf-8", "replace")):
                    self._record.labels = (*self._record.labels, (tag, value))
        if not self._missing or len(self._seen) >= _LISTENED:
            self._missing, self._seen = [], b""

    def template(self) -> Template | None:
        """See Reader."""
        return None if self._missing else self._reader.template()

    def close(self, t: int) -> None:
        """See Reader."""
        self._reader.close(t)


def listener(target: Target) -> Listener | None:
    """How to listen to this target; None where the scenario asks for nothing of it."""
    times = tuple(_times(target))
    return Listener(target, times) if target.capture or times else None


def _times(target: Target) -> Iterator[_Time]:
    for slot in ("server_time", "server_queue", "server_work"):
        name, _, entry = getattr(target, slot).lower().partition(";")
        if name:
            yield slot, _KNOWN if (slot, name) == ("server_time", "header") else (name,), entry


class _Values:
    """The values seen of one header: cleaned, and no more than so many."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def kept(self, text: str) -> str:
        found = self._known.get(text)
        if found is None:
            found = clean_line(text[: 4 * _LONGEST], _LONGEST).strip() if text else ""
            if len(self._known) < MOST_VALUES:
                self._known[text[: 4 * _LONGEST]] = found
            elif found and found not in self._known.values():
                found = OTHER
        return found


def request_id(headers: Mapping[str, str]) -> str:
    """What the server calls this request, by which its operators find it: at most 64 characters, "" where it says
    nothing."""
    for name in _IDS:
        if text := headers.get(name):
            return text if _ID.fullmatch(text) else clean_line(text[: 4 * _LONGEST], _LONGEST).strip()
    return ""


def server_time(headers: Mapping[str, str], names: Iterable[str] = _KNOWN, entry: str = "") -> int | None:
    """What the first of these headers that says something says, in ns; None where none does.

    A plain number is milliseconds; of the durations in ``server-timing`` (W3C) the longest is taken, which is the one
    that holds the others, or that of the ``entry`` named (in lower case).
    """
    for name in names:
        text = headers.get(name, "")[:1000].strip()
        found = [text] if _NUMBER.fullmatch(text) and not entry else _durations(text, entry)
        longest = max(map(float, found), default=-1.0)
        if 0 <= longest <= _DAY:
            return round(longest * 1e6)
    return None


def _durations(text: str, entry: str) -> list[str]:
    parts = (part.strip() for part in text.split(","))
    chosen = (part for part in parts if not entry or part.partition(";")[0].strip().lower() == entry)
    return [found for part in chosen for found in _DURATION.findall(part)]


_Time = tuple[str, tuple[str, ...], str]
"""The slot of an Answer, the headers that say it, the first that does counts, and the entry of them that does."""
_Field = tuple[str, re.Pattern[bytes], _Values]
