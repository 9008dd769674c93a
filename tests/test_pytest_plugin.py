"""The pytest plugin, found by its entry point in sessions of their own: what is skipped, what a run tells, and what it
costs sessions that don't use it. Two tests make real runs; the others are given results that real runs made."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import tomli

from llmload import report, run
from llmload.verdict.validity import Level, Validity

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
SHORT = {"load.duration": "1s", "limits.drain": "2s"}
SCENARIO = """
name = "short"
objectives = ["errors.rate < 1%"]
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
rate = "20/s"
duration = "1s"
"""
FAKE = """
import json, pathlib
import llmload.api

def fake(scenario, **overrides):
    with open({calls!r}, "a") as calls:
        calls.write(json.dumps([str(scenario), overrides]) + "\\n")
    found = next(iter(overrides.get("objectives", ["passed"])))
    return llmload.api.read(pathlib.Path({results!r}) / (found + ".json"))

llmload.api.run = fake
"""
Session = Callable[..., pytest.RunResult]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that passed, one that failed, one that was interrupted, whatever else this machine did meanwhile."""
    place = tmp_path_factory.mktemp("results")
    good = replace(run("quickstart", values=SHORT), validity=Validity(Level.VALID))
    bad = run("quickstart", values=SHORT, objectives=["ttft.p50 < 1us", "errors.rate < 1%"], faults=["error:rate=50%"])
    report(good, place / "passed.json")
    report(replace(bad, validity=Validity(Level.VALID)), place / "failed.json")
    report(replace(good, interrupted="interrupted"), place / "interrupted.json")
    return place


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Runs pytest where llmload is installed as pyproject.toml says."""
    project = tomli.loads((ROOT / "pyproject.toml").read_text())["project"]
    entries = project["entry-points"]["pytest11"]
    installed = pytester.mkdir("installed") / "llmload_as_built-0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: llmload-as-built\nVersion: 0\n")
    lines = [f"{name} = {module}" for name, module in entries.items()]
    (installed / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines, ""]))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{installed.parent}")
    monkeypatch.delenv("LLMLOAD_PYTEST", raising=False)
    pytester.makeini("[pytest]\naddopts = --strict-markers -p no:cacheprovider\n")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # of the others, which take their time

    def run_session(*arguments: str) -> pytest.RunResult:
        named = ["-p", "llmload"] if os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD") else []
        return pytester.runpytest_subprocess(*named, *arguments, timeout=90)

    return run_session


@pytest.fixture
def faked(session: Session, pytester: pytest.Pytester, results: Path) -> Session:
    """The same, with results in place of runs: ``passed`` unless the first objective names another."""
    pytester.makeconftest(FAKE.format(results=str(results), calls=str(pytester.path / "calls")))
    return session


def calls(pytester: pytest.Pytester) -> list[tuple[str, dict[str, object]]]:
    return [tuple(json.loads(line)) for line in (pytester.path / "calls").read_text().splitlines()]


FOUR = """
import pytest

def test_fixture(llmload):
    assert llmload("quickstart").passed

@pytest.mark.llmload("quickstart")
def test_marker():
    pass

@pytest.fixture(scope="module")
def found(llmload_shared):
    return llmload_shared("quickstart")

def test_shared(found):
    assert found.passed

def test_by_name(request):
    assert request.getfixturevalue("llmload")("quickstart").passed

def test_other():
    pass
