from __future__ import annotations

import numpy as np
import pytest

from llmload.draws import Draws
from llmload.workload import lengths
from llmload.workload.profiles import PROFILES

PUBLISHED = {
    "azure-code-2023": ((1469, 5188, 7436), (13, 55, 251)),
    "azure-conv-2023": ((1020, 2734, 4142), (129, 424, 601)),
    "mooncake-conversation": ((6909, 27367, 85400), (350, 597, 1119)),
    "mooncake-synthetic": ((11587, 38611, 66456), (69, 389, 768)),
}


@pytest.mark.parametrize("name", PROFILES)
def test_means_are_near_the_published_ones(name: str) -> None:
    profile = PROFILES[name]
    for sizes, mean in zip((profile.input, profile.output), profile.means, strict=True):
        lengths.check(sizes)
        assert lengths.mean(sizes) == pytest.approx(mean, rel=0.15)


@pytest.mark.parametrize(("name", "published"), PUBLISHED.items())
def test_quantiles_are_the_published_ones(name: str, published: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    for sizes, wished in zip((PROFILES[name].input, PROFILES[name].output), published, strict=True):
        drawn = [lengths.draw(sizes, Draws(3, k)) for k in range(6000)]
        assert np.quantile(drawn, (0.5, 0.9, 0.99)) == pytest.approx(wished, rel=0.1)
        assert np.mean(drawn) == pytest.approx(lengths.mean(sizes), rel=0.06)
