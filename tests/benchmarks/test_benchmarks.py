"""The benchmarks run: figures of a few quick runs are not looked at, what they are figures of is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import decoders, peers, report
from benchmarks.__main__ import PARTS, main
from benchmarks.clients import Ceiling, Llmload, PlainAiohttp
from benchmarks.end_to_end import streams_table
from benchmarks.stage import Case, Client, Figures, Look, Run, perform
from benchmarks.tables import Table

ROOT = Path(__file__).resolve().parent.parent.parent
CASE = Case("test", 0.6, rate=50, tokens=5, ttft=20, spread=10, itl=10)
needs_cc = pytest.mark.skipif(shutil.which("cc") is None or sys.platform != "linux", reason="needs cc and epoll")


def test_the_pure_parts_print_tables_and_write_them_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = tmp_path / "bench.json"
    assert main(["--quick", "decoders", "records", "--json", str(written)]) == 0
    assert "| stream reader | OpenAI, 1 event a read |" in capsys.readouterr().out
    tables = {table["name"]: table["rows"] for table in json.loads(written.read_bytes())["tables"]}
    assert list(tables) == ["machine", "decoders", "records"]
    assert all(row["events/s"] > 0 for row in tables["decoders"])


def test_every_part_has_its_place_in_the_page_and_in_the_readme() -> None:
    page = (ROOT / "docs" / "performance.md").read_text("utf-8")
    readme = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    for name in ("machine", "streams", "requests", "schedule", *set(PARTS) - {"end-to-end"}):
        assert f"<!-- bench: {name} -->" in page
    for name in PARTS:
        assert f"| `{name}` |" in readme


def test_a_page_gets_its_tables_and_keeps_the_rest(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- bench: one -->\nold\n<!-- bench end -->\nb\n<!-- bench: two -->\n<!-- bench end -->\n")
    report.refresh(page, [Table("one", ("x",), [[1234.0], [0.5]]), Table("three", ("y",))])
    expected = "a\n<!-- bench: one -->\n\n| x |\n| --- |\n| 1,234 |\n| 0.50 |\n\n<!-- bench end -->\nb\n"
    assert page.read_text() == expected + "<!-- bench: two -->\n<!-- bench end -->\n"
    report.refresh(page, [Table("one", ("x",), [[1234.0], [0.5]])])
    assert page.read_text().startswith(expected)


def test_the_streams_that_decoders_are_fed_are_whole() -> None:
    for _, reads in decoders.streams():
        assert b"".join(reads).count(b'"content":"') == 101  # the role chunk's is empty
        assert b"".join(reads).endswith(b"data: [DONE]\n\n")


@needs_cc
@pytest.mark.parametrize("client", [Ceiling(), PlainAiohttp(), Llmload()], ids=lambda client: client.name)
def test_each_client_gets_every_stream_whole_and_says_when(client: Client) -> None:
    run = perform(client, CASE)
    assert run.complete
    assert run.true.calls == 30
    assert run.true.chunks == 150
    off = run.off("ttft", 0)
    assert off is not None
    assert off > -0.2  # nobody reads a chunk before it is written


@needs_cc
def test_the_server_in_python_answers_and_logs_as_the_one_in_c(monkeypatch: pytest.MonkeyPatch) -> None:
    ceiling = Ceiling()
    command = ceiling.command(CASE, 1, Path())  # compiled before there is no compiler any more
    monkeypatch.setattr(ceiling, "command", lambda _case, port, _folder: [*command[:2], str(port), *command[3:]])
    monkeypatch.setattr("benchmarks.stage.compiled", lambda _name: None)
    run = perform(ceiling, CASE)
    assert run.complete
    assert run.true.chunks == 150


@needs_cc
def test_whole_answers_are_counted_on_both_sides() -> None:
    run = perform(Ceiling(), Case("test", 0.3, users=2, tokens=1, ttft=1, spread=0, stream=False))
    assert run.complete
    assert run.said.calls > 10


def test_a_client_that_fails_is_told_with_what_it_printed() -> None:
    class Failing(PlainAiohttp):
        def command(self, case: Case, port: int, folder: Path) -> list[str]:
            return [sys.executable, "-c", "import sys; sys.exit('no such luck')"]

    with pytest.raises(RuntimeError, match="no such luck"):
        perform(Failing(), CASE)


def look(at: float, chunks: int, cpu: float) -> Look:
    return Look(round(at * 1e9), {"first": 10**9, "chunks": chunks, "finished": 0, "open": 1}, {7: cpu}, {7: 1})


def test_cpu_is_taken_from_the_steady_part_of_a_run() -> None:
    case = Case("test", 10.0, rate=1, tokens=100)
    figures = Figures(10, 10, 1000, {"ttft": (1.0, 2.0, 3.0)})
    looks = (look(0.5, 0, 5.0), look(4, 1000, 6.0), look(9, 2000, 8.0), look(20, 5000, 50.0))
    run = Run("llmload", case, figures, figures, 0.0, looks)
    assert run.steady() == (2.0, 10.0, 5.0)
    row = streams_table("streams", [(case, [{"llmload": run}])]).rows[0]
    assert row[:4] == ["1", "llmload", "all", 200.0]


def test_a_lost_chunk_or_call_or_one_never_made_is_not_whole() -> None:
    true, planned = Figures(10, 10, 1000), Case("test", 1.0, rate=10)
    for said in (Figures(10, 10, 999), Figures(10, 9, 1000), Figures(9, 9, 1000)):
        assert not Run("x", planned, said, true, 0.0, ()).complete
    assert Run("x", planned, Figures(10, 10, None), true, 0.0, ()).whole == "all"
    assert Run("x", Case("test", 1.0, rate=20), Figures(10, 10, 1000), true, 0.0, ()).whole == "10 of 20"


def test_a_process_that_has_gone_takes_its_cpu_out_of_no_figure() -> None:
    looks = [look(at, 100 * at, float(at)) for at in range(1, 9)]
    gone = Look(looks[-1].at + 10**9, looks[-1].stats, {8: 0.0}, {8: 1})
    figures = Figures(10, 10, 1000)
    run = Run("x", Case("test", 10.0, rate=1), figures, figures, 0.0, (*looks, gone))
    assert run.middle()[-1] is looks[-1]


SAID = {
    "vegeta": (
        "stdout",
        '{"latencies": {"50th": 2500000, "99th": 4000000, "max": 9000000}, "requests": 10, "status_codes": {"200": 9}}',
    ),
    "k6": (
        "k6.json",
        '{"metrics": {"http_reqs": {"count": 10}, "http_req_failed": {"passes": 1, "fails": 9, "value": 0.1},'
        ' "http_req_duration": {"med": 2.5, "p(99)": 4, "max": 9}}}',
    ),
    "locust": (
        "said_stats.csv",
        "Type,Name,Request Count,Failure Count,50%,99%,Max Response Time\nPOST,/v1/chat/completions,10,1,2.5,4,9\n",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_a_peers_own_summary_is_read(name: str, tmp_path: Path) -> None:
    case = Case("test", 1.0, users=2, stream=False)
    file, text = SAID[name]
    (tmp_path / file).write_text(text)
    peer = peers.PEERS[name]("/bin/true")
    figures = peer.figures(case, text, tmp_path)
    assert (figures.calls, figures.whole) == (10, 9)
    assert np.allclose(figures.times["latency"], [2.5, 4.0, 9.0])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", peers.PEERS)
def test_every_peer_has_a_command_for_both_kinds_of_load(name: str, tmp_path: Path) -> None:
    peer = peers.PEERS[name]("/bin/true")
    for case in (CASE, Case("closed", 1.0, users=3, stream=False)):
        assert any("/bin/true" in word for word in peer.command(case, 8000, tmp_path))


def test_a_peer_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match="no adapter for 'ab'"):
        peers.found(["ab"])
    with pytest.raises(ValueError, match="/nowhere/locust"):
        peers.found(["locust=/nowhere/locust"])


def test_the_command_of_the_tasks_knows_its_parts() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nonsense"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "no part 'nonsense'" in done.stderr
