"""``llmload env``: what this machine and a target are, and whether that is what it was, or should be."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from llmload.cli.bench_options import KeyVariable
from llmload.cli.run_options import Json
from llmload.cli.scenario_options import Env, Set, Url, read_plan
from llmload.cli.speak import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmload.scenario.plan import Plan

__all__ = ["env"]

_UNREACHABLE: Final = 4
_STATUS: Final = {"SAME": 0, "DIFFERS": 1, "UNCLEAR": 3}


def env(
    target: Annotated[
        str | None,
        typer.Argument(metavar="[URL|SCENARIO]", help="A base URL, or a scenario: each of its targets is asked."),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Hold it against a saved result, a saved env --json, or a wish (TOML, JSON)."
        ),
    ] = None,
    api_key_env: KeyVariable = None,
    environment: Env = None,
    set_: Set = None,
    url: Url = None,
    json: Json = None,
) -> None:
    """Show what makes the load and what it is made against: versions, limits, settings. Every result has the same.

    \b
    Examples:
      llmload env
      llmload env http://localhost:8000/v1 --json env.json
      llmload env my.toml --compare last-week.json
      llmload env http://localhost:8000/v1 --compare wanted.toml

    A target is asked for its list of models and for pages that name versions and limits (docs/env.md): GETs that bill
    nobody, five seconds at most. Nothing names this machine or its user, and no variable or key is shown. Exit status
    with --compare: 0 nothing that matters differs, 1 something does, 3 something that matters is not known on one side;
    2 usage. Without it: 4 where a target can't be reached.
    """
    from llmload.app.environments import held_against
    from llmload.app.fingerprint import fingerprint
    from llmload.observe.service import silent
    from llmload.reports import files

    if json:
        files.check_writable(json)
    plan = _plan(target, api_key_env, environment, set_, url)
    held = None
    if compare is not None:
        held = held_against(compare, tuple(each.name for each in plan.targets) if plan else ())
    found = fingerprint(plan)
    if held is None or compare is None:
        from llmload.clock import wall_time
        from llmload.reports.environment import document, text

        _tell(document(found, _moment(wall_time())), lambda width, unicode: text(found, width, unicode), json)
        raise typer.Exit(_UNREACHABLE if any(map(silent, found.targets.values())) else 0)
    from llmload.analysis.environments import Environment, differences
    from llmload.reports.environment import compared_document, compared_text

    against = held.environment if plan else Environment(held.environment.generator)
    result = differences(found, against, held.fits, held.wished)
    names = ("now" if plan or held.wished or not held.environment.targets else "now (the generator alone)", compare)
    _tell(compared_document(result, names), lambda width, unicode: compared_text(result, names, width, unicode), json)
    raise typer.Exit(_STATUS[result.likeness.name])


def _plan(
    target: str | None, api_key_env: str | None, environment: str | None, set_: list[str] | None, url: str | None
) -> Plan | None:
    """The scenario's, or one around a URL, or none. Raises UsageError."""
    from llmload.errors import UsageError

    is_url = target is not None and ("://" in target or target == "sim:")
    if target is not None and not is_url:
        if api_key_env:
            raise UsageError("--api-key-env is for a URL; a scenario says itself where its key is")
        return read_plan(target, environment, set_, None, None, url)
    if environment or set_ or url:
        raise UsageError("--env, --set and --url change a scenario, and none is named")
    if target is None:
        if api_key_env:
            raise UsageError("--api-key-env is for a URL, and none is named")
        return None
    from llmload.cli.bench import compiled, key_variable, scenario_text

    model = "sim-model" if target == "sim:" else "any"
    load = {"rate": "1/s", "duration": "1s"}
    return compiled(scenario_text(target, model, key_variable(api_key_env), {"api": "models"}, load, 1, []))


def _moment(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _tell(document: dict[str, Any], text: Callable[[int, bool], str], json: str | None) -> None:
    """For programs where that was asked for, and for people: on standard error where standard output is taken."""
    from llmload.reports import files
    from llmload.reports.json_report import lines
    from llmload.reports.style import style_for

    if json:
        files.write(json, lines(document))
    taken = json == files.STDOUT
    style = style_for(sys.stderr if taken else sys.stdout)
    written = text(style.width, style.unicode)
    if taken:
        say(written)
    else:
        files.write(files.STDOUT, written.encode(errors="replace"))
