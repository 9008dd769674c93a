"""The pytest plugin: load tests beside other tests, skipped unless they were asked for. See docs/pytest.md.

pytest imports this module in every session, of any project, so nothing of llmload is imported here before a run is
made.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from llmload.reports.result import Result

__all__ = ["Runs"]

_VARIABLE: Final = "LLMLOAD_PYTEST"
_ANSWERS: Final[Mapping[str, bool]] = {"": False, "0": False, "false": False, "no": False, "off": False} | {
    "1": True, "true": True, "yes": True, "on": True,
}  # fmt: skip
_SKIPPED: Final = f"makes a load run, which takes time and may cost money: asked for by --llmload or {_VARIABLE}=1"
_MARKER: Final = (
    "llmload(scenario, **overrides): a load test. Without the fixture llmload the scenario is run before the test's "
    "body, and must pass; with it, these are the fixture's defaults. Skipped unless --llmload or LLMLOAD_PYTEST=1."
)
_FIXTURES: Final = frozenset({"llmload", "llmload_shared"})
_ENABLED: Final = pytest.StashKey[bool]()
_CURRENT: Final = pytest.StashKey[pytest.Item]()
_BY_MARKER: Final = pytest.StashKey[bool]()
_PROPERTY: Final = "llmload"
"""Of a test's report: the line of one run. It is what crosses from the workers of pytest-xdist."""
_LONGEST: Final = 160
"""Characters of a file's name."""
_LINES: Final = 30
"""Failures of a run that are shown."""


class Runs:
    """What the fixtures ``llmload`` and ``llmload_shared`` give: call it to make a run."""

    def __init__(self, config: pytest.Config, scratch: Path, lock: Path | None) -> None:
        self._config: Final = config
        self._scratch: Final = scratch
        self._lock: Final = lock

    def __call__(self, scenario: str | Path | None = None, /, **overrides: Any) -> Result:
        """Run a scenario and return its Result, however it ended; it is saved, too.

        ``scenario``: a file, relative to the test's own or to the working directory; the name of one that comes along;
        or the text of one, in more than one line. None: the marker's. ``overrides``: the arguments of ``llmload.run``,
        over those of the marker. Raises LlmloadError as ``llmload.run`` does.
        """
        __tracebackhide__ = True
        from llmload.api import LlmloadError, report, run

        item = self._config.stash[_CURRENT]
        marked, defaults = _of_markers(item)
        chosen = scenario if scenario is not None else marked
        if chosen is None:
            raise pytest.UsageError('no scenario: call llmload("FILE") or mark the test @pytest.mark.llmload("FILE")')
        place = self._place(item)
        with _alone(self._lock):
            try:
                result = run(self._source(chosen, item, place), **{**defaults, **overrides})
            except LlmloadError as error:
                raise error.with_traceback(None) from None  # what is wrong is in its text, not in our code
        report(result, place)
        _tell(item, result, place)
        if result.interrupted:
            raise KeyboardInterrupt(result.interrupted)
        return result

    def _source(self, scenario: str | Path, item: pytest.Item, place: Path) -> str | Path:
        """What ``llmload.run`` takes."""
        if isinstance(scenario, str) and "\n" in scenario:
            written = self._scratch / f"{place.stem}.toml"
            written.write_text(scenario, encoding="utf-8")
            return written
        beside = item.path.parent / scenario
        return beside if beside.is_file() else scenario

    def _place(self, item: pytest.Item) -> Path:
        """Where this run's result goes: named after its test, and after how many runs of that test there were."""
        directory = self._config.getoption("llmload_results")
        count = 1 + sum(name == _PROPERTY for name, _ in item.user_properties)
        name = re.sub(r"[^\w.\[\]-]+", "-", item.nodeid)
        if len(name) > _LONGEST:
            name = f"{name[:_LONGEST]}-{hashlib.sha256(item.nodeid.encode()).hexdigest()[:8]}"
        into = Path(directory) if directory else self._scratch
        into.mkdir(parents=True, exist_ok=True)
        return into / f"{name}{f'-{count}' if count > 1 else ''}.json"


def _of_markers(item: pytest.Item) -> tuple[str | Path | None, dict[str, Any]]:
    """The scenario and the overrides that an item's markers give; the closest says last."""
    scenario: str | Path | None = None
    overrides: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("llmload"))):
        if len(marker.args) > 1:
            raise pytest.UsageError(f"{item.nodeid}: @pytest.mark.llmload takes one scenario, and overrides by name")
        scenario = marker.args[0] if marker.args else scenario
        overrides |= marker.kwargs
    return scenario, overrides


@contextmanager
def _alone(lock: Path | None) -> Iterator[None]:
    """No other worker of pytest-xdist makes a run meanwhile: each would disturb the other's figures."""
    if lock is None:
        yield
        return
    try:
        import fcntl
    except ImportError:
        raise pytest.UsageError("load runs can't be kept apart on this system: run pytest with -n 0") from None
    with lock.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # let go of when the file is closed, also by a worker that dies
        yield


