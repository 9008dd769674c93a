from __future__ import annotations

from dataclasses import replace

import pytest
from metrics_kit import MS, PHASES, SETUP, START, S, record

from llmload.metrics import batch
from llmload.metrics.health import WorkerHealth
from llmload.metrics.recorder import OTHER, Recorder, RecorderSetup
from llmload.metrics.slices import Slice
from llmload.metrics.summary import Summary
from llmload.records import Call, Outcome, Record, Usage


def summary(*calls: Record, setup: RecorderSetup = SETUP) -> Summary:
    recorder = Recorder(setup)
    for call in calls:
        recorder.add(call)
    return recorder.take()


def folded(*calls: Record, setup: RecorderSetup = SETUP) -> Slice:
    return summary(*calls, setup=setup).select(measured=False)


def test_a_good_stream_enters_every_metric_it_has() -> None:
    part = folded(record(ttft_ms=100, gaps_ms=(20, 30), usage=Usage(40, 11)))
    figures = {name: (histogram.count, histogram.total) for name, histogram in part.good.items()}
    assert figures == {
        "ttft": (1, 100_000),
        "ttft_send": (1, 98_000),
        "ttfo": (1, 100_000),
        "latency": (1, 150_000),
        "latency_send": (1, 148_000),
        "itl": (2, 50_000),
        "tpot": (1, 5_000),
        "tokens_per_second": (1, 200_000),
        "tokens_per_second_whole": (1, 74_324),
        "schedule_lag": (1, 1_000),
        "headers": (1, 48_000),
        "input_tokens": (1, 40),
        "planned_tokens": (1, 50),
        "token_error": (1, 10),
        "output_tokens": (1, 11),
        "cost": (1, 1_062_000),
    }
    assert (part.failed, part.censored) == ({}, {})
    assert (part.calls, part.ok, part.goodput, part.streams, part.reused) == (1, 1, 1, 1, 1)
    assert (part.input_tokens, part.output_tokens, part.token_sources) == (40, 11, {"usage": 1})
    assert (part.bytes_in, part.bytes_out) == (1000, 200)
    assert part.cost == pytest.approx(0.001062)


def test_nanoseconds_are_rounded_to_the_nearest_microsecond() -> None:
    part = folded(record(ttft_ms=100.0006, gaps_ms=(0.0014, 0.0016)))
    assert part.good["ttft"].total == 100_001
    assert part.good["itl"].total == 1 + 2


def test_failed_calls_keep_out_of_the_success_histograms() -> None:
    part = folded(record(), record(ttft_ms=4000, outcome=Outcome.TRUNCATED))
    assert part.good["latency"].count == 1
    assert part.good["latency"].max < 1_000_000
    assert part.failed["latency"].max > 4_000_000
    assert part.failed["ttft"].count == 1
    assert part.failed["itl"].count == 2
    assert (part.ok, part.errors, part.output_tokens) == (1, 1, 3)


@pytest.mark.parametrize("outcome", [Outcome.UNFINISHED, Outcome.CANCELLED])
def test_calls_cut_off_are_censored_and_their_age_is_kept(outcome: Outcome) -> None:
    part = folded(record(outcome=outcome, stream=False, duration_ms=7000))
    assert (part.good, part.failed) == ({}, {})
    assert part.censored["latency"].total == 7_000_000
    assert part.error_rate == 0.0


def test_a_dropped_arrival_is_counted_and_has_no_figures() -> None:
    call = Record(record().call, START + 10 * S, "steady")
    call.outcome = Outcome.DROPPED
    total = summary(call)
    part = total.select()
    assert (part.calls, part.dropped, total.completed) == (1, 1, 0)
    assert set(part.censored) <= {"input_tokens"}


@pytest.mark.parametrize(
    ("call", "good"),
    [
        (record(ttft_ms=500), 1),
        (record(ttft_ms=500.001), 0),
        (record(ttft_ms=-1), 0),
        (record(ttft_ms=100, outcome=Outcome.TRUNCATED), 0),
        (record(cls="embed", stream=False), 1),
    ],
    ids=["on the bound", "beyond it", "no content", "failed", "no objectives"],
)
def test_goodput_is_good_and_within_every_objective(call: Record, good: int) -> None:
    total = summary(call)
    assert total.select().goodput == good
    assert sum(window.goodput for by_class in total.windows.values() for window in by_class.values()) == good


