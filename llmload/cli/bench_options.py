"""The options of ``llmload bench`` that no other command has."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

__all__ = [
    "Asked",
    "Calls",
    "Debug",
    "Duration",
    "KeyVariable",
    "MaxInFlight",
    "MaxTokens",
    "Model",
    "PrintScenario",
    "Process",
    "Prompt",
    "PromptTokens",
    "Rate",
    "Seed",
    "Stream",
    "Url",
    "Users",
]

Url = Annotated[str, typer.Argument(help='Base URL with its version, e.g. http://host:8000/v1; "sim:" simulates.')]
Model = Annotated[
    str | None, typer.Option("--model", "-m", help="Model to ask for; else the first one the server lists.")
]
Rate = Annotated[
    str | None, typer.Option("--rate", "-r", help="Requests to start per second, whatever happens: 10/s, 90/min.")
]
Users = Annotated[
    int | None, typer.Option("--users", "-c", min=1, help="Or: so many users, each calling when answered.")
]
Duration = Annotated[str, typer.Option("--duration", "-d", help="How long to send.")]
Calls = Annotated[int | None, typer.Option("--calls", "-n", min=1, help="Stop after so many requests.")]
Process = Annotated[Literal["uniform", "poisson", "gamma"], typer.Option(help="How arrivals are spaced.")]
Asked = Annotated[Literal["chat", "completions", "embeddings", "models"], typer.Option(help="What to ask for.")]
Stream = Annotated[bool, typer.Option("--stream/--no-stream", help="Stream the answers.")]
Prompt = Annotated[str | None, typer.Option(help="The same text every time.")]
PromptTokens = Annotated[str, typer.Option(help="Or different texts of about so many tokens: 100, 50..150.")]
MaxTokens = Annotated[str | None, typer.Option(help="Longest answer to ask for: 150, 50..500.")]
Seed = Annotated[int, typer.Option(help="Same seed, same run.")]
KeyVariable = Annotated[
    str | None, typer.Option(metavar="VARIABLE", help="Take the key from this variable, OPENAI_API_KEY if set.")
]
MaxInFlight = Annotated[int | None, typer.Option(min=1, help="Cap on calls in flight; arrivals queue.")]
Debug = Annotated[bool, typer.Option("--debug", help="Make one call and show both sides of it.")]
PrintScenario = Annotated[bool, typer.Option("--print-scenario", help="Print this as a scenario file; send nothing.")]
