"""Shares of variance, against least squares on every single call, and on runs whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, product

import numpy as np
import pytest
from numpy.typing import NDArray

from llmload.analysis.crossings import MOST_VALUES, crossings, cuts
from llmload.analysis.uneven import uneven
from llmload.analysis.variance import Variance, planned, variance
from llmload.metrics.histogram import Histogram
from llmload.metrics.slices import CellKey, Slice
from llmload.metrics.summary import PhaseInfo, Summary
from llmload.records import Outcome

Floats = NDArray[np.float64]
Values = tuple[str, ...]
NAMES = ("class", "user", "region")
USERS = ("free", "free", "free", "premium")
REGIONS = ("us", "eu", "asia")


def drawn(
    calls: int, slower: Callable[[Values], float], seed: int = 1, spread: float = 0.3
) -> list[tuple[Values, int]]:
    """Calls of unequal numbers: their values of class, user and region, and their latency (µs)."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(calls):
        values = (("simple", "complex")[rng.random() < 0.3], USERS[rng.integers(4)], REGIONS[rng.integers(3)])
        made.append((values, int(200_000 * slower(values) * np.exp(spread * rng.standard_normal()))))
    return made


def summary(calls: Sequence[tuple[Values, int]], names: Sequence[str] = NAMES) -> Summary:
    made = Summary(phases=(PhaseInfo("main", 0, 60),))
    for values, latency in calls:
        of = dict(zip(names, values, strict=True))
        tags = tuple((name, of[name]) for name in names if name not in ("class", "phase", "model"))
        key = CellKey(of.get("class", "chat"), "main", of.get("model", "m"), of.get("phase", "main"), tags)
        part = made.cells.setdefault(key, Slice())
        part.calls += 1
        part.outcomes[Outcome.OK] = part.outcomes.get(Outcome.OK, 0) + 1
        part.good.setdefault("latency", Histogram()).record([latency])
    return made


def found(calls: Sequence[tuple[Values, int]], names: Sequence[str] = NAMES) -> Variance:
    made = variance(summary(calls, names))
    assert made is not None
    return made


def columns(calls: Sequence[tuple[Values, int]], of: Sequence[int]) -> Floats:
    """An indicator of every combination of values: all effects of these dimensions and of their crossing."""
    every = sorted({tuple(values[n] for n in of) for values, _ in calls})
    return np.array([[float(tuple(values[n] for n in of) == each) for each in every] for values, _ in calls])


def left(calls: Sequence[tuple[Values, int]], terms: Sequence[Sequence[int]]) -> float:
    """The residual sum of squares of least squares on the calls themselves."""
    target = np.log([latency for _, latency in calls])
    design = np.hstack([np.ones((len(calls), 1)), *(columns(calls, of) for of in terms)])
    solved = np.linalg.lstsq(design, target, rcond=None)[0]
    return float(((target - design @ solved) ** 2).sum())


def asia_is_slow_for_free(values: Values) -> float:
    return (3.3 if values[0] == "complex" else 1.0) * (2.0 if values[1:] == ("free", "asia") else 1.0)


def test_shares_are_those_of_least_squares_on_every_call() -> None:
    calls = drawn(900, asia_is_slow_for_free)
    made, every = found(calls), [(0,), (1,), (2,), *combinations(range(3), 2)]
    whole = left(calls, [])
    assert made.left == pytest.approx(left(calls, every) / whole, abs=5e-4)
    assert len(made.terms) == len(every)
    for of in every:
        others = [each for each in every if not set(of) <= set(each)]
        term = made.term(*(NAMES[n] for n in of))
        assert term is not None
        assert term.share == pytest.approx((left(calls, others) - left(calls, [*others, of])) / whole, abs=5e-4)
        assert term.freedom == {(0,): 1, (1,): 1, (2,): 2, (0, 1): 1, (0, 2): 2, (1, 2): 2}[of]


