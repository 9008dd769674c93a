from __future__ import annotations

import json
import re
from typing import Any

import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.scenario.positions import scan

KEYS = st.one_of(
    st.text("abcAZ09_-", min_size=1, max_size=6),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=6),
    st.sampled_from(["a.b", "#", "=", "[x]", 'q"uote', "it's", ""]),
)
SCALARS = st.one_of(
    st.integers(-(2**40), 2**40),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12),
    st.sampled_from(
        ["# no comment", "]", "}", "{", ", x = 1", "[t]", "line\nbreak", '"""', "'''", "\\", 'a"', "", "$"]
    ),
)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)
DOCUMENTS = st.dictionaries(KEYS, TREES, max_size=5)


class Writer:
    """Writes data as TOML, choosing among the ways to say the same thing."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.lines: list[str] = []

    def pick(self, *options: str) -> str:
        return self.draw(st.sampled_from(options))

    def key(self, key: str) -> str:
        forms = [json.dumps(key, ensure_ascii=True) if key.isascii() else f'"{_escaped(key)}"']
        if key and all(char.isascii() and (char.isalnum() or char in "_-") for char in key):
            forms += [key, key]
        if "'" not in key:
            forms.append(f"'{key}'")
        return self.pick(*forms)

    def scalar(self, value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str):
            return repr(value)
        forms = [f'"{_escaped(value)}"', f'"""{_escaped(value)}"""', f'"""\n{_escaped(value)}"""']
        if "'" not in value:
            forms.append(f"'''\n{value}'''")
        if '"""' not in value and "\\" not in value and not value.endswith('"'):
            forms.append(f'"""\n{value}"""')
        return self.pick(*forms)

    def value(self, value: Any) -> str:
        if isinstance(value, list):
            gap = self.pick("", " ", "\n  ", " # a ] comment\n")
            items = f"{self.pick(',', ' ,', ',' + gap)} ".join(self.value(item) for item in value)
            return f"[{gap}{items}{self.pick('', ',') if value else ''}{gap}]"
        if isinstance(value, dict):
            items = ", ".join(
                f"{self.key(key)}{self.pick('=', ' = ')}{self.value(item)}" for key, item in value.items()
            )
            return f"{{ {items} }}"
        return self.scalar(value)

    def table(self, table: dict[str, Any], path: list[str]) -> None:
        """Plain keys first, tables with headers after them."""
        later = []
        for key, value in table.items():
            headed = isinstance(value, dict) or (
                isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
            )
            if headed and self.draw(st.booleans()):
                later.append((key, value))
            elif isinstance(value, dict) and len(value) == 1 and self.draw(st.booleans()):
                ((inner, item),) = value.items()
                self.lines.append(f"{self.key(key)}{self.pick('.', ' . ')}{self.key(inner)} = {self.value(item)}")
            else:
                tail = self.pick("", " # [a] comment = 1", "\t")
                self.lines.append(f"{self.pick('', '  ')}{self.key(key)} = {self.value(value)}{tail}")
        for key, value in later:
            for item in value if isinstance(value, list) else [value]:
                name = self.pick(".", " . ").join(self.key(part) for part in [*path, key])
                self.lines.append(f"[[{name}]]" if isinstance(value, list) else f"{self.pick('', ' ')}[ {name} ]")
                self.table(item, [*path, key])


def _escaped(text: str) -> str:
    return "".join(f"\\U{ord(char):08x}" if char in '"\\\n' or ord(char) > 126 else char for char in text)


@st.composite
def toml_documents(draw: Any) -> str:
    writer = Writer(draw)
    writer.table(draw(DOCUMENTS), [])
    return draw(st.sampled_from(["\n", "\r\n", "\n\n", "\n# x = 1\n"])).join(["", *writer.lines, ""])


def paths(value: Any, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: set[tuple[str | int, ...]] = set()
    for key, item in items:
        found |= {(*path, key)} | paths(item, (*path, key))
    return found


@settings(max_examples=120, deadline=None)
@given(toml_documents())
def test_every_key_and_element_that_tomli_finds_has_a_position_and_no_other(text: str) -> None:
    found = scan(text)
    assert set(found) == paths(tomli.loads(text))
    lines = text.split("\n")
    for path, (line, column) in found.items():
        if isinstance(path[-1], str):
            assert key_at(lines[line - 1][column - 1 :]) == path[-1]


def key_at(rest: str) -> str:
    """The key that a line begins with."""
    written = re.match(r"""[\w-]+|'[^']*'|"(?:[^"\\]|\\.)*\"""", rest, re.ASCII)
    assert written is not None
    return next(iter(tomli.loads(f"{written[0]} = 0")))


def test_positions_count_from_one_and_array_elements_have_their_own() -> None:
    text = 'a = 1\n[load]\nlevels = ["1/s",\n  "2/s"]\n[[load.phases]]\n name = "x"\n[[load.phases]]\nb.c = 2\n'
    found = scan(text)
    assert found[("a",)] == (1, 1)
    assert found[("load", "levels", 1)] == (4, 3)
    assert found[("load", "phases", 0, "name")] == (6, 2)
    assert found[("load", "phases", 1)] == (7, 8)
    assert found[("load", "phases", 1, "b", "c")] == (8, 3)


def test_a_table_inside_an_array_of_tables_belongs_to_the_last_one() -> None:
    found = scan("[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\ny = 2\n")
    assert found[("a", 0, "b", "x")] == (3, 1)
    assert found[("a", 1, "b", "y")] == (6, 1)


def test_what_looks_like_toml_inside_strings_and_comments_is_passed_over() -> None:
    text = 'a = """\n[x]\nb = 1 \\"""\n""" # c = 2\nd = \'\'\'\n[y]\'\'\'\ne = "]" # {\n'
    assert set(scan(text)) == {("a",), ("d",), ("e",)}
    assert scan(text)[("e",)] == (7, 1)