"""


@pytest.mark.parametrize("value", ["", "off"])
def test_nothing_is_run_unless_asked_for(
    value: str, session: Session, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMLOAD_PYTEST", value)
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    pytester.makepyfile(FOUR)
    pytester.makeconftest(
        "import sys\n"
        "def pytest_unconfigure():\n"
        "    ours = {name for name in sys.modules if name.startswith('llmload')}\n"
        "    assert ours == {'llmload', 'llmload.pytest_plugin'}, ours\n"
        "    assert 'numpy' not in sys.modules and 'aiohttp' not in sys.modules\n"
    )
    done = session("-rs", "-p", "no:asyncio")
    done.assert_outcomes(passed=1, skipped=4)
    done.stdout.fnmatch_lines(["*SKIPPED*takes time and may cost money: asked for by --llmload or LLMLOAD_PYTEST=1"])
    done.stdout.no_fnmatch_line("*load runs*")
    assert done.ret == 0


@pytest.mark.parametrize("by", ["option", "variable"])
def test_each_way_to_make_a_run(
    by: str, faked: Session, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(FOUR)
    if by == "variable":
        monkeypatch.setenv("LLMLOAD_PYTEST", "1")
    done = faked(*(["--llmload"] if by == "option" else []))
    done.assert_outcomes(passed=5)
    assert len(calls(pytester)) == 4
    done.stdout.re_match_lines(
        [
            r"=+ load runs =+",
            *(
                rf"PASS    TTFT p95 [\d.]+ m?s +goodput [\d.]+/s +quickstart  \S+::test_{test}"
                for test in ("fixture", "marker", "shared", "by_name")
            ),
        ]
    )


def test_a_failed_run_says_why(faked: Session, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        def test_fixture(llmload):
            result = llmload("quickstart", objectives=["failed"])
            assert result.passed

        @pytest.mark.llmload("quickstart", objectives=["failed"])
        def test_marker():
            raise RuntimeError("never reached")
        """
    )
    done = faked("--llmload", "--junitxml=junit.xml")
    done.assert_outcomes(failed=2)
    said = done.stdout.str()
    assert re.search(r"<Result of quickstart: FAIL: .*ttft.p50 < 1us: 0\.\d+", said)
    section = said.split("Captured llmload call")[1]
    assert re.search(
        r"^quickstart: FAIL\n(?:.+\n)*ttft.p50 < 1us: 0\.\d+.*\nerrors.rate < 1%: 0\.\d+", section, re.MULTILINE
    )
    saved = re.search(r"^result: (\S+\.json)$", section, re.MULTILINE)
    assert saved
    assert json.loads(Path(saved[1]).read_text())["verdict"]["decision"] == "FAIL"
    assert "never reached" not in said
    done.stdout.re_match_lines([r"FAIL    TTFT p95 .*test_fixture", r"FAIL    TTFT p95 .*test_marker"])
    assert 'name="llmload" value="FAIL' in (pytester.path / "junit.xml").read_text()


def test_markers_give_defaults_and_the_closest_says_last(faked: Session, pytester: pytest.Pytester) -> None:
    pytester.mkdir("sub")
    pytester.mkdir("elsewhere")
    (pytester.path / "sub" / "mine.toml").write_text("nothing yet")
    (pytester.path / "sub" / "test_it.py").write_text(
        "import pytest\n"
        "pytestmark = pytest.mark.llmload('mine.toml', url='http://h/v1', scale=2.0)\n"
        "@pytest.mark.llmload(scale=0.5)\n"
        "def test_defaults(llmload, monkeypatch):\n"
        "    monkeypatch.chdir('elsewhere')\n"
        "    llmload()\n"
        "    llmload('peak', env='production')\n"
        "    llmload('name = \"x\"\\nno = 1\\n')\n"
        "def test_marked():\n"
        "    pass\n"
    )
    done = faked("--llmload", "--llmload-results", "kept")
    done.assert_outcomes(passed=2)
    beside = str(pytester.path / "sub" / "mine.toml")
    first, second, third, fourth = calls(pytester)
    assert first == (beside, {"url": "http://h/v1", "scale": 0.5})
    assert second == ("peak", {"url": "http://h/v1", "scale": 0.5, "env": "production"})
    assert Path(third[0]).read_text() == 'name = "x"\nno = 1\n'
    assert fourth == (beside, {"url": "http://h/v1", "scale": 2.0})
    name = "sub-test_it.py-test_defaults"
    names = {f"{name}.json", f"{name}-2.json", f"{name}-3.json", "sub-test_it.py-test_marked.json"}
    assert {path.name for path in (pytester.path / "kept").iterdir()} == names
    done.stdout.fnmatch_lines(["results: /*/kept"])


