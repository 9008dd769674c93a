"""Merging: the parts of a run add up to the run, exactly, and nothing is added up that doesn't belong together."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest
import reports_samples as samples

from llmload.errors import ExitStatus, UsageError
from llmload.metrics.precision import ErrorBar
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import Summary
from llmload.reports import json_report
from llmload.reports.merging import Part, merged
from llmload.reports.result import Result, parse_result
from llmload.verdict.judge import judge
from llmload.verdict.validity import Level, Reason, Validity


def shards(of: int, numbers: Sequence[int] | None = None) -> list[Summary]:
    """The run of the samples, every n-th call in a recorder of its own."""
    setup = RecorderSetup(samples.START, samples.PHASES, {"chat": {"ttft": samples.ns(0.2)}}, {}, ("tier",))
    recorders = [Recorder(replace(setup, worker=number)) for number in numbers or range(of)]
    rng = random.Random(11)
    for index in range(600):
        at = index / 10
        recorder, record = recorders[index % of], samples._call(rng, index, at)
        recorder.planned(record.planned)
        recorder.sent(record.sent)
        recorder.in_flight(5 + index % 7, record.sent)
        if record.phase == "spike" and index % 9 == 0:
            samples._fail(record, samples.Outcome.HTTP_503, 503, "no capacity")
        else:
            samples._finish(rng, record)
        recorder.add(record)
    for number, recorder in zip(numbers or range(of), recorders, strict=True):
        recorder.health(samples._health(number))
    return [recorder.take() for recorder in recorders]


def saved(summary: Summary, **changes: object) -> Result:
    """As it comes back from a file."""
    judgements = tuple(judge(samples.OBJECTIVES, summary))
    made = replace(samples.result(), summary=summary, judgements=judgements, workers=1, **changes)
    return parse_result(json_report.render(made), "part")


def parts(summaries: Sequence[Summary]) -> list[Part]:
    return [Part(f"part-{n}.json", saved(each)) for n, each in enumerate(summaries, 1)]


def whole(summaries: Sequence[Summary]) -> Summary:
    run = Summary()
    for each in summaries:
        run.merge(each)
    return run


def document(result: Result) -> bytes:
    """Of its summary."""
    return json_report.encoded(result.summary.to_json())


def test_the_parts_of_a_run_are_the_run_byte_for_byte() -> None:
    made = shards(3)
    run = saved(whole(made))
    found = merged(parts(made))
    assert document(found) == document(run)
    assert found.judgements == run.judgements
    assert found.workers == 3


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_their_order_changes_nothing_about_the_summary(order: tuple[int, ...]) -> None:
    made = parts(shards(3))
    assert document(merged([made[n] for n in order])) == document(merged(made))


def test_one_after_the_other_is_the_same_as_all_at_once() -> None:
    one, two, three = parts(shards(3))
    pair = Part("pair.json", merged([one, two]))
    assert document(merged([pair, three])) == document(merged([one, two, three]))


def test_the_parts_are_left_as_they_were() -> None:
    made = parts(shards(2, [0, 0]))
    before = [json_report.render(part.result) for part in made]
    merged(made)
    assert [json_report.render(part.result) for part in made] == before


def test_workers_of_the_same_number_are_told_apart() -> None:
    """Every machine begins to count at 0; the sum of their calls in flight is that of all."""
    found = merged(parts(shards(3, [0, 0, 1]))).summary
    assert sorted(found.health) == [0, 1, 2]
    assert [found.health[number].worker for number in (0, 1, 2)] == [0, 1, 2]
    apart = merged(parts(shards(3))).summary
    flown = [sum(window.in_flight for window in each.windows[3].values()) for each in (found, apart)]
    assert flown[0] == flown[1] > 11


def test_objectives_are_judged_on_the_sum() -> None:
    quiet, loud = shards(2)
    found = merged(parts([quiet, loud]))
    assert found.judgements == tuple(judge(samples.OBJECTIVES, whole([quiet, loud])))
    assert found.judgements != parts([quiet])[0].result.judgements


def test_the_figures_are_as_good_as_the_worst_part_and_reasons_say_whose_they_are() -> None:
    one, two = shards(2)
    late = Validity(Level.INVALID, (Reason("lag", Level.INVALID, "the generator was late", "use --workers 4"),))
    found = merged(
        [Part("a.json", saved(one, validity=Validity(Level.VALID))), Part("b.json", saved(two, validity=late))]
    )
    assert found.validity.level is Level.INVALID
    assert [reason.text for reason in found.validity.reasons] == ["b.json: the generator was late"]


def test_a_part_that_was_stopped_or_lost_is_named() -> None:
    one, two = shards(2)
    stopped = Part("b.json", saved(two, interrupted="Ctrl-C"))
    found = merged([Part("a.json", saved(one)), stopped])
    assert found.interrupted == "b.json: Ctrl-C"
    assert found.exit_status() is ExitStatus.INTERRUPTED
    lost = saved(two).unended("2026-03-01T12:00:30+00:00")
    assert merged([Part("a.json", saved(one)), Part("b.json", lost)]).verdict.decision == "INVALID"


def test_starts_that_lie_apart_are_told() -> None:
    one, two = shards(2)
    later = saved(two, started="2026-03-01T13:00:02+01:00")
    found = merged([Part("b.json", later), Part("a.json", saved(one))])
    assert found.started == "2026-03-01T12:00:00Z"
    assert "the parts started up to 2.00 s apart; seconds are counted from each part's own start" in found.notes


def test_whole_runs_are_told_from_segments() -> None:
    runs = [Part("a.json", samples.result()), Part("b.json", replace(samples.result(), started="2026-03-02T12:00:00Z"))]
    assert any("these are runs, not segments of one" in note for note in merged(runs).notes)
    assert not any("these are runs" in note for note in merged(parts(shards(2))).notes)


def test_machines_that_differ_are_both_named() -> None:
    one, two = shards(2)
    told = {"main": {"software": "vLLM", "version": "0.6.3"}}
    other = saved(two, environment={"python": "3.12.1", "platform": "Linux"}, version="0.2.0", target_environment=told)
    found = merged([Part("a.json", saved(one)), Part("b.json", other)])
    assert found.environment == {"platform": "Linux", "python": "3.13.1, 3.12.1"}
    assert found.target_environment == told
    assert found.version == "0.1.0, 0.2.0"


def test_the_error_bar_is_that_of_the_busiest_part_if_all_have_one() -> None:
    one, two = shards(2)
    idle, busy = ErrorBar("2026-01-01", 1.0, 2.0, 0.1), ErrorBar("2026-01-01", 9.0, 2.0, 0.5)
    both = [Part("a.json", saved(one, error_bar=busy)), Part("b.json", saved(two, error_bar=idle))]
    assert merged(both).error_bar == busy
    assert merged([both[0], Part("b.json", saved(two))]).error_bar is None


def other_scenario(result: Result, **changes: object) -> Result:
    return replace(result, scenario=replace(result.scenario, fingerprint="cd34", **changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "soak"}, "the scenarios are called 'peak' and 'soak'"),
        ({"source": {"load": 1}}, "scenario 'peak' is not the same in both (see: load)"),
        ({}, "(see: its data or seeds)"),
    ],
)
def test_different_scenarios_are_refused_unless_forced(changes: dict[str, object], words: str) -> None:
    one, two = shards(2)
    given = [Part("a.json", saved(one)), Part("b.json", other_scenario(saved(two), **changes))]
    with pytest.raises(UsageError, match=r"a\.json and b\.json are no parts of one run") as error:
        merged(given)
    assert words in str(error.value)
    assert document(merged(given, force=True)) == document(merged(parts([one, two])))


def test_the_same_result_twice_is_refused() -> None:
    one = Part("a.json", saved(shards(2)[0]))
    with pytest.raises(UsageError, match="every call would be counted twice"):
        merged([one, replace(one, name="copy.json")])


def test_one_result_is_nothing_to_merge() -> None:
    with pytest.raises(UsageError, match="two results or more"):
        merged(parts(shards(1)))


def test_an_objective_that_only_a_newer_version_can_judge_is_named() -> None:
    newer = []
    for part in parts(shards(2)):
        judgement = part.result.judgements[0]
        objective = replace(judgement.objective, metric="sparkle", rule="sparkle.p95 < 1s")
        judgements = (replace(judgement, objective=objective),)
        newer.append(replace(part, result=replace(part.result, judgements=judgements)))
    with pytest.raises(UsageError, match=r"sparkle\.p95 < 1s can't be judged by this llmload"):
        merged(newer)
