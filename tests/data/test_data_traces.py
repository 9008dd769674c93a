from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path

import pytest
from data_kit import written

from llmload.arrivals.replay import Replay
from llmload.data import traces
from llmload.data.traces import open_trace, trace_rows
from llmload.errors import ScenarioError
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source
from llmload.scenario.load import load_scenario
from llmload.scenario.plan import Plan
from llmload.scenario.preview import preview
from llmload.workload.workload import Workload

DOCS = Path(__file__).parents[2] / "docs" / "data"
SCENARIO = """
[targets.main]
base_url = "sim:"
model = "m"
[classes.chat]
{keys}
[load]
{load}
[load.trace]
file = "{file}"
format = "{format}"
{more}
"""


def plan(file: Path, format: str, load: str = "", more: str = "", keys: str = "") -> Plan:
    text = SCENARIO.format(file=file, format=format, load=load, more=more, keys=keys)
    return compile_scenario(load_scenario(Source(text, "x.toml", file.parent, "x")))


def mooncake(path: Path, stamps: list[int]) -> Path:
    rows = (f'{{"timestamp": {at}, "input_length": {at + 1}, "output_length": 2}}\n' for at in stamps)
    return written(path, "".join(rows))


@pytest.mark.parametrize(
    ("file", "format", "seconds", "first"),
    [
        ("azure.csv", "azure", [0.0, 0.052, 0.098163, 1.330676, 3.925289], (374, 44)),
        ("burstgpt.csv", "burstgpt", [0.0, 0.0, 4.0], (472, 18)),
        ("mooncake.jsonl", "mooncake", [0.0, 0.0, 3.0], (6755, 500)),
        ("log.jsonl", "llmload", [0.0, 0.41, 1.83], (64, 90)),
    ],
)
def test_formats(file: str, format: str, seconds: list[float], first: tuple[int, int]) -> None:
    trace = open_trace(DOCS / file, format)
    times = list(Replay(trace, 100.0).times())[: len(seconds)]
    assert [at / 1e9 for at in times] == pytest.approx(seconds, abs=2e-6)
    assert trace_rows(trace).row(0)[1:3] == first


def test_calls_have_the_lengths_of_their_rows() -> None:
    made = plan(DOCS / "azure.csv", "azure")
    workload = Workload(made.classes, made.seeds.mix, made.seeds.prompts)
    calls = [workload.call(index) for index in (2, 0, 7)]
    assert [(call.input_tokens, call.max_tokens) for call in calls] == [(879, 55), (374, 44), (879, 55)]


def test_what_a_class_says_itself_stays() -> None:
    made = plan(DOCS / "azure.csv", "azure", keys="max_tokens = 9\nprompt = { tokens = 5 }")
    call = Workload(made.classes, 1, 2).call(2)
    assert (call.input_tokens, call.max_tokens) == (5, 9)


def test_shards_together_are_the_whole() -> None:
    made = plan(DOCS / "mooncake.jsonl", "mooncake", 'duration = "60s"', "loop = true").schedule()
    whole = list(made.arrivals())
    assert len(whole) > 20
    assert sorted((a for shard in range(3) for a in made.arrivals(shard, 3)), key=lambda a: a.index) == whole
    assert [made.count(shard, 3) for shard in range(3)] == [len(whole[shard::3]) for shard in range(3)]
    assert list(pickle.loads(pickle.dumps(made)).arrivals()) == whole


def test_equal_stamps_are_spread_within_their_quantum_in_order_and_by_the_seed(tmp_path: Path) -> None:
    trace = open_trace(mooncake(tmp_path / "x.jsonl", [0] * 300 + [3000] * 300), "mooncake")
    times = list(Replay(trace, 6.0, quantum=3.0).times())
    assert times == sorted(times)
    assert all(0 <= at < 3e9 for at in times[:300])
    assert all(3e9 <= at < 6e9 for at in times[300:])
    assert len(set(times)) == 600
    assert times == list(Replay(trace, 6.0, quantum=3.0).times())
    assert times != list(Replay(trace, 6.0, quantum=3.0, seed=2).times())


def test_time_scale_limit_and_duration() -> None:
    assert [a.at for a in plan(DOCS / "azure.csv", "azure", more="time_scale = 2.0").schedule().arrivals()][
        1
    ] == 104000000
    assert len(list(plan(DOCS / "azure.csv", "azure", more="limit = 3").schedule().arrivals())) == 3
    assert len(list(plan(DOCS / "azure.csv", "azure", 'duration = "1s"').schedule().arrivals())) == 3


