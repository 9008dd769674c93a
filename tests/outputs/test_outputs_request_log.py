"""The request log: what a line holds, and what happens when it can't be written."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from output_kit import START, Ended, OutputConformance, a_plan, a_record, a_summary

from llmload.outputs.base import RecordSink, Speaks
from llmload.outputs.request_log import RequestLog, encode_record
from llmload.records import Message, Outcome, Usage

WALL = 1_700_000_000.0


class TestConformance(OutputConformance):
    def make(self, tmp_path: Path) -> RequestLog:
        return RequestLog(tmp_path / "calls.jsonl")

    def make_broken(self, tmp_path: Path) -> RequestLog:
        return RequestLog(tmp_path / "nowhere" / "calls.jsonl")

    def test_it_takes_records_and_speaks(self, tmp_path: Path) -> None:
        assert isinstance(self.make(tmp_path), RecordSink)
        assert isinstance(self.make(tmp_path), Speaks)


def lines_of(count: int, first: int = 0) -> bytes:
    return b"".join(encode_record(a_record(index), START, WALL) for index in range(first, first + count))


def write(log: RequestLog, *batches: bytes) -> None:
    log.start(a_plan())
    for batch in batches:
        log.records(batch)
    log.finish(Ended())


# What a line holds


def test_a_line_holds_identity_times_outcome_and_tokens() -> None:
    line = encode_record(a_record(3), START, WALL)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "index": 3, "class": "chat", "target": "main", "api": "chat", "model": "sim-model", "phase": "main",
        "tags": {"tier": "gold"}, "worker": 0, "origin": "schedule", "time": "2023-11-14T22:13:20.300000Z",
        "planned": 0.3, "dispatched": 0.3005, "connected": 0.3005, "sent": 0.301, "headers": 0.34, "first_byte": 0.34,
        "first_content": 0.35, "last_content": 0.38, "end": 0.381, "attempt": 1, "final": True,
        "outcome": "ok", "status": 200, "detail": "", "request_id": None, "finish": None,
        "input_tokens": 12, "output_tokens": 4, "cached_tokens": None, "reasoning_tokens": None,
        "token_source": "estimated", "chunks": 4, "bytes_in": 900, "bytes_out": 300, "reused": True, "queued": False,
    }  # fmt: skip


def test_what_never_happened_is_null() -> None:
    record = a_record(outcome=Outcome.CONNECT_ERROR)
    record.connected = record.sent = record.headers = record.first_byte = record.last_content = record.status = 0
    record.answer.stamps = record.answer.stamps[:0]
    row = json.loads(encode_record(record, START, WALL))
    missing = ("connected", "sent", "headers", "first_byte", "first_content", "last_content", "status")
    assert [row[name] for name in missing] == [None] * 7
    assert row["end"] == 0.081


def test_the_servers_own_usage_is_told_from_an_estimate() -> None:
    record = a_record()
    record.answer.usage = Usage(input=20, output=7, cached=16, reasoning=3)
    row = json.loads(encode_record(record, START, WALL))
    assert [row[f"{kind}_tokens"] for kind in ("input", "output", "cached", "reasoning")] == [20, 7, 16, 3]
    assert row["token_source"] == "usage"


def test_chunk_times_are_there_when_asked_for() -> None:
    row = json.loads(encode_record(a_record(), START, WALL, chunks=True))
    assert row["stamps"] == [0.05, 0.06, 0.07, 0.08]


def test_prompts_answers_and_keys_are_left_out_unless_text_is_asked_for() -> None:
    record = a_record()
    record.call = type(record.call)(
        0, "chat", "main", record.call.api, "m", messages=(Message("user", "my secret prompt"),),
        headers={"Authorization": "Bearer sk-12345678"}, params={"user": "sk-12345678"},
    )  # fmt: skip
    record.answer.text = ["an ", "answer"]
    plain = encode_record(record, START, WALL, chunks=True)
    assert b"secret prompt" not in plain
    assert b"answer" not in plain
    with_text = encode_record(record, START, WALL, text=True)
    assert json.loads(with_text)["prompt"] == "my secret prompt"
    assert json.loads(with_text)["text"] == "an answer"
    assert b"sk-12345678" not in plain + with_text


def test_text_is_bounded() -> None:
    record = a_record()
    record.answer.text = ["x" * 1000] * 1000
    assert len(json.loads(encode_record(record, START, WALL, text=True))["text"]) == 65_536


@given(st.text(st.characters()), st.integers(0, 10**40))
def test_any_text_and_count_of_a_server_makes_one_line_of_json(text: str, tokens: int) -> None:
    record = a_record()
    record.detail = record.answer.finish = text
    record.answer.usage = Usage(output=tokens)
    line = encode_record(record, START, WALL)
    assert line.count(b"\n") == 1
    assert json.loads(line)["output_tokens"] == tokens
    assert json.loads(line)["time"].startswith("2023-11-14")


@given(st.integers(0, 86_400_000_000), st.integers(0, 999))
def test_times_are_exact_to_the_microsecond(micros: int, nanos: int) -> None:
    record = a_record()
    record.end = START + micros * 1000 + nanos
    assert round(orjson.loads(encode_record(record, START, WALL))["end"] * 1e6) == micros


# Writing


def test_every_line_arrives_in_order(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "calls.jsonl")
    write(log, lines_of(10), b"", lines_of(5, first=10))
    rows = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_bytes().splitlines()]
    assert [row["index"] for row in rows] == list(range(15))
    assert log.lost == 0
    assert log.messages() == []


def test_a_name_in_gz_is_compressed(tmp_path: Path) -> None:
    write(RequestLog(tmp_path / "calls.jsonl.gz"), lines_of(500))
    packed = (tmp_path / "calls.jsonl.gz").read_bytes()
    assert gzip.decompress(packed) == lines_of(500)
    assert len(packed) < len(lines_of(500)) / 5


@pytest.mark.parametrize("name", ["calls.jsonl", "calls.jsonl.gz"])
def test_a_limit_holds_for_all_files_together_and_keeps_the_newest(tmp_path: Path, name: str) -> None:
    log = RequestLog(tmp_path / name, limit=40_000)
    write(log, *(lines_of(20, first) for first in range(0, 4000, 20)))
    files = list(tmp_path.iterdir())
    assert 30_000 < sum(path.stat().st_size for path in files) <= 40_000
    assert len(files) == 10
    read = gzip.decompress if name.endswith(".gz") else bytes
    kept = sorted(json.loads(line)["index"] for path in files for line in read(path.read_bytes()).splitlines())
    assert kept == list(range(4000 - len(kept), 4000)), "the newest, without a gap"
    assert log.lost == 0, "what was asked for is no loss"
    (said,) = log.messages()
    assert f"{4000 - len(kept):,} older calls were dropped" in said
    assert str(tmp_path / name) in said


def test_within_its_limit_a_log_is_one_file(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "calls.jsonl", limit=1_000_000)
    write(log, lines_of(40))
    assert [path.name for path in tmp_path.iterdir()] == ["calls.jsonl"]
    assert log.messages() == []


def test_a_full_disk_is_told_once_and_every_line_counted() -> None:
    log = RequestLog(Path("/dev/full"))
    log.start(a_plan())
    log.records(lines_of(3))
    log.records(lines_of(2))
    log.finish(None)
    assert log.lost == 5
    assert log.messages() == [
        "can't write to /dev/full: No space left on device; the run goes on, calls are left out of it",
        "5 calls are missing from /dev/full",
    ]
    assert log.messages() == []


def test_a_disk_that_hangs_blocks_neither_the_run_nor_its_end(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log = RequestLog(path, queue_bytes=200_000, patience=0.2)
    log.start(a_plan())
    batch = lines_of(100)
    sent = 0
    while log.lost == 0:  # nobody reads: pipe and queue fill up
        log.records(batch)
        sent += 100
    assert "can't be written as fast" in log.messages()[0]
    log.finish(None)
    assert 0 < log.lost <= sent
    assert f"{log.lost} calls are missing" in log.messages()[-1].replace(",", "")
    os.close(reader)  # lets the thread go: its write fails


def test_lines_after_the_end_are_counted_as_lost(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "calls.jsonl")
    write(log)
    log.records(lines_of(2))
    assert log.lost == 2


_ENDLESS = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from output_kit import a_plan
from llmload.outputs.request_log import RequestLog
log = RequestLog(Path(sys.argv[1]))
log.start(a_plan())
log.records(b'{"index":0}\\n')
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("name", ["calls.jsonl", "calls.jsonl.gz"])
def test_a_killed_run_leaves_a_readable_log(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(path), str(Path(__file__).parent)], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        while not path.stat().st_size:
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
    data = path.read_bytes()
    assert (gzip.decompress(data) if path.suffix == ".gz" else data) == b'{"index":0}\n'


def test_updates_write_nothing(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "calls.jsonl")
    log.start(a_plan())
    log.update(a_summary(), a_summary())
    log.finish(None)
    assert (tmp_path / "calls.jsonl").read_bytes() == b""
