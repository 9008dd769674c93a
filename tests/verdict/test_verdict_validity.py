"""The generator's testimony is weighed, and a remedy knows what has been tried already."""

from __future__ import annotations

import errno
import inspect
from collections.abc import Callable
from dataclasses import replace

import pytest
from verdict_runs import Run

from llmload.metrics.disturbance import Cause
from llmload.metrics.summary import PhaseInfo, Summary, WorkerHealth
from llmload.records import SHORTAGES, Outcome
from llmload.verdict import delays, evidence, network
from llmload.verdict import validity as validity_module
from llmload.verdict.judge import Judgement, judge
from llmload.verdict.objectives import parse_objective
from llmload.verdict.validity import THRESHOLDS, Level, Reason, RunFacts, Threshold, validity

S = 1_000_000
"""A second, in microseconds."""
FACTS = RunFacts(workers=1, cpus=8, max_in_flight=100, duration=10.0)


def reasons(summary: Summary, facts: RunFacts = FACTS) -> dict[str, Reason]:
    return {reason.code: reason for reason in validity(summary, facts).reasons}


def test_a_healthy_run_is_valid_without_a_word() -> None:
    summary = Run().calls(100).health(lambda health: health.cpu.add(0.3)).done()
    assert validity(summary, FACTS) == validity(summary, replace(FACTS, workers=8))
    assert validity(summary, FACTS).level is Level.VALID
    assert validity(summary, FACTS).reasons == ()


@pytest.mark.parametrize(
    ("lag", "level"),
    [(0.004, None), (0.0055, Level.SUSPECT), (0.024, Level.SUSPECT), (0.030, Level.INVALID)],
)
def test_late_calls_are_held_against_the_figure_they_falsify(lag: float, level: Level | None) -> None:
    found = reasons(Run().calls(100, ttft=0.1, lag=lag).done()).get("schedule_lag")
    assert (found.level if found else None) == level


def test_the_text_and_remedy_of_schedule_lag_are_concrete() -> None:
    found = reasons(Run().calls(700, ttft=0.127, lag=0.038).done())["schedule_lag"]
    assert found.text == "TTFT p50 (127 ms) may be up to 38.0 ms (30%) too high: calls were sent late"
    assert found.remedy == "use --workers 2 (now 1; this machine has 8 cores)"


@pytest.mark.parametrize(
    ("workers", "cpus", "remedy"),
    [
        (2, 8, "use --workers 4 (now 2; this machine has 8 cores)"),
        (6, 8, "use --workers 8 (now 6; this machine has 8 cores)"),
        (8, 8, "all 8 cores are in use by 8 workers: lower the rate, or use more machines"),
    ],
)
def test_a_remedy_never_says_what_was_tried_already(workers: int, cpus: int, remedy: str) -> None:
    summary = Run().calls(100, lag=0.09).done()
    assert reasons(summary, replace(FACTS, workers=workers, cpus=cpus))["schedule_lag"].remedy == remedy


def test_a_figure_that_is_off_is_named_with_its_filter() -> None:
    objective = parse_objective("ttft.p90{class=chat} < 10s")
    bare = Judgement(objective, passed=True, observed=0.5, bracket=(0.1, 0.5), samples=100)
    found = reasons(Run().calls(700, ttft=0.127, lag=0.0001).done(), replace(FACTS, judgements=(bare,)))
    assert next(iter(found.values())).text.startswith(
        "ttft.p90{class=chat} (500 ms) may be up to 400 ms (80%) too high"
    )


def test_lag_is_weighed_by_itself_when_the_target_never_answered() -> None:
    found = reasons(Run().calls(100, lag=0.05, outcome=Outcome.HTTP_5XX).done())["schedule_lag"]
    assert found.text == "half of all calls were sent more than 50.0 ms late"


def test_one_unlucky_call_of_a_few_is_no_reason() -> None:
    few = Run().calls(6, lag=0.0001).calls(1, lag=0.02).done()
    assert "schedule_lag" not in reasons(few)


def test_more_workers_are_no_remedy_where_others_keep_the_machine_busy() -> None:
    found = reasons(Run().calls(100, lag=0.09).health(lambda health: health.others_cpu.add(0.9)).done())["schedule_lag"]
    assert found.remedy == "other processes keep this machine busy: stop them, or run on another"


