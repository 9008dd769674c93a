"""The page in a real browser, beside a real run and beside the made-up one: what it draws, says and asks for."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dashboard_run as run
import pytest
from web_kit import page_of, shown

from llmload.dashboard.live import QuietDisplay
from llmload.dashboard.plots import nice
from llmload.dashboard.series import clock
from llmload.dashboard.web.address import Address
from llmload.dashboard.web.display import Page, served
from llmload.reports.result import parse_result
from llmload.units import format_count, format_ns, format_seconds

sys.path.insert(0, str(Path(__file__).parents[1] / "reports"))

import reports_samples as samples
from browser import PATIENCE, Browser, browser

LINES = """Object.fromEntries([...document.querySelectorAll('figure.chart')].filter(e => !e.hidden).map(
    e => [e.id, [...e.querySelectorAll('svg[role=img] .line')].map(l => l.getTotalLength() > 20)]))"""
WIDER = """[...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll") && !e.closest("svg") &&
    e.getClientRects().length && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + "#" + e.id)
    .join()"""
CELLS = """[...document.querySelectorAll('#rows tr')].map(r => [...r.cells].map(c => c.textContent))"""
HEADS = """[...document.querySelectorAll('#columns th')].map(c => c.textContent)"""


def text(of: str) -> str:
    """JavaScript for the text of an element."""
    return f"document.getElementById('{of}').textContent"


async def until(page: Browser, expression: str, wanted: Any = True, seconds: float = PATIENCE) -> None:
    """Wait for what the page is to come to."""
    end = time.monotonic() + seconds
    while (found := await page.value(expression)) != wanted:
        assert time.monotonic() < end, (expression, found)
        await asyncio.sleep(0.1)


@asynccontextmanager
async def started(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """``llmload`` with these arguments, and the address that it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "llmload", *arguments,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    said = re.search(rb"the run is shown at (\S+)", await process.stderr.readline())
    assert said is not None
    rest = asyncio.create_task(process.stderr.read())
    try:
        yield process, said[1].decode()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await rest


