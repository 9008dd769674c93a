"""``llmload bench``: an ad-hoc benchmark of one endpoint, without a file."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import typer

from llmload.cli.bench_options import (
    Asked,
    Calls,
    Debug,
    Duration,
    KeyVariable,
    MaxInFlight,
    MaxTokens,
    Model,
    PrintScenario,
    Process,
    Prompt,
    PromptTokens,
    Rate,
    Seed,
    Stream,
    Url,
    Users,
)  # fmt: skip
from llmload.cli.run_options import (
    AllowInvalid,
    Chunks,
    DisplayMode,
    Export,
    FailOn,
    Fault,
    How,
    Json,
    Out,
    ReportTo,
    Requests,
    RequestsLimit,
    SkipPreflight,
    Workers,
    Yes,
    carry_out,
    with_faults,
)  # fmt: skip
from llmload.cli.scenario_options import Observe, Trace, observers
from llmload.cli.web_options import Web, WebAt, WebStay, on_web

if TYPE_CHECKING:
    from llmload.scenario.plan import Plan

__all__ = ["bench", "compiled", "key_variable", "scenario_text"]

_ANY_MODEL = "the first model that the server lists"
_FLAGS = {
    "targets.main.base_url": "URL",
    "targets.main.model": "--model",
    "targets.main.api_key.env": "--api-key-env",
    "load.rate": "--rate",
    "load.users": "--users",
    "load.duration": "--duration",
    "load.max_requests": "--calls",
    "load.max_in_flight": "--max-in-flight",
    "classes.main.prompt": "--prompt",
    "classes.main.prompt.tokens": "--prompt-tokens",
    "classes.main.max_tokens": "--max-tokens",
    "tracing.share": "--trace",
}
"""Where in the generated scenario a flag's value goes."""
_LISTED: Final = {"objectives": "--fail-on", "observe.": "--observe"}
"""Where the values of a flag that may be repeated go."""


def bench(
    url: Url,
    model: Model = None,
    rate: Rate = None,
    users: Users = None,
    duration: Duration = "30s",
    count: Calls = None,
    process: Process = "poisson",
    api: Asked = "chat",
    stream: Stream = True,
    prompt: Prompt = None,
    prompt_tokens: PromptTokens = "85",
    max_tokens: MaxTokens = "150",
    seed: Seed = 1,
    api_key_env: KeyVariable = None,
    max_in_flight: MaxInFlight = None,
    debug: Debug = False,
    print_scenario: PrintScenario = False,
    fail_on: FailOn = None,
    out: Out = None,
    json: Json = None,
    report: ReportTo = None,
    requests: Requests = None,
    requests_limit: RequestsLimit = None,
    chunks: Chunks = False,
    export: Export = None,
    trace: Trace = None,
    observe: Observe = None,
    fault: Fault = None,
    workers: Workers = "auto",
    display: DisplayMode = "auto",
    allow_invalid: AllowInvalid = False,
    skip_preflight: SkipPreflight = False,
    yes: Yes = False,
    web: Web = False,
    web_at: WebAt = None,
    web_stay: WebStay = None,
) -> None:
    """Benchmark one endpoint, without a file.

    \b
    Examples:
      llmload bench http://localhost:8000/v1 -m my-model -r 50/s -d 30s
      llmload bench http://localhost:8000/v1 -c 16 --fail-on 'ttft.p95<500ms'
      llmload bench https://api.example.com/v1 -m m --api-key-env MY_KEY --debug

    Without --rate or --users: 5 requests/s. --print-scenario turns the flags into a file to keep.
    """
    shown = on_web(web, web_at, web_stay)
    cls = _class(api, stream, prompt, prompt_tokens, max_tokens)
    load = _load(rate, users, duration, process, count, max_in_flight)
    plan = _plan(url, model, api_key_env, cls, load, seed, fail_on or [], print_scenario, trace, observe)
    plan = with_faults(plan, fault)
    if debug:
        _debug(plan)
    carry_out(
        plan,
        How(
            out, json, report, requests, requests_limit, chunks, export, display, workers, yes, allow_invalid, shown,
            skip_preflight=skip_preflight,
        ),
    )  # fmt: skip


