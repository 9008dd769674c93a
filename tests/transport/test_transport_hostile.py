"""Hostile servers against both measuring paths: every call ends in time and memory, classified, alone."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from hostile_kit import BEHAVIOURS, PATHS, check, facts_of, hostile
from hostile_parts import Behaviour

from llmload.scenario.plan import Target

HERE = Path(__file__).parent
GROWTH = 80 << 20
"""Most bytes that a process may grow by while it has one call with a hostile server."""
LIGHT = [behaviour for behaviour in BEHAVIOURS if not behaviour.heavy]
HEAVY = [behaviour for behaviour in BEHAVIOURS if behaviour.heavy]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("behaviour", LIGHT, ids=str)
async def test_a_call_is_classified_and_the_next_one_is_not_hurt(path: str, behaviour: Behaviour) -> None:
    async with hostile(behaviour) as server:
        transport = PATHS[path]([Target("main", server.url)])
        try:
            found = await facts_of(transport, behaviour)
        finally:
            await transport.close()
    check(path, behaviour, found, server.connections)


@pytest.mark.parametrize("path", PATHS)
async def test_floods_and_bombs_are_classified_in_bounded_memory(path: str) -> None:
    """One process makes all the calls of a path, one after another."""
    client = await asyncio.create_subprocess_exec(
        sys.executable,
        HERE / "hostile_client.py",
        path,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH", "")]))},
    )
    assert client.stdin is not None
    assert client.stdout is not None
    try:
        wrong = []
        for behaviour in HEAVY:
            async with hostile(behaviour) as server:
                client.stdin.write(json.dumps({"url": server.url, "behaviour": behaviour.name}).encode() + b"\n")
                found = json.loads(await client.stdout.readline())
            try:
                check(path, behaviour, found, server.connections)
                assert found["grown"] < GROWTH
            except AssertionError as failed:
                wrong.append(f"{behaviour}: {found}: {failed}")
        client.stdin.close()
        assert not wrong, "\n".join(wrong)
    finally:
        if client.returncode is None:
            client.kill()
        await client.wait()
