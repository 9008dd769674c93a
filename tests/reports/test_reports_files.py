"""Files are replaced as a whole or not at all, and problems are found before the run."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from llmload.errors import OutputError
from llmload.reports import files


def test_a_file_holds_exactly_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    files.write(str(path), b"first")
    files.write(str(path), b"second")
    assert path.read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["result.json"]


def test_a_file_is_readable_by_others_whatever_mkstemp_thinks(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    files.write(str(path), b"x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_failed_write_keeps_the_old_file_and_leaves_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.json"
    files.write(str(path), b"old")

    def disk_full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OutputError, match=r"result\.json.*No space left"):
        files.write(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["result.json"]


def test_a_symbolic_link_is_followed_not_replaced(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_bytes(b"old")
    link.symlink_to(real)
    files.write(str(link), b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_a_device_is_written_to_not_replaced() -> None:
    files.check_writable("/dev/null")
    files.write("/dev/null", b"x")
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("act", [files.check_writable, lambda path: files.write(path, b"x")])
def test_a_missing_directory_is_named(tmp_path: Path, act: Callable[[str], None]) -> None:
    with pytest.raises(OutputError, match=r"there is no directory '.*absent'"):
        act(str(tmp_path / "absent" / "result.json"))


def test_a_directory_in_place_of_a_file_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="directory"):
        files.check_writable(str(tmp_path))


def test_checking_leaves_nothing_behind_and_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    files.check_writable(str(path))
    assert os.listdir(tmp_path) == []
    path.write_bytes(b"old")
    files.check_writable(str(path))
    assert path.read_bytes() == b"old"


def test_a_dash_is_standard_output() -> None:
    files.check_writable("-")
    code = "from llmload.reports import files; files.write('-', b'\\xe2\\x9c\\x93 done\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == "✓ done\n".encode()


def test_a_reader_that_went_away_is_not_an_error() -> None:
    code = "from llmload.reports import files; files.write('-', b'x' * 1_000_000)"
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        done = subprocess.run([sys.executable, "-c", code], stdout=closed, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
