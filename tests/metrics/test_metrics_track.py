"""Who served when: tracks add up in any order, keep exact times, and stay bounded."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st
from metrics_kit import SETUP, START, S, quick, record

from llmload.clock import NS
from llmload.metrics.recorder import Recorder, RecorderSetup
from llmload.metrics.summary import Summary
from llmload.metrics.track import BIN, MAX_BINS, Track, Turn
from llmload.records import Outcome

CALLS = st.lists(
    st.tuples(st.sampled_from(["a", "b", ""]), st.booleans(), st.integers(0, 3 * MAX_BINS * BIN)), max_size=40
)


def made(calls: list[tuple[str, bool, int]]) -> Track:
    track = Track()
    for value, failed, t in calls:
        track.add(value, failed, t)
    return track


@quick
@given(CALLS, st.integers(0, 40))
def test_parts_add_up_to_the_whole_in_either_order(calls: list[tuple[str, bool, int]], cut: int) -> None:
    whole, left, right = made(calls), made(calls[:cut]), made(calls[cut:])
    other = made(calls[cut:])
    left.merge(right)
    other.merge(made(calls[:cut]))
    assert left.to_json() == whole.to_json() == other.to_json()


@quick
@given(CALLS)
def test_first_and_last_are_exact_and_bins_bounded(calls: list[tuple[str, bool, int]]) -> None:
    track = made(calls)
    assert all(number < MAX_BINS for number in track.bins)
    turns = [turns["a"] for turns in track.bins.values() if "a" in turns]
    times = [t for value, failed, t in calls if value == "a" and failed]
    assert sum(turn.failed for turn in turns) == len(times)
    assert min((turn.first_failed for turn in turns if turn.failed), default=-1) == min(times, default=-1)
    assert max((turn.last_failed for turn in turns), default=-1) == max(times, default=-1)


@quick
@given(CALLS)
def test_json_and_back(calls: list[tuple[str, bool, int]]) -> None:
    text = orjson.dumps(made(calls).to_json())
    assert Track.from_json(orjson.loads(text)) == made(calls)


def test_the_recorder_follows_what_it_is_told_to() -> None:
    recorder = Recorder(RecorderSetup(START, SETUP.phases, follow={"main": ("provider",)}))
    good, lost, left = record(at=12.0), record(at=12.5, outcome=Outcome.HTTP_5XX), record(outcome=Outcome.CANCELLED)
    good.labels = (("provider", "one"),)
    good.first_byte = START + 13 * S
    lost.end = START + 14 * S
    for each in (good, lost, left, record(target="other")):
        recorder.add(each)
    track = recorder.take().tracks["provider"]
    assert track.bins[13 * NS // BIN] == {"one": Turn(1, 0, 13 * S, 13 * S)}
    assert track.bins[14 * NS // BIN] == {"": Turn(0, 1, -1, -1, 14 * S, 14 * S)}, "a failure that names nobody"
    assert len(track.bins) == 2, "neither a call that was given up nor one of another target"


def test_summaries_carry_tracks() -> None:
    parts = [Summary(tracks={"provider": made([("a", False, n * S)])}) for n in (1, 2)]
    whole = Summary()
    for part in parts:
        whole.merge(part)
    assert Summary.from_json(orjson.loads(orjson.dumps(whole.to_json()))).tracks == whole.tracks
    assert sum(turns["a"].ok for turns in whole.tracks["provider"].bins.values()) == 2
