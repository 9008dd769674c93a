"""Waking up at absolute times, in real and virtual time."""

from __future__ import annotations

import asyncio
import sys

import pytest

from llmload.clock import NS, monotonic_ns
from llmload.engine.alarm import Alarm, LoopAlarm, TimerfdAlarm, make_alarm
from llmload.engine.virtual import VirtualLoop, run_virtual

KINDS = [LoopAlarm, *([TimerfdAlarm] if sys.platform == "linux" else [])]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.kind)
def kind(request: pytest.FixtureRequest) -> type[Alarm]:
    return request.param


async def rung(kind: type[Alarm], *delays: int) -> list[int]:
    """Set one alarm to each delay (ns) in turn; how late (ns) each ring was."""
    late: list[int] = []
    done = asyncio.get_running_loop().create_future()
    todo = list(delays)

    def ring() -> None:
        late.append(monotonic_ns() - due)
        arm()

    def arm() -> None:
        nonlocal due
        if not todo:
            done.set_result(None)
            return
        due = monotonic_ns() + todo.pop(0)
        alarm.set(due)

    due = 0
    alarm = kind(ring)  # type: ignore[call-arg]
    arm()
    async with asyncio.timeout(10):
        await done
    alarm.close()
    return late


async def test_rings_once_per_setting_and_not_early(kind: type[Alarm]) -> None:
    late = await rung(kind, NS // 100, NS // 1000, NS // 50)
    assert len(late) == 3
    early = (
        1_500_000 if kind is LoopAlarm else 0
    )  # the loop's own timers count milliseconds; the dispatcher looks again
    assert min(late) >= -early


async def test_a_time_in_the_past_rings_soon_but_not_at_once(kind: type[Alarm]) -> None:
    rings: list[int] = []
    alarm = kind(lambda: rings.append(1))  # type: ignore[call-arg]
    alarm.set(monotonic_ns() - NS)
    assert rings == []
    await asyncio.sleep(0.05)
    assert rings == [1]
    alarm.close()


async def test_a_closed_alarm_is_silent(kind: type[Alarm]) -> None:
    rings: list[int] = []
    alarm = kind(lambda: rings.append(1))  # type: ignore[call-arg]
    alarm.set(monotonic_ns() + NS // 100)
    alarm.close()
    await asyncio.sleep(0.05)
    assert rings == []


def test_virtual_time_rings_to_the_nanosecond() -> None:
    async def main(loop: VirtualLoop) -> int:
        done = loop.create_future()
        alarm = make_alarm(lambda: done.set_result(loop.clock()), loop.clock)
        due = loop.clock() + 1_234_567_891
        alarm.set(due)
        return await done - due

    assert run_virtual(main) in (0, 1)


def test_virtual_time_says_when_nothing_can_happen_any_more() -> None:
    async def main(loop: VirtualLoop) -> None:
        await loop.create_future()

    with pytest.raises(RuntimeError, match="no timer"):
        run_virtual(main)