def _loop(health: WorkerHealth) -> None:
    health.loop_lag.record([60_000] * 100)


@pytest.mark.parametrize(
    ("change", "code", "level", "words"),
    [
        (_loop, "loop_lag", Level.INVALID, "Chunk gap p50 (50.0 ms) may be up to 50.0 ms (100%) too high"),
        (lambda h: h.cpu_wait.add(0.1), "cpu_wait", Level.SUSPECT, "worker 0 waited for a CPU 10% of the time"),
        (lambda h: h.cpu.add(0.9), "cpu", Level.SUSPECT, "worker 0 used 90% of a core on average"),
        (lambda h: h.cpu.add(0.99), "cpu", Level.INVALID, "worker 0 used 99% of a core on average"),
        (lambda h: h.others_cpu.add(0.6), "others_cpu", Level.SUSPECT, "other processes used 60% of this machine"),
        (lambda h: h.steal.add(0.1), "steal", Level.SUSPECT, "the hypervisor took 10%"),
        (lambda h: h.steal.add(0.3), "steal", Level.INVALID, "the hypervisor took 30%"),
        (lambda h: (setattr(h, "fds", 950), setattr(h, "fd_limit", 1000)), "fds", Level.SUSPECT, "950 of 1,000 file"),
        (lambda h: h.disturbances.add(Cause.CLOCK, 0, 2 * S), "clock_jumps", Level.SUSPECT, "set by 2.00 s at 0 s"),
        (lambda h: h.disturbances.add(Cause.SUSPENDED, S, 9 * S), "suspended", Level.SUSPECT, "slept for 9.00 s at 1"),
        (lambda h: h.disturbances.add(Cause.STOPPED, 3 * S, S), "stood_still", Level.SUSPECT, "for 1.00 s at 3.00 s"),
        (lambda h: setattr(h, "fallback", "iter_any"), "fallback", Level.SUSPECT, "iter_any path"),
        (lambda h: setattr(h, "unsent", 3), "unsent", Level.SUSPECT, "3 of 103 planned calls (2.91%) were never sent"),
        (lambda h: setattr(h, "unsent", 10), "unsent", Level.INVALID, "10 of 110 planned calls (9.09%)"),
    ],
)
def test_a_worker_s_own_figures_can_cast_doubt(
    change: Callable[[WorkerHealth], object], code: str, level: Level, words: str
) -> None:
    verdict = validity(Run().calls(100).health(lambda health: void(change(health))).done(), FACTS)
    assert [reason.code for reason in verdict.reasons] == [code]
    assert verdict.level is level
    assert words in verdict.reasons[0].text
    assert verdict.reasons[0].remedy


def void(_: object) -> None: ...


def test_the_worst_of_several_workers_is_named() -> None:
    run = Run().calls(100).health(lambda h: h.cpu.add(0.2), worker=0).health(lambda h: h.cpu.add(0.95), worker=1)
    assert reasons(run.done())["cpu"].text.startswith("worker 1 used 95%")


def test_calls_that_queued_at_the_cap_make_a_run_suspect() -> None:
    summary = Run().calls(90).calls(10, queued=True, lag=0.5, ttft=0.6, latency=0.7).done()
    found = reasons(summary)["queued"]
    assert found.level is Level.SUSPECT
    assert found.text == "10 calls (10%) waited for a place under the cap on calls in flight (max_in_flight = 100)"


@pytest.mark.parametrize(("dropped", "level"), [(5, Level.INVALID), (1, Level.SUSPECT)])
def test_calls_dropped_at_the_cap_are_missing_from_the_figures(dropped: int, level: Level) -> None:
    found = reasons(Run().calls(199).calls(dropped, outcome=Outcome.DROPPED).done())["dropped"]
    assert found.level is level
    assert 'on_limit = "queue"' in found.remedy


def test_calls_that_never_ended_are_said_to_be_missing() -> None:
    assert reasons(Run().calls(90).calls(10, outcome=Outcome.UNFINISHED).done())["unfinished"].level is Level.SUSPECT


