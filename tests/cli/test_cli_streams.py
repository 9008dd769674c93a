"""Standard streams that are closed or full change nothing but what can be read there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOAD = "-r 20/s -d 300ms --max-tokens 5 --allow-invalid"


@pytest.mark.parametrize("streams", [">&-", ">&- 2>&- <&-", "2>/dev/full --json -"])
def test_a_run_ends_as_it_would(streams: str, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    command = f"{sys.executable} -m llmload bench sim: {LOAD} -o {out} {streams}"
    assert subprocess.run(command, shell=True, stdout=subprocess.DEVNULL, timeout=60).returncode == 0
    assert json.loads(out.read_bytes())["kind"] == "llmload-result"


def test_a_destination_that_is_full_by_then_does_not_cost_the_others() -> None:
    command = f"{sys.executable} -m llmload bench sim: {LOAD} -o /dev/full"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "TTFT" in done.stdout
    assert "/dev/full" in done.stderr
