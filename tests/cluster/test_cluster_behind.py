"""Turns are taken in a thread that can step back, and end in any case."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from llmload.cluster import behind
from llmload.cluster.behind import run_behind


def test_turns_are_taken_in_another_thread_to_their_end_in_order() -> None:
    taken: list[tuple[int, bool]] = []

    def turns() -> Iterator[None]:
        for n in range(5):
            taken.append((n, threading.current_thread() is threading.main_thread()))
            yield

    run_behind(turns())
    assert taken == [(n, False) for n in range(5)]


def test_what_a_turn_raises_is_raised() -> None:
    def turns() -> Iterator[None]:
        yield
        raise KeyError("of a turn")

    with pytest.raises(KeyError, match="of a turn"):
        run_behind(turns())


def test_after_a_turn_that_took_too_long_the_rest_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No turn is lost, none taken twice."""
    monkeypatch.setattr(behind, "_STARVED_SECONDS", 0.1)
    monkeypatch.setattr(behind, "_LOOK_SECONDS", 0.02)
    taken: list[tuple[int, bool]] = []

    def turns() -> Iterator[None]:
        for n in range(4):
            if n == 1:
                time.sleep(0.5)
            taken.append((n, threading.current_thread() is threading.main_thread()))
            yield

    run_behind(turns())
    assert taken == [(0, False), (1, False), (2, True), (3, True)]


def test_no_thread_is_left_when_the_rest_fails_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "_STARVED_SECONDS", 0.05)
    monkeypatch.setattr(behind, "_LOOK_SECONDS", 0.02)
    before = set(threading.enumerate())

    def turns() -> Iterator[None]:
        time.sleep(0.3)
        yield
        raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        run_behind(turns())
    assert set(threading.enumerate()) <= before