def test_tests_of_every_kind_can_be_marked(faked: Session, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import unittest
        import pytest

        @pytest.mark.llmload("quickstart")
        class TestClass:
            @pytest.mark.parametrize("n", [1, 2, 3])
            def test_parameters(self, n):
                pass

        class TestCase(unittest.TestCase):
            @pytest.mark.llmload("quickstart")
            def test_method(self):
                pass

        @pytest.mark.asyncio
        @pytest.mark.llmload("quickstart")
        async def test_coroutine():
            pass

        @pytest.mark.asyncio
        async def test_inside_a_loop(llmload):
            assert llmload("quickstart").passed
        """
    )
    pytest.importorskip("pytest_asyncio")
    done = faked("--llmload", "-p", "asyncio")
    done.assert_outcomes(passed=6)
    assert len(calls(pytester)) == 6
    faked("-p", "asyncio").assert_outcomes(skipped=6)


def test_shared_runs_of_tests_of_one_name_are_kept_apart(faked: Session, pytester: pytest.Pytester) -> None:
    body = "def test_it(llmload_shared):\n    llmload_shared('quickstart')\n"
    pytester.makepyfile(test_a=body, test_b=body)
    faked("--llmload").assert_outcomes(passed=2)
    kept = {path.name for path in pytester.path.glob("runpytest-*/llmload0/*.json")}
    assert kept == {"test_a.py-test_it.json", "test_b.py-test_it.json"}


def test_names_of_results_are_safe_short_and_apart(faked: Session, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("which", ["../../etc", "a" * 400 + "1", "a" * 400 + "2"])
        def test_it(which, llmload):
            llmload("quickstart")
        """
    )
    faked("--llmload", "--llmload-results", "kept").assert_outcomes(passed=3)
    kept = list((pytester.path / "kept").iterdir())
    assert len(kept) == 3
    assert all(path.is_file() and len(path.name) < 200 for path in kept)


def test_an_interrupted_run_ends_the_session(faked: Session, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "def test_it(llmload):\n    llmload('quickstart', objectives=['interrupted'])\ndef test_next():\n    pass\n"
    )
    done = faked("--llmload", "--llmload-results", "kept")
    assert done.ret == pytest.ExitCode.INTERRUPTED
    assert len(list((pytester.path / "kept").iterdir())) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("@pytest.mark.llmload\ndef test_it(): pass", "no scenario: call llmload"),
        ("@pytest.mark.llmload('a', 'b')\ndef test_it(): pass", "takes one scenario"),
        ("def test_it(llmload): llmload('quickstrat')", "quickstart"),
        ("def test_it(llmload): llmload('quickstart', urls='x')", "unexpected keyword argument 'urls'"),
    ],
)
def test_mistakes_are_told(body: str, said: str, session: Session, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n" + body)
    done = session("--llmload")
    assert done.ret != 0
    told = done.stdout.str() + done.stderr.str()
    assert said in told
    assert "llmload/scenario/" not in told


def test_a_variable_that_says_neither_is_refused(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMLOAD_PYTEST", "maybe")
    done = session()
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*LLMLOAD_PYTEST: 'maybe' is neither 1 nor 0*"])


def test_it_can_be_left_out(session: Session, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile("def test_it(llmload):\n    pass\n")
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    done = session("-p", "no:llmload", "-p", "no:asyncio")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*fixture 'llmload' not found*"])
    done = session("-p", "no:llmload", "-p", "no:asyncio", "--llmload")
    assert "unrecognized arguments: --llmload" in done.stderr.str()


def test_it_loads_next_to_nothing() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import llmload.pytest_plugin\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert {name for name in found.stdout.split() if "hash" not in name} == {"llmload", "llmload.pytest_plugin"}


def test_a_real_run(session: Session, pytester: pytest.Pytester) -> None:
    (pytester.path / "short.toml").write_text(SCENARIO)
    pytester.makepyfile(
        """
        def test_it(llmload):
            result = llmload("short.toml", objectives=["ttft.p50 < 1us"])
            assert result.summary.select().calls == 20
            assert not result.passed
            assert any(line.startswith("ttft.p50 < 1us: 0.") for line in result.failures)
        """
    )
    done = session("--llmload")
    done.assert_outcomes(passed=1)
    done.stdout.re_match_lines([r"(FAIL    |INVALID )TTFT p95 [\d.]+ m?s .*short  \S+::test_it"])


def test_runs_of_parallel_workers_follow_one_another(session: Session, pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    (pytester.path / "short.toml").write_text(SCENARIO)
    body = "def test_it(llmload):\n    assert llmload('short.toml').summary.select().calls == 20\n"
    pytester.makepyfile(test_a=body, test_b=body)
    done = session("-p", "xdist", "--llmload", "-n", "2", "--llmload-results", "kept")
    done.assert_outcomes(passed=2)
    done.stdout.re_match_lines([r"=+ load runs =+", r"(PASS|INVALID) +TTFT p95", r"(PASS|INVALID) +TTFT p95"])
    first, second = sorted(_times(path) for path in (pytester.path / "kept").iterdir())
    assert first[1] <= second[0]


def _times(path: Path) -> tuple[datetime, datetime]:
    document = json.loads(path.read_text())
    began = datetime.fromisoformat(document["started"])
    return began, began + timedelta(seconds=document["duration"])
