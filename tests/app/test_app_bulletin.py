"""Disturbances are told as they happen, and not without end."""

from __future__ import annotations

from llmload.app.bulletin import Bulletin
from llmload.metrics.disturbance import Cause
from llmload.metrics.health import WorkerHealth

S = 1_000_000


def test_a_stop_is_told_once_with_time_and_length() -> None:
    bulletin, health = Bulletin(), WorkerHealth(2)
    assert list(bulletin.news({2: health}, 1.0)) == []
    health.disturbances.add(Cause.STOPPED, 3_200_000, S)
    assert list(bulletin.news({2: health}, 5.0)) == ["at 3.20 s: worker 2 stood still for 1.00 s"]
    assert list(bulletin.news({2: health}, 60.0)) == []


def test_what_is_short_is_not_told() -> None:
    bulletin, health = Bulletin(), WorkerHealth()
    health.disturbances.add(Cause.PREEMPTED, 0, 30_000)
    assert list(bulletin.news({0: health}, 1.0)) == []


def test_every_cause_has_its_words() -> None:
    for cause in Cause:
        health = WorkerHealth()
        health.disturbances.add(cause, S, S)
        (line,) = Bulletin().news({0: health}, 2.0)
        assert line.startswith("at 1.00 s: ")
        assert "1.00 s" in line[10:]


def test_trouble_without_end_is_told_ever_more_seldom() -> None:
    bulletin, health, lines = Bulletin(), WorkerHealth(), 0
    for second in range(86_400):
        health.disturbances.add(Cause.BUSY, second * S, 60_000 + second)
        lines += len(list(bulletin.news({0: health}, float(second))))
    assert 10 <= lines <= 20


def test_two_causes_do_not_silence_each_other() -> None:
    bulletin, health = Bulletin(), WorkerHealth()
    health.disturbances.add(Cause.BUSY, S, S)
    assert len(list(bulletin.news({0: health}, 1.0))) == 1
    health.disturbances.add(Cause.OTHERS, S, S)
    assert list(bulletin.news({0: health}, 2.0)) == [
        "at 1.00 s: other processes used more than half of this machine for 1.00 s"
    ]
