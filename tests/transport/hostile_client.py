"""A process of its own that calls hostile servers and says what came of it, its memory included.

    python hostile_client.py direct        one line of JSON per line of JSON: {"url": ..., "behaviour": ...}

Server and client may not share a process here: what the server holds to send is not to be counted.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
from pathlib import Path
from typing import Any

from hostile_kit import BEHAVIOURS, PATHS, facts_of

from llmload.scenario.plan import Target

BY_NAME = {behaviour.name: behaviour for behaviour in BEHAVIOURS}
KIB = 1024


class Peak:
    """The most memory this process has held since it was made, against what it held then (bytes)."""

    def __init__(self) -> None:
        gc.collect()
        try:
            Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        except OSError:  # not Linux, or not allowed: growth since the first time, never too little
            pass
        self._before = self._now()

    def grown(self) -> int:
        return self._now() - self._before

    def _now(self) -> int:
        try:
            status = Path("/proc/self/status").read_text()
        except OSError:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else KIB)
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * KIB


async def attacked(path: str, url: str, name: str) -> dict[str, Any]:
    transport = PATHS[path]([Target("main", url)])
    peak = Peak()
    try:
        found = await facts_of(transport, BY_NAME[name])
    finally:
        await transport.close()
    return found | {"grown": peak.grown()}


async def main(path: str) -> None:
    lines = iter(sys.stdin.readline, "")
    while line := await asyncio.to_thread(next, lines, ""):
        order = json.loads(line)
        print(json.dumps(await attacked(path, order["url"], order["behaviour"])), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
