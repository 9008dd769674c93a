"""Interference, on runs whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from analysis_runs import Made, phases

from llmload.analysis.estimate import Method
from llmload.analysis.slowdown import slowdowns
from llmload.metrics.slices import CellKey
from llmload.metrics.summary import PhaseInfo, Summary

TOGETHER = {"chat-alone": {"chat": 1.0}, "embed-alone": {"embed": 1.0}, "together": {"chat": 1.5, "embed": 1.0}}
"""Phase -> class -> how many times as slow as it is alone."""


def run(
    slower: Mapping[str, Mapping[str, float]] = TOGETHER, seconds: float = 60, per_second: int = 5, seed: int = 1,
    memory: float = 0.0, infos: tuple[PhaseInfo, ...] = (),
) -> Summary:  # fmt: skip
    """``memory``: correlation of what successive seconds have in common (20 % of latency)."""
    rng = np.random.default_rng(seed)
    infos = infos or phases(**dict.fromkeys(slower, seconds))
    made, mood = Made(infos), 0.0
    for info in infos:
        for second in range(int(info.start), int(info.end)):
            mood = memory * mood + np.sqrt(1 - memory**2) * rng.standard_normal()
            for cls, factor in slower[info.name].items():
                noise = 0.2 * mood * (memory > 0) + 0.3 * rng.standard_normal(per_second)
                made.second(second, factor * 0.5 * np.exp(noise), cls=cls)
    return made.summary


def test_each_service_is_held_against_the_phase_in_which_it_was_alone() -> None:
    chat, embed = slowdowns(run())
    assert (chat.service, chat.others, chat.phase, chat.alone) == ("chat", ("embed",), "together", "chat-alone")
    assert (embed.service, embed.others, embed.alone) == ("embed", ("chat",), "embed-alone")
    assert chat.ratio() == pytest.approx(1.5, rel=0.1)
    assert chat.slowed()
    assert not embed.slowed()
    assert embed.spared()
    assert embed.figures["p95"].ratio == pytest.approx(1.0, rel=0.15)
    assert chat.figures["p50"].a.value == pytest.approx(0.5, rel=0.1)


def test_pairs_and_all_together_are_a_row_each() -> None:
    every = {name: {name: 1.0} for name in ("a", "b", "c")}
    pairs = {"ab": {"a": 1.0, "b": 2.0}, "bc": {"b": 1.0, "c": 1.0}, "abc": {"a": 1.0, "b": 2.0, "c": 1.0}}
    found = {(each.service, each.others): each for each in slowdowns(run(every | pairs, seconds=20))}
    assert set(found) == {
        ("a", ("b",)), ("b", ("a",)), ("b", ("c",)), ("c", ("b",)), ("a", ("b", "c")), ("b", ("a", "c")),
        ("c", ("a", "b")),
    }  # fmt: skip
    assert [who for who, each in found.items() if each.slowed()] == [("b", ("a",)), ("b", ("a", "c"))]


def test_classes_of_a_service_are_one() -> None:
    plain = run({"chats": {"short": 1.0, "long": 1.0}, "both": {"short": 1.4, "long": 1.4, "embed": 1.0}})
    assert slowdowns(plain) == ()
    tags = {"short": "chat", "long": "chat", "embed": "embed"}
    plain.cells = {
        CellKey(key.cls, key.target, key.model, key.phase, (("service", tags[key.cls]),)): part
        for key, part in plain.cells.items()
    }
    (chat,) = slowdowns(plain)
    assert (chat.service, chat.alone) == ("chat", "chats")
    assert chat.ratio() == pytest.approx(1.4, rel=0.1)


def test_more_load_of_its_own_is_told() -> None:
    made = run({"alone": {"chat": 1.0}, "together": {"chat": 1.0, "embed": 1.0}})
    for key, part in run({"alone": {"chat": 1.0}, "together": {"chat": 1.0}}, seed=2).cells.items():
        if key.phase == "together":
            made.cells[key].merge(part)
    (chat,) = slowdowns(made)
    assert chat.load == pytest.approx(2.0)
    assert not chat.comparable


def test_nothing_is_said_without_a_phase_alone_in_unmeasured_ones_and_of_nothing() -> None:
    assert slowdowns(Summary()) == ()
    assert slowdowns(run({"one": {"chat": 1.0, "embed": 1.0}, "two": {"chat": 1.0, "embed": 1.0}})) == ()
    warm = (PhaseInfo("chat-alone", 0, 20, measure=False), PhaseInfo("together", 20, 40))
    assert slowdowns(run(infos=warm)) == ()
    cut_short = run()
    cut_short.elapsed = 60.0
    assert slowdowns(cut_short) == ()


ALONE_AND_BOTH = {"alone": {"chat": 1.0}, "both": {"chat": 1.5, "embed": 1.0}}


def held(seconds: float, memory: float, method: Method, runs: int) -> dict[str, float]:
    """How often the intervals hold the truth."""
    good = {"p50": 0, "p95": 0}
    for seed in range(runs):
        (found,) = slowdowns(run(ALONE_AND_BOTH, seconds, 4, seed, memory))
        for name, figure in found.figures.items():
            assert figure.a.method is method
            good[name] += figure.interval[0] <= 1.5 <= figure.interval[1]
    return {name: count / runs for name, count in good.items()}


def test_intervals_of_independent_calls_hold_the_truth_as_often_as_they_promise() -> None:
    found = held(20, 0.0, Method.CALLS, 200)
    assert found == {"p50": pytest.approx(0.96, abs=0.035), "p95": pytest.approx(0.96, abs=0.035)}


def test_intervals_are_those_of_windows_where_moments_have_much_in_common() -> None:
    found = held(120, 0.6, Method.WINDOWS, 50)
    assert found["p50"] >= 0.9
    assert found["p95"] >= 0.8
