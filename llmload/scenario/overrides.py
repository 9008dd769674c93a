"""``--set key.path=value``: one value of a scenario, given on the command line."""

from __future__ import annotations

import re
from typing import Any, Final

import tomli

from llmload.errors import UsageError
from llmload.scenario.document import Document, Place, is_deep

__all__ = ["assign", "split_key"]

_PART: Final = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^\s."'\[\]=]+))((?:\[\d+\])*)\s*""")
_DEEPEST: Final = 50
_PLAIN: Final = (str, bool, int, float, list, dict)


def assign(document: Document, override: str) -> None:
    """Apply one ``key.path=value``. Raises UsageError for text that isn't one, ScenarioError where it doesn't fit.

    The value is read as TOML; what isn't TOML is a string, so that ``load.rate=5/s`` needs no quotes. The
    place that later problems name is the key alone: a value may be a secret.
    """
    head, equals, value = _halves(override)
    if not equals:
        raise UsageError('--set: no "=" in it; write it like load.rate=5/s')
    parts = split_key(head)
    parsed = _value(value)
    if len(parts) > _DEEPEST or is_deep(parsed):
        raise UsageError("--set: nested too deeply")
    document.put(parts, parsed, Place(f"--set {head.strip()}"))


def split_key(text: str) -> list[str]:
    """The parts of ``load.phases[0]."odd name"`` (an index may also be a part of its own: ``phases.0``)."""
    parts: list[str] = []
    at = 0
    while match := _PART.match(text, at):
        parts.append(next(group for group in match.groups()[:3] if group is not None))
        parts.extend(re.findall(r"\d+", match[4]))
        at = match.end()
        if at == len(text):
            return parts
        if text[at] != ".":
            break
        at += 1
    raise UsageError(f'--set: {text!r} is not a key; write it like load.rate, or targets."odd name".model')


def _halves(override: str) -> tuple[str, str, str]:
    """Key, "=", value; an equals sign inside a quoted part of the key doesn't count."""
    match = re.match(r"""(?:"[^"]*"|'[^']*'|[^"'=])*=""", override)
    end = match.end() if match else 0
    return override[: end - 1], override[end - 1 : end] if end else "", override[end:]


def _value(text: str) -> Any:
    try:
        table = tomli.loads(f"value = {text}")
    except (tomli.TOMLDecodeError, RecursionError):
        return text
    value = table.get("value")
    return value if len(table) == 1 and isinstance(value, _PLAIN) else text