def test_a_percentile_that_an_objective_uses_needs_its_samples() -> None:
    facts = replace(FACTS, objectives=(parse_objective("ttft.p99 < 1s"), parse_objective("ttft.p50 < 1s")))
    found = reasons(Run().calls(100).done(), facts)["few_samples"]
    assert found.text == "ttft.p99 < 1s is judged on 100 samples; p99 needs 662"
    assert found.remedy == "run 7 times as long, or judge a lower percentile"
    assert reasons(Run().calls(100).done(), replace(facts, demo=True))["few_samples"].remedy.startswith("run at full")
    assert "few_samples" not in reasons(Run().calls(662).done(), facts)


def test_a_run_that_measured_nothing_is_invalid() -> None:
    warm_up = (PhaseInfo("warm-up", 0, 10, measure=False),)
    for summary in (Summary(), Run(phases=warm_up).calls(50).done()):
        assert validity(summary, FACTS).level is Level.INVALID
        assert reasons(summary)["empty"].text == "no call was measured"


def test_a_lost_worker_says_which_share_of_the_load_is_missing() -> None:
    run = Run().calls(100).health(lambda health: setattr(health, "unsent", 25))
    found = reasons(run.done(), replace(FACTS, workers=4, lost_workers=1))["lost_worker"]
    assert found.level is Level.INVALID
    assert found.text == "1 of 4 workers died: 25 of 125 planned calls (20%) were not sent"


def test_a_run_whose_simulator_died_proves_nothing() -> None:
    found = reasons(Run().calls(100).done(), replace(FACTS, simulator_died=True))["stopped"]
    assert found.level is Level.INVALID
    assert "the simulator died" in found.text


def test_a_run_that_was_stopped_says_so_and_is_not_blamed_for_what_it_did_not_send() -> None:
    summary = Run(60.0).calls(100).health(lambda health: setattr(health, "unsent", 500)).done()
    found = reasons(summary, replace(FACTS, duration=60.0, interrupted="Ctrl-C"))
    assert set(found) == {"stopped"}
    assert found["stopped"].text == "stopped after 10.1 s of 60.0 s: Ctrl-C"


def test_the_gravest_reason_comes_first() -> None:
    run = Run().calls(100, lag=0.09).health(lambda health: health.cpu.add(0.9))
    verdict = validity(run.done(), FACTS)
    assert [reason.level for reason in verdict.reasons] == [Level.INVALID, Level.SUSPECT]


LATE = WorkerHealth()
LATE.loop_lag.record([0] * 950 + list(range(0, 50_000, 1000)))
"""The loop stood still for 50 ms in every second."""


def blocked(cause: Cause = Cause.BUSY) -> Run:
    def held(health: WorkerHealth) -> None:
        health.loop_lag.merge(LATE.loop_lag)
        for second in range(10):
            health.disturbances.add(cause, second * S, 50_000)

    run = Run().calls(665, lag=0.0002, ttft=0.11, latency=2.0, chunks=2)
    for late in range(35):
        run.call(at=late / 4, lag=0.0002, ttft=0.11 + 0.05 * late / 35, latency=2.0, chunks=2)
    return run.health(held)


def test_a_block_of_50_ms_each_second_spoils_the_tail_and_not_the_median() -> None:
    verdict = validity(blocked().done(), FACTS)
    assert [(reason.code, reason.level) for reason in verdict.reasons] == [("loop_lag", Level.SUSPECT)]
    assert verdict.reasons[0].text.startswith("TTFT p99 (149 ms) may be up to 38.8 ms (26%)")
    assert "what arrived was read late, as it was busy" in verdict.reasons[0].text


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (Cause.BUSY, "its CPU was free most of the time, so something held its event loop: use --workers 2"),
        (Cause.PREEMPTED, "other processes share its CPU"),
        (Cause.STOLEN, "use a machine with dedicated cores"),
        (Cause.STOPPED, "let nothing stop it"),
        (Cause.COLLECTING, "use --workers 2"),
    ],
)
def test_the_remedy_fits_what_made_the_loop_late(cause: Cause, words: str) -> None:
    run = blocked(cause).health(lambda health: health.cpu.add(0.1))
    assert words in reasons(run.done())["loop_lag"].remedy


