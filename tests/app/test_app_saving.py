"""Where the result of a run goes at its end, in which formats."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "reports"))
import reports_samples as samples

from llmload.app.saving import Saving
from llmload.errors import OutputError
from llmload.reports import target_of
from llmload.reports.text import render


def test_reports_are_written_beside_the_result(tmp_path: Path) -> None:
    out = tmp_path / "night.json"
    reports = [target_of(str(tmp_path / name)) for name in ("night.html", "night.txt")]
    Saving([str(out)], reports).save(samples.result())
    assert out.read_bytes().startswith(b"{")
    assert (tmp_path / "night.html").read_bytes().startswith(b"<!doctype html>")
    assert (tmp_path / "night.txt").read_text() == render(samples.result())


def test_a_place_for_a_report_is_looked_at_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        Saving([], [target_of(str(tmp_path / "nowhere" / "x.html"))])


def test_a_report_that_can_not_be_written_takes_nothing_from_the_others(tmp_path: Path) -> None:
    places = [tmp_path / "a" / "x.txt", tmp_path / "b" / "y.txt"]
    for place in places:
        place.parent.mkdir()
    out = tmp_path / "night.json"
    saving = Saving([str(out)], [target_of(str(place)) for place in places])
    places[0].parent.rmdir()
    with pytest.raises(OutputError, match=r"a/x\.txt") as error:
        saving.save(samples.result())
    assert "instead" not in str(error.value)
    assert out.exists()
    assert places[1].exists()
