"""What an environment is held against, from a file: a result, a saved fingerprint, or what was wished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import tomli

from llmload.analysis.environments import GENERATOR, TARGET, Environment, Fact, Facts, Fits, equal
from llmload.analysis.wishes import fits
from llmload.errors import ResultError, UsageError
from llmload.reports.document import KIND as RESULT
from llmload.reports.environment import KIND, of_result, read_document
from llmload.reports.result import parse_result
from llmload.safe import clean
from llmload.scenario.suggest import choice

__all__ = ["Held", "held_against"]

_LARGEST: Final = 512 * 2**20
_PARTS: Final = ("generator", "target", "targets")
_SCALARS: Final = (str, int, float)


@dataclass(frozen=True, slots=True)
class Held:
    """``wished``: it says how things should be; else how they were."""

    environment: Environment
    wished: bool = False

    @property
    def fits(self) -> Fits:
        """How values are held against each other."""
        return fits if self.wished else equal


def held_against(name: str, targets: tuple[str, ...]) -> Held:
    """What is in the file; ``targets``: the names of those that a wish for "target" is about. Raises ResultError,
    UsageError."""
    path = Path(name)
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST)
    except OSError as error:
        raise ResultError(f"can't read {name[:200]!r}: {error.strerror or error}") from error
    document = _parsed(data, clean(name, 200))
    kind = document.get("kind")
    if kind == RESULT:
        return Held(of_result(parse_result(data, name)))
    if kind is None:
        return Held(_wished(document, clean(name, 200), targets), wished=True)
    if kind != KIND:
        raise ResultError(
            f"{name}: neither a result, nor what `llmload env --json` writes, nor a wish with [generator] and [target]"
        )
    try:
        return Held(read_document(document))
    except ResultError as error:
        raise ResultError(f"{name}: {error}") from error


def _parsed(data: bytes, name: str) -> dict[str, Any]:
    """JSON, or else TOML."""
    if data.lstrip()[:1] == b"{":
        try:
            found = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise ResultError(f"{name}: not JSON, or cut short: {error.msg} at line {error.lineno}") from None
        return dict(found)
    try:
        return tomli.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomli.TOMLDecodeError, RecursionError) as error:
        raise ResultError(f"{name}: neither JSON nor TOML: {clean(str(error), 200)}") from None


def _wished(document: Mapping[str, Any], name: str, targets: tuple[str, ...]) -> Environment:
    for part in document:
        if part not in _PARTS:
            raise UsageError(
                f"{name}: {clean(part, 60)}: {choice(part, _PARTS)}; wishes stand in tables of these names"
            )
    generator = _table(document.get("generator", {}), f"{name}: generator", GENERATOR)
    every = _table(document.get("target", {}), f"{name}: target", TARGET)
    of_each = document.get("targets", {})
    if not isinstance(of_each, dict):
        raise UsageError(f"{name}: targets must be a table of tables, [targets.NAME]")
    for target in of_each:
        if target not in targets:
            raise UsageError(f"{name}: targets.{clean(target, 60)}: {choice(target, targets)}")
    wishes = {
        target: {**every, **_table(of_each.get(target, {}), f"{name}: targets.{target}", TARGET)} for target in targets
    }
    found = Environment(generator, {target: facts for target, facts in wishes.items() if facts})
    if every and not targets:
        raise UsageError(f"{name}: target: there is none to hold it against; give a URL or a scenario")
    if not found.generator and not found.targets:
        raise UsageError(f'{name}: nothing is wished; write for example [generator] with python = ">=3.11"')
    return found


def _table(found: object, where: str, known: Mapping[str, Fact]) -> Facts:
    if not isinstance(found, dict):
        raise UsageError(f"{where} must be a table")
    for fact, value in found.items():
        if fact not in known:
            raise UsageError(f"{where}.{clean(fact, 60)}: nothing of that name is known; {choice(fact, known)}")
        if not isinstance(value, _SCALARS) or not str(value).strip():
            raise UsageError(f'{where}.{fact}: write what is wished as text, e.g. "*", "3.11.7" or ">=0.6, <0.8"')
    return {fact: str(value) for fact, value in found.items()}