@pytest.mark.parametrize(
    ("objective", "good"),
    [
        ({"itl": 20 * MS}, 1),
        ({"itl": 19 * MS}, 0),
        ({"tokens_per_second": 50_000}, 1),
        ({"tokens_per_second": 50_001}, 0),
        ({"tpot": 1, "latency": 9 * S}, 0),
        ({"ttft": 1 * S, "latency": 1 * S}, 1),
    ],
)
def test_objectives_bound_gaps_by_the_longest_and_speeds_from_below(objective: dict[str, int], good: int) -> None:
    setup = replace(SETUP, objectives={"chat": objective})
    assert folded(record(gaps_ms=(20, 20, 20)), setup=setup).goodput == good


def test_an_objective_that_does_not_apply_to_a_call_is_not_missed() -> None:
    assert folded(record(gaps_ms=()), setup=replace(SETUP, objectives={"chat": {"tpot": 1}})).goodput == 1


@pytest.mark.parametrize("name", ["stall", "speed"])
def test_an_objective_on_what_single_calls_do_not_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"objective on '{name}'"):
        Recorder(replace(SETUP, objectives={"chat": {name: 1}}))


def test_gaps_beyond_the_bound_are_stalls_of_their_stream() -> None:
    part = folded(
        record(gaps_ms=(20, 1000, 20)), record(gaps_ms=(1001, 5, 3000)), record(gaps_ms=()), record(stream=False)
    )
    assert (part.streams, part.stalled_calls, part.stalls, part.stall_ns) == (3, 1, 2, 4001 * MS)
    assert (part.good["stall"].count, part.good["stall"].total) == (2, 4_001_000)
    assert part.good["itl"].count == 6
    assert part.stalled_share == pytest.approx(1 / 3)


def test_gaps_are_never_taken_across_two_streams() -> None:
    part = folded(*(record(at=10 + n, gaps_ms=(20,) * n) for n in (3, 0, 1, 0, 2)))
    assert (part.good["itl"].count, part.good["itl"].min, part.good["itl"].max) == (6, 20_000, 20_000)
    assert part.stalls == 0


@pytest.mark.parametrize(("gaps", "stalls"), [((20,), 1), ((20, 2000), 2), ((), 1)])
def test_a_stream_given_up_on_has_stalled_from_its_last_chunk_on(gaps: tuple[int, ...], stalls: int) -> None:
    call = record(ttft_ms=100, gaps_ms=gaps, outcome=Outcome.TIMEOUT_IDLE)
    call.end = call.answer.stamps[-1] + 5 * S
    part = folded(call)
    assert (part.streams, part.stalled_calls, part.stalls) == (1, 1, stalls)
    assert part.stall_ns == 5 * S + (stalls - 1) * 2 * S
    assert part.failed["stall"].count == stalls


def test_a_stream_that_never_sent_anything_and_was_given_up_on_stalled_too() -> None:
    part = folded(record(ttft_ms=-1, duration_ms=6000, outcome=Outcome.TIMEOUT_IDLE))
    assert (part.streams, part.stalled_calls, part.stall_ns) == (1, 1, 5998 * MS)


def test_windows_count_a_call_where_it_ended() -> None:
    recorder = Recorder(replace(SETUP, worker=4))
    recorder.planned(START + 10 * S)
    recorder.sent(START + 11 * S - 1)
    for n in (3, 7, 5):
        recorder.in_flight(n, START + 11 * S)
    recorder.add(record(at=10, ttft_ms=1500, gaps_ms=(600,), usage=Usage(5, 2)))
    recorder.add(record(at=10, ttft_ms=-1, outcome=Outcome.HTTP_5XX, duration_ms=2200))
    total = recorder.take()
    assert (total.planned, total.sent, total.completed) == (1, 1, 2)
    assert (total.windows[10][""].planned, total.windows[10][""].sent) == (1, 1)
    assert total.windows[11][""].in_flight == 7
    ended = total.windows[12]["chat"]
    assert ended.outcomes == {Outcome.OK: 1, Outcome.HTTP_5XX: 1}
    assert (ended.input_tokens, ended.output_tokens, ended.goodput) == (5, 2, 0)
    assert {name: series.counts().total for name, series in ended.series.items()} == {
        "ttft": 1_500_000, "latency": 2_100_000, "itl": 600_000,
    }  # fmt: skip


