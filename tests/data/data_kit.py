"""Files for the tests of data sets, and what is wrong with one."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from llmload.data.dataset import DataSet, open_data
from llmload.errors import ScenarioError


def written(path: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def texts(path: Path, format: str, template: str = "") -> list[str]:
    """The text of every entry, in order."""
    entries = DataSet(open_data(path, format, template))
    return [entries.entry(number).text for number in range(len(entries))]


def wrong(path: Path, format: str, template: str = "") -> str:
    with pytest.raises(ScenarioError) as caught:
        open_data(path, format, template)
    return str(caught.value)
