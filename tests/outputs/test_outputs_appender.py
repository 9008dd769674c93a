"""The file under the request log: whole lines, gzip members, rotation, full disks."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmload.errors import OutputError
from llmload.outputs.appender import Appender, pieces


def test_what_was_appended_is_in_the_file_before_it_is_closed(tmp_path: Path) -> None:
    file = Appender(tmp_path / "a.jsonl")
    file.append(b"one\n")
    file.append(b"two\nthree\n")
    assert (tmp_path / "a.jsonl").read_bytes() == b"one\ntwo\nthree\n"
    file.close()
    file.close()


def test_a_file_of_an_earlier_run_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"old\n")
    Appender(tmp_path / "a.jsonl").close()
    assert (tmp_path / "a.jsonl").read_bytes() == b""


def test_a_gzip_file_can_be_read_to_its_end_while_it_is_being_written(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    file = Appender(path)
    file.append(b"one\n")
    assert gzip.decompress(path.read_bytes()) == b"one\n"
    file.append(b"two\n")
    assert gzip.decompress(path.read_bytes()) == b"one\ntwo\n"
    file.close()


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"nowhere/a\.jsonl: No such file"):
        Appender(tmp_path / "nowhere" / "a.jsonl")


def test_a_device_that_is_full_raises_and_can_be_tried_again() -> None:
    file = Appender(Path("/dev/full"))
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            file.append(b"one\n")
    file.close()


_LIMITED = """
import resource, signal, sys
from pathlib import Path
from llmload.outputs.appender import Appender
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
file = Appender(Path(sys.argv[1]))
file.append(b"first\\n")
try:
    file.append(b"second line\\n")
except OSError as error:
    print(error.strerror)
"""


def test_a_write_cut_short_leaves_no_part_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    done = subprocess.run([sys.executable, "-c", _LIMITED, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "File too large\n"
    assert path.read_bytes() == b"first\n"


def test_a_file_that_would_grow_too_large_is_renamed_and_the_oldest_goes(tmp_path: Path) -> None:
    file = Appender(tmp_path / "a.jsonl", max_bytes=8, keep=2)
    for number in range(7):
        file.append(b"%03d\n" % number)
    file.close()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a.jsonl": b"006\n",
        "a.jsonl.1": b"004\n005\n",
        "a.jsonl.2": b"002\n003\n",
    }


def test_lines_of_files_that_went_are_counted(tmp_path: Path) -> None:
    file = Appender(tmp_path / "a.jsonl", max_bytes=8, keep=1)
    for number in range(7):
        file.append(b"%03d\n" % number)
    file.close()
    assert file.dropped == 4


def test_numbered_files_of_an_earlier_run_are_removed_where_there_is_a_bound(tmp_path: Path) -> None:
    for name in ("a.jsonl.1", "a.jsonl.2", "a.jsonl.3", "b.jsonl.1"):
        (tmp_path / name).write_bytes(b"old\n")
    Appender(tmp_path / "a.jsonl", max_bytes=8, keep=2).close()
    Appender(tmp_path / "b.jsonl").close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "a.jsonl.3", "b.jsonl", "b.jsonl.1"]


def test_a_rotation_that_failed_half_way_is_completed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Appender(tmp_path / "a.jsonl", max_bytes=4, keep=2)
    file.append(b"one\n")
    with monkeypatch.context() as broken:
        broken.setattr(os, "open", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            file.append(b"two\n")
    file.append(b"six\n")
    file.close()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a.jsonl": b"six\n", "a.jsonl.2": b"one\n",
    }  # fmt: skip


def test_a_device_is_never_renamed() -> None:
    file = Appender(Path("/dev/null"), max_bytes=4)
    for _ in range(3):
        file.append(b"line\n")
    file.close()
    assert Path("/dev/null").is_char_device()


def test_rotated_gzip_files_keep_a_name_that_tools_know(tmp_path: Path) -> None:
    file = Appender(tmp_path / "calls.jsonl.gz", max_bytes=30)
    for number in range(3):
        file.append(b"%03d\n" % number)
    file.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["calls.1.jsonl.gz", "calls.2.jsonl.gz", "calls.jsonl.gz"]
    assert [gzip.decompress((tmp_path / name).read_bytes()) for name in names] == [b"001\n", b"000\n", b"002\n"]


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"") + b"\n")), st.integers(1, 60))
def test_pieces_are_whole_lines_within_the_limit_and_together_everything(lines: list[bytes], limit: int) -> None:
    whole = b"".join(lines)
    cut = list(pieces(whole, limit))
    assert b"".join(cut) == whole
    assert all(piece.endswith(b"\n") for piece in cut)
    assert all(len(piece) <= limit or piece.count(b"\n") == 1 for piece in cut)
