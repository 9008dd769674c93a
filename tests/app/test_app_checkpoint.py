"""Checkpoints: when, how, and never in the way."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "outputs"))
from output_kit import Ended, a_plan, a_summary

from llmload.app.checkpoint import Checkpoint
from llmload.metrics.summary import Summary
from llmload.outputs.base import Output, Speaks
from llmload.reports import files
from llmload.reports.growing import GrowingDocument
from llmload.reports.result import LoadInfo, Result, ScenarioInfo, parse_result
from llmload.verdict.validity import Level, Validity


def a_result(calls: int = 10) -> Result:
    summary = a_summary(calls) if calls else Summary()
    return Result("0", ScenarioInfo("kit"), "2026-01-01", 1.5, summary, Validity(Level.VALID), load=LoadInfo())


def written(checkpoint: Checkpoint, result: Result | None = None) -> None:
    """Save, and wait until it is written (or has failed)."""
    checkpoint.save(result or a_result())
    deadline = time.monotonic() + 10
    while checkpoint._writing_since and time.monotonic() < deadline:
        time.sleep(0.005)


def test_it_is_an_output_that_speaks_and_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    checkpoint = Checkpoint([tmp_path / "a.json"])
    assert isinstance(checkpoint, Output)
    assert isinstance(checkpoint, Speaks)
    checkpoint.finish(None)
    checkpoint.start(a_plan())
    checkpoint.update(a_summary(), a_summary())
    checkpoint.finish(Ended())
    checkpoint.finish(None)
    assert set(threading.enumerate()) <= before
    assert os.listdir(tmp_path) == [], "nothing before the run has anything to say"


def test_what_is_saved_says_that_the_run_did_not_end_and_proves_nothing(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    checkpoint = Checkpoint(paths)
    checkpoint.start(a_plan())
    written(checkpoint)
    checkpoint.finish(None)
    for path in paths:
        found = parse_result(path.read_bytes(), path.name)
        assert found.summary.completed == 10
        assert found.last_heard
        assert found.validity.level is Level.INVALID
        assert found.validity.reasons[0].code == "unended"
    assert sorted(os.listdir(tmp_path)) == ["a.json", "b.json"]


def test_calls_that_were_in_flight_are_told(tmp_path: Path) -> None:
    result = a_result()
    result.summary.sent += 7
    assert "7 calls were in flight" in result.unended("now").validity.reasons[0].text


def test_it_is_due_at_once_and_then_every_so_often(tmp_path: Path) -> None:
    checkpoint = Checkpoint([tmp_path / "a.json"], every=0.2)
    checkpoint.start(a_plan())
    assert checkpoint.due()
    written(checkpoint)
    assert not checkpoint.due()
    time.sleep(0.25)
    assert checkpoint.due()
    checkpoint.finish(None)


def test_what_takes_long_to_make_is_made_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(_self: GrowingDocument, _result: Result) -> bytes:
        end = time.thread_time() + 0.2
        while time.thread_time() < end:
            pass
        return b"{}"

    monkeypatch.setattr(GrowingDocument, "render", slow)
    checkpoint = Checkpoint([tmp_path / "a.json"], every=0.001)
    checkpoint.start(a_plan())
    begun = time.monotonic()
    written(checkpoint)
    while not checkpoint.due():
        time.sleep(0.01)
    assert time.monotonic() - begun >= 1.0, "five times what it took"
    checkpoint.finish(None)


def test_a_slow_disk_holds_nothing_up_is_told_once_and_never_overwrites_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, go_on, real = tmp_path / "a.json", threading.Event(), files.stage

    def stage(at: Path, data: bytes, *, lasting: bool = True) -> Path:
        go_on.wait(20)
        return real(at, data, lasting=lasting)

    monkeypatch.setattr(files, "stage", stage)
    monkeypatch.setattr("llmload.app.checkpoint._PATIENCE", 0.05)
    checkpoint = Checkpoint([path], every=0.01)
    checkpoint.start(a_plan())
    checkpoint.save(a_result())
    time.sleep(0.1)
    assert not checkpoint.due()
    assert not checkpoint.due()
    (said,) = checkpoint.messages()
    assert "slow to write" in said
    (writer,) = (thread for thread in threading.enumerate() if thread.name == "checkpoint")
    checkpoint.finish(None)
    path.write_bytes(b"the end")
    go_on.set()
    writer.join(10)
    assert path.read_bytes() == b"the end"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_place_that_fails_is_told_once_and_tried_again(tmp_path: Path) -> None:
    directory = tmp_path / "gone"
    checkpoint = Checkpoint([directory / "a.json", tmp_path / "b.json"])
    checkpoint.start(a_plan())
    written(checkpoint)
    written(checkpoint)
    (said,) = checkpoint.messages()
    assert "a.json: No such file or directory" in said
    assert (tmp_path / "b.json").exists(), "the other one has its checkpoint"
    directory.mkdir()
    written(checkpoint)
    checkpoint.finish(None)
    assert checkpoint.messages() == []
    assert (directory / "a.json").exists()


def test_with_nowhere_to_write_it_does_nothing(tmp_path: Path) -> None:
    checkpoint = Checkpoint([])
    checkpoint.start(a_plan())
    assert not checkpoint.due()
    checkpoint.finish(None)
