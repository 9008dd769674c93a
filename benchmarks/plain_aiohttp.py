"""The client that everybody writes: aiohttp, ``async for line in response.content``, ``json.loads`` per event.

Same options and output as ``ceiling.c``. Times count from the planned time, as they should; nothing else is done well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import time
from array import array
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp

_MESSAGES = [{"role": "user", "content": "How are you today?"}]


class Client:
    """What is counted, and the session."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self.calls = self.whole = self.chunks = 0
        self.times = {name: array("q") for name in ("ttft", "gap", "latency")}

    async def stream(self, planned: int) -> None:
        """One streamed call."""
        self.calls += 1
        body = {"model": "bench", "messages": _MESSAGES, "stream": True}
        last, done = 0, False
        async with self._session.post(self._url, json=body) as response:
            async for line in response.content:
                if not line.startswith(b"data: "):
                    continue
                now = time.monotonic_ns()
                data = line[6:].strip()
                if data == b"[DONE]":
                    done = True
                    continue
                choices = json.loads(data)["choices"]
                if choices and choices[0]["delta"].get("content"):
                    self.chunks += 1
                    self.times["gap" if last else "ttft"].append(now - (last or planned))
                    last = now
        self.whole += done

    async def whole_answer(self) -> None:
        """One call that is answered at once."""
        self.calls += 1
        begun = time.monotonic_ns()
        async with self._session.post(self._url, json={"model": "bench", "messages": _MESSAGES}) as response:
            document = await response.json()
        self.times["latency"].append(time.monotonic_ns() - begun)
        self.whole += bool(document["choices"][0]["message"]["content"])

    async def open_loop(self, rate: float, duration: float) -> None:
        """Start a stream when it is due, whatever became of the others."""
        loop, running = asyncio.get_running_loop(), set()
        begun = time.monotonic_ns() + 100_000_000
        for number in range(round(rate * duration)):
            planned = begun + round(number / rate * 1e9)
            if (wait := planned - time.monotonic_ns()) > 0:
                await asyncio.sleep(wait / 1e9)
            running.add(loop.create_task(self.stream(planned)))
        await asyncio.gather(*running)

    async def closed_loop(self, users: int, duration: float) -> None:
        """Each user asks again when answered."""
        over = time.monotonic() + duration

        async def user() -> None:
            while time.monotonic() < over:
                await self.whole_answer()

        await asyncio.gather(*(user() for _ in range(users)))

    def said(self) -> dict[str, Any]:
        """Counts, and [p50, p99, max] of each time in ms."""
        found = {"calls": self.calls, "whole": self.whole, "chunks": self.chunks}
        return found | {name: _figures(sorted(values)) for name, values in self.times.items()}


def _figures(values: list[int]) -> list[float]:
    """By nearest rank, as the server's own are: the least value that so many are not above."""
    return [values[math.ceil(len(values) * share) - 1] / 1e6 if values else 0.0 for share in (0.50, 0.99, 1.0)]


async def run(options: argparse.Namespace) -> None:
    """Send the load and print what was seen."""
    url = f"http://127.0.0.1:{options.port}/v1/chat/completions"
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None)
    ) as session:
        client = Client(session, url)
        if options.users:
            await client.closed_loop(options.users, options.duration)
        else:
            await client.open_loop(options.rate, options.duration)
        print(json.dumps(client.said()))


def _runner() -> Callable[[Coroutine[Any, Any, None]], None]:
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    run_on: Callable[[Coroutine[Any, Any, None]], None] = uvloop.run
    return run_on


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--users", type=int, default=0)
    parser.add_argument("--duration", type=float, default=5.0)
    _runner()(run(parser.parse_args()))


if __name__ == "__main__":
    main()
