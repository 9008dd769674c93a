"""The options that every command on a scenario shares, and the way from them to a Plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from llmload.scenario.plan import Plan

__all__ = [
    "Demo",
    "Env",
    "Observe",
    "Scale",
    "ScenarioArgument",
    "Set",
    "Trace",
    "Url",
    "observers",
    "overrides",
    "parse_scale",
    "read_plan",
]

ScenarioArgument = Annotated[
    str,
    typer.Argument(metavar="SCENARIO", help='A scenario file, "-" for standard input, or the name of a built-in one.'),
]
Env = Annotated[
    str | None,
    typer.Option(
        "--env", "-e", metavar="NAME[,NAME]", help="Take this environment of the scenario; of several the last wins."
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change a value, e.g. load.rate=5/s. May be repeated."),
]
Scale = Annotated[
    str | None,
    typer.Option(metavar="FACTOR", help="Make the load smaller or larger: 0.1 (rate), or rate=0.1,time=0.02."),
]
Demo = Annotated[
    bool | None,
    typer.Option(
        "--demo/--full", help="Demonstration size or full size; by default demonstration size against the simulator."
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        metavar="[NAME=]URL", help="Base URL of the target (NAME=URL if there are several), with the version."
    ),
]

Trace = Annotated[
    str | None,
    typer.Option(
        "--trace", metavar="SHARE",
        help="Send W3C trace ids with each request (traceparent), this share of them sampled: 1, 10%.",
    ),
]  # fmt: skip


Observe = Annotated[
    list[str] | None,
    typer.Option(
        "--observe", metavar="WHAT",
        help="Look at the target, too: its metrics (vllm, sglang, node ...), its process (target, or a process id), "
        "or by a light request beside the load (/health). May be repeated.",
    ),
]  # fmt: skip


def observers(what: Sequence[str] | None) -> dict[str, dict[str, str]]:
    """The tables ``[observe.NAME]`` that ``--observe`` stands for."""
    found: dict[str, dict[str, str]] = {}
    for each in what or ():
        if each.startswith("/") or "://" in each:
            found["probe"] = {"probe": each}
        elif each == "target" or each.isdecimal():
            found["process"] = {"process": each}
        else:
            found[each] = {"metrics": "target", "set": each}
    return found


def _share(trace: str) -> str:
    """What ``--trace`` says, where it is a share. Raises UsageError."""
    from llmload.errors import UsageError
    from llmload.units import parse_share

    try:
        share = parse_share(trace)
    except ValueError as error:
        raise UsageError(f"--trace: {error}") from None
    if not 0 <= share <= 1:
        raise UsageError(f"--trace: {trace} is no share of the calls; give 0 to 1, or 0% to 100%")
    return trace


def overrides(set_: Sequence[str] | None, trace: str | None, observe: Sequence[str] | None) -> list[str]:
    """The values of ``--set`` with what ``--trace`` and ``--observe`` say. Raises UsageError."""
    share = [f"tracing.share={_share(trace)}"] if trace is not None else []
    seen = [
        f"observe.{name}.{key}={value}" for name, table in observers(observe).items() for key, value in table.items()
    ]
    return [*(set_ or ()), *share, *seen]


def read_plan(
    scenario: str,
    env: str | None = None,
    set_: Sequence[str] | None = None,
    scale: str | None = None,
    demo: bool | None = None,
    url: str | None = None,
    rules: Sequence[str] | None = None,
) -> Plan:
    """Load and compile. Says on stderr when it chose the demonstration size by itself.

    Raises ScenarioError, UsageError.
    """
    from llmload.scenario.compile import compile_scenario
    from llmload.scenario.load import load_scenario

    factors = parse_scale(scale) if scale is not None else {}
    loaded = load_scenario(
        scenario,
        env,
        set_ or (),
        scale_rate=factors.get("rate"),
        scale_time=factors.get("time"),
        demo=demo,
        target_url=url,
        rules=rules or (),
    )
    plan = compile_scenario(loaded)
    if plan.demo and demo is None:
        typer.echo("Demonstration size, for the embedded simulator; --full runs all of it.", err=True)
    return plan


def parse_scale(text: str) -> dict[str, float]:
    """``0.1`` or ``rate=0.1,time=0.02`` as factors by name. Raises UsageError."""
    from llmload.errors import UsageError

    factors: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = part.rpartition("=")
        name = name.strip() if equals else "rate"
        try:
            factor = float(value)
        except ValueError:
            factor = 0.0
        if name not in ("rate", "time") or name in factors or not 0 < factor <= 1e6:
            raise UsageError(f"--scale: {text!r} makes no sense; write it like 0.1 or rate=0.1,time=0.02")
        factors[name] = factor
    return factors
