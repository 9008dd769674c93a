from __future__ import annotations

import pickle
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics_kit import MS, PHASES, SETUP, START, S, record, records

from llmload.metrics.health import WorkerHealth
from llmload.metrics.recorder import Recorder
from llmload.metrics.slices import CellKey, Slice
from llmload.metrics.summary import Summary
from llmload.metrics.windows import MAX_WINDOWS
from llmload.records import Outcome, Record


def folded(*calls: Record) -> Summary:
    recorder = Recorder(SETUP)
    for call in calls:
        recorder.planned(call.planned)
        recorder.add(call)
    return recorder.take()


def added(parts: list[Summary]) -> Summary:
    total = Summary()
    for part in parts:
        total.merge(part)
    return total


@settings(max_examples=40, deadline=None)
@given(st.lists(records, max_size=25), st.data())
def test_shards_taken_at_any_time_and_merged_in_any_order_equal_one_recorder(
    calls: list[Record], data: st.DataObject
) -> None:
    whole = Recorder(SETUP)
    shards = [Recorder(SETUP) for _ in range(data.draw(st.integers(1, 3)))]
    deltas = []
    for call in calls:
        shard = data.draw(st.sampled_from(shards))
        for recorder in (whole, shard):
            recorder.planned(call.planned)
            recorder.sent(call.planned)
            recorder.in_flight(3, call.planned)
            recorder.health(WorkerHealth(shards.index(shard), dropped=1))
            recorder.add(call)
        if data.draw(st.integers(0, 4)) == 0:
            deltas.append(shard.take())
    deltas = data.draw(st.permutations([*deltas, *(shard.take() for shard in shards)]))
    middle = len(deltas) // 2
    nested = added([added(deltas[:middle]), added(deltas[middle:])])
    expected = added([whole.take()])
    assert orjson.dumps(added(deltas).to_json()) == orjson.dumps(expected.to_json())
    assert orjson.dumps(nested.to_json()) == orjson.dumps(expected.to_json())


@settings(max_examples=30, deadline=None)
@given(st.lists(records, max_size=15))
def test_json_and_bytes_round_trips_are_exact(calls: list[Record]) -> None:
    made = folded(*calls)
    text = orjson.dumps(made.to_json())
    assert orjson.dumps(Summary.from_json(orjson.loads(text)).to_json()) == text
    assert orjson.dumps(Summary.from_bytes(made.to_bytes()).to_json()) == text


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(TypeError, match="not a Summary: list"):
        Summary.from_bytes(pickle.dumps([]))


def test_a_delta_of_half_a_second_is_small() -> None:
    recorder = Recorder(SETUP)
    for n in range(250):
        recorder.add(record(at=10 + n / 500, ttft_ms=90 + n % 60, gaps_ms=[5 + (n * k) % 37 for k in range(100)]))
    assert len(recorder.take().to_bytes()) < 100_000


def test_merging_leaves_the_parts_alone() -> None:
    part = folded(record(), record(outcome=Outcome.HTTP_5XX, ttft_ms=-1))
    before = orjson.dumps(part.to_json())
    total = added([part])
    total.merge(part)
    assert orjson.dumps(part.to_json()) == before


def mixed() -> Summary:
    return folded(
        record(at=1, phase="warm-up"),
        record(at=11, cls="chat", tags=(("tier", "gold"),)),
        record(at=12, cls="embed", target="other", stream=False),
        record(at=13, cls="chat", model="large"),
    )


@pytest.mark.parametrize(
    ("where", "calls"),
    [
        ({}, 3),
        ({"class": "chat"}, 2),
        ({"class": "chat", "model": "large"}, 1),
        ({"target": "other"}, 1),
        ({"tier": "gold"}, 1),
        ({"phase": "steady"}, 3),
        ({"phase": "warm-up"}, 1),
        ({"class": "nobody"}, 0),
        ({"planet": "mars"}, 0),
    ],
)
def test_selecting_adds_up_the_measured_calls_that_match(where: dict[str, str], calls: int) -> None:
    assert mixed().select(**where).calls == calls


def test_unmeasured_phases_are_there_for_the_asking() -> None:
    assert mixed().select(measured=False).calls == 4
    assert mixed().select(measured=False, **{"class": "chat"}).calls == 3


def test_a_selection_is_a_copy() -> None:
    made = mixed()
    made.select().merge(made.select())
    assert made.select().calls == 3


def test_dimensions_list_what_occurs_phases_in_the_order_of_the_run() -> None:
    assert mixed().dimensions() == {
        "class": ["chat", "embed"],
        "target": ["main", "other"],
        "model": ["large", "small"],
        "phase": ["warm-up", "steady"],
        "tier": ["gold"],
    }


def test_a_rolling_window_holds_the_calls_that_ended_in_it() -> None:
    made = folded(
        *(record(at=at, ttft_ms=100 * at, gaps_ms=(), cls="embed" if at == 3 else "chat") for at in range(1, 7))
    )
    part = made.rolling(3, 5)
    assert part.calls == 3
    assert (part.good["ttft"].min, part.good["ttft"].max) == (200_000, 400_000)
    assert made.rolling(3, 5, **{"class": "chat"}).calls == 2
    assert made.rolling(3, 500).calls == 0
    assert made.rolling(100, 5).calls == 4


def test_a_rolling_window_can_be_cut_by_class_only() -> None:
    with pytest.raises(ValueError, match="by class, not by tier"):
        mixed().rolling(3, 5, tier="gold")


def test_the_measured_part_leaves_warm_up_out() -> None:
    recorder = Recorder(SETUP)
    for tenth in range(250):
        recorder.planned(START + tenth * 100 * MS)
        recorder.sent(START + tenth * 100 * MS + 50 * MS)
    assert recorder.take().measured() == (pytest.approx(14.9, abs=0.1), 150, 150)


def test_without_phases_all_is_measured() -> None:
    recorder = Recorder(replace(SETUP, phases=()))
    recorder.planned(START + 2 * S)
    assert recorder.take().measured() == (2.0, 1, 0)


def test_a_long_run_has_no_more_windows_than_it_may() -> None:
    total = Summary()
    for hour in range(25):
        recorder = Recorder(SETUP)
        for second in range(hour * 3600, (hour + 1) * 3600, 9):
            recorder.planned(START + second * S)
        total.merge(recorder.take())
    assert total.window_seconds == 16
    assert len(total.windows) <= MAX_WINDOWS
    assert sum(by_class[""].planned for by_class in total.windows.values()) == total.planned == 25 * 400
    assert max(total.windows) == (25 * 3600 - 9) // 16


def test_windows_of_different_width_add_up_either_way() -> None:
    early, late = (folded(record(at=at, gaps_ms=())) for at in (5, 2 * MAX_WINDOWS))
    assert (early.window_seconds, late.window_seconds) == (1, 4)
    assert added([early, late]).to_json() == added([late, early]).to_json()
    assert sorted(added([early, late]).windows) == [1, MAX_WINDOWS // 2]


def test_an_empty_summary_changes_nothing() -> None:
    made = folded(record())
    text = orjson.dumps(made.to_json())
    made.merge(Summary())
    assert orjson.dumps(made.to_json()) == text


def test_cells_can_be_put_together_by_hand() -> None:
    made = Summary(phases=PHASES)
    made.cells[CellKey("chat", "main", "m", "steady")] = Slice(calls=2)
    assert made.select().calls == 2
