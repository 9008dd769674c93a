"""``llmload ping``: how long the way to a target takes, step by step."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from llmload.cli.run_options import Json
from llmload.cli.scenario_options import Env, Set, Url, read_plan
from llmload.cli.speak import say

if TYPE_CHECKING:
    from llmload.app.pinging import Pings
    from llmload.scenario.plan import Plan

__all__ = ["ping"]

_LONGEST = 3600.0


def ping(
    target: Annotated[
        str, typer.Argument(metavar="URL|SCENARIO", help="A base URL, or a scenario: each of its targets.")
    ],
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1_000_000, help="Rounds to each target.")] = 10,
    interval: Annotated[
        str, typer.Option("--interval", "-i", metavar="DURATION", help="From one round to the next.")
    ] = "200ms",
    timeout: Annotated[
        str, typer.Option("--timeout", "-t", metavar="DURATION", help="For each step; what takes longer is lost.")
    ] = "2s",
    path: Annotated[
        str, typer.Option(metavar="/PATH", help="What to ask for, in place of the base URL's own path.")
    ] = "",
    download: Annotated[
        str, typer.Option(metavar="/PATH", help="Get this, too, to measure throughput: 256 KiB or more.")
    ] = "",
    env: Env = None,
    set_: Set = None,
    url: Url = None,
    json: Json = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No line for each round.")] = False,
) -> None:
    """Measure the way to a target: DNS, TCP, TLS, and a round trip of HTTP on a new connection and on a kept one.

    \b
    Examples:
      llmload ping https://api.example.com/v1
      llmload ping my.toml -n 100 --interval 50ms
      llmload ping http://host:8000/v1 --path /health --json - | jq .targets.main.network

    It goes as the calls of a scenario go: through its proxy, with its certificates, to its unix socket. It asks HEAD,
    without a key, so nothing is billed; any answer counts. Ctrl-C ends it; what was measured until then is shown. Exit
    status: 0 each target answered, 2 usage, 4 one of them never did, 130 interrupted.
    """
    from llmload.app.pinging import Pings
    from llmload.app.simulated import with_simulator
    from llmload.reports import files

    for destination in filter(None, [json]):
        files.check_writable(destination)
    plan = _plan(target, env, set_, url)
    seconds, limit = _duration("--interval", interval, 0.0), _duration("--timeout", timeout, 0.001)
    for option, given in (("--path", path), ("--download", download)):
        _check_path(option, given)
    with with_simulator(plan) as (resolved, _):
        pings = Pings(resolved.targets, limit, path)
        interrupted = False
        try:
            pings.rounds(count, seconds, lambda line: None if quiet else say(f"{line}\n"))
            if download:
                pings.download(download, lambda line: say(f"{line}\n"))
        except KeyboardInterrupt:
            interrupted = True
        finally:
            pings.close()
    _tell(pings, interrupted, json)


def _tell(pings: Pings, interrupted: bool, json: str | None) -> None:
    from llmload.errors import ExitStatus
    from llmload.reports import files
    from llmload.reports.json_report import lines
    from llmload.reports.ping import document, render
    from llmload.reports.style import style_for

    found = pings.found()
    if json:
        files.write(json, lines(document(found, interrupted)))
    style = style_for(sys.stderr if json == files.STDOUT else sys.stdout)
    text = render(found, style.width, style.unicode)
    if json == files.STDOUT:
        say(text)
    else:
        files.write(files.STDOUT, text.encode(errors="replace"))
    status = ExitStatus.PASS if all(each.answered for each in found.values()) else ExitStatus.UNREACHABLE
    raise typer.Exit(int(ExitStatus.INTERRUPTED if interrupted else status))


def _plan(target: str, env: str | None, set_: list[str] | None, url: str | None) -> Plan:
    """The scenario's, or one around a URL. Raises UsageError."""
    from llmload.errors import UsageError

    if "://" not in target and target != "sim:":
        return read_plan(target, env, set_, None, None, url)
    if env or set_ or url:
        raise UsageError("--env, --set and --url change a scenario, and this is a URL")
    from llmload.cli.bench import compiled, scenario_text

    return compiled(scenario_text(target, "any", None, {"api": "models"}, {"rate": "1/s", "duration": "1s"}, 1, []))


def _duration(option: str, given: str, least: float) -> float:
    from llmload.errors import UsageError
    from llmload.units import format_seconds, parse_duration

    try:
        seconds = parse_duration(given)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    if not least <= seconds <= _LONGEST:
        raise UsageError(f"{option}: {given} is out of range; give {format_seconds(least)} to 1h")
    return seconds


def _check_path(option: str, given: str) -> None:
    from llmload.errors import UsageError

    if given and (not given.startswith("/") or not given.isascii() or not given.isprintable() or " " in given):
        raise UsageError(f"{option}: {given!r} is no path; write it like /health, what is special in it as %20")
