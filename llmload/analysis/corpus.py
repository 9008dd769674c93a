"""What a set of prompts is like, how far it is from another, and prompts made to be like it. Pure.

Lengths are compared by the Kolmogorov-Smirnov distance (the largest difference of two distribution functions, 0 to 1),
with the Wasserstein distance beside it, which says how many tokens lie between two prompts of the same rank on average;
shares by the total variation distance (half the sum of the differences). A difference counts where it is larger than a
bound and larger than chance makes it at these sizes: the 1 % point of the two-sample Kolmogorov-Smirnov test,
1.63 sqrt((n + m) / (n m)).
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from llmload.data.entry import Entry
from llmload.draws import Draws
from llmload.workload import lengths
from llmload.workload.profiles import Profile
from llmload.workload.text import compose
from llmload.workload.tokens import estimate_tokens

__all__ = [
    "TOPICS",
    "Difference",
    "Portrait",
    "compare",
    "generate",
    "ks_distance",
    "of_profile",
    "portrait",
    "topic",
    "wasserstein",
]

_DRAWN: Final = 5000
"""Prompts drawn to stand for a profile."""
_BOUND: Final = 0.1
"""Distances up to this are no difference, however large the samples."""
_CODE: Final = re.compile(r"```|\bdef \w+\(|\bfunction \w*\(|\breturn\b.*[;:]|[{};]\s*$|\bimport \w+|=>", re.MULTILINE)
_MARKS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (name, re.compile(rf"\b({words})\b", re.IGNORECASE))
    for name, words in (
        ("technical", r"(?:server|cache|latency|database|network|thread|cluster|queue|memory|API|kernel)\w*"),
        ("analytical", r"analy[sz]e|compare|explain why|evaluate|summari[sz]e|calculate|prove|estimate"),
        ("conversational", r"I|I'm|my|me|you|your|please|thanks|hello|hi"),
    )
)
TOPICS: Final = ("code", *(name for name, _ in _MARKS), "prose")
"""The lexical classes of a text: the first that it shows of code, technical, analytical, conversational; else prose."""
_STYLES: Final[Mapping[str, tuple[str, ...]]] = {
    "code": ("python", "javascript"),
    "technical": ("technical",),
    "analytical": ("technical", "prose"),
    "conversational": ("conversation",),
    "prose": ("prose",),
}


@dataclass(frozen=True, slots=True)
class Portrait:
    """Lengths in (estimated) tokens, sorted, of each entry's prompt and of the answers on record; turns of each entry;
    shares of the entries with a system message and of each topic. ``texts``: whether there were texts at all."""

    entries: int
    input: tuple[int, ...]
    output: tuple[int, ...] = ()
    turns: tuple[int, ...] = ()
    system: float = 0.0
    topics: Mapping[str, float] | None = None

    @property
    def texts(self) -> bool:
        """Profiles have lengths alone."""
        return self.topics is not None

    def to_json(self) -> dict[str, Any]:
        """Figures, not samples."""
        return {
            "entries": self.entries,
            "input_tokens": _figures(self.input),
            "output_tokens": _figures(self.output),
            "turns": _figures(self.turns),
            "system": self.system if self.texts else None,
            "topics": dict(self.topics) if self.topics is not None else None,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """One respect in which two sets were compared. ``tokens``: the Wasserstein distance, None for shares."""

    what: str
    distance: float
    bound: float
    tokens: float | None = None

    @property
    def alike(self) -> bool:
        """Whether the distance is within the bound."""
        return self.distance <= self.bound


def topic(text: str) -> str:
    """The lexical class of a text."""
    if _CODE.search(text):
        return "code"
    return next((name for name, mark in _MARKS if mark.search(text)), "prose")


def portrait(entries: Iterable[Entry]) -> Portrait:
    """What these entries are like; the whole set is gone through once, and kept as numbers."""
    inputs, outputs, turns = [], [], []
    topics: Counter[str] = Counter()
    system = 0
    for entry in entries:
        inputs.append(estimate_tokens(entry.text))
        answers = (turn.answer for turn in entry.turns)
        outputs += [estimate_tokens(answer.content) for answer in answers if answer is not None and answer.content]
        turns.append(len(entry.turns))
        system += any(message.role == "system" for message in entry.messages)
        topics[topic(entry.text)] += 1
    count = len(inputs)
    shares = {name: topics[name] / count if count else 0.0 for name in TOPICS}
    return Portrait(
        count,
        tuple(sorted(inputs)),
        tuple(sorted(outputs)),
        tuple(sorted(turns)),
        system / count if count else 0.0,
        shares,
    )


def of_profile(profile: Profile) -> Portrait:
    """The lengths that a profile stands for."""
    drawn = [Draws(0, number) for number in range(_DRAWN)]
    return Portrait(
        _DRAWN,
        tuple(sorted(lengths.draw(profile.input, draws) for draws in drawn)),
        tuple(sorted(lengths.draw(profile.output, draws) for draws in drawn)),
    )


def ks_distance(a: Sequence[int], b: Sequence[int]) -> float:
    """The largest difference between the distribution functions of two sorted samples."""
    return max(abs(bisect_right(a, x) / len(a) - bisect_right(b, x) / len(b)) for x in {*a, *b})


def wasserstein(a: Sequence[int], b: Sequence[int]) -> float:
    """The area between the distribution functions of two sorted samples, in their own unit."""
    points = sorted({*a, *b})
    return sum(
        abs(bisect_right(a, x) / len(a) - bisect_right(b, x) / len(b)) * (after - x) for x, after in pairwise(points)
    )


def compare(mine: Portrait, reference: Portrait) -> list[Difference]:
    """In every respect that both have."""
    found = []
    for what in ("input", "output", "turns"):
        a, b = getattr(mine, what), getattr(reference, what)
        if a and b:
            chance = 1.63 * math.sqrt((len(a) + len(b)) / (len(a) * len(b)))
            name = what if what == "turns" else f"{what} tokens"
            found.append(Difference(name, ks_distance(a, b), max(_BOUND, chance), wasserstein(a, b)))
    if mine.topics is not None and reference.topics is not None:
        chance = 1.63 * math.sqrt((mine.entries + reference.entries) / (mine.entries * reference.entries))
        bound = max(_BOUND, chance)
        topics, others = mine.topics, reference.topics
        found.append(Difference("topics", sum(abs(topics[name] - others[name]) for name in TOPICS) / 2, bound))
        found.append(Difference("system messages", abs(mine.system - reference.system), bound))
    return found


def generate(like: Portrait, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """``count`` rows of OpenAI-style requests with the lengths and topics of ``like``; the same for the same seed."""
    topics = like.topics or {"conversational": 0.4, "prose": 0.3, "technical": 0.1, "code": 0.2}
    for number in range(count):
        draws = Draws(seed, number)
        tokens = draws.pick(like.input)
        most = draws.pick(like.output) if like.output else None
        kind = draws.pick(_STYLES[_share(topics, draws.unit())])
        row: dict[str, Any] = {
            "messages": [{"role": "user", "content": compose(kind, max(1, tokens), draws, seed + number)}]
        }
        if most is not None:
            row["max_tokens"] = max(1, most)
        yield row


def _share(shares: Mapping[str, float], position: float) -> str:
    position *= sum(shares.values())
    for name, share in shares.items():
        position -= share
        if position < 0:
            return name
    return next(iter(shares))


def _figures(values: Sequence[int]) -> dict[str, float] | None:
    if not values:
        return None
    at = {f"p{q}": values[min(len(values) - 1, len(values) * q // 100)] for q in (50, 90, 99)}
    return {"count": len(values), "min": values[0], "mean": sum(values) / len(values), **at, "max": values[-1]}
