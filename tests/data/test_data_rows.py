from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from data_kit import written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmload.data import cut, rows
from llmload.data.cut import MOST, RowError
from llmload.data.rows import DataFile, Rows, scan, survey
from llmload.errors import ScenarioError


def surveyed(path: Path, kind: str) -> DataFile:
    return survey(path, kind, lambda row: None)


def as_lines(values: list[str]) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def as_list(values: list[str]) -> bytes:
    return json.dumps([{"a": [{"b": value}], value: "}]{["} for value in values], indent=1).encode()


def as_records(values: list[str]) -> bytes:
    return b"".join(b'1,"' + value.replace('"', '""').encode("utf-8", "replace") + b'"\n' for value in values)


@pytest.mark.parametrize(("kind", "make"), [("lines", as_lines), ("objects", as_list), ("records", as_records)])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(data=st.data())
def test_any_row_is_what_a_walk_finds_there(
    tmp_path: Path, kind: str, make: Callable[[list[str]], bytes], data: st.DataObject
) -> None:
    values = data.draw(st.lists(st.text(max_size=20), min_size=1, max_size=40))
    path = written(tmp_path / "x", make(values))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "_PLACES", data.draw(st.sampled_from([2, 4, 64])))
        patch.setattr(cut, "_READ", data.draw(st.sampled_from([1, 7, 4096])))
        known = surveyed(path, kind)
        walked = [found.row for found in scan(path, kind)]
        assert known.rows == len(walked) == len(values)
        opened = Rows(known)
        for number in data.draw(st.lists(st.integers(0, len(values) - 1), max_size=30)):
            assert opened.row(number) == walked[number]


def test_lines_are_counted_in_lists_too(tmp_path: Path) -> None:
    path = written(tmp_path / "x", '\n[\n{"a":\n1},{"b": 2}\n,\n{}]')
    assert [(found.line, found.row) for found in scan(path, "objects")] == [
        (3, b'{"a":\n1}'),
        (4, b'{"b": 2}'),
        (6, b"{}"),
    ]


def test_a_packed_file_reads_like_a_plain_one(tmp_path: Path) -> None:
    plain = written(tmp_path / "x.txt", b"\xef\xbb\xbfa\nb\nc\n")
    packed = written(tmp_path / "x.txt.gz", plain.read_bytes())
    a, b = Rows(surveyed(plain, "lines")), Rows(surveyed(packed, "lines"))
    assert [a.row(k) for k in (2, 0, 1)] == [b.row(k) for k in (2, 0, 1)] == [b"c\n", b"a\n", b"b\n"]
    packed.write_bytes(packed.read_bytes()[:-6])
    with pytest.raises(ScenarioError, match="can't be read"):
        surveyed(packed, "lines")


def test_a_file_that_changed_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.txt", "a\nb\n")
    known = surveyed(path, "lines")
    written(path, "a\nb\nc\n")
    with pytest.raises(ScenarioError, match="has changed"):
        Rows(known)
    path.unlink()
    with pytest.raises(ScenarioError, match="can't be read"):
        Rows(known)


def test_a_row_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(MOST + 2)
    with pytest.raises(RowError, match="more than 64 MiB"):
        list(scan(path, "lines"))


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    row = b'{"prompt": "' + b"x" * 400 + b'"}\n'
    with path.open("wb") as file:
        for _ in range(250):
            file.write(row * 1000)
    assert path.stat().st_size > 100_000_000
    tracemalloc.start()
    known = surveyed(path, "lines")
    opened = Rows(known)
    for number in (249_999, 3, 125_000, 125_001):
        assert opened.row(number) == row
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert known.rows == 250_000
    assert peak < 8_000_000
