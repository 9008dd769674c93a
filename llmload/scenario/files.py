"""Finding and reading the files of a scenario: the TOML itself, and files of prompts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import tomli

from llmload.errors import Problem, ScenarioError
from llmload.scenario.suggest import did_you_mean, listed

__all__ = ["Source", "builtin_descriptions", "builtin_names", "read_prompts", "read_source"]

STDIN: Final = "-"
_MOST_SCENARIO: Final = 4 * 2**20
_MOST_PROMPTS: Final = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a scenario, what messages call it, and the directory its relative paths start from."""

    text: str
    name: str
    directory: Path
    stem: str


def read_source(name: str) -> Source:
    """Read a scenario: a path, "-" for standard input, or the name of a built-in one.

    Raises ScenarioError if there is none such or it can't be read.
    """
    if name == STDIN:
        return Source(_decoded(sys.stdin.buffer.read(_MOST_SCENARIO + 1), "<stdin>"), "<stdin>", Path(), "stdin")
    path = _find(name)
    return Source(_decoded(_read(path, _MOST_SCENARIO), str(path)), str(path), path.parent, path.stem)


def builtin_names() -> list[str]:
    """Scenarios that come with llmload."""
    directory = _builtin_directory()
    return sorted(path.stem for path in directory.glob("*.toml")) if directory.is_dir() else []


def builtin_descriptions() -> dict[str, str]:
    """Name of a scenario that comes with llmload -> its description, "" where it has none."""
    sources = {name: read_source(str(_builtin_directory() / f"{name}.toml")) for name in builtin_names()}
    return {name: str(tomli.loads(source.text).get("description", "")) for name, source in sources.items()}


def _builtin_directory() -> Path:
    """Inside the installed package, or beside it in a checkout."""
    package = Path(str(files("llmload")))
    packaged = package / "scenarios"
    return packaged if packaged.is_dir() else package.parent / "scenarios"


def _find(name: str) -> Path:
    path = Path(name)
    try:
        if path.exists():
            return path
    except (OSError, ValueError):
        raise ScenarioError([Problem(f"{name[:80]!r} is not a path")]) from None
    known = builtin_names()
    if name.removesuffix(".toml") in known:
        return _builtin_directory() / f"{name.removesuffix('.toml')}.toml"
    beside = path.parent.glob("*.toml") if path.parent.is_dir() else iter(())
    near = did_you_mean(name, [str(other) for other in sorted(beside)] + known)
    what = "file" if path.suffix == ".toml" or len(path.parts) > 1 else "scenario"
    raise ScenarioError([Problem(f"there is no such {what}", source=name, hint=near or _what_there_is(known))])


def _what_there_is(known: list[str]) -> str:
    if not known:
        return "write a first one with: llmload init"
    return f"built-in ones are {listed(known)}; llmload scenarios lists all {len(known)}"


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ScenarioError([Problem(f"can't be read: {reason}", source=str(path))]) from None
    if len(content) > most:
        raise ScenarioError([Problem(f"is larger than {most // 2**20} MiB", source=str(path))])
    return content


def _decoded(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ScenarioError([Problem("is not UTF-8 text", source=source, line=line)]) from None


def read_prompts(path: Path, field: str) -> tuple[str, ...]:
    """The prompts in a file: JSONL (``field`` of each object, or strings) if it is named ``.jsonl``, else one per line.

    Raises ScenarioError that names the line.
    """
    text = _decoded(_read(path, _MOST_PROMPTS), str(path))
    lines = ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())
    if path.suffix in (".jsonl", ".ndjson"):
        prompts = tuple(_json_prompts(lines, str(path), field))
    else:
        prompts = tuple(line.rstrip("\r") for _, line in lines)
    if not prompts:
        raise ScenarioError([Problem("has no prompts in it", source=str(path))])
    return prompts


def _json_prompts(lines: Iterator[tuple[int, str]], source: str, field: str) -> Iterator[str]:
    for number, line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            raise ScenarioError([Problem("is not JSON", source=source, line=number)]) from None
        prompt = entry.get(field) if isinstance(entry, dict) else entry
        if not isinstance(prompt, str) or not prompt:
            there = f"its fields are {listed(map(str, entry))}" if isinstance(entry, dict) else ""
            raise ScenarioError(
                [Problem(f"has no text in the field {field!r}", source=source, line=number, hint=there)]
            )
        yield prompt
