"""What the target makes of what it uses, and why that is not known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.metrics.observed import Observed
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.metrics.windows import Window
from llmload.records import Outcome
from llmload.verdict.efficiency import EFFICIENCY
from llmload.verdict.judge import Judgement, judge
from llmload.verdict.objectives import parse_objective

PHASES = (PhaseInfo("warm", 0, 2, measure=False), PhaseInfo("low", 2, 10), PhaseInfo("high", 10, 20))


def process(cores: float = 0.5, memory: float = 2e9) -> Observed:
    found = Observed("process 7")
    for at in range(20):
        found.samples("cores").lasted(at, at + 1, cores if at < 10 else 4 * cores)
        found.samples("memory").read(at, memory)
    return found


def page(replicas: float = 4) -> Observed:
    found = Observed("metrics of it")
    for at in range(20):
        found.samples("replicas").read(at, replicas)
    return found


def window(output: int) -> Window:
    made = Window(planned=3, sent=3, input_tokens=output * 9, output_tokens=output)
    made.outcomes[Outcome.OK] = 3
    return made


def summary_of(**observed: Observed) -> Summary:
    windows = {at: {"chat": window(100), "embed": window(20)} for at in range(20)}
    return Summary(elapsed=20.0, phases=PHASES, windows=windows, observed=observed)


def verdict(rule: str, summary: Summary) -> Judgement:
    return judge([parse_objective(rule)], summary)[0]


BOTH = {"server": process(), "scaler": page()}


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("efficiency.output_per_core{phase=low}", 120 / 0.5),
        ("efficiency.output_per_core{phase=high}", 120 / 2),
        ("efficiency.output_per_core", 120 / ((8 * 0.5 + 10 * 2) / 18)),
        ("efficiency.output_per_core{phase=low,class=embed}", 20 / 0.5),
        ("efficiency.output_per_core{phase=low,observe=server}", 120 / 0.5),
        ("efficiency.tokens_per_core{phase=low}", 1200 / 0.5),
        ("efficiency.calls_per_core{phase=low}", 6 / 0.5),
        ("efficiency.output_per_gb", 60),
        ("efficiency.output_per_replica{observe=scaler}", 30),
        ("efficiency.calls_per_replica", 1.5),
    ],
)
def test_work_per_second_and_unit_of_what_was_used_in_the_same_time(figure: str, value: float) -> None:
    bound = "0/s" if "calls" in figure else "0"
    assert verdict(f"{figure} >= {bound}", summary_of(**BOTH)).observed == pytest.approx(value)


def test_every_figure_reads_a_number() -> None:
    for stat in EFFICIENCY:
        assert verdict(f"efficiency.{stat} >= 0/s", summary_of(**BOTH)).passed, stat


@given(st.floats(0.01, 64), st.floats(1, 50))
def test_twice_the_cores_for_the_same_work_is_half_the_efficiency(cores: float, times: float) -> None:
    one, other = (
        verdict("efficiency.output_per_core >= 0", summary_of(server=process(each))).observed
        for each in (cores, cores * times)
    )
    assert one is not None
    assert other is not None
    assert other * times == pytest.approx(one)


@pytest.mark.parametrize(
    ("rule", "observed", "why"),
    [
        ("efficiency.output_per_core >= 1", {}, "no observer sees CPU, in cores"),
        ("efficiency.output_per_replica >= 1", {"server": process()}, "no observer sees replicas"),
        (
            "efficiency.output_per_core >= 1",
            {"a": process(), "b": process()},
            "several observers see CPU, in cores (a, b)",
        ),
        ("efficiency.output_per_core{observe=scaler} >= 1", BOTH, "scaler does not see CPU, in cores"),
        ("efficiency.output_per_core{observe=other} >= 1", BOTH, "there is no observer 'other'"),
        ("efficiency.output_per_core >= 1", {"server": process(0.0)}, "nothing was used of it"),
        (
            "efficiency.output_per_replica{observe=page} >= 1",
            {"page": Observed("it", missing={"replicas": "the page has no series x"})},
            "the page has no series x",
        ),
    ],
)
def test_what_is_not_known_fails_and_says_why(rule: str, observed: dict[str, Observed], why: str) -> None:
    found = verdict(rule, summary_of(**observed))
    assert not found.passed
    assert why in found.note


def test_two_observers_that_see_the_same_can_be_told_apart() -> None:
    two = summary_of(a=process(1.0), b=process(0.5))
    assert verdict("efficiency.output_per_core{observe=a,phase=low} >= 0", two).observed == pytest.approx(120)
    assert verdict("efficiency.output_per_core{observe=b,phase=low} >= 0", two).observed == pytest.approx(240)
