"""The command as a user runs it, over real HTTP against the embedded simulator."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llmload.reports.result import parse_result
from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec

SHORT = """
name = "short"
objectives = ["errors.rate < 1%", "ttft.p50 < 500ms"]
[targets.main]
base_url = "sim:"
model = "sim-model"
[classes.chat]
api = "chat"
stream = true
prompt = { tokens = 20 }
max_tokens = 20
[load]
process = "uniform"
rate = "40/s"
duration = "2s"
"""


# Other work on the machine makes figures INVALID, rightly; what these tests are about is the target.
TRUST = "--allow-invalid"


def llmload(*args: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "llmload", *args],
        capture_output=True,
        text=True,
        timeout=90,
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", **env},
    )


@pytest.fixture
def short(tmp_path: Path) -> Path:
    path = tmp_path / "short.toml"
    path.write_text(SHORT)
    return path


def test_a_healthy_target_passes(short: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "result.json", tmp_path / "calls.jsonl.gz"
    done = llmload("run", str(short), TRUST, "--out", str(out), "--requests", str(log))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 objectives met" in done.stdout
    result = parse_result(out.read_bytes(), "result")
    assert (result.summary.planned, result.summary.sent, result.summary.completed) == (80, 80, 80)
    calls = [json.loads(line) for line in gzip.decompress(log.read_bytes()).splitlines()]
    assert sorted(call["index"] for call in calls) == list(range(80))
    assert {call["outcome"] for call in calls} == {"ok"}
    shown = llmload("report", str(out))
    assert shown.returncode == 0
    assert shown.stdout.splitlines()[0] == done.stdout.splitlines()[0]


def test_a_failing_target_fails_and_says_which_objective(short: Path) -> None:
    done = llmload("run", str(short), TRUST, "--fault", "error:rate=20%")
    assert done.returncode == 1
    assert any("errors.rate" in line and "✗" in line for line in done.stdout.splitlines())


def test_a_run_stops_when_its_budget_is_spent(short: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    prices = ("--set", "targets.main.prices={output=10000, input=100}", "--set", "budget.stop=2")
    done = llmload("run", str(short), TRUST, *prices, "--set", "load.duration=60s", "-o", str(out))
    result = parse_result(out.read_bytes(), "result")
    assert 2 <= result.summary.select().cost < 30
    assert result.summary.elapsed < 30
    assert "the budget of $2 is spent" in done.stdout + done.stderr


def test_rules_can_be_added_on_the_command_line(short: Path) -> None:
    done = llmload("run", str(short), TRUST, "--fail-on", "latency.p50 < 1ms")
    assert done.returncode == 1
    assert "latency.p50 < 1ms" in done.stdout
    assert llmload("run", str(short), TRUST, "--fail-on", "latncy.p50 < 1ms").returncode == 2


def test_a_typo_exits_2_and_names_line_and_key(tmp_path: Path) -> None:
    path = tmp_path / "typo.toml"
    path.write_text(SHORT.replace("max_tokens", "max_tokns"))
    done = llmload("run", str(path))
    assert done.returncode == 2
    line = 1 + SHORT.split("\n").index("max_tokens = 20")
    assert f"typo.toml:{line}" in done.stderr
    assert "max_tokns" in done.stderr
    assert "max_tokens" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreachable_target_exits_4(short: Path) -> None:
    done = llmload("run", str(short), TRUST, "--url", "http://127.0.0.1:1/v1")
    assert done.returncode == 4
    assert "127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


def test_json_on_stdout_is_nothing_but_json(short: Path) -> None:
    done = llmload("run", str(short), TRUST, "--json", "-", "--display", "live")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert [judgement["passed"] for judgement in document["judgements"]] == [True, True]
    assert "2 of 2 objectives met" in done.stderr


def test_broken_streams_are_counted_as_what_they_are(short: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    faults = ["truncate:rate=10%,after=5", "error-event:rate=10%,after=5", "stall:rate=10%,after=5,pause=1.5s"]
    llmload(
        "run",
        str(short),
        TRUST,
        "--set",
        "load.duration=5s",
        "-o",
        str(out),
        *(x for f in faults for x in ("--fault", f)),
    )
    total = parse_result(out.read_bytes(), "result").summary.select()
    outcomes = {outcome.value: count for outcome, count in total.outcomes.items()}
    assert sum(outcomes.values()) == 200
    for name in ("truncated", "error_event"):
        assert 8 <= outcomes[name] <= 36, outcomes
    assert 8 <= total.stalled_calls <= 36
    assert outcomes["ok"] == 200 - outcomes["truncated"] - outcomes["error_event"]


def start(*args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "llmload", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"{text!r} never came")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupted_run_is_complete_marked_and_exits_130(short: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "result.json"
    process = start("run", str(short), TRUST, "--set", "load.duration=60s", "-o", str(out), "--display", "plain")
    wait_for(process, "1:00  planned")
    time.sleep(1.5)
    os.killpg(process.pid, getattr(signal, name))
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    result = parse_result(out.read_bytes(), "result")
    assert result.interrupted == {"SIGINT": "Ctrl-C"}.get(name, name)
    total = result.summary.select()
    assert total.ok > 10
    assert total.calls == result.summary.planned
    assert total.unfinished == 0, "calls in flight were waited for"
    assert "interrupted" in stdout.lower()


def test_ctrl_c_twice_stops_at_once_and_still_reports(short: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    process = start(
        "run",
        str(short),
        TRUST,
        "--set",
        "load.duration=60s",
        "--set",
        'sim.step="500ms"',
        "-o",
        str(out),
        "--display",
        "plain",
    )
    wait_for(process, "1:00  planned")
    time.sleep(1.5)
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)
    begun = time.monotonic()
    process.communicate(timeout=30)
    assert time.monotonic() - begun < 5
    assert process.returncode == 130
    result = parse_result(out.read_bytes(), "result")
    assert result.summary.select().unfinished > 10


def test_a_reader_that_goes_away_does_not_end_in_a_traceback(short: Path) -> None:
    process = subprocess.run(
        f"{sys.executable} -m llmload run {short} --json - | head -c 10",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in process.stderr


def test_keys_reach_the_target_and_nothing_else(short: Path, tmp_path: Path) -> None:
    secret = "sk-very-secret-value-123456"
    keyed = (
        SHORT.replace('base_url = "sim:"', 'base_url = "sim:"\napi_key = { env = "TEST_KEY" }')
        + f'\n[sim.keys."{secret}"]\n'
    )
    # The simulator's own settings hold the key here, so it is asked for through a second scenario without them.
    short.write_text(keyed)
    out, log = tmp_path / "result.json", tmp_path / "calls.jsonl"
    wrong = "sk-wrong-but-also-secret-654321"
    done = llmload("run", str(short), TRUST, "-o", str(out), "--requests", str(log), TEST_KEY=secret)
    assert done.returncode == 0, done.stdout + done.stderr
    refused = llmload("run", str(short), TRUST, "-o", str(out), "--requests", str(log), TEST_KEY=wrong)
    assert refused.returncode == 1
    for text in (refused.stdout, refused.stderr, out.read_text(), log.read_text(), done.stdout, done.stderr):
        assert wrong not in text


def test_the_keys_of_tenants_reach_the_target_and_no_artefact(short: Path, tmp_path: Path) -> None:
    """Two tenants at a target of its own; what the second one sends is refused, and so told about in every output."""
    known, unknown = "sk-tenant-one-0123456789", "sk-tenant-two-9876543210"
    tenants = """
