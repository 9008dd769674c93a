"""Tables give up what matters least, and only where there is no room for it."""

from __future__ import annotations

import pytest
from rich.text import Text

from llmload.reports.grid import Column, grid

COLUMNS = (
    Column("name", right=False), Column("must"), Column("nice", rank=1), Column("spare", rank=9),
    Column("words", right=False, least=6),
)  # fmt: skip
ROWS = [[Text(cell) for cell in ("alpha", "1", "22", "333", "a long story")], Text("heading"), [Text("b")] * 5]


def drawn(width: int) -> list[str]:
    return [line.plain for line in grid(COLUMNS, ROWS, width)]


@pytest.mark.parametrize(
    ("width", "header"),
    [
        (80, "name   must  nice  spare  words       "),
        (36, "name   must  nice  spare  words     "),
        (29, "name   must  nice  words     "),
        (22, "name  must nice words "),
        (18, "name   must  words"),
    ],
)
def test_columns_go_by_rank_and_words_are_cut(width: int, header: str) -> None:
    lines = drawn(width)
    assert lines[0].split() == header.split()
    assert all(len(line) <= width for line in lines)


def test_figures_stand_right_and_words_left_under_their_titles() -> None:
    lines = drawn(80)
    assert lines[0].index("must") + 4 == lines[1].index("1") + 1
    assert lines[0].index("words") == lines[1].index("a long")


def test_a_heading_spans_the_table_and_has_no_part_in_its_widths() -> None:
    assert drawn(80)[2] == "heading"


def test_what_is_cut_is_marked() -> None:
    assert drawn(30)[1].rstrip().endswith("…")
    assert drawn(80)[1].rstrip().endswith("a long story")


def test_wide_characters_take_their_two_columns() -> None:
    lines = list(grid((Column("a", right=False), Column("b")), [[Text("日本"), Text("1")], [Text("x"), Text("2")]], 40))
    assert lines[1].cell_len == lines[2].cell_len
