"""Where every key and array element of a TOML document stands, so that an error can point at it.

tomli gives the data but no positions. This scanner walks the same text a second time and notes, for each key
and each array element, the line and column where it is written. It reads only documents that tomli has
accepted, so it checks nothing: it has to know where things end, not what they mean.
"""

from __future__ import annotations

import re
from typing import Final

import tomli

__all__ = ["Path", "Positions", "scan"]

Path = tuple[str | int, ...]
"""Keys and array indexes from the root of the document."""

Positions = dict[Path, tuple[int, int]]
"""Path -> (line, column), both counted from 1."""

_BLANK: Final = re.compile(r"[ \t]*")
_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_BASIC: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL: Final = re.compile(r"'[^']*'")
_LONG_BASIC: Final = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}', re.DOTALL)
_LONG_LITERAL: Final = re.compile(r"'''(?:[^']|'(?!''))*'{3,5}", re.DOTALL)
_SCALAR: Final = re.compile(r"[^,\]}#\r\n]*")


def scan(text: str) -> Positions:
    """Positions of every key and array element of ``text``, a TOML document that tomli accepts.

    A table's position is that of the last part of its header; a table that is only implied by the dotted
    name of another has the position of its part of that name.
    """
    return _Scanner(text).document()


class _Scanner:
    """A cursor over the text. ``arrays`` counts the tables of each array of tables seen so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.counted = 0
        self.found: Positions = {}
        self.arrays: dict[Path, int] = {}

    def document(self) -> Positions:
        table: Path = ()
        while self.skip(_SPACE) < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.assignment(table)
        return self.found

    def skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    def place(self, at: int) -> tuple[int, int]:
        """Line and column of an offset; offsets come in rising order, so lines are counted only once."""
        self.line += self.text.count("\n", self.counted, at)
        self.counted = at
        return self.line, at - self.text.rfind("\n", 0, at)

    def header(self) -> Path:
        """``[a.b]`` or ``[[a.b]]``: the path that the keys below it belong to."""
        double = self.text.startswith("[[", self.at)
        self.at += 2 if double else 1
        path: Path = ()
        for key, at in self.dotted_key():
            path = self.current((*path, key))
            self.found.setdefault(path, self.place(at))
        if double:
            name = self.named(path)
            self.arrays[name] = self.arrays.get(name, -1) + 1
            path = (*name, self.arrays[name])
            self.found.setdefault(name, self.place(at))
        self.found[path] = self.place(at)
        self.at += 2 if double else 1
        return path

    def current(self, path: Path) -> Path:
        """Inside an array of tables a header speaks of the table that came last."""
        return (*path, self.arrays[path]) if path in self.arrays else path

    def named(self, path: Path) -> Path:
        return path[:-1] if path[:-1] in self.arrays else path

    def dotted_key(self) -> list[tuple[str, int]]:
        """The parts of a key with their offsets; leaves the cursor on what follows."""
        parts = []
        while True:
            self.skip(_BLANK)
            at = self.at
            parts.append((self.simple_key(), at))
            self.skip(_BLANK)
            if self.text[self.at : self.at + 1] != ".":
                return parts
            self.at += 1

    def simple_key(self) -> str:
        start = self.at
        match self.text[start]:
            case '"':
                self.skip(_BASIC)
                return _unquoted(self.text[start : self.at])
            case "'":
                self.skip(_LITERAL)
                return self.text[start + 1 : self.at - 1]
        self.skip(_BARE_KEY)
        return self.text[start : self.at]

    def assignment(self, table: Path) -> None:
        """``a.b = value`` below ``table``."""
        path = table
        for key, at in self.dotted_key():
            path = (*path, key)
            self.found.setdefault(path, self.place(at))
        self.at += 1
        self.skip(_BLANK)
        self.value(path)

    def value(self, path: Path) -> None:
        match self.text[self.at : self.at + 1]:
            case "[":
                self.array(path)
            case "{":
                self.inline_table(path)
            case '"':
                self.skip(_LONG_BASIC if self.text.startswith('"""', self.at) else _BASIC)
            case "'":
                self.skip(_LONG_LITERAL if self.text.startswith("'''", self.at) else _LITERAL)
            case _:
                self.skip(_SCALAR)

    def array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self.text[self.skip(_SPACE)] != "]":
            element = (*path, index)
            self.found[element] = self.place(self.at)
            self.value(element)
            index += 1
            if self.text[self.skip(_SPACE)] == ",":
                self.at += 1
        self.at += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        while self.text[self.skip(_SPACE)] != "}":
            self.assignment(path)
            if self.text[self.skip(_SPACE)] == ",":
                self.at += 1
        self.at += 1


def _unquoted(quoted: str) -> str:
    """The text of a basic string; tomli knows the escapes."""
    if "\\" not in quoted:
        return quoted[1:-1]
    return next(iter(tomli.loads(f"{quoted} = 0")))
