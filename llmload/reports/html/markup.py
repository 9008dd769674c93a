"""HTML made of elements. Text becomes part of a page through here alone, and is cleaned and escaped on its way.

A ``str`` is text, whoever wrote it; only ``Html``, which nothing but these functions (and a drawn chart) makes, is
taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from llmload.safe import clean

__all__ = ["Html", "Node", "element", "joined", "lines", "scrolling", "table"]

_VOID: Final = frozenset({"meta", "link", "rect", "line"})
"""Elements that hold nothing. Of SVG's, too: the slash at their end is for those."""
LONGEST: Final = 300
"""Characters of a single text. What is longer ends in "…"."""


class Html(str):
    """A piece of a page that is safe to be in it."""

    __slots__ = ()


Node = str | Html | None
"""What an element may hold; None is nothing."""


def element(name: str, /, *children: Node | Iterable[Node], **attributes: str | float | bool | None) -> Html:
    """``<name attribute="...">children</name>``. ``class_`` is class, ``aria_label`` aria-label; None and False leave
    an attribute out, True gives it no value."""
    head = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{head}/>")
    return Html(f"<{name}{head}>{joined(*children)}</{name}>")


def joined(*children: Node | Iterable[Node]) -> Html:
    """One after the other."""
    return Html("".join(_piece(child) for child in children))


def lines(text: str, most: int) -> Html:
    """Text of several lines whose beginnings stay where they are, for ``pre``; at most ``most`` characters."""
    whole = text[:most] + ("\n…" if len(text) > most else "")
    return Html("\n".join(escape(_indented(line)) for line in whole.split("\n")))


def table(columns: Sequence[str], rows: Iterable[Sequence[Node]], caption: str = "", texts: int = 1) -> Html:
    """A table whose first column names its rows; the first ``texts`` columns are text, the others figures. It scrolls
    where it is wider than the page."""
    head = element("tr", (_heading(title, n < texts) for n, title in enumerate(columns)))
    body = [
        element("tr", element("th", row[0], scope="row"), (_cell(cell, n < texts) for n, cell in enumerate(row[1:], 1)))
        for row in rows
    ]
    said = element("caption", caption) if caption else None
    made = element("table", said, element("thead", head), element("tbody", body))
    return scrolling(made, caption or columns[0])


def scrolling(inner: Html, label: str) -> Html:
    """What may be wider than the page, for mouse, finger and keyboard."""
    return element("div", inner, class_="scroll", tabindex="0", role="region", aria_label=label)


def _heading(title: str, text: bool) -> Html:
    return element("th", title, scope="col", class_="text" if text else None)


def _cell(cell: Node, text: bool) -> Html:
    return element("td", cell, class_="text" if text else None)


def _piece(child: Node | Iterable[Node]) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return str(child)
    if isinstance(child, str):
        return escape(_spaced(child))
    return "".join(map(_piece, child))


def _spaced(text: str) -> str:
    """Cleaned, but for a space at either end, which keeps it apart from what stands beside it."""
    bare = clean(text, LONGEST)
    return f"{' ' * text.startswith(' ')}{bare}{' ' * (text.endswith(' ') and bool(bare))}"


def _attribute(key: str, value: str | float | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(clean(str(value), LONGEST))}"'


def _indented(line: str) -> str:
    bare = line.lstrip(" ")
    return " " * (len(line) - len(bare)) + clean(bare, LONGEST)
