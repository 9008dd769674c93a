"""The known sets, each on a page as such a server writes it. The pages are made up by us; names, types and labels are
those of the servers' own sources. ``before|after`` are the values of two looks ten seconds apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from llmload.observe import scrape
from llmload.observe.scrape import PageWatch, read_page
from llmload.scenario.series import SETS

PAGES = Path(__file__).parent / "pages"
FIGURES: Mapping[str, Mapping[str, float]] = {
    "vllm": {
        "queue": 4, "running": 7, "cache": 0.4, "requests": 2, "prompt_tokens": 300, "output_tokens": 100,
        "server_ttft": 0.15, "server_latency": 2.5, "server_wait": 0.25,
    },
    "sglang": {
        "queue": 7, "running": 6, "cache": 0.25, "requests": 2, "prompt_tokens": 200, "output_tokens": 40,
        "server_ttft": 0.2, "server_latency": 2, "server_wait": 0.5,
    },
    "tgi": {
        "queue": 3, "running": 8, "requests": 3, "prompt_tokens": 300, "output_tokens": 100, "server_latency": 2,
        "server_wait": 0.5,
    },
    "llamacpp": {"queue": 46, "running": 4, "prompt_tokens": 100, "output_tokens": 30},
    "dcgm": {"gpu": 0.85},
    "node": {"disk_free": 4e10, "connections": 212, "read": 3e5, "written": 5e5},
    "process": {"cores": 1.5, "memory": 1.5e8, "fds": 120},
    "postgres": {"connections": 14, "requests": 200},
    "redis": {"clients": 34, "memory": 9e6, "requests": 5000},
}  # fmt: skip


def looks(name: str) -> Iterator[str]:
    text = (PAGES / f"{name}.txt").read_text()
    for look in (1, 2):
        yield re.sub(r" (\S+)\|(\S+)$", rf" \{look}", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", SETS)
def test_a_set_finds_every_figure_on_the_page_of_its_server(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = looks(name)
    monkeypatch.setattr(scrape, "fetch", lambda url: next(pages))
    watch = PageWatch(name, lambda: "", list(SETS[name].items()))
    watch.look(0.0, last=True)
    watch.look(10.0, last=True)
    assert watch.seen.missing == {}
    found = {figure: samples.bins[max(samples.bins)].mean for figure, samples in watch.seen.figures.items()}
    assert found == pytest.approx(FIGURES[name], rel=0.01), "a page takes its time"


def test_a_counter_goes_by_both_its_names() -> None:
    page = "# TYPE a counter\na 1\n# TYPE b_total counter\nb_total 2\n# TYPE c_total gauge\nc_total 3\n"
    found = read_page(page, ["a", "a_total", "b", "b_total", "c", "c_total"])
    assert {name: samples[0][1] for name, samples in found.items()} == {
        "a": 1, "a_total": 1, "b": 2, "b_total": 2, "c_total": 3,
    }  # fmt: skip
