from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from sim_kit import Bench

from llmload.errors import OutputError
from llmload.sim.truth import Truth, TruthFile


def _lines(path: Path) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_each_request_is_a_line_with_every_time(tmp_path: Path):
    bench = Bench(jitter=0)
    bench.chat(5, headers={"x-request-id": "abc"})
    bench.time.run()
    log = TruthFile(tmp_path / "truth.jsonl")
    log(bench.truths[0])
    log.close()
    log.close()
    (line,) = _lines(tmp_path / "truth.jsonl")
    assert line["content"] == bench.truths[0].content.tolist()
    assert (line["id"], line["route"], line["model"], line["status"]) == ("abc", "chat", "sim-model", 200)
    assert (line["tokens"], line["ended"], line["faults"]) == (5, "finished", [])
    assert [what for what, _ in line["other"]] == ["head", "finish"]
    assert line["received"] < line["content"][0] < line["content"][4] == line["end"]


def test_the_log_is_bounded_and_says_what_it_left_out(tmp_path: Path):
    path = tmp_path / "truth.jsonl"
    log = TruthFile(path, limit=1000)
    for number in range(100):
        log(Truth(number, 0))
    log.close()
    *lines, last = _lines(path)
    assert [line["index"] for line in lines] == list(range(len(lines)))
    assert last == {"omitted": 100 - len(lines)}
    assert path.stat().st_size < 1100


def test_a_log_that_cannot_be_written_is_a_users_error(tmp_path: Path):
    with pytest.raises(OutputError, match="truth log"):
        TruthFile(tmp_path / "no" / "truth.jsonl")
