"""A scenario as data with the place of everything in it, while it is put together from file, environment,
demonstration size and overrides."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import tomli

from llmload.errors import Problem, ScenarioError
from llmload.scenario.positions import Path, scan

__all__ = ["Document", "Place", "dotted", "is_deep", "parse"]

_DEEPEST: Final = 50
"""Levels of tables and arrays; deeper is a mistake, and would exhaust the stack."""

_VARIANT_KEYS: Final = ("type", "kind")
"""Keys that say which shape a table has: a table of another shape replaces, it doesn't merge."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written. ``line`` 0: not in a file (``--set``)."""

    source: str
    line: int = 0
    column: int = 0


def dotted(path: Path) -> str:
    """``load.phases[0].curve``, with quotes around keys that need them."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        bare = part.replace("-", "").replace("_", "")
        name = part if bare.isascii() and bare.isalnum() else json.dumps(part, ensure_ascii=False)
        text += f".{name}" if text else name
    return text


@dataclass(slots=True)
class Document:
    """``data`` as TOML gives it, and ``places`` for as many paths as are known."""

    data: dict[str, Any]
    places: dict[Path, Place]
    source: str

    def place(self, path: Path) -> Place:
        """Where ``path`` is written, or else the nearest table around it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return Place(self.source)

    def problem(self, path: Path, what: str, hint: str = "") -> Problem:
        """A problem with what stands at ``path``."""
        place = self.place(path)
        return Problem(what, dotted(path), place.source, place.line, place.column, hint)

    def graft(self, origin: Path, to: Path = ()) -> None:
        """Merge the table at ``origin`` over the one at ``to``: tables merge, anything else replaces."""
        for key, value in list(self._at(origin).items()):
            target = self._at(to)
            if _mergeable(target.get(key), value):
                self.graft((*origin, key), (*to, key))
            else:
                target[key] = copy.deepcopy(value)
                self._move_places((*origin, key), (*to, key))

    def put(self, parts: Sequence[str], value: Any, place: Place) -> None:
        """Set one value, making tables on the way; in an array a part is an index.

        Raises ScenarioError where the way is barred.
        """
        node: Any = self.data
        path: Path = ()
        for depth, part in enumerate(parts):
            key = _step(node, part, path, place)
            path = (*path, key)
            if depth == len(parts) - 1:
                node[key] = value
            else:
                node = node.setdefault(key, {}) if isinstance(node, dict) else node[key]
        self._forget(path)
        self.places[path] = place

    def _at(self, path: Path) -> dict[str, Any]:
        node: Any = self.data
        for part in path:
            node = node[part]
        assert isinstance(node, dict)
        return node

    def _forget(self, path: Path) -> None:
        for known in [known for known in self.places if known[: len(path)] == path]:
            del self.places[known]

    def _move_places(self, origin: Path, to: Path) -> None:
        self._forget(to)
        moved = {
            (*to, *known[len(origin) :]): place
            for known, place in self.places.items()
            if known[: len(origin)] == origin
        }
        self.places.update(moved)


def parse(text: str, source: str) -> Document:
    """Read TOML. Raises ScenarioError with the place of the mistake."""
    try:
        data = tomli.loads(text)
        deep = is_deep(data)
        positions = {} if deep else scan(text)
    except tomli.TOMLDecodeError as error:
        what = f"not TOML: {error.msg[:1].lower()}{error.msg[1:]}"
        raise ScenarioError([Problem(what, "", source, error.lineno, error.colno)]) from None
    except RecursionError:
        deep = True
    if deep:
        raise ScenarioError([Problem("arrays or tables are nested too deeply", "", source)])
    places = {path: Place(source, line, column) for path, (line, column) in positions.items()}
    return Document(data, places, source)


def is_deep(value: Any, left: int = _DEEPEST) -> bool:
    """Whether tables and arrays are nested deeper than can be meant."""
    if not isinstance(value, (dict, list)):
        return False
    items = value.values() if isinstance(value, dict) else value
    return left == 0 or any(is_deep(item, left - 1) for item in items)


def _mergeable(old: Any, new: Any) -> bool:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return False
    return all(key not in new or old.get(key) == new[key] for key in _VARIANT_KEYS)


def _step(node: Any, part: str, path: Path, place: Place) -> str | int:
    """The key or index that ``part`` means inside ``node``, which stands at ``path``."""
    if isinstance(node, dict):
        return part
    if not isinstance(node, list):
        what, hint = "is not a table: nothing can be set inside it", ""
    elif part.isdecimal() and len(part) < 10 and int(part) < len(node):
        return int(part)
    else:
        what = f"has no entry {part!r}"
        hint = f"its {len(node)} entries are numbered from 0" if node else "it is empty"
    raise ScenarioError([Problem(what, dotted(path), place.source, hint=hint)])