def test_p_is_that_of_fisher() -> None:
    stats = pytest.importorskip("scipy.stats")
    calls = drawn(400, lambda values: 1.05 if values[2] == "eu" else 1.0)
    every = [(0,), (1,), (2,), *combinations(range(3), 2)]
    others = [each for each in every if 2 not in each]
    own, error = left(calls, others) - left(calls, [*others, (2,)]), left(calls, every)
    term = found(calls).term("region")
    assert term is not None
    assert term.p == pytest.approx(stats.f.sf(own / 2 / (error / (400 - 10)), 2, 400 - 10), rel=0.02)


def test_shares_are_exact_to_three_digits_where_latencies_hardly_vary() -> None:
    calls = drawn(3000, lambda values: 1.01 if values[2] == "asia" else 1.0, spread=0.01)
    every = [(0,), (1,), (2,), *combinations(range(3), 2)]
    others = [each for each in every if 2 not in each]
    true = (left(calls, others) - left(calls, [*others, (2,)])) / left(calls, [])
    term = found(calls).term("region")
    assert term is not None
    assert term.share == pytest.approx(true, abs=1e-3)


def test_a_crossing_explains_what_its_dimensions_do_not() -> None:
    made = found(drawn(6000, asia_is_slow_for_free))
    crossing, other = made.term("region", "user"), made.term("class", "user")
    assert crossing is not None
    assert other is not None
    assert crossing.p < 1e-9
    assert other.p > 0.001
    assert crossing.together > crossing.share > 0.02
    assert crossing.within is not None
    assert crossing.within > 2 * crossing.together  # most of all variance is between classes


def test_effects_that_add_up_have_no_crossing() -> None:
    made = found(
        drawn(6000, lambda values: (2.0 if values[1] == "free" else 1.0) * (3.0 if values[2] == "us" else 1.0))
    )
    crossing = made.term("region", "user")
    assert crossing is not None
    assert crossing.share < 0.001
    assert crossing.p > 0.001


def test_the_chance_of_a_false_alarm_is_as_said() -> None:
    alarms, runs = 0, 400
    for seed in range(runs):
        term = found(drawn(120, lambda values: 1.0, seed)).term("region", "user")
        assert term is not None
        alarms += term.p < 0.05
    assert alarms / runs == pytest.approx(0.05, abs=0.03)


def test_unequal_numbers_do_not_credit_one_dimension_with_what_is_another_s() -> None:
    rng = np.random.default_rng(3)
    calls = []
    for _ in range(4000):
        region = ("us", "asia")[rng.random() < 0.5]
        user = ("free", "premium")[rng.random() < (0.9 if region == "us" else 0.1)]
        calls.append((("chat", user, region), int(1e5 * (3 if region == "asia" else 1) * np.exp(0.2 * rng.normal()))))
    made = found(calls)
    region, user = made.term("region"), made.term("user")
    assert region is not None
    assert user is not None
    assert region.share > 0.3
    assert user.share < 0.001


def test_a_dimension_under_another_name_is_not_counted_twice() -> None:
    calls = [((cls, kind, user), latency) for (cls, user, _), latency in drawn(600, asia_is_slow_for_free)
             for kind in [cls.upper()]]  # fmt: skip
    made = found(calls, ("class", "complexity", "user"))
    assert [(cut.name, cut.also) for cut in made.cuts] == [("class", ("complexity",)), ("user", ())]


def test_a_dimension_within_another_has_no_crossing_of_its_own() -> None:
    calls = [((region, f"{region}-{n % 2}"), latency) for n, ((_, _, region), latency) in
             enumerate(drawn(600, asia_is_slow_for_free))]  # fmt: skip
    made = found(calls, ("region", "zone"))
    assert made.term("region", "zone") is None
    assert {term.of for term in made.terms} == {("region",), ("zone",)}
    whole = summary(calls, ("region", "zone"))
    assert list(crossings(whole, cuts(whole))) == []


