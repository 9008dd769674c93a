"""Lengths of prompts and answers in tokens, as published traces have them: parameters alone, no data.

Each is given by the quantiles of the published figures; between two of them lengths are spread evenly on a logarithmic
scale. Input and output are drawn independently, which the Azure traces bear out (correlation of the logarithms 0.0 for
code and 0.09 for conversations). How far means are from the published ones is tested, and said in docs/prompts.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from llmload.workload.spec import Lengths

__all__ = ["PROFILES", "Profile"]

_CUTS: Final = (0.0, 0.5, 0.9, 0.99, 1.0)
_STEPS: Final = 6
"""Pieces of even spread between two quantiles."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Lengths of prompts and answers that belong together. ``means``: as published, (input, output)."""

    source: str
    input: Lengths
    output: Lengths
    means: tuple[float, float]


def _by_quantiles(*values: int) -> Lengths:
    """From the smallest, p50, p90, p99 and the largest."""
    parts: list[tuple[float, Lengths]] = []
    for (share, low), (until, high) in pairwise(zip(_CUTS, values, strict=True)):
        edges = [round(low * (high / low) ** (step / _STEPS)) for step in range(_STEPS + 1)]
        for first, last in pairwise(edges):
            parts.append(((until - share) / _STEPS, Lengths("uniform", low=first, high=max(first, last - 1))))
    return Lengths("choice", parts=tuple(parts))


_CATALOGUE: Final = Lengths(
    "choice",
    parts=(
        (30.0, Lengths("uniform", low=10, high=50)),
        (50.0, Lengths("uniform", low=50, high=150)),
        (20.0, Lengths("uniform", low=150, high=500)),
    ),
)
_AZURE: Final = "Azure LLM inference traces 2023, Microsoft, CC-BY-4.0 (github.com/Azure/AzurePublicDataset)"
_MOONCAKE: Final = "Mooncake traces, FAST'25, Apache-2.0 (github.com/kvcache-ai/Mooncake)"

PROFILES: Final[Mapping[str, Profile]] = {
    "short-medium-long": Profile(
        "30 % short (10-50 tokens), 50 % medium (50-150), 20 % long (150-500); answers of 150 on average, at most 500",
        _CATALOGUE,
        Lengths("lognormal", low=10, high=500, mean=154, sd=95),
        (124.0, 150.0),
    ),
    "azure-code-2023": Profile(
        _AZURE,
        _by_quantiles(60, 1469, 5188, 7436, 7500),
        _by_quantiles(4, 13, 55, 251, 800),
        (2048.0, 28.0),
    ),
    "azure-conv-2023": Profile(
        _AZURE,
        _by_quantiles(150, 1020, 2734, 4142, 9000),
        _by_quantiles(20, 129, 424, 601, 1000),
        (1155.0, 211.0),
    ),
    "mooncake-conversation": Profile(
        _MOONCAKE,
        _by_quantiles(900, 6909, 27367, 85400, 120_000),
        _by_quantiles(80, 350, 597, 1119, 2000),
        (12035.0, 343.0),
    ),
    "mooncake-synthetic": Profile(
        _MOONCAKE,
        _by_quantiles(1500, 11587, 38611, 66456, 120_000),
        _by_quantiles(10, 69, 389, 768, 1500),
        (15325.0, 149.0),
    ),
}
"""Name -> lengths."""