async def test_a_run_from_its_beginning_to_its_report(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    arguments = ("run", "quickstart", "--set", "load.duration=8s", "--display", "plain", "--allow-invalid")
    async with (
        started(*arguments, "-o", str(out), "--web-at", "0") as (process, address),
        browser(tmp_path / "home") as page,
    ):
        await page.open(address)
        await until(page, text("stage"), "running")
        await until(page, "document.getElementById('progress').value > 0.4")
        await until(page, f"{LINES}['chart-load']?.some(Boolean)")
        await until(page, f"{text('decision')}.startsWith('The run has ended: ')")
        await the_end_is_the_result(page, out)
        await page.value("document.getElementById('see-live').click()")
        for chart in ("load", "in-flight", "ttft", "itl", "latency", "tokens", "errors", "lag"):
            await until(page, f"{LINES}['chart-{chart}']?.every(Boolean)")
        assert page.said == []
        assert all(asked.startswith(address) for asked in page.requests)
        await page.call("Page.navigate", url="about:blank")
        assert await asyncio.wait_for(process.wait(), 30) == 0


async def the_end_is_the_result(page: Browser, out: Path) -> None:
    """The page shows the report, and behind it the figures that the saved result has."""
    result = parse_result(out.read_bytes(), "out")
    assert await page.value(text("decision")) == f"The run has ended: {result.verdict.decision.value}"
    inner = "document.getElementById('frame').contentDocument"
    await until(page, f"{inner}.querySelector('.decision')?.textContent.includes('{result.verdict.decision.value}')")
    await until(page, f"document.getElementById('frame').height > {inner}.body.scrollHeight - 20")
    assert await page.value(f"{inner}.querySelectorAll('figure svg').length") > 5
    rows = [dict(zip(await page.value(HEADS), row, strict=True)) for row in await page.value(CELLS)]
    assert {row["class"] for row in rows} == {"all", *result.summary.dimensions()["class"]}
    for row in rows:
        part = result.summary.select(**({} if row["class"] == "all" else {"class": row["class"]}))
        assert row["calls"] == format_count(part.calls)
        for metric, name in (("ttft", "TTFT"), ("itl", "chunk gap"), ("latency", "latency")):
            histogram = part.histogram(metric)
            for p in (50, 95, 99):
                said = format_ns(histogram.percentile(p) * 1e3) if histogram.count else "-"
                assert row[f"{name} p{p}"] == said
    seen = "[...document.querySelectorAll('#objectives .seen strong')].map(e => e.textContent)"
    assert await page.value(seen) == [each.objective.kind.show(each.observed) for each in result.judgements]


async def test_it_fits_on_a_phone_and_on_a_desk_in_light_and_dark(tmp_path: Path) -> None:
    with page_of() as page:
        shown(page, 100.0)
        async with browser(tmp_path / "home") as shows:
            await shows.size(1200)
            await shows.open(page.server.url)
            await until(shows, "document.querySelectorAll('figure.chart:not([hidden])').length >= 7")
            papers = set()
            for width, dark in ((1200, False), (1200, True), (360, False), (360, True)):
                await shows.size(width, dark=dark)
                await until(shows, "document.querySelector('.chart > svg').getBoundingClientRect().width < innerWidth")
                assert await shows.value(WIDER) == ""
                papers.add(await shows.value("getComputedStyle(document.body).backgroundColor"))
                papers.add(await shows.value("getComputedStyle(document.querySelector('.line.c-sent')).stroke"))
            assert len(papers) == 4
            assert shows.said == []
            assert {asked.rsplit("/", 1)[0] + "/" for asked in shows.requests} == {page.server.url}


async def test_charts_are_read_with_the_keyboard_and_by_assistive_technology(tmp_path: Path) -> None:
    with page_of() as page:
        display = shown(page, 50.0)
        async with browser(tmp_path / "home") as shows:
            await shows.open(page.server.url)
            picture = "document.querySelector('#chart-load > svg')"
            await until(shows, f"({picture}?.getAttribute('aria-label') ?? '').startsWith('Calls per second, at 0:48')")
            await shows.value(f"{picture}.focus()")
            for _ in range(3):
                await shows.call("Input.dispatchKeyEvent", type="keyDown", key="ArrowLeft")
            await until(shows, f"{picture}.getAttribute('aria-label').slice(0, 25)", "Calls per second, at 0:46")
            said = await shows.value(f"{picture}.getAttribute('aria-label')")
            sent = display.history.points[46][display.history.columns.index("sent")]
            assert f"sent {sent:g}/s" in said
            assert await shows.value("document.querySelectorAll('.chart:not([hidden]) .cursor').length") >= 7
            tree = (await shows.call("Accessibility.getFullAXTree"))["nodes"]
            named = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if "role" in node}
            assert ("heading", "peak hour") in named
            assert ("progressbar", "Share of the planned time") in named
            assert not [role for role, name in named if role in ("image", "button", "table", "region") and not name]


async def test_texts_of_a_hostile_target_stay_texts(tmp_path: Path) -> None:
    evil = "<img src=http://127.0.0.1:1/x onerror=document.title='pwned'><script>document.title='pwned'</script>"
    with page_of() as page:
        display = page.display(1, QuietDisplay())
        display.message(evil)
        display.update(replace(run.frame_at(100.0), title=evil, target=evil, phase=evil))
        async with browser(tmp_path / "home") as shows:
            await shows.open(page.server.url)
            await until(shows, text("title"), evil)
            assert await shows.value(text("messages")) == evil
            assert await shows.value("document.querySelectorAll('img, body script').length") == 0
            assert "pwned" not in (await shows.value("document.title")).split(" ")[0]
            assert shows.said == []
            refused = "try { document.body.innerHTML = '<b>x</b>'; 'done' } catch { 'refused' }"
            assert await shows.value(refused) == "refused"


async def test_without_javascript_the_page_says_so(tmp_path: Path) -> None:
    with page_of() as page:
        async with browser(tmp_path / "home") as shows:
            await shows.call("Emulation.setScriptExecutionDisabled", value=True)
            await shows.open(page.server.url)
            found = await shows.call("DOM.getDocument", depth=-1)
            answer = await shows.call("DOM.querySelector", nodeId=found["root"]["nodeId"], selector="noscript a")
            assert answer["nodeId"]
            box = await shows.call("DOM.getBoxModel", nodeId=answer["nodeId"])
            assert box["model"]["width"] > 20
            assert shows.said == []


