"""Sharing out lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmload.dashboard.layout import Block, allot, stack


def block(rank: int, least: int, most: int, name: str = "x", apart: bool = False) -> Block:
    return Block(rank, least, most, lambda rows: [[(name, "")]] * rows, apart)


BLOCKS = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5), st.integers(0, 9), st.booleans()), max_size=9)


@given(BLOCKS, st.integers(0, 60))
def test_no_more_lines_are_given_than_there_are_and_none_below_a_least(
    shapes: list[tuple[int, int, int, bool]], height: int
) -> None:
    blocks = [block(rank, least, max(least, most), apart=apart) for rank, least, most, apart in shapes]
    given_lines = allot(blocks, height)
    assert sum(given_lines) <= height
    assert all(lines == 0 or b.least <= lines <= b.most for lines, b in zip(given_lines, blocks, strict=True))
    assert len(stack(blocks, height)) <= height


def test_the_least_of_everything_comes_before_more_of_anything() -> None:
    assert allot([block(0, 1, 9), block(1, 2, 9), block(2, 1, 9)], 6) == [3, 2, 1]


def test_what_does_not_fit_is_left_out_by_rank() -> None:
    assert allot([block(2, 3, 3), block(0, 2, 2), block(1, 1, 1)], 4) == [0, 2, 1]


def test_blocks_stand_apart_only_where_there_is_room() -> None:
    blocks = [block(0, 1, 1, "a"), block(1, 1, 1, "b", apart=True), block(2, 1, 0, "none", apart=True)]
    assert stack(blocks, 3) == [[("a", "")], [("b", "")]]
    assert stack(blocks, 9) == [[("a", "")], [], [("b", "")]]
