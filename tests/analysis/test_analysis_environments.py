from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmload.analysis.environments import (
    GENERATOR,
    TARGET,
    Difference,
    Environment,
    Likeness,
    Weight,
    differences,
)
from llmload.analysis.wishes import fits

QUIET = Environment({"python": "3.11.7", "cpus": "2"}, {"main": {"software": "vLLM", "version": "0.6.3"}})

facts = st.dictionaries(st.sampled_from([*GENERATOR, "of a later version"]), st.sampled_from(["", "a", "b"]))
told = st.dictionaries(st.sampled_from([*TARGET]), st.sampled_from(["", "a", "b"]))
environments = st.builds(Environment, facts, st.dictionaries(st.sampled_from(["main", "other"]), told))


def found(one: Environment, other: Environment) -> list[tuple[str, str, str, str]]:
    return [(each.part, each.fact, each.one, each.other) for each in differences(one, other).differences]


@given(environments)
def test_nothing_differs_from_itself(one: Environment) -> None:
    result = differences(one, one)
    assert result.likeness is not Likeness.DIFFERS
    assert all(not each.fact for each in result.differences), "only that nothing is known of a part"


@given(environments, environments)
def test_the_other_way_round_the_same_is_found(one: Environment, other: Environment) -> None:
    there, back = differences(one, other), differences(other, one)
    assert sorted(each.turned().part + each.fact + each.other for each in there.differences) == sorted(
        each.part + each.fact + each.one for each in back.differences
    )
    assert (there.likeness, there.alike, there.unknown) == (back.likeness, back.alike, back.unknown)


@given(environments, environments)
def test_no_difference_means_that_each_fact_that_matters_and_is_known_is_the_same(
    one: Environment, other: Environment
) -> None:
    if differences(one, other).likeness is Likeness.SAME:
        for fact, known in GENERATOR.items():
            if known.weight is Weight.MATTERS:
                assert one.generator.get(fact, "") == other.generator.get(fact, "")
        assert set(one.targets) == set(other.targets) or len(one.targets) == len(other.targets) == 1


def test_what_matters_decides_and_stands_first() -> None:
    other = Environment({"python": "3.12.1", "cpus": "2", "rich": "14"}, QUIET.targets)
    result = differences(QUIET, other)
    assert [(each.fact, each.weight) for each in result.differences] == [
        ("python", Weight.MATTERS),
        ("rich", Weight.INFORMS),
    ]
    assert result.likeness is Likeness.DIFFERS


def test_what_only_informs_makes_no_difference() -> None:
    rich = [Environment({**QUIET.generator, "rich": version}, QUIET.targets) for version in ("13", "14")]
    result = differences(*rich)
    assert result.likeness is Likeness.SAME
    assert [each.fact for each in result.differences] == ["rich"]


def test_the_moment_is_never_compared() -> None:
    loads = [Environment({**QUIET.generator, "load": load}, QUIET.targets) for load in ("0.1", "9.9")]
    assert differences(*loads).differences == ()


def test_what_one_side_does_not_know_is_never_the_same() -> None:
    less = Environment({"python": "3.11.7"}, QUIET.targets)
    result = differences(QUIET, less)
    assert result.differences == (Difference("generator", "cpus", Weight.MATTERS, "2", ""),)
    assert result.likeness is Likeness.UNCLEAR


def test_what_neither_knows_is_said() -> None:
    result = differences(QUIET, QUIET)
    assert ("generator", "governor") in result.unknown
    assert ("target main", "tls") in result.unknown
    assert result.likeness is Likeness.SAME


def test_a_target_of_which_nothing_is_known_can_not_be_the_same() -> None:
    silent = Environment(QUIET.generator, {"main": {"trouble": "it can not be reached"}})
    assert found(QUIET, silent) == [("target main", "", "something", "")]
    assert found(silent, silent) == [("target main", "", "", "")]
    assert differences(silent, silent).likeness is Likeness.UNCLEAR
    assert differences(QUIET, Environment(QUIET.generator)).likeness is Likeness.UNCLEAR


def test_one_target_each_is_compared_whatever_it_is_called_and_several_by_name() -> None:
    renamed = Environment(QUIET.generator, {"production": QUIET.targets["main"]})
    assert differences(QUIET, renamed).likeness is Likeness.SAME
    two = Environment(QUIET.generator, {**QUIET.targets, "second": {"software": "TGI"}})
    assert found(QUIET, two) == [("target second", "", "", "something")]


def test_nothing_against_nothing_is_not_the_same() -> None:
    assert differences(Environment(), Environment()).likeness is Likeness.UNCLEAR


def test_of_a_wish_only_what_it_names_is_looked_at_and_all_of_it_counts() -> None:
    wish = Environment(
        {"python": ">=3.11", "rich": "14*", "memory_free": ">2 GiB"}, {"main": {"version": ">=0.6, <0.8"}}
    )
    here = Environment({**QUIET.generator, "rich": "14.0", "memory_free": "21.0 GiB"}, QUIET.targets)
    assert differences(here, wish, fits, asked=True).likeness is Likeness.SAME
    assert differences(here, wish, fits, asked=True).alike == 4
    old = Environment({**here.generator, "rich": "13.9"}, here.targets)
    assert differences(old, wish, fits, asked=True).likeness is Likeness.DIFFERS
    less = Environment({"python": "3.11.7", "rich": "14.0"}, here.targets)
    assert differences(less, wish, fits, asked=True).likeness is Likeness.UNCLEAR


def test_a_wish_that_can_not_be_decided_is_no_match() -> None:
    wish = Environment({}, {"main": {"version": ">=0.6"}})
    result = differences(Environment({}, {"main": {"version": "nightly"}}), wish, fits, asked=True)
    assert result.likeness is Likeness.UNCLEAR
    assert result.differences[0].undecided
