"""A page in headless Chromium, watched through the DevTools protocol: what it says, asks for and looks like.

Chromium is there as Debian's ``chromium`` or under another of ``NAMES``; without one, tests that need it are skipped.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--remote-debugging-port=0", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
PATIENCE = 60.0


class Browser:
    """One page. ``said``: console messages, uncaught errors and violated policies; ``requests``: what it asked for."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()
        self.said: list[str] = []
        self.requests: list[str] = []
        self._listening = asyncio.create_task(self._listen())

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Carry out a command of the protocol."""
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        answer = await asyncio.wait_for(self._answers[number], PATIENCE)
        assert "error" not in answer, answer
        found: dict[str, Any] = answer.get("result", {})
        return found

    async def open(self, address: str) -> None:
        """Load it, and wait until it is there."""
        self._loaded.clear()
        for domain in ("Page", "Network", "Runtime", "Log", "Audits"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=address)
        await asyncio.wait_for(self._loaded.wait(), PATIENCE)

    async def size(self, width: int, height: int = 800, dark: bool = False) -> None:
        """A screen of so many pixels, of a reader who likes it light or dark."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def value(self, expression: str) -> Any:
        """What a piece of JavaScript comes to. (The debugger may run it; the page itself may run none.)"""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def picture(self, path: Path, whole: bool = True) -> None:
        """A screenshot; ``whole``: of all of the page."""
        shot = await self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    async def printed(self) -> bytes:
        """The page on paper, as PDF."""
        return base64.b64decode((await self.call("Page.printToPDF", printBackground=True))["data"])

    async def close(self) -> None:
        self._listening.cancel()
        await self._socket.close()

    async def _listen(self) -> None:
        async for message in self._socket:
            event = message.json()
            if "id" in event:
                self._answers.pop(event["id"]).set_result(event)
            else:
                self._noted(event["method"], event["params"])

    def _noted(self, method: str, about: dict[str, Any]) -> None:
        match method:
            case "Page.loadEventFired":
                self._loaded.set()
            case "Network.requestWillBeSent":
                self.requests.append(about["request"]["url"])
            case "Log.entryAdded":
                self.said.append(about["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.said.append(str(about))
            case "Audits.issueAdded" if "contentSecurityPolicy" in str(about):
                self.said.append(str(about))


@asynccontextmanager
async def browser(home: Path) -> AsyncIterator[Browser]:
    """A browser with an empty page; its files are in ``home``. Skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    process = await asyncio.create_subprocess_exec(
        found, *FLAGS, f"--user-data-dir={home}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        port = await asyncio.wait_for(_port(home / "DevToolsActivePort"), PATIENCE)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as pages:
                address = next(page for page in await pages.json() if page["type"] == "page")["webSocketDebuggerUrl"]
            made = Browser(await session.ws_connect(address, max_msg_size=0))
            try:
                yield made
            finally:
                await made.close()
    finally:
        process.terminate()
        await process.wait()


async def _port(path: Path) -> int:
    while not path.exists() or "\n" not in path.read_text():
        await asyncio.sleep(0.05)
    return int(path.read_text().splitlines()[0])