[dimensions.tenant.one]
api_key = { env = "KEY_ONE" }
[dimensions.tenant.two]
api_key = { env = "KEY_TWO" }
"""
    short.write_text(SHORT + tenants)
    out, log = tmp_path / "result.json", tmp_path / "calls.jsonl"
    with SimProcess(SimSpec.model_validate({"keys": {known: {}}})) as simulator:
        done = llmload(
            "run", str(short), "--url", simulator.url, TRUST, "-o", str(out), "--requests", str(log),
            "--skip-preflight", KEY_ONE=known, KEY_TWO=unknown,
        )  # fmt: skip
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    statuses = {(row["tags"]["tenant"], row["status"]) for row in rows if row.get("tags")}
    assert statuses == {("one", 200), ("two", 401)}, done.stdout + done.stderr
    for text in (done.stdout, done.stderr, out.read_text(), log.read_text()):
        assert known not in text
        assert unknown not in text


def test_a_printed_token_shows_in_no_artefact(short: Path, tmp_path: Path) -> None:
    """A token command with a lifetime, whose token the simulator refuses: everything that is written is searched."""
    token = "tok-very-secret-value-" + "987654"
    command = [sys.executable, "-c", "print('tok-very-secret-value-' + str(987654))"]
    keyed = SHORT.replace(
        'base_url = "sim:"', f'base_url = "sim:"\napi_key = {{ command = {json.dumps(command)}, lifetime = "1s" }}'
    )
    short.write_text(keyed + '\n[sim.keys."another-key"]\n')
    kept = tmp_path / "kept"
    kept.mkdir()
    artefacts = ("-o", str(kept / "result.json"), "--requests", str(kept / "calls.jsonl"))
    refused = llmload("run", str(short), TRUST, *artefacts)
    assert refused.returncode == 1
    assert '"status":401' in (kept / "calls.jsonl").read_text().replace(" ", "")
    for text in (refused.stdout, refused.stderr, *(path.read_text() for path in kept.iterdir())):
        assert token not in text
    assert parse_result((kept / "result.json").read_bytes(), "result").summary.health[0].renewals_failed == 0


def test_two_workers_send_what_one_would(short: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    done = llmload("run", str(short), TRUST, "--workers", "2", "-o", str(out), "--set", "load.process=poisson")
    assert done.returncode in (0, 3), done.stdout + done.stderr
    both = parse_result(out.read_bytes(), "result").summary
    llmload("run", str(short), TRUST, "-o", str(out), "--set", "load.process=poisson")
    alone = parse_result(out.read_bytes(), "result").summary
    assert both.planned == alone.planned == both.completed
    assert set(both.health) == {0, 1}


def test_bench_needs_no_file(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    done = llmload("bench", "sim:", TRUST, "-r", "20/s", "-d", "2s", "--max-tokens", "10", "-o", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    assert parse_result(out.read_bytes(), "result").summary.select().ok > 20


def test_bench_prints_itself_as_a_scenario_that_runs(tmp_path: Path) -> None:
    printed = llmload("bench", "sim:", "-c", "3", "-d", "1s", "--print-scenario")
    assert printed.returncode == 0
    path = tmp_path / "bench.toml"
    path.write_text(printed.stdout)
    assert llmload("run", str(path), TRUST).returncode == 0


def test_bench_asks_the_server_for_a_model_when_none_is_named(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    with SimProcess(SimSpec(models=("served-here", "and-this"))) as simulator:
        done = llmload("bench", simulator.url, TRUST, "-d", "1s", "-o", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    assert parse_result(out.read_bytes(), "result").summary.dimensions()["model"] == ["served-here"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [(("-r", "5"), "--rate: '5' is not a rate"), (("-d", "x"), "--duration:"), (("-r", "1/s", "-c", "2"), "not both")],
)
def test_bench_says_which_flag_is_wrong(flags: tuple[str, ...], words: str) -> None:
    done = llmload("bench", "sim:", *flags)
    assert done.returncode == 2
    assert words in done.stderr


def test_an_objective_may_end_the_run_early(short: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    short.write_text(
        SHORT.replace(
            'objectives = ["errors.rate < 1%"',
            'objectives = [{ rule = "errors.rate < 1%", window = "3s", abort = true, delay = "1s" }',
        ).replace('duration = "2s"', 'duration = "60s"')
    )
    begun = time.monotonic()
    done = llmload("run", str(short), TRUST, "--fault", "error:rate=50%", "-o", str(out))
    assert done.returncode == 1, done.stderr
    assert time.monotonic() - begun < 30
    result = parse_result(out.read_bytes(), "result")
    assert "errors.rate" in result.aborted
    assert not result.interrupted


def test_a_spent_budget_ends_the_run(short: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    prices = ("--set", "targets.main.prices={request=0.1}", "--set", "budget={stop=2.0}", "--set", "load.duration=60s")
    llmload("run", str(short), TRUST, *prices, "-o", str(out))
    result = parse_result(out.read_bytes(), "result")
    assert "budget" in result.aborted
    assert 2.0 <= result.summary.select().cost < 15


def test_debug_shows_both_sides_of_one_call() -> None:
    done = llmload("bench", "sim:", "--debug", "--max-tokens", "5")
    assert done.returncode == 0, done.stderr
    assert "> POST chat/completions" in done.stdout
    assert "< 200" in done.stdout
    assert "first token" in done.stdout


def test_help_costs_little() -> None:
    before = os.times()
    done = llmload("--help")
    after = os.times()
    assert done.returncode == 0
    assert "Examples" in done.stdout
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < 1.0, "0.2 s where nothing else runs; a machine under load counts more"


def test_a_target_that_fails_every_call_does_not_pass_for_want_of_objectives() -> None:
    done = llmload("bench", "sim:", TRUST, "-d", "1s", "--fault", "error")
    assert done.returncode == 1, done.stdout
    assert "not one call went well" in done.stdout


def test_added_rules_are_checked_before_the_run(short: Path) -> None:
    done = llmload("run", str(short), "--fail-on", "latency.p95{class=chatt} < 1s")
    assert done.returncode == 2
    assert "--fail-on" in done.stderr
    assert "chat" in done.stderr
