"""Loading a scenario: file, then environment, demonstration size, overrides, target, scale, ``${VARIABLES}``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from llmload.errors import Problem, ScenarioError, UsageError
from llmload.scenario.document import Document, Place, parse
from llmload.scenario.files import Source, read_source
from llmload.scenario.interpolate import Interpolation
from llmload.scenario.overrides import assign, split_key
from llmload.scenario.suggest import choice, listed
from llmload.scenario.targets import SIMULATOR

__all__ = ["Loaded", "environments", "load_scenario"]

_FACTORS: Final = ("rate", "time")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A scenario's data with everything applied, ready to be compiled.

    ``secrets``: values that came from environment variables named like credentials. ``simulated``: some target
    is the embedded simulator. ``has_demo``: the file has a ``[demo]`` table.
    """

    document: Document
    directory: Path
    stem: str
    environment: str = ""
    demo: bool = False
    simulated: bool = False
    has_demo: bool = False
    secrets: frozenset[str] = frozenset()

    @property
    def data(self) -> dict[str, Any]:
        """The scenario as TOML data."""
        return self.document.data


def load_scenario(
    name: str | Source,
    environment: str | None = None,
    overrides: Sequence[str] = (),
    *,
    scale_rate: float | None = None,
    scale_time: float | None = None,
    demo: bool | None = False,
    target_url: str | None = None,
    rules: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
) -> Loaded:
    """Load the scenario ``name``: a path, "-" for standard input, or a built-in one.

    ``environment`` may name several, "load,production": what a later one says wins.
    ``overrides`` are "key.path=value". ``demo`` None means: at demonstration size if the file has one and a target
    is the embedded simulator. An explicit scale takes the place of the demonstration's. ``target_url`` is the
    base URL of the only target, or "NAME=URL". ``rules`` are objectives to add. Raises ScenarioError, UsageError.
    """
    source = name if isinstance(name, Source) else read_source(name)
    scale = {"rate": scale_rate, "time": scale_time}

    def assembled(demo: bool) -> Loaded:
        return _assemble(source, environment or "", overrides, scale, demo, target_url, rules, environ)

    if demo is not None:
        return assembled(demo)
    full = assembled(False)
    return assembled(True) if full.simulated and full.has_demo else full


def environments(source: Source) -> list[str]:
    """The names of a scenario's environments."""
    table = parse(source.text, source.name).data.get("environments")
    return list(table) if isinstance(table, dict) else []


def _assemble(
    source: Source,
    environment: str,
    overrides: Sequence[str],
    scale: Mapping[str, float | None],
    demo: bool,
    target_url: str | None,
    rules: Sequence[str],
    environ: Mapping[str, str],
) -> Loaded:
    document = parse(source.text, source.name)
    _apply_environment(document, environment)
    has_demo = "demo" in document.data
    factors = _apply_demo(document) if demo else {}
    for override in overrides:
        assign(document, override)
    for rule in rules:
        _add_objective(document, rule)
    if target_url is not None:
        _apply_url(document, target_url)
    _apply_scale(
        document, {name: given if (given := scale[name]) is not None else factors.get(name) for name in _FACTORS}
    )
    interpolation = Interpolation(environ)
    interpolation.fill(document)
    if interpolation.problems:
        raise ScenarioError(interpolation.problems)
    simulated = any(url == SIMULATOR for url in _base_urls(document))
    secrets = frozenset(interpolation.secrets)
    return Loaded(document, source.directory, source.stem, environment, demo, simulated, has_demo, secrets)


def _apply_environment(document: Document, environment: str) -> None:
    """Merge ``[environments.NAME]`` over the rest, each of several (``load,production``) over the one before, and
    take all environments out."""
    table = document.data.get("environments", {})
    problems = []
    if not isinstance(table, dict):
        problems = [document.problem(("environments",), "must be a table of tables")]
    else:
        wrong = [name for name, value in table.items() if not isinstance(value, dict)]
        problems = [document.problem(("environments", name), "must be a table") for name in wrong]
        nested = [name for name, value in table.items() if isinstance(value, dict) and "environments" in value]
        problems += [document.problem(("environments", name), "can't hold environments itself") for name in nested]
    if problems:
        raise ScenarioError(problems)
    for name in _names(environment, table):
        if name not in table:
            what = f"there is no environment {name!r}"
            hint = choice(name, table) if table else "it has none; make one with [environments.NAME]"
            raise ScenarioError([Problem(what, source=document.source, hint=hint)])
        document.graft(("environments", name))
    document.data.pop("environments", None)


def _names(environment: str, table: Mapping[str, Any]) -> list[str]:
    """The environments asked for; a name may itself have a comma in it."""
    if not environment or environment in table:
        return [environment] if environment else []
    return [name.strip() for name in environment.split(",")]


def _apply_demo(document: Document) -> dict[str, float]:
    """Apply ``[demo.set]``; the factors that ``[demo]`` gives. What is wrong in them the model says later."""
    table = document.data.get("demo")
    if table is None:
        hint = "give it one, as in [demo] rate = 0.1, time = 0.01; or use --scale"
        raise ScenarioError([Problem("has no demonstration size", source=document.source, hint=hint)])
    if not isinstance(table, dict):
        return {}
    changes = table.get("set", {})
    for key, value in changes.items() if isinstance(changes, dict) else ():
        document.put(_demo_key(document, key), value, document.place(("demo", "set", key)))
    return {name: table[name] for name in _FACTORS if _is_factor(table.get(name))}


def _demo_key(document: Document, key: str) -> list[str]:
    try:
        return split_key(key)
    except UsageError:
        raise ScenarioError([document.problem(("demo", "set", key), "is not a key such as limits.drain")]) from None


def _is_factor(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1e6


def _apply_url(document: Document, target_url: str) -> None:
    """Point a target at ``target_url``, which may be "NAME=URL"."""
    table = document.data.get("targets")
    names = list(table) if isinstance(table, dict) else []
    name, equals, url = target_url.partition("=")
    if not equals or name not in names:
        if len(names) != 1:
            raise UsageError(f"--url: which target is meant? write it like --url NAME=URL; there is {listed(names)}")
        name, url = names[0], target_url
    document.put(["targets", name, "base_url"], url.replace("$", "$$"), Place("--url"))


def _add_objective(document: Document, rule: str) -> None:
    """Add a rule from the command line to those of the file."""
    listed = document.data.setdefault("objectives", [])
    if isinstance(listed, list):  # else the model says what is wrong with it
        listed.append(rule)
        document.places[("objectives", len(listed) - 1)] = Place("--fail-on")


def _apply_scale(document: Document, factors: Mapping[str, float | None]) -> None:
    """Multiply the file's own scale, if it has one."""
    own = document.data.get("scale", {})
    for name, factor in factors.items():
        if factor is None or not isinstance(own, dict):
            continue
        before = own.get(name, 1.0)
        if _is_factor(before):
            document.put(["scale", name], before * factor, Place("--scale"))


def _base_urls(document: Document) -> list[Any]:
    table = document.data.get("targets")
    targets = table.values() if isinstance(table, dict) else ()
    return [target.get("base_url") for target in targets if isinstance(target, dict)]
