"""Fingerprints of a generator and of targets against each other: what differs, what it weighs, what nobody knows.

A fingerprint is facts by name, each a short text. A fact that is absent or empty is not known: it is never the same as
another, nor different from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

__all__ = [
    "GENERATOR", "TARGET", "Difference", "Environment", "Fact", "Facts", "Found", "Likeness", "Weight", "differences",
    "equal",
]  # fmt: skip

Facts = Mapping[str, str]
"""Name -> value; "" or absent: not known."""
Fits = Callable[[str, str], bool | None]
"""Whether a value is as the other side has it; None: that can't be told."""


class Weight(StrEnum):
    """What a difference in a fact means."""

    MATTERS = "matters"
    """Times, rates or their exactness may differ by it."""
    INFORMS = "informs"
    """Good to know; by itself it changes no figure."""
    MOMENT = "moment"
    """True of that moment only: shown, never compared."""


@dataclass(frozen=True, slots=True)
class Fact:
    """``title``: what it is, for people."""

    title: str
    weight: Weight = Weight.MATTERS


_INFORMS, _MOMENT = Weight.INFORMS, Weight.MOMENT

GENERATOR: Final[Mapping[str, Fact]] = {
    "llmload": Fact("llmload"),
    "python": Fact("Python"),
    "implementation": Fact("Python's implementation"),
    "system": Fact("operating system"),
    "release": Fact("kernel"),
    "machine": Fact("architecture"),
    "cpu": Fact("processor"),
    "cpus": Fact("processors that may be used"),
    "quota": Fact("CPU quota of the control group"),
    "governor": Fact("frequency governor"),
    "clock": Fact("clock source of the kernel"),
    "memory": Fact("memory"),
    "memory_limit": Fact("memory limit of the control group"),
    "container": Fact("container"),
    "virtual_machine": Fact("virtual machine"),
    "descriptors": Fact("file descriptors of a process"),
    "ports": Fact("local ports"),
    "congestion": Fact("TCP congestion control"),
    "slow_start": Fact("TCP slow start after idle"),
    "reuse": Fact("TCP ports reused while they wait"),
    "backlog": Fact("longest queue of a listening socket"),
    "receive_buffer": Fact("TCP receive buffer (least, usual, most)"),
    "send_buffer": Fact("TCP send buffer (least, usual, most)"),
    "openssl": Fact("TLS library"),
    "aiohttp": Fact("aiohttp"),
    "uvloop": Fact("uvloop"),
    "numpy": Fact("numpy", _INFORMS),
    "orjson": Fact("orjson", _INFORMS),
    "hdrhistogram": Fact("hdrhistogram", _INFORMS),
    "pydantic": Fact("pydantic", _INFORMS),
    "rich": Fact("rich", _INFORMS),
    "load": Fact("load average (1, 5, 15 min)", _MOMENT),
    "steal": Fact("taken by the hypervisor since the start", _MOMENT),
    "memory_free": Fact("memory that is free", _MOMENT),
}
"""What is looked at on the machine that makes the load, in the order in which it is shown."""

