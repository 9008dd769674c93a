"""The last runs are remembered where there is a place for that, and only there."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from llmload.app import history
from llmload.app.saving import Saving


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "llmload" / "runs"


def test_a_place_is_for_its_owner_alone(state: Path) -> None:
    place = history.place()
    assert place is not None
    assert place.parent == state
    assert state.stat().st_mode & 0o777 == 0o700
    assert not place.exists()


def test_ten_runs_are_kept(state: Path) -> None:
    state.mkdir(parents=True)
    for n in range(15):
        (state / f"20260101T0000{n:02}-1.json").write_bytes(b"{}")
    place = history.place()
    assert place is not None
    place.write_bytes(b"{}")
    history.forget()
    assert len(list(state.iterdir())) == 10
    assert history.latest() == place


def test_without_a_directory_there_is_no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", os.devnull)
    assert history.place() is None
    assert history.latest() is None
    assert history.killed() is None
    history.link(Path("anything"))


def test_a_relative_state_home_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "here")
    assert history.directory() == Path.home() / ".local" / "state" / "llmload" / "runs"


def test_a_run_with_a_file_of_its_own_is_linked_and_a_file_that_is_gone_passed_over(
    state: Path, tmp_path: Path
) -> None:
    state.mkdir(parents=True)
    older = state / "20200101T000000-1.json"
    older.write_bytes(b"{}")
    out = tmp_path / "result.json"
    out.write_bytes(b"{}")
    history.link(out)
    latest = history.latest()
    assert latest is not None
    assert latest.resolve() == out
    out.unlink()
    assert history.latest() == older


@pytest.mark.parametrize(
    ("content", "pid", "found"),
    [
        ({"last_heard": "2026-01-01"}, 2**22 + 7, True),  # no system gives out such a pid
        ({"last_heard": ""}, 2**22 + 7, False),
        ({"last_heard": "2026-01-01"}, 0, False),
        ([], 2**22 + 7, False),
        ({}, 2**22 + 7, False),
    ],
)
def test_a_run_was_killed_if_it_has_not_ended_and_is_gone(state: Path, content: object, pid: int, found: bool) -> None:
    state.mkdir(parents=True)
    run = state / f"20200101T000000-{pid or os.getpid()}.json"
    run.write_bytes(orjson.dumps(content))
    assert history.killed() == (run if found else None)


def test_a_file_that_does_not_exist_is_never_linked(state: Path, tmp_path: Path) -> None:
    history.link(tmp_path / "never.json")
    assert not state.exists()


def test_links_to_files_that_are_gone_are_forgotten_before_results(state: Path, tmp_path: Path) -> None:
    state.mkdir(parents=True)
    (state / "20200101T000000-1.json").write_bytes(b"{}")
    for n in range(10):
        (state / f"20260101T0000{n:02}-1.json").symlink_to(tmp_path / "gone")
    history.forget()
    assert len(list(state.iterdir())) == 10
    assert history.latest() == state / "20200101T000000-1.json"


@pytest.mark.parametrize("named", [True, False])
def test_a_command_that_fails_before_its_run_takes_no_place(state: Path, tmp_path: Path, named: bool) -> None:
    state.mkdir(parents=True)
    for n in range(10):
        (state / f"20260101T0000{n:02}-1.json").write_bytes(b"{}")
    before = sorted(state.iterdir())
    Saving([str(tmp_path / "never.json")] if named else [])
    assert sorted(state.iterdir()) == before


def test_a_run_is_remembered_from_its_first_checkpoint(state: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    saving = Saving([str(out)])
    out.write_bytes(b"{}")
    saving._remember()
    saving._remember()
    assert [run.resolve() for run in state.iterdir()] == [out]
