"""Colours of one chart stay apart, for people who don't see red or green too, and from the paper."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from llmload.reports.charts.colours import DARK, HEAT, LIGHT, ON_PAGE, SERIES, Colours
from llmload.reports.charts.outcomes import FAMILIES

TOGETHER = {
    "load": ("planned", "sent", "completed", "goodput"),
    "percentiles over time": ("p50", "p95", "p99"),
    "percentile plot": ("ttft", "latency", "itl"),
    "outcomes": tuple(colour for _, colour, _ in FAMILIES),
    "results": SERIES[:6],
    "heat": HEAT,
}
# Machado, Oliveira, Fernandes: A physiologically-based model for simulation of color vision deficiency, 2009.
SEEN = {
    "as most": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
Vector = NDArray[np.float64]


def linear(colour: str) -> Vector:
    values = np.array([int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def oklab(rgb: Vector) -> Vector:
    """Björn Ottosson: A perceptual color space for image processing, 2020."""
    cones = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
    lab = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])
    return lab @ np.cbrt(np.clip(cones @ rgb, 0.0, None))


def luminance(colour: str) -> float:
    return float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour))


def contrast(first: str, second: str) -> float:
    """WCAG 2.1: 3 for what is to be made out, 4.5 for text."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("eyes", SEEN)
@pytest.mark.parametrize("chart", TOGETHER)
def test_colours_of_one_chart_are_told_apart(chart: str, eyes: str, colours: Colours) -> None:
    seen = {name: oklab(np.clip(SEEN[eyes] @ linear(colours[name]), 0.0, 1.0)) for name in TOGETHER[chart]}
    near = {
        pair: float(np.linalg.norm(seen[pair[0]] - seen[pair[1]])) for pair in combinations(seen, 2)
    }  # fmt: skip
    assert min(near.values()) > 0.06, sorted(near.items(), key=lambda item: item[1])[:4]


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_and_lines_can_be_made_out(colours: Colours) -> None:
    assert contrast(colours["ink"], colours["paper"]) > 7
    assert contrast(colours["dim"], colours["paper"]) > 4.5
    lines = {*TOGETHER["load"], *TOGETHER["percentiles over time"], *TOGETHER["percentile plot"]} - {"planned"}
    assert {name for name in lines if contrast(colours[name], colours["paper"]) < 2.9} == set()


def test_light_dark_and_page_have_the_same_meanings() -> None:
    assert list(LIGHT) == list(DARK) == list(ON_PAGE)
