"""What response headers say besides the answer: labels to cut results by, and how long the server took."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from llmload.dialects.clean import clean_line
from llmload.records import Record
from llmload.scenario.plan import Target

__all__ = ["MOST_VALUES", "OTHER", "Hear", "listener", "server_time"]

Hear = Callable[[Record, Mapping[str, str]], None]
"""Takes into the Record what its head says."""

MOST_VALUES: Final = 64
"""Values of one label that are kept apart in a process."""
OTHER: Final = "(other)"
"""What all further ones are called."""
_LONGEST: Final = 64
_DAY: Final = 86_400_000.0
_KNOWN: Final = ("openai-processing-ms", "server-timing", "x-envoy-upstream-service-time")
_NUMBER: Final = re.compile(r"\d{1,12}(?:\.\d{1,12})?")
_DURATION: Final = re.compile(r";\s*dur\s*=\s*\"?(\d{1,12}(?:\.\d{1,12})?)", re.IGNORECASE)


def listener(target: Target) -> Hear | None:
    """How to listen to the heads of this target; None where the scenario asks for nothing of it."""
    capture = tuple((tag, header.lower(), _Values()) for tag, header in target.capture.items())
    named = _KNOWN if target.server_time == "header" else tuple(filter(None, [target.server_time.lower()]))
    if not capture and not named:
        return None

    def hear(record: Record, headers: Mapping[str, str]) -> None:
        if capture:
            found = ((tag, values.kept(headers.get(header, ""))) for tag, header, values in capture)
            record.labels = tuple((tag, value) for tag, value in found if value)
        if named and (told := server_time(headers, named)):
            record.answer.server_time = told

    return hear


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


def server_time(headers: Mapping[str, str], names: Iterable[str] = _KNOWN) -> int:
    """What the first of these headers that says something says, in ns; 0 where none does.

    A plain number is milliseconds; of the durations in ``server-timing`` (W3C) the longest is taken, which is the one
    that holds the others.
    """
    for name in names:
        text = headers.get(name, "")[:1000].strip()
        found = [text] if _NUMBER.fullmatch(text) else _DURATION.findall(text)
        longest = max(map(float, found), default=0.0)
        if 0 < longest <= _DAY:
            return round(longest * 1e6)
    return 0
