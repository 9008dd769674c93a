from __future__ import annotations

import numpy as np
import pytest

from llmload.arrivals.pieces import Piece, Table


def test_empty_pieces_are_left_out() -> None:
    table = Table.of([Piece(0.0, 1.0, 1.0), Piece(2.0, 3.0, 3.0), Piece(2.0, 9.0, 9.0), Piece(3.0, 1.0, 1.0)])
    assert table.edges.tolist() == [0.0, 2.0, 3.0]
    assert table.first.tolist() == [3.0, 1.0]
    assert table.total.tolist() == [0.0, 6.0, 7.0]


def test_a_table_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="duration above 0"):
        Table.of([])


def test_the_inverse_is_exact_where_the_textbook_formula_cancels() -> None:
    """A huge rate that hardly changes: sqrt(b^2 + 4ac) - b loses all its digits there."""
    table = Table.of([Piece(1000.0, 1e9, 1e9 + 1e-3)])
    s = np.array([1e-3, 1.0, 1e6, 1e11])
    np.testing.assert_allclose(table.inverse_all(s), s / 1e9, rtol=1e-12)


def test_the_inverse_holds_at_a_falling_piece_that_ends_at_zero() -> None:
    table = Table.of([Piece(10.0, 2.0, 0.0)])
    np.testing.assert_allclose(table.inverse_all(np.array([0.0, 7.5, 10.0])), [0.0, 5.0, 10.0])


def test_adding_tables_adds_rates_and_integrals() -> None:
    ramp = Table.of([Piece(10.0, 0.0, 10.0)])
    flat = Table.of([Piece(4.0, 5.0, 5.0)])
    both = Table.add([(0.0, ramp), (3.0, flat)])
    assert both.edges.tolist() == [0.0, 3.0, 7.0, 10.0]
    np.testing.assert_allclose(both.first, [0.0, 8.0, 7.0])
    np.testing.assert_allclose(both.last, [3.0, 12.0, 10.0])
    assert both.total[-1] == pytest.approx(50.0 + 20.0)


def test_joining_tables_puts_one_after_the_other() -> None:
    joined = Table.join([Table.of([Piece(2.0, 1.0, 1.0)]), Table.of([Piece(3.0, 0.0, 6.0)])])
    assert joined.edges.tolist() == [0.0, 2.0, 5.0]
    assert joined.total.tolist() == [0.0, 2.0, 11.0]