TARGET: Final[Mapping[str, Fact]] = {
    "software": Fact("software"),
    "version": Fact("version"),
    "build": Fact("build"),
    "server": Fact("header server"),
    "via": Fact("header via"),
    "gateway": Fact("gateway"),
    "api_version": Fact("version of the API"),
    "versions": Fact("headers that name versions"),
    "region": Fact("region"),
    "models": Fact("models"),
    "model": Fact("weights"),
    "revision": Fact("revision of the weights"),
    "dtype": Fact("number format"),
    "quantization": Fact("quantization"),
    "context": Fact("tokens of a context"),
    "slots": Fact("requests at once"),
    "batch_tokens": Fact("tokens in a batch"),
    "parallel": Fact("tensor parallelism"),
    "device": Fact("device"),
    "http": Fact("HTTP"),
    "tls": Fact("TLS"),
    "address": Fact("address", _INFORMS),
    "edge": Fact("edge of the content network", _INFORMS),
    "answered": Fact("list of models answered", _MOMENT),
    "trouble": Fact("not asked to the end", _MOMENT),
}
"""What a target may tell of itself."""
_OTHER: Final = Fact("", _INFORMS)
"""What another version of llmload knew."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a run was made, and what it was made against: by the targets' names."""

    generator: Facts = field(default_factory=dict)
    targets: Mapping[str, Facts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact that the two sides do not share. ``part``: "generator", or "target NAME". ``fact`` "": nothing is known of
    the whole part, on a side that is ""; else ``one`` and ``other`` are values, "" where it is not known there."""

    part: str
    fact: str
    weight: Weight
    one: str
    other: str
    undecided: bool = False
    """Both are known, and yet it can't be told whether they fit."""

    @property
    def unknown(self) -> bool:
        """Whether it is a lack of knowledge rather than a difference."""
        return self.undecided or not (self.one and self.other)

    def turned(self) -> Difference:
        """The same seen from the other side."""
        return Difference(self.part, self.fact, self.weight, self.other, self.one, self.undecided)


class Likeness(StrEnum):
    """What it comes to."""

    SAME = "no difference found"
    DIFFERS = "they differ"
    UNCLEAR = "can't say"
    """No difference that counts was found, but something that counts is not known."""


@dataclass(frozen=True, slots=True)
class Found:
    """``differences``: those that matter first. ``alike``: facts that both sides share. ``unknown``: (part, fact) that
    neither side knows. ``strict``: all that is compared counts, whatever its weight."""

    differences: tuple[Difference, ...]
    alike: int
    unknown: tuple[tuple[str, str], ...]
    strict: bool = False

    @property
    def likeness(self) -> Likeness:
        """Differences that matter decide, then what is not known."""
        counted = [each for each in self.differences if self.strict or each.weight is Weight.MATTERS]
        if any(not each.unknown for each in counted):
            return Likeness.DIFFERS
        return Likeness.UNCLEAR if counted or not self.alike else Likeness.SAME


def equal(one: str, other: str) -> bool | None:
    """The same text."""
    return one == other


def differences(one: Environment, other: Environment, fits: Fits = equal, asked: bool = False) -> Found:
    """What ``one`` and ``other`` do not share. With ``asked`` only facts that ``other`` names are looked at, and all of
    them count: it is what was wished."""
    found, unknown, alike = list[Difference](), list[tuple[str, str]](), 0
    for part, table, a, b in _parts(one, other):
        if asked and not b:
            continue
        if gap := _gap(part, table, a, b, asked):
            found.append(gap)
            continue
        for fact in _names(table, a, b, asked):
            weight = table.get(fact, _OTHER).weight
            mine, theirs = a.get(fact, ""), b.get(fact, "")
            fit = fits(mine, theirs) if mine and theirs else None
            if weight is Weight.MOMENT and not asked:
                continue
            if fit:
                alike += 1
            elif mine or theirs:
                found.append(Difference(part, fact, weight, mine, theirs, bool(mine and theirs) and fit is None))
            elif fact in table:
                unknown.append((part, fact))
    found.sort(key=lambda each: (each.weight is not Weight.MATTERS, each.unknown))
    return Found(tuple(found), alike, tuple(unknown), asked)


def _parts(one: Environment, other: Environment) -> Iterator[tuple[str, Mapping[str, Fact], Facts, Facts]]:
    """(part, what may be known of it, what either side knows). Where either side has one target, those are compared,
    whatever they are called."""
    if one.generator or other.generator:
        yield "generator", GENERATOR, one.generator, other.generator
    if len(one.targets) == len(other.targets) == 1:
        (name, mine), (other_name, theirs) = *one.targets.items(), *other.targets.items()
        yield f"target {min(name, other_name)}", TARGET, mine, theirs
        return
    for name in sorted({*one.targets, *other.targets}):
        yield f"target {name}", TARGET, one.targets.get(name, {}), other.targets.get(name, {})


def _gap(part: str, table: Mapping[str, Fact], a: Facts, b: Facts, asked: bool) -> Difference | None:
    """A side, or both, of which nothing is known that could be compared."""
    one, other = ("something" if asked or _tells(table, facts) else "" for facts in (a, b))
    if one and other:
        return None
    return Difference(part, "", Weight.MATTERS, one, other)


def _tells(table: Mapping[str, Fact], facts: Facts) -> bool:
    return any(value and table.get(fact, _OTHER).weight is not Weight.MOMENT for fact, value in facts.items())


def _names(table: Mapping[str, Fact], a: Facts, b: Facts, asked: bool) -> list[str]:
    if asked:
        return [fact for fact in {**dict.fromkeys(table), **b} if fact in b]
    return [*table, *sorted({*a, *b} - set(table))]
