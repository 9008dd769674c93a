"""llmload from Python: run a scenario, read a result. What is here is all that is promised to stay.

from llmload import run

result = run("scenarios/peak.toml", url="http://127.0.0.1:8000/v1", objectives=["ttft.p95 < 500ms"])
print(result.verdict.decision, result.summary.select().histogram("ttft").percentile(95) / 1e6, "s")
assert result.passed, "\\n".join(failures(result))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from llmload.app.preflight import preflight
from llmload.app.reading import result_at
from llmload.app.session import Options, run_plan
from llmload.app.simulated import is_simulated
from llmload.calibration.store import look_up
from llmload.dashboard.live import QuietDisplay, choose_display, stderr_console
from llmload.errors import LlmloadError, UsageError
from llmload.outputs.export import exporter, parse_export
from llmload.reports import REPORTS
from llmload.reports.result import Result
from llmload.scenario.compile import compile_scenario
from llmload.scenario.load import load_scenario
from llmload.scenario.plan import Plan
from llmload.sim.spec import SimSpec, parse_fault

__all__ = ["LlmloadError", "Result", "failures", "read", "report", "run"]


def run(
    scenario: str | Path,
    *,
    env: str | None = None,
    values: Mapping[str, str] | None = None,
    scale: float | None = None,
    demo: bool | None = None,
    url: str | None = None,
    objectives: Sequence[str] = (),
    faults: Sequence[str] = (),
    export: Sequence[str] = (),
    no_export: bool = False,
    workers: int | None = None,
    progress: bool = False,
    skip_preflight: bool = False,
) -> Result:
    """Run a scenario, a file or the name of one that comes along, and return what was found, however it ended.

    The arguments are the options of ``llmload run``: ``values`` are those of ``--set`` (key -> value as it would be
    typed), ``scale`` times every rate, ``faults`` are for the embedded simulator, ``workers`` None is as many as the
    load takes. Told of the run is who the scenario names, unless ``no_export``, and who is named in ``export``.
    ``progress`` shows it on standard error. ``skip_preflight``: targets, keys and models are not looked at before.
    Nothing is asked before a run that costs money: set ``budget.stop``.

    It blocks until the run is over, in any thread, also where an event loop is running; Ctrl-C in the main thread ends
    the run in order and returns the partial result. Raises LlmloadError: a mistake in the scenario, no key or a
    bad one, a model that is missing, an unreachable target.
    """
    given = [f"{key}={value}" for key, value in (values or {}).items()]
    loaded = load_scenario(str(scenario), env, given, scale_rate=scale, demo=demo, target_url=url, rules=objectives)
    plan = _failing(compile_scenario(loaded), faults)
    notes = () if skip_preflight else preflight(plan)
    display = choose_display(stderr_console(), "auto") if progress else QuietDisplay()
    told = [*(() if no_export else plan.exports), *map(parse_export, export)]
    outputs = tuple(exporter(each) for each in told)
    return run_plan(plan, Options(workers, display, outputs, calibrated=look_up(), ping=True, notes=notes))


def _failing(plan: Plan, faults: Sequence[str]) -> Plan:
    if not faults:
        return plan
    if not is_simulated(plan):
        raise UsageError("faults are for the embedded simulator, and no target of this run is sim:")
    return replace(plan, sim=(plan.sim or SimSpec()).with_faults([parse_fault(fault) for fault in faults]))


def failures(result: Result) -> list[str]:
    """Why it did not pass, a line each: objectives that were missed, and why the figures prove nothing. Empty if it
    passed."""
    return list(result.failures)


def read(path: str | Path) -> Result:
    """A result that was saved. Raises LlmloadError that names the file and what is wrong with it."""
    return result_at(Path(path))


def report(result: Result, path: str | Path, format: str = "json") -> None:
    """Write a report of it: "json", which ``read`` takes back, "html", "markdown", "text" and whatever else ``llmload
    report --format`` knows. Raises LlmloadError."""
    from llmload.reports import files

    if format not in REPORTS:
        raise UsageError(f"there is no report {format!r}; there are {', '.join(REPORTS)}")
    files.write(str(path), REPORTS[format](result))
