"""``llmload run``: a scenario, from schedule to verdict."""

from __future__ import annotations

from llmload.cli.repeating import Baseline, MinEffect, Repeat, again
from llmload.cli.run_options import (
    AllowInvalid,
    Chunks,
    DisplayMode,
    Export,
    FailOn,
    Fault,
    How,
    Json,
    NoExport,
    Out,
    ReportTo,
    Requests,
    RequestsLimit,
    SkipPreflight,
    Streamed,
    Workers,
    Yes,
    carry_out,
    with_faults,
)  # fmt: skip
from llmload.cli.scenario_options import (
    Demo,
    Env,
    Observe,
    Scale,
    ScenarioArgument,
    Set,
    Trace,
    Url,
    overrides,
    read_plan,
)
from llmload.cli.web_options import Web, WebAt, WebStay, on_web

__all__ = ["run"]


def run(
    scenario: ScenarioArgument,
    env: Env = None,
    set_: Set = None,
    scale: Scale = None,
    demo: Demo = None,
    url: Url = None,
    fail_on: FailOn = None,
    out: Out = None,
    json: Json = None,
    report: ReportTo = None,
    requests: Requests = None,
    requests_limit: RequestsLimit = None,
    chunks: Chunks = False,
    export: Export = None,
    no_export: NoExport = False,
    stream: Streamed = None,
    trace: Trace = None,
    observe: Observe = None,
    fault: Fault = None,
    repeat: Repeat = 1,
    baseline: Baseline = None,
    min_effect: MinEffect = None,
    workers: Workers = "auto",
    display: DisplayMode = "auto",
    allow_invalid: AllowInvalid = False,
    skip_preflight: SkipPreflight = False,
    yes: Yes = False,
    web: Web = False,
    web_at: WebAt = None,
    web_stay: WebStay = None,
) -> None:
    """Run a scenario and judge it.

    \b
    Examples:
      llmload run quickstart
      llmload run scenarios/rest.toml --url http://host:8000/v1 --env development -o rest.json
      llmload run peak --scale rate=0.1,time=0.01 --fail-on 'latency.p50<2s'
      llmload run quickstart --json - | jq .verdict
      llmload run ci --repeat 5 -o base.json && llmload run ci --baseline 'base-*.json'

    Ctrl-C once stops sending and waits for calls in flight, twice stops at once; both report. Exit status: 0 passed,
    1 objectives failed or worse than the baseline, 2 usage, 3 run invalid or nothing decided against the baseline,
    4 target unreachable, 130 interrupted.
    """
    plan = with_faults(read_plan(scenario, env, overrides(set_, trace, observe), scale, demo, url, fail_on), fault)
    more = again(plan, repeat, baseline, min_effect, scenario)
    told = [*([f"stream:{stream}"] if stream else []), *(export or ())]
    shown = on_web(web, web_at, web_stay)
    how = How(
        out, json, report, requests, requests_limit, chunks, told, display, workers, yes, allow_invalid, shown,
        no_export=no_export, skip_preflight=skip_preflight,
    )  # fmt: skip
    carry_out(plan, how, more)