def test_what_a_dimension_explains_is_not_lost_to_one_that_lies_within_it() -> None:
    rng = np.random.default_rng(5)
    slow = {"embed": 1.0, "chat": 90.0, "stream": 100.0}
    calls = [((cls, "large" if cls != "embed" else "small", user), int(1e4 * slow[cls] * np.exp(0.1 * rng.normal())))
             for cls in slow for user in USERS for _ in range(50)]  # fmt: skip
    made = found(calls, ("class", "model", "user"))
    model, cls = made.term("model"), made.term("class")
    assert model is not None
    assert cls is not None
    assert (model.within, cls.within) == (None, None)  # a class's model is asked for, as the class is
    assert model.share > 0.98
    assert cls.share < 0.01
    assert sum(term.share for term in made.terms) + made.shared + made.left == pytest.approx(1)
    assert planned(made.cuts) == {"class", "phase", "model"}


def test_refusals_that_were_asked_for_explain_nothing() -> None:
    calls = drawn(600, lambda values: 1.0)
    whole = summary([(values, latency // 100 if values[1] == "free" else latency) for values, latency in calls])
    before = variance(whole)
    for key, part in whole.cells.items():
        if key.value("user") == "free":
            part.outcomes = {Outcome.EXPECTED_STATUS: part.calls}
    after = variance(whole)
    assert before is not None
    assert before.term("user") is not None
    assert after is not None
    assert after.term("user") is None
    assert after.calls == sum(values[1] == "premium" for values, _ in calls)
    assert uneven(whole) is None


def test_what_two_explain_that_overlap_is_said_to_be_shared() -> None:
    rng = np.random.default_rng(6)
    calls = []
    for n in range(2000):
        region = ("us", "asia")[n % 2]
        user = (region, "other")[n % 51 == 0]  # all but one in 51 go together
        calls.append((("chat", user, region), int(1e5 * (3 if region == "asia" else 1) * np.exp(0.1 * rng.normal()))))
    made = found(calls)
    assert made.shared > 0.8
    assert set(made.sharing) == {"user", "region"}
    assert sum(term.share for term in made.terms) + made.shared + made.left == pytest.approx(1)


@pytest.mark.parametrize("calls", [
    [], [(("chat", "free", "us"), 1000)] * 100, drawn(20, asia_is_slow_for_free),
    [((cls, "free", "us"), 1000) for cls in ("a", "b")] * 50,
])  # fmt: skip
def test_nothing_is_said_where_there_is_nothing_to_say(calls: list[tuple[Values, int]]) -> None:
    assert variance(summary(calls)) is None


def test_too_many_values_are_left_out_and_too_many_crossings_are_told() -> None:
    rng = np.random.default_rng(4)
    calls = [((f"c{rng.integers(30)}", f"u{rng.integers(30)}", f"r{rng.integers(60)}"), int(rng.integers(1e5, 2e5)))
             for _ in range(5000)]  # fmt: skip
    made = found(calls)
    assert [cut.name for cut in made.cuts] == ["class", "user"]
    assert len(made.cuts[0].values) <= MOST_VALUES
    assert made.skipped == (("class", "user"),)


def test_every_crossing_counts_the_calls_that_have_both_values() -> None:
    calls = drawn(300, asia_is_slow_for_free)
    whole = summary(calls)
    made = {crossing.of: crossing.groups for crossing in crossings(whole, cuts(whole))}
    assert set(made) == {("class", "region"), ("class", "user"), ("region", "user")}
    for user, region in product(set(USERS), REGIONS):
        mine = [latency for values, latency in calls if values[1:] == (user, region)]
        group = made["region", "user"][region, user]
        assert (group.calls, group.latency.count, group.latency.max) == (len(mine), len(mine), max(mine))


def test_unmeasured_phases_are_left_out() -> None:
    whole = summary([((phase, user, "us"), latency) for (_, user, _), latency in drawn(200, asia_is_slow_for_free)
                     for phase in ("warm", "main")], ("phase", "user", "region"))  # fmt: skip
    whole.phases = (PhaseInfo("warm", 0, 10, measure=False), PhaseInfo("main", 10, 60))
    assert [cut.name for cut in cuts(whole)] == ["user"]