def _plan(
    url: str,
    model: str | None,
    api_key_env: str | None,
    cls: dict[str, Any],
    load: dict[str, Any],
    seed: int,
    rules: list[str],
    print_scenario: bool,
    trace: str | None,
    observe: list[str] | None,
) -> Plan:
    """What the flags mean; exits where that was only to be printed."""
    named = model or ("sim-model" if url == "sim:" else _ANY_MODEL)
    text = scenario_text(url, named, key_variable(api_key_env), cls, load, seed, rules, trace, observe)
    plan = compiled(text)
    if named == _ANY_MODEL:
        text = text.replace(_toml(_ANY_MODEL), _toml(_find_model(plan)), 1)
        plan = compiled(text)
    if print_scenario:
        sys.stdout.write(text)
        raise typer.Exit
    return plan


def key_variable(given: str | None) -> str | None:
    """The variable that holds the key, if there is one."""
    import os

    return given or ("OPENAI_API_KEY" if os.environ.get("OPENAI_API_KEY") else None)


def _class(api: str, stream: bool, prompt: str | None, tokens: str, max_tokens: str | None) -> dict[str, Any]:
    cls: dict[str, Any] = {"api": api}
    if api in ("chat", "completions"):
        cls["stream"] = stream
        if max_tokens:
            cls["max_tokens"] = int(max_tokens) if max_tokens.isdigit() else max_tokens
    if api != "models":
        cls["prompt"] = prompt if prompt is not None else {"tokens": int(tokens) if tokens.isdigit() else tokens}
    return cls


def _load(
    rate: str | None, users: int | None, duration: str, process: str, count: int | None, cap: int | None
) -> dict[str, Any]:
    from llmload.errors import UsageError

    if rate and users:
        raise UsageError("--rate or --users, not both: an open model starts calls when planned, users when answered")
    load: dict[str, Any] = {"users": users} if users else {"rate": rate or "5/s", "process": process}
    load["duration"] = duration
    if count is not None:
        load["max_requests"] = count
    if cap is not None:
        load["max_in_flight"] = cap
    return load


def _toml(value: Any) -> str:
    """A value as TOML; JSON's strings, numbers and booleans are TOML's."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + " }"
    return jsonlib.dumps(value, ensure_ascii=False)


def _toml_key(name: str) -> str:
    return name if name.isidentifier() else _toml(name)


def scenario_text(
    url: str,
    model: str,
    api_key_env: str | None,
    cls: dict[str, Any],
    load: dict[str, Any],
    seed: int,
    rules: list[str],
    trace: str | None = None,
    observe: list[str] | None = None,
) -> str:
    """The scenario file that says the same as the flags."""
    target: dict[str, Any] = {"base_url": url.replace("$", "$$"), "model": model}
    if api_key_env:
        target["api_key"] = {"env": api_key_env}
    sections = {"targets.main": target, "classes.main": cls, "load": load}
    if trace is not None:
        sections["tracing"] = {"share": trace}
    sections |= {f"observe.{_toml_key(name)}": table for name, table in observers(observe).items()}
    lines = ['name = "bench"', f"seed = {seed}"]
    if rules:
        lines.append(f"objectives = {_toml(rules)}")
    for name, table in sections.items():
        lines += ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def compiled(text: str) -> Plan:
    """The plan of generated text; what is wrong with it is told by flag, as no file of the user's is meant."""
    from dataclasses import replace

    from llmload.errors import ScenarioError
    from llmload.scenario.compile import compile_scenario
    from llmload.scenario.files import Source
    from llmload.scenario.load import load_scenario

    try:
        return compile_scenario(load_scenario(Source(text, "bench", Path.cwd(), "bench")))
    except ScenarioError as error:
        problems = [replace(p, source="", line=0, column=0, key=_flag(p.key)) for p in error.problems]
        raise ScenarioError(problems) from error


def _flag(key: str) -> str:
    named = next((flag for part, flag in _LISTED.items() if key.startswith(part)), key)
    return _FLAGS.get(key, named)


def _find_model(plan: Plan) -> str:
    from llmload.app.single import first_model

    return first_model(plan.targets[0])


def _debug(plan: Plan) -> NoReturn:
    from llmload.app.simulated import with_simulator
    from llmload.app.single import make_one_call
    from llmload.cli.debug_view import show

    with with_simulator(plan) as (resolved, _):
        single = make_one_call(resolved)
    sys.stdout.write(show(single))
    raise typer.Exit(0 if single.record.outcome.good else 1)
