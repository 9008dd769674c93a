"""Errors in groups: what went wrong, how often, and what one of them looked like."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from llmload.records import Outcome
from llmload.safe import clean

__all__ = ["MAX_GROUPS", "ErrorGroup", "ErrorKey", "add_error", "merge_errors", "shape"]

MAX_GROUPS: Final = 100
"""Kinds of error kept apart; what comes after them is counted under its outcome and status alone."""

ErrorKey = tuple[Outcome, int, str]
"""Outcome, HTTP status (0: none), and the shape of the detail."""

_OTHER: Final = "(other)"
_LONGEST: Final = 120
_VARYING: Final = re.compile(
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"  # UUIDs
    r"|\b(?=[\w-]*\d)[A-Za-z0-9_-]{16,}\b"  # request ids and other tokens with a digit in them
    r"|\b0x[0-9a-f]+\b|\d+(?:[.,:]\d+)*",  # addresses and numbers
    re.IGNORECASE,
)


def shape(detail: str) -> str:
    """A detail without what differs from one call to the next: numbers and ids become "#"."""
    return _VARYING.sub("#", clean(detail, 4 * _LONGEST))[:_LONGEST]


@dataclass(slots=True)
class ErrorGroup:
    """Errors alike. ``sample`` is the detail of the first of them; ``first_at`` and ``last_at`` are the seconds
    from the start of the run at which they ended; ``classes`` counts them by request class."""

    outcome: Outcome
    status: int
    count: int = 0
    sample: str = ""
    first_at: float = 0.0
    last_at: float = 0.0
    classes: dict[str, int] = field(default_factory=dict)

    def merge(self, other: ErrorGroup) -> None:
        """Add errors of the same kind."""
        if not other.count:
            return
        mine, theirs = (self.first_at, self.sample), (other.first_at, other.sample)
        self.first_at, self.sample = min(mine, theirs) if self.count else theirs
        self.last_at = max(self.last_at, other.last_at)
        self.count += other.count
        for cls, count in other.classes.items():
            self.classes[cls] = self.classes.get(cls, 0) + count

    def to_json(self) -> dict[str, Any]:
        """Every field; classes by name."""
        return {
            "outcome": str(self.outcome), "status": self.status, "count": self.count, "sample": self.sample,
            "first_at": self.first_at, "last_at": self.last_at, "classes": dict(sorted(self.classes.items())),
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ErrorGroup:
        """The inverse of ``to_json``."""
        return cls(**{**data, "outcome": Outcome(data["outcome"]), "classes": dict(data["classes"])})


def add_error(groups: dict[ErrorKey, ErrorGroup], key: ErrorKey, group: ErrorGroup) -> None:
    """Merge one group into the bounded ``groups``."""
    if key not in groups and len(groups) >= MAX_GROUPS:
        key = (key[0], key[1], _OTHER)
    groups.setdefault(key, ErrorGroup(group.outcome, group.status)).merge(group)


def merge_errors(groups: dict[ErrorKey, ErrorGroup], others: dict[ErrorKey, ErrorGroup]) -> None:
    """Merge, the largest first, so that a rare kind never takes the place of a common one."""
    for key, group in sorted(others.items(), key=lambda item: (-item[1].count, item[0])):
        add_error(groups, key, group)
