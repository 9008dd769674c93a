"""What servers reported of prompts whose tokens were estimated, where a run learns from that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Learned"]


@dataclass(slots=True)
class Learned:
    """(class, kind of text) -> tokens estimated and tokens reported, over all prompts; adds up exactly."""

    sums: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def add(self, sums: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        """Take further prompts."""
        for key, (estimated, reported) in sums.items():
            before = self.sums.get(key, (0, 0))
            self.sums[key] = before[0] + estimated, before[1] + reported

    def merge(self, other: Learned) -> None:
        """Add what another has seen."""
        self.add(other.sums)

    def factors(self, cls: str) -> dict[str, float]:
        """Kind of text -> tokens reported for each that was estimated, of a class; "" stands for all kinds together."""
        found = {kind: sums for (name, kind), sums in sorted(self.sums.items()) if name == cls and sums[0]}
        if not found:
            return {}
        estimated, reported = (sum(column) for column in zip(*found.values(), strict=True))
        return {"": reported / estimated, **{kind: own / of for kind, (of, own) in found.items()}}

    def to_json(self) -> list[list[str | int]]:
        """Class, kind of text, tokens estimated, tokens reported, in order."""
        return [[*key, *sums] for key, sums in sorted(self.sums.items())]

    @classmethod
    def from_json(cls, data: list[list[str | int]]) -> Learned:
        """The inverse of ``to_json``."""
        return cls({(str(name), str(kind)): (int(of), int(own)) for name, kind, of, own in data})