def test_elapsed_is_the_schedule_covered_and_never_the_draining_after_it() -> None:
    recorder = Recorder(SETUP)
    assert recorder.take().elapsed == 0.0
    recorder.planned(START + 12_500 * MS)
    assert recorder.take().elapsed == 12.5
    recorder.add(record(at=59, stream=False, duration_ms=30_000))
    assert recorder.take().elapsed == PHASES[-1].end


def test_cells_are_cut_by_the_tags_asked_for_only() -> None:
    total = summary(record(tags=(("user", "1"), ("tier", "gold"))), record(tags=(("user", "2"),)))
    assert sorted(key.tags for key in total.cells) == [(), (("tier", "gold"),)]


def test_beyond_the_bound_cells_of_a_class_and_phase_share_one() -> None:
    setup = replace(SETUP, max_cells=3)
    recorder = Recorder(setup)
    for _ in range(2):
        for n in range(10):
            recorder.add(record(model=f"model-{n}", tags=(("tier", f"t{n}"),)))
        recorder.add(record(phase="warm-up", model="model-99"))
        total = recorder.take()
        assert len(total.cells) == 5
        shared = {key: part.calls for key, part in total.cells.items() if key.model == OTHER}
        assert {(key.cls, key.target, key.phase, key.tags) for key in shared} == {
            ("chat", OTHER, "steady", (("tier", OTHER),)),
            ("chat", OTHER, "warm-up", ()),
        }
        assert sorted(shared.values()) == [1, 7]


def test_errors_are_grouped_by_what_they_say() -> None:
    details = ("upstream 17 is gone", "upstream 4 is gone", "overloaded")
    total = summary(
        *(
            record(at=20 - n, outcome=Outcome.HTTP_5XX, ttft_ms=-1, status=503, detail=detail)
            for n, detail in enumerate(details)
        ),
        record(outcome=Outcome.CANCELLED),
        record(),
    )
    assert {key[2]: group.count for key, group in total.errors.items()} == {"upstream # is gone": 2, "overloaded": 1}
    group = total.errors[Outcome.HTTP_5XX, 503, "upstream # is gone"]
    assert (group.sample, group.first_at, group.last_at) == ("upstream 4 is gone", 19.3, 20.3)


def test_health_samples_of_a_worker_add_up() -> None:
    recorder = Recorder(SETUP)
    for worker, drops in ((0, 1), (1, 5), (0, 2)):
        recorder.health(WorkerHealth(worker, dropped=drops))
    assert {worker: health.dropped for worker, health in recorder.take().health.items()} == {0: 3, 1: 5}
    assert recorder.take().health == {}


def test_what_was_taken_is_not_given_again() -> None:
    recorder = Recorder(SETUP)
    recorder.add(record())
    recorder.planned(START)
    assert recorder.take().select().calls == 1
    empty = recorder.take()
    assert (empty.cells, empty.windows, empty.errors, empty.planned, empty.completed) == ({}, {}, {}, 0, 0)


def test_unfolded_values_are_bounded() -> None:
    recorder = Recorder(SETUP)
    most = 0
    for n in range(1000):
        recorder.add(record(at=n / 100, gaps_ms=(1,) * 50))
        most = max(most, len(recorder._gaps._stamps), len(recorder._calls._values))
    assert most <= max(batch._MAX_STAMPS + 51, batch._MAX_CALLS * len(batch.SCALARS))
    assert recorder.take().select(measured=False).good["itl"].count == 50_000


def test_a_record_without_its_times_is_taken_all_the_same() -> None:
    bare = Record(Call(0, "chat", "main", record().call.api, "m"), planned=0)
    bare.outcome = Outcome.CONNECT_ERROR
    assert folded(bare).errors == 1