async def test_a_page_that_lost_its_server_finds_it_again_and_is_told_when_it_ends(tmp_path: Path) -> None:
    async with browser(tmp_path / "home") as shows:
        with page_of() as first:
            shown(first, 20.0)
            await shows.open(first.server.url)
            await until(shows, text("clock"), "0:20 / 3:00")
            port = first.server.port
            first.server._soon(lambda: [task.cancel() for task in first.server._following])
            await until(shows, text("notice"), "The connection is lost; trying again.")
            await until(shows, text("notice"), "")
            shown(first, 30.0)
            await until(shows, text("clock"), "0:30 / 3:00")
        await until(shows, f"{text('notice')}.startsWith('llmload has ended')")
        asked = len(shows.requests)
        with served(Page(Address("127.0.0.1", port))):
            await asyncio.sleep(2.0)
        assert len(shows.requests) == asked


async def test_several_runs_on_one_page(tmp_path: Path) -> None:
    with page_of(runs=2) as page:
        shown(page, 5.0, run_number=1)
        page.ended(1, samples.result())
        async with browser(tmp_path / "home") as shows:
            await shows.open(page.server.url)
            await until(shows, text("run"), "llmload, run 1 of 2")
            await until(shows, "document.getElementById('live').hidden")
            shown(page, 7.0, run_number=2)
            await until(shows, text("run"), "llmload, run 2 of 2")
            await until(shows, "document.getElementById('live').hidden", False)
            assert await shows.value(text("decision")) == "Reports of earlier runs"
            links = "[...document.querySelectorAll('#reports a')].map(e => e.textContent + ' ' + e.pathname)"
            word = samples.result().verdict.decision.value
            assert await shows.value(links) == [f"Report of run 1: {word} /report/1"]
            page.ended(2, samples.result())
            await until(shows, "document.getElementById('live').hidden")
            assert await shows.value("document.getElementById('frame').src") == f"{page.server.url}report/2"
            await shows.value("document.getElementById('see-live').click()")
            assert not await shows.value("document.getElementById('live').hidden")
            assert shows.said == []


async def test_the_script_writes_times_and_scales_as_the_terminal_does(tmp_path: Path) -> None:
    numbers = [0, 1e-5, 0.0005, 0.0123, 0.9996, 1, 7, 59.9, 60, 119, 754, 3600, 11045, 99_999]
    with page_of() as page:
        async with browser(tmp_path / "home") as shows:
            await shows.open(page.server.url)
            await shows.value("import('/words.js').then(words => { window.words = words })")
            await until(shows, "typeof window.words", "object")

            async def each(expression: str) -> Any:
                return await shows.value(f"{numbers}.map(x => {expression})")

            assert await each("words.clock(x)") == [clock(number) for number in numbers]
            assert await each("words.nice(x)") == pytest.approx([nice(number) for number in numbers])
            short = [format_seconds(number).split() for number in numbers[1:7]]
            assert (await each("words.WRITERS.time(x)"))[1:7] == [f"{float(number):g} {unit}" for number, unit in short]
            ends = await each("words.endOfTime(x, 50_000)")
            assert all(number <= end <= 99_999 for number, end in zip(numbers, ends, strict=True))
            assert await shows.value("words.WRITERS.bytes(614 * 2 ** 20, 2 ** 30)") == "0.6 GiB"
            assert await shows.value("[words.WRITERS.rate(12345), words.WRITERS.share(0.123)]") == ["12.3k/s", "12.3%"]


def test_the_events_are_small() -> None:
    """A browser that keeps step gets kilobytes a second, whatever the length of the run."""
    with page_of() as page:
        shown(page, 120.0)
        assert page._last is not None
        assert len(page._last.news) < 8_000 < len(page._last.whole) < 60_000
        assert json.loads(page._last.news.split(b"data: ")[1])["points"]
