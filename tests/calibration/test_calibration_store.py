"""A calibration is believed on the machine it was made on, and nowhere else; a damaged one never."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from calibration_kit import calibration
from hypothesis import given, settings
from hypothesis import strategies as st

from llmload.calibration import stored
from llmload.calibration.calibration import Noise
from llmload.calibration.store import fingerprint, look_up, place, render, save
from llmload.errors import OutputError


def test_what_is_kept_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert stored() is None
    assert save(calibration()) == tmp_path / "llmload" / "calibration.json"
    assert stored() == calibration()
    assert [path.name for path in (tmp_path / "llmload").iterdir()] == ["calibration.json"]


@pytest.mark.parametrize("home", ["", "relative/path"])
def test_without_a_usable_variable_it_is_kept_at_home(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somebody")
    assert place({"XDG_STATE_HOME": home}) == Path("/somebody/.local/state/llmload/calibration.json")


def test_without_one_it_is_said_how_to_make_one(tmp_path: Path) -> None:
    found = look_up(tmp_path / "none.json")
    assert found.calibration is None
    assert "llmload calibrate" in found.why


@pytest.mark.parametrize("name", fingerprint())
def test_of_another_machine_or_version_it_is_not_used_and_said_why(name: str, tmp_path: Path) -> None:
    path = save(calibration(), tmp_path / "c.json")
    found = look_up(path, fingerprint() | {name: "other"})
    assert found.calibration is None
    assert f"{name} {fingerprint()[name] or 'unknown'}, now other" in found.why
    assert "2026-11-20" in found.why


def test_the_fingerprint_names_machine_and_versions() -> None:
    have = fingerprint()
    assert set(have) >= {"cpu", "cpus", "python", "uvloop", "aiohttp", "llmload"}
    assert have["cpus"].isdigit()


WHOLE = json.loads(render(calibration()))


def without(*path: str | int) -> dict[str, Any]:
    made = json.loads(render(calibration()))
    part: Any = made
    for key in path[:-1]:
        part = part[key]
    del part[path[-1]]
    return made


DAMAGED: dict[str, Any] = {
    "empty": b"",
    "cut short": render(calibration())[:-200],
    "not an object": b"[1, 2]",
    "no UTF-8": b'{"kind": "\xff"}',
    "a result": b'{"kind": "llmload-result", "schema_version": "1.0"}',
    "of the future": WHOLE | {"schema_version": 2},
    "without a cost": without("cost"),
    "without a figure": without("steps", 0, "metrics", "ttft", "p99"),
    "with a metric unknown": WHOLE | {"steps": [WHOLE["steps"][0] | {"metrics": {"x": {}}}]},
    "with a kind unknown": WHOLE | {"steps": [WHOLE["steps"][0] | {"kind": "x"}]},
    "where an event costs nothing": WHOLE | {"cost": WHOLE["cost"] | {"event": 0.0}},
    "where a call costs less": WHOLE | {"cost": WHOLE["cost"] | {"call": -1.0}},
    "where a cost is text": WHOLE | {"cost": WHOLE["cost"] | {"idle": "many"}},
    "where a cost is null": WHOLE | {"cost": WHOLE["cost"] | {"idle": None}},
    "where steps are none": WHOLE | {"steps": None},
    "where the machine is a list": WHOLE | {"machine": []},
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_a_file_that_is_no_calibration_is_not_used_and_named(data: Any, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    found = look_up(path)
    assert found.calibration is None
    assert str(path) in found.why
    assert "not used" in found.why


@settings(deadline=None)
@given(data=st.binary(max_size=200), cut=st.integers(0, 4000), at=st.integers(0, 4000))
def test_no_file_whatever_is_in_it_breaks_a_run(data: bytes, cut: int, at: int, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.json"
    whole = render(calibration())
    path.write_bytes(whole[:at] + data + whole[at + cut :])
    found = look_up(path)
    assert (found.calibration is None) == bool(found.why)


def test_hostile_text_in_the_file_never_reaches_a_terminal(tmp_path: Path) -> None:
    hostile = WHOLE | {"machine": WHOLE["machine"] | {"cpu": "\x1b[2Jpwned"}, "made": "\x1b]0;x\x07"}
    path = tmp_path / "c.json"
    path.write_text(json.dumps(hostile))
    why = look_up(path).why
    assert "pwned" in why
    assert "\x1b" not in why


def test_a_directory_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"can't keep the calibration in .*/file/llmload"):
        save(calibration(), tmp_path / "file" / "llmload" / "calibration.json")


def test_one_made_on_a_disturbed_machine_still_tells_the_ceiling_but_is_no_error_bar(tmp_path: Path) -> None:
    made = calibration(noise=Noise(others=0.5))
    found = look_up(save(made, tmp_path / "noisy.json"))
    assert found.calibration == made
    assert "no error bar: the stored calibration (2026-11-20) was made on a disturbed machine" in found.why
    assert "calibrate again when it is quiet" in found.why
    assert look_up(save(calibration(), tmp_path / "quiet.json")).why == ""