def test_the_curve_expects_what_the_trace_has(tmp_path: Path) -> None:
    stamps = [n * n for n in range(1000)]
    made = plan(mooncake(tmp_path / "x.jsonl", stamps), "mooncake", more='jitter = "0s"')
    assert preview(made).total.requests == pytest.approx(1000, abs=1)
    assert preview(made).total.output_tokens == pytest.approx(2000, rel=0.01)
    half = sum(at < 500_000 for at in stamps)
    assert made.load.curve.expected(500.0) == pytest.approx(half, abs=3)


@pytest.mark.parametrize(
    ("format", "content", "line", "what"),
    [
        ("azure", "TIMESTAMP,ContextTokens\n", 1, "no column 'GeneratedTokens'"),
        ("azure", "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1,1\nnever,1,1\n", 3, "is no time"),
        ("azure", "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1\n", 2, "has 2 fields"),
        ("mooncake", '{"timestamp": 5, "input_length": 1, "output_length": -1}\n', 1, "no number of tokens"),
        ("mooncake", '{"timestamp": 5, "input_length": 1, "output_length": 1, "hash_ids": ["a"]}', 1, "whole numbers"),
        ("mooncake", '{"timestamp": "inf", "input_length": 1, "output_length": 1}\n', 1, "is no time"),
        ("llmload", "[]\n", 1, "no JSON object"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, format: str, content: str, line: int, what: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        open_trace(written(tmp_path / "x", content), format)
    assert str(caught.value).startswith(f"{tmp_path / 'x'}:{line}: ")
    assert what in str(caught.value)


def test_a_trace_goes_forwards(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"x:2: goes back in time"):
        open_trace(mooncake(tmp_path / "x", [5, 4]), "mooncake")


@pytest.mark.parametrize(
    ("load", "more", "what"),
    [
        ('rate = "1/s"', "", "load.rate: stands beside a trace"),
        ("", "loop = true", "load.duration: is missing"),
        ("", "[scale]\nrate = 2.0", "time_scale"),
    ],
)
def test_keys_that_do_not_go_with_a_trace(load: str, more: str, what: str) -> None:
    with pytest.raises(ScenarioError, match=what):
        plan(DOCS / "azure.csv", "azure", load, more)


def test_a_log_of_too_many_requests_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "_MOST_UNSORTED", 2)
    with pytest.raises(ScenarioError, match="a row too many"):
        open_trace(DOCS / "log.jsonl", "llmload")


def test_a_replay_does_not_grow_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with path.open("w") as file:
        for at in range(100_000):
            file.write(f'{{"timestamp": {at}, "input_length": 9, "output_length": 9, "hash_ids": [{"1, " * 300}1]}}\n')
    assert path.stat().st_size > 90_000_000
    tracemalloc.start()
    trace = open_trace(path, "mooncake")
    assert sum(1 for _ in Replay(trace, 100.0, quantum=0.001).times()) == 100_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_phases_name_stretches_of_a_replay() -> None:
    phases = 'phases = [{ name = "warm", duration = "1s", measure = false }, { name = "rest" }]'
    made = plan(DOCS / "azure.csv", "azure", phases)
    end = made.load.duration
    assert [(phase.name, phase.start, phase.end, phase.measure) for phase in made.phases] == [
        ("warm", 0.0, 1.0, False), ("rest", 1.0, end, True),
    ]  # fmt: skip
    assert len(list(made.schedule().arrivals())) == len(list(plan(DOCS / "azure.csv", "azure").schedule().arrivals()))
    short = plan(
        DOCS / "azure.csv", "azure", 'phases = [{ name = "a", duration = "1s" }, { name = "b", duration = "2s" }]'
    )
    assert short.load.duration == short.phases[-1].end == 3.0
    looped = plan(DOCS / "azure.csv", "azure", 'phases = [{ name = "a", duration = "1m" }]', "loop = true")
    assert looped.load.duration == 60.0


@pytest.mark.parametrize(
    ("phases", "what"),
    [
        ('{ name = "a", rate = "1/s" }', "stands beside a trace"),
        ('{ name = "a" }, { name = "b" }', "duration: is missing"),
        ('{ name = "a", duration = "9m" }, { name = "b" }', "begins when the replay is over"),
        ('{ name = "a", measure = false }', "nothing is measured"),
    ],
)
def test_phases_that_do_not_fit_a_replay(phases: str, what: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        plan(DOCS / "azure.csv", "azure", f"phases = [{phases}]")
    assert what in str(caught.value)
