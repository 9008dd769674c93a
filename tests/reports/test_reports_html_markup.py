"""Text becomes part of a page cleaned and escaped, wherever it stands."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.reports.html.markup import LONGEST, Html, element, joined, lines, table


class Seen(HTMLParser):
    """The elements, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(), st.text())
def test_any_text_stays_text(inside: str, about: str) -> None:
    seen = Seen(element("p", inside, title=about))
    assert [name for name, _ in seen.elements] == ["p"]
    assert list(seen.elements[0][1]) == ["title"]
    assert len(seen.text) <= LONGEST + 2


@given(st.text())
def test_text_of_several_lines_stays_text_and_bounded(text: str) -> None:
    made = lines(text, 50)
    assert "<" not in made
    assert len(Seen(made).text) <= 52


def test_lines_keep_their_indentation_and_lose_what_controls() -> None:
    assert lines('{\n  "a": 1\x1b[31m\n}', 100) == "{\n  &quot;a&quot;: 1\n}"


@pytest.mark.parametrize(
    ("made", "page"),
    [
        (element("p", "a < b", class_="dim"), '<p class="dim">a &lt; b</p>'),
        (element("p", None, "a ", element("b", "c"), [" d", None]), "<p>a <b>c</b> d</p>"),
        (element("meta", http_equiv="x", content='"'), '<meta http-equiv="x" content="&quot;"/>'),
        (element("td", "x", class_=None, hidden=True, open=False), "<td hidden>x</td>"),
        (joined("<", Html("<b>")), "&lt;<b>"),
    ],
)
def test_elements_are_written_so(made: Html, page: str) -> None:
    assert made == page


def test_a_table_says_what_its_headings_are_of() -> None:
    seen = Seen(table(("name", "figure"), [("a", "1")], "All"))
    assert [attributes["scope"] for name, attributes in seen.elements if name == "th"] == ["col", "col", "row"]
    assert ("caption", {}) in seen.elements
