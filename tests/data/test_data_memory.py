"""A run that replays a trace takes as much memory for a long file as for a short one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCENARIO = """
[targets.main]
base_url = "http://127.0.0.1:9/v1"
model = "m"
[classes.chat]
[load.trace]
file = "trace.jsonl"
format = "mooncake"
"""
WALK = """
import resource, sys
from pathlib import Path
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import read_source
from llmload.scenario.load import load_scenario
from llmload.workload.workload import Workload
plan = compile_scenario(load_scenario(read_source(sys.argv[1])))
made = Workload(plan.classes, 1, 2)
for arrival in plan.schedule().arrivals():
    made.call(arrival.index)
print(arrival.index + 1, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def walked(directory: Path, rows: int) -> tuple[int, int]:
    """Check a trace of so many rows of 100 KB and make all its calls, in its own process: (calls, peak RSS in KiB)."""
    with (directory / "trace.jsonl").open("w") as file:
        for at in range(rows):
            kept = f'"timestamp": {at}, "input_length": 900, "output_length": 9, "hash_ids": [{at % 7}, {at + 10}]'
            file.write(f'{{{kept}, "rest": "{"x" * 100_000}"}}\n')
    (directory / "s.toml").write_text(SCENARIO)
    command = [sys.executable, "-c", WALK, str(directory / "s.toml")]
    told = subprocess.run(command, capture_output=True, check=True, env=dict(os.environ), timeout=120).stdout.split()
    return int(told[0]), int(told[1])


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    calls, short = walked(tmp_path, 100)
    assert calls == 100
    calls, long = walked(tmp_path, 400)
    assert calls == 400
    assert long - short < 8 * 1024, f"{short} KiB for 10 MB, {long} KiB for 40 MB"
