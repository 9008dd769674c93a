"""``.hlog`` and ``.hgrm``, judged by the hdrhistogram package."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
import reports_samples as samples

from llmload.errors import UsageError
from llmload.metrics.histogram import Histogram
from llmload.metrics.slices import CellKey, Slice
from llmload.metrics.summary import Summary
from llmload.metrics.windows import SERIES
from llmload.reports import hgrm, hlog
from llmload.reports.figures import distributions

hdrh = pytest.importorskip("hdrh.histogram", reason="hdrhistogram has no wheel for this platform")
log = pytest.importorskip("hdrh.log")
HdrHistogram = hdrh.HdrHistogram


def intervals(tmp_path: Path, data: bytes) -> list[HdrHistogram]:
    path = tmp_path / "run.hlog"
    path.write_bytes(data)
    reader = log.HistogramLogReader(str(path), HdrHistogram(1, 2**37 - 1, 3))
    found = list(iter(reader.get_next_interval_histogram, None))
    reader.close()
    return found


def test_every_line_is_read_with_its_tag_and_its_time(tmp_path: Path) -> None:
    found = intervals(tmp_path, hlog.render(samples.result()))
    data_lines = [line for line in hlog.render(samples.result()).splitlines() if line.startswith(b"Tag=")]
    assert len(found) == len(data_lines)
    whole = distributions(samples.summary().select())
    assert {each.get_tag() for each in found} == {*SERIES, *(f"run-{name}" for name in whole)}
    assert found[0].get_start_time_stamp() == 1_772_366_400_000.0


def test_the_whole_run_is_the_histogram_of_the_result(tmp_path: Path) -> None:
    found = {each.get_tag(): each for each in intervals(tmp_path, hlog.render(samples.result()))}
    for name in distributions(samples.summary().select()):
        ours, theirs = samples.summary().select().histogram(name), found[f"run-{name}"]
        assert theirs.get_total_count() == ours.count
        assert theirs.get_value_at_percentile(50) in (ours.percentile(50), ours.percentile(50) + 1) or ours.count < 10


@pytest.mark.parametrize("metric", SERIES)
def test_windows_add_up_to_all_values(tmp_path: Path, metric: str) -> None:
    total = HdrHistogram(1, 2**37 - 1, 2)
    for each in intervals(tmp_path, hlog.render(samples.result())):
        if each.get_tag() == metric:
            total.add(each)
    everything = samples.summary().select(measured=False).histogram(metric)
    assert total.get_total_count() == everything.count
    assert total.get_value_at_percentile(95) == pytest.approx(everything.percentile(95), rel=0.01)


def test_a_result_without_a_start_counts_from_zero() -> None:
    lines = hlog.render(replace(samples.result(), started="")).decode().splitlines()
    assert "#[BaseTime: 0.000 (seconds since epoch)]" in lines
    assert not any("StartTime:" in line for line in lines)


def values(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line and not line.startswith(("#", " " * 7 + "Value"))]


def test_steps_halve_as_the_plotter_expects() -> None:
    found = [float(row[1]) for row in values(hgrm.render(samples.result()).decode())]
    assert found[:12] == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.775]
    assert found[-1] == 1.0
    assert found == sorted(found)


def test_each_value_is_that_percentile_of_the_histogram() -> None:
    ours = samples.summary().select().histogram("latency")
    theirs = HdrHistogram.decode(ours.encode().encode())
    for row in values(hgrm.render(samples.result()).decode()):
        value, percentile, upto = float(row[0]) * 1000, float(row[1]), int(row[2])
        assert upto >= percentile * ours.count - 1e-6
        assert min(theirs.get_value_at_percentile(100 * upto / ours.count), ours.max) == pytest.approx(value)
        if len(row) == 4:
            assert float(row[3]) == pytest.approx(1 / (1 - percentile), abs=0.01)


def foot(text: str, name: str) -> list[float]:
    line = next(line for line in text.splitlines() if line.startswith(f"#[{name}"))
    return [float(each) for each in re.findall(r"[\d.]+", line)]


def test_the_foot_is_that_of_the_package() -> None:
    ours = samples.summary().select().histogram("latency")
    out = io.BytesIO()
    HdrHistogram.decode(ours.encode().encode()).output_percentile_distribution(out, 1000)
    wanted, found = out.getvalue().decode(), hgrm.render(samples.result()).decode()
    assert foot(found, "Mean")[0] == pytest.approx(foot(wanted, "Mean")[0], rel=1e-4)
    assert foot(found, "Max") == pytest.approx(foot(wanted, "Max"), rel=1e-3)
    assert foot(found, "Buckets") == foot(wanted, "Buckets")


def test_a_metric_without_values_has_a_head_and_a_foot_only() -> None:
    made = hgrm.render(samples.empty(), "ttft").decode()
    assert values(made) == []
    assert "Total count    =            0]" in made


def test_one_value_is_all_percentiles() -> None:
    one = Histogram()
    one.record([1500])
    only = Summary(cells={CellKey("a", "b", "c", "d"): Slice(calls=1, good={"latency": one})})
    found = values(hgrm.render(replace(samples.result(), summary=only)).decode())
    assert found == [["1.500", "0.000000000000", "1", "1.00"], ["1.500", "1.000000000000", "1"]]


def test_an_unknown_metric_is_named_beside_those_there_are() -> None:
    with pytest.raises(UsageError, match="there is no metric 'speed'; there are: ttft, "):
        hgrm.render(samples.result(), "speed")
