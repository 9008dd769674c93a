"""Examples: for CI systems they are YAML, and their commands do what they say, without and with a baseline; that for
pytest is skipped unless it is asked for, and makes its runs then."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

SHORT = "--set load.phases.0.duration=1s --set load.phases.1.duration=4s --set load.phases.2.duration=2s"
EXAMPLES = Path(__file__).parent.parent / "examples"


def github() -> str:
    steps = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())["jobs"]["load"]["steps"]
    (script,) = (step["run"] for step in steps if step.get("name") == "Measure")
    return str(script).replace("${{ vars.SERVICE_URL || 'sim:' }}", "sim:")


def gitlab() -> str:
    job: dict[str, Any] = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())["load"]
    lines = [line for line in job["script"] if not line.startswith("pip ")]
    return "\n".join([f"SERVICE_URL={job['variables']['SERVICE_URL']}", *lines])


@pytest.mark.parametrize("script", [github, gitlab], ids=lambda made: made.__name__)
def test_its_commands_run(script: Any, tmp_path: Path) -> None:
    shell = script()
    assert "llmload run ci" in shell
    short = shell.replace("--repeat 3", f"--repeat 2 --allow-invalid {SHORT}")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "CI_COMMIT_BRANCH": "x"}
    for turn in ("first", "again"):
        line = ["bash", "-ec", short]
        done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        names = {path.name for path in (tmp_path / "results").iterdir()}
        assert names == {f"ci-{run}.{kind}" for run in (1, 2) for kind in ("json", "md", "html", "xml")}
        assert ("this run: times are" in done.stdout) == (turn == "again"), done.stdout
        (tmp_path / "results" / "ci-1.json").rename(tmp_path / "baseline" / "ci-1.json")


@pytest.mark.parametrize("asked", [False, True])
def test_the_load_tests(asked: bool, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "pytest", "-p", "llmload.pytest_plugin", "-p", "no:cacheprovider", "-c", os.devnull]
    line += ["--rootdir", str(EXAMPLES), str(EXAMPLES / "test_llm.py"), "--basetemp", str(tmp_path / "base")]
    line += ["--llmload", "--llmload-results", str(tmp_path / "results")] if asked else []
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "LLMLOAD_PYTEST": "", "SERVICE_URL": ""}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    if not asked:
        assert "4 skipped" in done.stdout, done.stdout
        return
    saved = sorted((tmp_path / "results").iterdir())
    assert [path.name for path in saved] == [
        "test_llm.py-test_half_the_load_is_no_trouble.json",
        "test_llm.py-test_objectives_are_met.json",
    ]
    passed = [json.loads(path.read_text())["verdict"]["decision"] == "PASS" for path in saved]
    failed = passed.count(False)  # others may be at work on this machine: then a run is INVALID
    assert f"{4 - failed} passed" in done.stdout, done.stdout
    assert done.stdout.count("TTFT p95") == 2