def _tell(item: pytest.Item, result: Result, place: Path) -> None:
    """A line for the terminal's summary and JUnit's properties, and all of it for the report of a test that fails."""
    from llmload.safe import clean

    item.user_properties.append((_PROPERTY, _line(result)))
    failures = [clean(line, 300) for line in result.failures]
    more = [f"... and {len(failures) - _LINES} more"] if len(failures) > _LINES else []
    head = f"{result.scenario.name}: {result.verdict.decision.value}"
    item.add_report_section("call", "llmload", "\n".join([head, *failures[:_LINES], *more, f"result: {place}"]) + "\n")


def _line(result: Result) -> str:
    from llmload.metrics.catalogue import METRICS, scale
    from llmload.reports.figures import amounts
    from llmload.units import format_rate, format_seconds

    decision = "INTERRUPTED" if result.interrupted else result.verdict.decision.value
    ttft = result.summary.select().histogram("ttft")
    p95 = format_seconds(ttft.percentile(95) * scale(METRICS["ttft"])) if ttft.count else "-"
    (goodput,) = (row.rate for row in amounts(result.summary) if row.name == "goodput")
    return f"{decision:<8}TTFT p95 {p95:<10}goodput {format_rate(goodput):<10}{result.scenario.name}"


# -- fixtures ------------------------------------------------------------------------------------------------


@pytest.fixture(name="llmload")
def _llmload(request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Makes load runs; see llmload.pytest_plugin.Runs. Skipped unless --llmload or LLMLOAD_PYTEST=1."""
    return _runs(request.config, tmp_path, tmp_path_factory)


@pytest.fixture(name="llmload_shared", scope="session")
def _llmload_shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The same for fixtures of a wider scope, whose run several tests look at."""
    return _runs(request.config, tmp_path_factory.mktemp("llmload"), tmp_path_factory)


def _runs(config: pytest.Config, scratch: Path, factory: pytest.TempPathFactory) -> Runs:
    if not config.stash[_ENABLED]:  # whoever asks for the fixture by name at run time
        pytest.skip(_SKIPPED)
    parallel = hasattr(config, "workerinput")
    return Runs(config, scratch, factory.getbasetemp().parent / "llmload.lock" if parallel else None)


# -- hooks ---------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the plugin."""
    group = parser.getgroup("llmload", "load tests of LLM services")
    group.addoption(
        "--llmload", action="store_true", help="Make load runs; without it tests that make one are skipped."
    )
    group.addoption(
        "--llmload-results", metavar="DIR", help="Save the runs' results here, not in the tests' temporary directories."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Whether runs are to be made."""
    config.addinivalue_line("markers", _MARKER)
    said = os.environ.get(_VARIABLE, "")
    if said.lower() not in _ANSWERS:
        raise pytest.UsageError(f"{_VARIABLE}: {said!r} is neither 1 nor 0")
    if directory := config.getoption("llmload_results"):  # whatever directory a test changes to
        config.option.llmload_results = str(config.invocation_params.dir / directory)
    config.stash[_ENABLED] = bool(config.getoption("llmload")) or _ANSWERS[said.lower()]


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test that is marked has the fixture; one that would make a run is skipped unless that was asked for."""
    if not isinstance(item, pytest.Function):
        return
    asks = not _FIXTURES.isdisjoint(item.fixturenames)
    marked = item.get_closest_marker("llmload") is not None
    if marked and not asks:
        _of_markers(item)
        item.fixturenames = [*item.fixturenames, "llmload"]  # a list of its own: parameters of a test share theirs
        item.stash[_BY_MARKER] = True
    if (asks or marked) and not item.config.stash[_ENABLED]:
        item.add_marker(pytest.mark.skip(reason=_SKIPPED))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fixtures of any scope make runs for the test that is set up."""
    item.config.stash[_CURRENT] = item


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """The run of a test that has the marker and not the fixture."""
    if isinstance(item, pytest.Function) and item.stash.get(_BY_MARKER, False):
        makes = item.funcargs["llmload"]
        assert isinstance(makes, Runs)
        result = makes()
        if not result.passed:
            pytest.fail(repr(result), pytrace=False)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line a run."""
    runs = [
        (line, report.nodeid)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "teardown"
        for name, line in report.user_properties
        if name == _PROPERTY
    ]
    if not runs:
        return
    terminalreporter.section("load runs")
    for line, test in runs:
        terminalreporter.write_line(f"{line}  {test}", **{"green" if line.startswith("PASS") else "red": True})
    if directory := terminalreporter.config.getoption("llmload_results"):
        terminalreporter.write_line(f"results: {directory}")
