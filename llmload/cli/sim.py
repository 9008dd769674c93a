"""``llmload sim``: run the simulated LLM service by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from llmload.sim.spec import SimSpec

__all__ = ["sim"]


def sim(
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any free one.", min=0, max=65535)] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    scenario: Annotated[Path | None, typer.Option(help="Take the settings of this file's [sim] table.")] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="Something to do wrong, e.g. 'error:rate=20%,status=503'. May be repeated."),
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="A model to serve. May be repeated.")] = None,
    slots: Annotated[int | None, typer.Option(help="Sequences in the batch at most.")] = None,
    queue_limit: Annotated[int | None, typer.Option(help="Waiting requests beyond which others get a 503.")] = None,
    first_token: Annotated[str | None, typer.Option(help="Time before the model begins, e.g. 45ms.")] = None,
    step: Annotated[str | None, typer.Option(help="Time of a decode step, e.g. 15ms.")] = None,
    answer: Annotated[str | None, typer.Option(help="Tokens of an answer: 100, 40..160, or max.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="An API key to ask for. May be repeated.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything that is drawn at random.")] = None,
    truth_log: Annotated[Path | None, typer.Option(help="Log what was sent, and when, to this JSONL file.")] = None,
) -> None:
    """Serve a simulated LLM behind the APIs of all dialects, until Ctrl-C.

    It batches, queues and saturates as real servers do, and does wrong what --fault says. The base URL is printed on
    standard output.
    """
    from llmload.sim.process import run_loop

    given: dict[str, Any] = {
        "models": model or None,
        "slots": slots,
        "queue_limit": queue_limit,
        "first_token": first_token,
        "step": step,
        "answer": answer,
        "keys": {name: {} for name in key} if key else None,
        "seed": seed,
    }
    spec = _spec(scenario, {name: value for name, value in given.items() if value is not None}, fault or [])
    run_loop(_serve(spec, host, port, truth_log))


def _spec(scenario: Path | None, given: dict[str, Any], faults: list[str]) -> SimSpec:
    """The file's settings, with those of the command line over them."""
    from pydantic import ValidationError

    from llmload.errors import UsageError
    from llmload.sim.spec import SimSpec, parse_fault

    settings = {**(_sim_table(scenario) if scenario else {}), **given}
    try:
        spec = SimSpec.model_validate(settings)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        source = f"{scenario}: sim." if scenario else ""
        raise UsageError(f"{source}{where}: {message}") from None
    return spec.with_faults([parse_fault(text) for text in faults])


def _sim_table(path: Path) -> dict[str, Any]:
    import tomli

    from llmload.errors import UsageError

    try:
        table = tomli.loads(path.read_text("utf-8")).get("sim", {})
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    if not isinstance(table, dict):
        raise UsageError(f"{path}: sim must be a table")
    return table


async def _serve(spec: SimSpec, host: str, port: int, truth_log: Path | None) -> None:
    """Serve until SIGINT or SIGTERM."""
    import asyncio
    import signal

    from llmload.sim.server import SimServer
    from llmload.sim.truth import TruthFile

    log = TruthFile(truth_log) if truth_log else None
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with SimServer(spec, host, port, log) as server:
            shown = f"[{host}]" if ":" in host else host
            typer.echo(f"http://{shown}:{server.port}/v1")
            typer.echo(f"serving {', '.join(spec.models)}; Ctrl-C ends it", err=True)
            for base, names in _bases().items():
                typer.echo(f"  {f'http://{shown}:{server.port}{base}':<40} {', '.join(names)}", err=True)
            await stop.wait()
    finally:
        if log is not None:
            log.close()


def _bases() -> dict[str, list[str]]:
    """Path that a target's ``base_url`` ends with -> the dialects spoken there."""
    from llmload.dialects import DIALECTS

    found: dict[str, list[str]] = {}
    for name, kind in DIALECTS.items():
        found.setdefault(kind.sim_base, []).append(name)
    return found
