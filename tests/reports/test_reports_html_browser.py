"""The page in a real browser: it asks for nothing, breaks no policy of its own, and fits on a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import reports_samples as samples
from aiohttp import web
from browser import Browser, browser
from test_reports_charts import two_classes

from llmload.reports.html.page import render
from llmload.reports.result import Result

MADE = {
    "result": samples.result,
    "hostile": samples.hostile,
    "labels": two_classes,
    "empty": samples.empty,
    "watched": samples.overloaded,
}
WIDER = """[...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll") && !e.closest("svg") &&
    e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + "." + e.className).join()"""
SHOWN = (
    """[...document.querySelectorAll("figure > div")].filter(e => e.getClientRects().length).map(e => e.className)"""
)


@pytest.fixture(params=MADE)
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    make: Callable[[], Result] = MADE[request.param]
    path = tmp_path / "report.html"
    path.write_bytes(render(make()))
    return path


async def opened(shown: Browser, path: Path) -> None:
    await shown.open(path.as_uri())
    assert shown.requests == [path.as_uri()]


async def test_a_page_says_nothing_and_asks_for_nothing(page: Path, tmp_path: Path) -> None:
    async with browser(tmp_path / "home") as shown:
        await opened(shown, page)
        for width, dark in ((1200, False), (1200, True), (360, False)):
            await shown.size(width, dark=dark)
        await shown.printed()
        await shown.value("document.querySelectorAll('details').forEach(e => e.open = true)")
        assert shown.said == []
        assert shown.requests == [page.as_uri()]
        assert await shown.value("document.scripts.length") == 0


async def test_the_policy_is_enforced(page: Path, tmp_path: Path) -> None:
    """What a server would have to sneak in to do harm is refused by the browser, were it ever let through."""
    smuggled = b"<script>document.title='pwned'</script><style>body{opacity:0}</style><img src='http://127.0.0.1:1/x'>"
    spoiled = tmp_path / "spoiled.html"
    spoiled.write_bytes(page.read_bytes().replace(b"</main>", smuggled + b"</main>"))
    async with browser(tmp_path / "home") as shown:
        await shown.open(spoiled.as_uri())
        assert await shown.value("document.title") != "pwned"
        assert await shown.value("getComputedStyle(document.body).opacity") == "1"
        assert len([said for said in shown.said if "Content Security Policy" in said]) == 3


async def test_it_fits_on_a_phone_and_on_a_desk_in_light_and_dark(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(render(samples.result()))
    async with browser(tmp_path / "home") as shown:
        await opened(shown, path)
        papers = set()
        for width, dark, which in ((1200, False, "wide"), (1200, True, "wide"), (360, False, "narrow")):
            await shown.size(width, dark=dark)
            assert await shown.value(WIDER) == ""
            assert set(await shown.value(SHOWN)) == {which}
            papers.add(await shown.value("getComputedStyle(document.body).backgroundColor"))
            line = "getComputedStyle(document.querySelector('figure svg path[stroke]')).stroke"
            papers.add(await shown.value(line))
        assert len(papers) == 4
        assert await shown.value("document.querySelector('.decision').getBoundingClientRect().bottom") < 200
        assert await shown.value("document.querySelector('.objectives li').getBoundingClientRect().bottom") < 740
        assert (await shown.printed()).startswith(b"%PDF")


async def test_a_page_behind_a_server_makes_the_browser_ask_for_no_icon(tmp_path: Path) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(body=render(samples.result()), content_type="text/html")

    served = web.Application()
    served.router.add_route("GET", "/{path:.*}", answer)
    runner = web.AppRunner(served)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with browser(tmp_path / "home") as shown:
        await shown.open(f"http://127.0.0.1:{port}/report")
        assert shown.said == []
    await runner.cleanup()
    assert asked == ["/report"]


async def test_small_charts_stand_beside_each_other_where_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(render(samples.overloaded()))
    places = "[...document.querySelectorAll('.small figure')].map(e => Math.round(e.getBoundingClientRect().left))"
    async with browser(tmp_path / "home") as shown:
        await opened(shown, path)
        for width, columns in ((1200, 2), (360, 1)):
            await shown.size(width)
            assert await shown.value(WIDER) == ""
            assert len(set(await shown.value(places))) == columns
