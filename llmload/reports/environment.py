"""Fingerprints as a document and for people, and what two of them do not share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any, Final

from rich.cells import cell_len

from llmload import __version__
from llmload.analysis.environments import (
    GENERATOR,
    TARGET,
    Difference,
    Environment,
    Fact,
    Facts,
    Found,
    Likeness,
    Weight,
)
from llmload.errors import ResultError
from llmload.reports.result import Result
from llmload.reports.style import ASCII_SIGNS
from llmload.safe import clean
from llmload.units import counted

__all__ = [
    "KIND", "briefly", "compared_document", "compared_text", "document", "of_result", "read_document", "text", "told",
]  # fmt: skip

KIND: Final = "llmload-environment"
_VERSION: Final = "1.0"
_LONGEST: Final = 160
_MOST: Final = 200
_BRIEF: Final = ("software", "version", "build", "gateway", "server", "model", "models", "region", "tls")
_UNKNOWN: Final = "unknown"
_HEADINGS: Final = {Weight.MATTERS: "matters", Weight.INFORMS: "good to know", Weight.MOMENT: "of that moment"}


def of_result(result: Result) -> Environment:
    """Where a run was made, and against what."""
    return Environment({"llmload": result.version, **result.environment}, result.target_environment)


def briefly(result: Result) -> Iterator[str]:
    """A line for each target that told of itself, and what the load came from."""
    for name, facts in result.target_environment.items():
        told = [clean(facts[fact], 60) for fact in _BRIEF if facts.get(fact)]
        if told or facts.get("trouble"):
            yield f"target {clean(name, 40)}: {', '.join(told) or clean(facts['trouble'], 100)}"
    if result.target_environment and (cpu := result.environment.get("cpu", "")):
        system = clean(f"{result.environment.get('system', '')} {result.environment.get('release', '')}", 80)
        count = clean(result.environment.get("cpus", "?"), 10)
        yield f"generator: {count} x {clean(cpu, 60)}, {system}, llmload {clean(result.version, 20)}"


def document(found: Environment, taken: str) -> dict[str, Any]:
    """``taken``: wall time, ISO 8601."""
    return {
        "kind": KIND,
        "schema_version": _VERSION,
        "version": __version__,
        "taken": taken,
        "generator": dict(found.generator),
        "targets": {name: dict(facts) for name, facts in found.targets.items()},
    }


def read_document(document: Mapping[str, Any]) -> Environment:
    """What ``document`` made. Raises ResultError."""
    major = str(document.get("schema_version")).partition(".")[0]
    if major != _VERSION.partition(".")[0]:
        raise ResultError(f"of schema {clean(str(document.get('schema_version')), 20)}; this llmload reads {_VERSION}")
    targets = document.get("targets")
    if not isinstance(targets, dict):
        raise ResultError("damaged: targets must be an object")
    read = {name: _facts(facts, f"targets.{name}") for name, facts in targets.items()}
    return Environment(_facts(document.get("generator"), "generator"), read)


def _facts(found: object, where: str) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ResultError(f"damaged: {clean(where, 60)} must be an object of texts")
    return dict(found)


# -- for people ------------------------------------------------------------------------------------------------


def text(found: Environment, width: int, unicode: bool = True) -> str:
    """Every fact on a line."""
    lines = list(_part("Generator", GENERATOR, found.generator, width))
    for name, facts in found.targets.items():
        lines += ["", *_part(f"Target {clean(name, 60)}", TARGET, facts, width)]
    return _written(lines, unicode)


def _part(title: str, table: Mapping[str, Fact], facts: Facts, width: int) -> Iterator[str]:
    yield title
    known = {name: value for name in (*table, *sorted(set(facts) - set(table))) if (value := facts.get(name, ""))}
    names = {name: table[name].title if name in table else clean(name, 40) for name in known}
    column = max(map(cell_len, names.values()), default=0)
    for name, value in list(known.items())[:_MOST]:
        left = f"  {names[name]}{' ' * (column - cell_len(names[name]))}  "
        yield from wrap(clean(value, _LONGEST), width, initial_indent=left, subsequent_indent=" " * (column + 4))
    missing = [fact.title for name, fact in table.items() if name not in known and fact.weight is not Weight.MOMENT]
    if missing:
        yield from wrap(f"not known: {', '.join(missing)}", width, initial_indent="  ", subsequent_indent="  ")


def compared_text(found: Found, names: tuple[str, str], width: int, unicode: bool = True) -> str:
    """The answer first, then what differs, by weight; ``names``: what the two sides are called."""
    one, other = (clean(name, 60) for name in names)
    lines = wrap(f"{headline(found)}  {one} against {other}", width)
    for weight in Weight:
        for unknown in (False, True):
            group = [each for each in found.differences if each.weight is weight and each.unknown is unknown]
            if group:
                lines += ["", f"{'not known on one side' if unknown else 'differs'} ({_HEADINGS[weight]})"]
                lines += [line for each in group for line in wrap(f"  {sentence(each, one, other)}", width)]
    for part in dict.fromkeys(part for part, _ in found.unknown):
        titles = ", ".join(_title(part, fact) for whose, fact in found.unknown if whose == part)
        lines += ["", *wrap(f"unknown on both sides of the {clean(part, 70)}: {titles}", width)]
    return _written(lines, unicode)


def told(found: Found, one: str, other: str) -> Iterator[str]:
    """All of it in few sentences: one for each difference, one for all that a side does not know of a part."""
    yield from (sentence(each, one, other) for each in found.differences if not each.unknown or not each.fact)
    for part in dict.fromkeys(each.part for each in found.differences):
        lacks = [each for each in found.differences if each.part == part and each.unknown and each.fact]
        for name, missing in ((one, [each for each in lacks if not each.one]), (other, [e for e in lacks if e.one])):
            if missing:
                titles = ", ".join(_title(part, each.fact) for each in missing)
                yield f"{clean(part, 70)}: not known in {name}: {titles}"


def headline(found: Found) -> str:
    """What it comes to: "NO DIFFERENCE FOUND in 30 facts; 2 unknown on both sides"."""
    real = sum(not each.unknown for each in found.differences)
    parts = [
        f"in {counted(found.alike, 'fact')}" if found.likeness is Likeness.SAME else f"{found.alike} facts alike",
        f"{real} differ" if real else "",
        f"{len(found.differences) - real} known on one side only" if len(found.differences) > real else "",
        f"{len(found.unknown)} unknown on both sides" if found.unknown else "",
    ]
    joint = " " if found.likeness is Likeness.SAME else ": "
    return f"{found.likeness.value.upper()}{joint}{'; '.join(filter(None, parts))}"


def sentence(found: Difference, one: str = "", other: str = "") -> str:
    """ "generator: processor A against B"; ``one`` and ``other``: what the sides are called where one knows nothing."""
    part = clean(found.part, 70)
    if not found.fact:
        sides = [name or said for name, known, said in ((one, found.one, "one side"), (other, found.other, "the other"))
                 if not known]  # fmt: skip
        return f"{part}: nothing is known of it in {' or '.join(sides)}"
    values = (clean(value, 80) or _UNKNOWN for value in (found.one, found.other))
    doubt = " (no telling)" if found.undecided else ""
    return f"{part}: {_title(found.part, found.fact)} {' against '.join(values)}{doubt}"


def _title(part: str, fact: str) -> str:
    table = GENERATOR if part == "generator" else TARGET
    return table[fact].title if fact in table else clean(fact, 40)


def compared_document(found: Found, names: tuple[str, str]) -> dict[str, Any]:
    """The same for programs; null is what is not known."""
    return {
        "kind": f"{KIND}-comparison",
        "schema_version": _VERSION,
        "outcome": found.likeness.value,
        "sides": list(names),
        "alike": found.alike,
        "differences": [
            {
                "part": each.part, "fact": each.fact, "weight": each.weight.value, "unknown": each.unknown,
                "one": each.one or None, "other": each.other or None,
            }
            for each in found.differences
        ],
        "unknown": [{"part": part, "fact": fact} for part, fact in found.unknown],
    }  # fmt: skip


def _written(lines: list[str], unicode: bool) -> str:
    made = "\n".join(line.rstrip() for line in lines) + "\n"
    return made if unicode else made.translate(ASCII_SIGNS).encode("ascii", "replace").decode()
