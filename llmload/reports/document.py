"""Reading and writing the parts of a result document: what is wrong with one is said in words, with its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import orjson

from llmload.errors import ResultError

__all__ = ["DERIVED", "KIND", "SCHEMA_VERSION", "damage", "parse", "plain", "read"]

KIND: Final = "llmload-result"
SCHEMA_VERSION: Final = "1.2"
"""``major.minor``: minors only add, so every document of the same major can be read."""

DERIVED: Final = frozenset({"standing", "insights", "figures"})
"""Members that are worked out anew from the rest, and never read back."""

_OTHERS: Final = {
    "llmload-search": "this is a search result: `llmload search` shows one as it ends and draws it with --plot FILE; "
    "programs find the answer in .capacity, the loads tried in .steps",
    "llmload-comparison": "this is a comparison: `llmload compare` shows one with --format text, markdown or html",
    "llmload-history": "this is a history: `llmload history` shows one with --format text or markdown",
}
"""Documents of other kinds, by their ``kind``, and what can be done with them."""
_MAJOR: Final = int(SCHEMA_VERSION.partition(".")[0])
Part = TypeVar("Part")


def parse(data: bytes, source: str) -> dict[str, Any]:
    """A result document of a version we read; ResultError says why it isn't one."""
    if not data.strip():
        raise ResultError(f"{source}: the file is empty; was the run killed before it could write?")
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ResultError(f"{source}: not JSON, or cut short: {error.msg} at line {error.lineno}") from None
    try:
        return checked(document)
    except ResultError as error:
        raise ResultError(f"{source}: {error}") from None


def checked(document: object) -> dict[str, Any]:
    """The document, if it says that it is a result of our major version."""
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise ResultError(_other(document))
    version = document.get("schema_version")
    major = str(version).partition(".")[0]
    if not isinstance(version, str) or not major.isdecimal():
        raise ResultError(f"damaged: schema_version is {version!r}, not like {SCHEMA_VERSION!r}")
    if int(major) > _MAJOR:
        raise ResultError(f"written by a newer llmload (schema {version}, this one reads {_MAJOR}.x): upgrade llmload")
    if int(major) < _MAJOR:
        raise ResultError(f"of schema {version}, which this llmload no longer reads ({_MAJOR}.x): use an older one")
    return document


def _other(document: object) -> str:
    """What a document is that is no result of a run."""
    kind = document.get("kind") if isinstance(document, dict) else None
    if isinstance(kind, str) and kind in _OTHERS:
        return f"{_OTHERS[kind]}; here a run's result is needed, as `llmload run --out FILE` writes it"
    return 'not a result of llmload (no "kind": "llmload-result"); results are written with --out FILE'


@contextmanager
def damage(where: str) -> Iterator[None]:
    """What goes wrong while ``where`` is read is damage to the document."""
    try:
        yield
    except KeyError as error:
        raise ResultError(f"damaged: {where} lacks {error.args[0]!r}") from error
    except (TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise ResultError(f"damaged: {where}: {error}") from error


def plain(part: Any) -> dict[str, Any]:
    """A dataclass's fields, in order, ready for JSON."""
    return {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}


def read(cls: type[Part], data: Mapping[str, Any], **parts: Any) -> Part:
    """A dataclass from its fields in ``data``; ``parts`` are fields read already. Unknown members are left out,
    absent ones take their default; KeyError for one that has none."""
    values = dict(parts)
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if field.name not in values and (field.name in data or not optional):
            values[field.name] = data[field.name]
    return cls(**values)
