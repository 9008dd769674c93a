"""The tables of a benchmark run as a page and as a document, with the machine and the versions they are of."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from benchmarks.tables import Row, Table

__all__ = ["document", "machine", "markdown", "refresh"]

_PART = re.compile(r"(<!-- bench: (?P<name>[a-z-]+) -->\n).*?(<!-- bench end -->)", re.DOTALL)
_PACKAGES = ("llmload", "aiohttp", "uvloop", "numpy", "orjson")


def machine() -> Table:
    """What the figures were taken on; they mean nothing elsewhere, ratios do."""
    rows: list[Row] = [
        ["taken", datetime.now(UTC).strftime("%Y-%m-%d")],
        ["processor", f"{_processor()}, {os.cpu_count()} CPUs"],
        ["system", f"{platform.system()} {platform.release()}"],
        ["load average before", f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else ""],
        ["Python", platform.python_version()],
        ["packages", ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES)],
    ]
    return Table("machine", ("what", "which"), rows)


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def markdown(tables: Sequence[Table]) -> str:
    """All tables, each under its name."""
    return "\n".join(f"## {table.name}\n\n{table.markdown()}\n" for table in tables)


def document(tables: Sequence[Table]) -> str:
    """All tables as JSON."""
    return json.dumps({"kind": "llmload-benchmarks", "tables": [table.as_json() for table in tables]}, indent=1)


def refresh(page: Path, tables: Sequence[Table]) -> None:
    """Put each table where the page has a place for it (``<!-- bench: NAME -->``); other places stay as they are."""
    made = {table.name: table.markdown() for table in tables}

    def part(found: re.Match[str]) -> str:
        return f"{found[1]}\n{made[found['name']]}\n\n{found[3]}" if found["name"] in made else found[0]

    page.write_text(_PART.sub(part, page.read_text("utf-8")), "utf-8")