def test_a_quota_that_is_used_up_is_named_instead_of_what_it_looks_like() -> None:
    run = blocked(Cause.PREEMPTED).health(lambda health: health.disturbances.add(Cause.THROTTLED, 0, S))
    assert reasons(run.done())["loop_lag"].remedy == "raise the CPU limit of the container"


def test_workers_on_every_core_are_told_to_leave_one() -> None:
    found = reasons(blocked(Cause.PREEMPTED).done(), replace(FACTS, workers=8))["loop_lag"]
    assert found.remedy.startswith("leave a core for the rest: use --workers 7")


def judged(run: Run, *rules: str) -> RunFacts:
    objectives = tuple(parse_objective(rule) for rule in rules)
    return replace(FACTS, objectives=objectives, judgements=tuple(judge(objectives, run.done())))


def test_a_missed_objective_that_our_delay_explains_makes_the_run_invalid() -> None:
    run = blocked()
    facts = judged(run, "ttft.p99 < 140ms")
    found = reasons(run.done(), facts)["undecided"]
    assert found.level is Level.INVALID
    assert found.text.startswith("without the generator's own part it could be 110 ms, and ttft.p99 < 140ms met")


@pytest.mark.parametrize("rule", ["ttft.p99 < 100ms", "ttft.p99 < 1s", "ttft.p50 < 1s"])
def test_an_objective_that_our_delay_does_not_decide_leaves_the_run_suspect(rule: str) -> None:
    run = blocked()
    facts = judged(run, rule)
    assert validity(run.done(), facts).level is Level.SUSPECT


def test_a_long_stop_in_the_warm_up_is_no_matter() -> None:
    phases = (PhaseInfo("warm-up", 0, 2, measure=False), PhaseInfo("main", 2, 10))
    for at, codes in ((S, set()), (3 * S, {"stood_still"})):
        run = Run(phases=phases).calls(100)
        run.health(lambda health, at=at: health.disturbances.add(Cause.STOPPED, at, S))  # type: ignore[misc]
        assert set(reasons(run.done())) == codes


def test_calls_that_failed_for_want_of_descriptors_are_not_the_targets_failures() -> None:
    run = Run().calls(90)
    for _ in range(10):
        run.call(1.0, outcome=Outcome.CONNECT_ERROR, detail=f"connection not made: {SHORTAGES[errno.EMFILE]}")
    run.health(lambda health: setattr(health, "fd_limit", 20_000))
    facts = judged(run, "errors.rate < 1%")
    found = reasons(run.done(), facts)
    assert found["shortage"].level is Level.INVALID
    assert found["shortage"].text.startswith("10 calls (9.09%) failed because this process has no file descriptor")
    assert found["shortage"].remedy == "raise the limit (hard and soft): ulimit -n 80000"
    assert "it could be 0%, and errors.rate < 1% met" in found["undecided"].text


def test_calls_missing_from_the_request_log_are_told() -> None:
    found = reasons(Run().calls(100).done(), replace(FACTS, lost_lines=40))["log_lost"]
    assert found.level is Level.SUSPECT
    assert found.text.startswith("40 of 100 calls are missing from the request log")


def test_thresholds_are_ordered_and_every_one_is_used() -> None:
    source = "".join(inspect.getsource(module) for module in (validity_module, delays, evidence, network))
    for code, threshold in THRESHOLDS.items():
        assert 0 <= threshold.suspect < threshold.invalid
        assert threshold.suspect_floor <= threshold.invalid_floor
        assert f'"{code}"' in source


def test_a_threshold_needs_both_its_share_and_its_floor() -> None:
    threshold = Threshold(0.05, 0.25, suspect_floor=0.005, invalid_floor=0.020)
    assert threshold.level(0.9, 0.001) is Level.VALID
    assert threshold.level(0.9, 0.010) is Level.SUSPECT
    assert threshold.level(0.9, 0.030) is Level.INVALID
    assert threshold.level(0.01, 9.0) is Level.VALID


def test_a_single_line_that_is_lost_is_one_call_and_a_full_disk_needs_room() -> None:
    found = reasons(Run().calls(1).done(), replace(FACTS, lost_lines=1))["log_lost"]
    assert found.text.startswith("1 of 1 call is missing from the request log")
    assert "with room" in found.remedy
