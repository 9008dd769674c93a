"""The Grafana dashboards: every query of theirs finds data in the real database with a run in it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmload.metrics.health import WorkerHealth
from llmload.metrics.observed import Observed
from llmload.metrics.summary import Summary
from llmload.outputs.export import Exporter, exporter
from llmload.outputs.prometheus import Exposition
from llmload.verdict.judge import judge
from llmload.verdict.objectives import parse_objective
from llmload.verdict.validity import Level, Validity
from tests.outputs.output_kit import Ended, a_plan, a_summary
from tests.outputs.servers import get, influxdb, prometheus, settle, victoria_metrics, written_prometheus

DASHBOARDS = Path(__file__).parents[2] / "dashboards"


def dashboard(name: str) -> dict[str, Any]:
    return dict(json.loads((DASHBOARDS / name).read_text()))


def queries(name: str, key: str) -> list[tuple[str, str]]:
    """Title of the panel, query."""
    return [(panel["title"], target[key]) for panel in dashboard(name)["panels"] for target in panel["targets"]]


def drive(made: Exporter, seconds: int, wait: bool) -> None:
    """A run of everything that is told."""
    total, rules = Summary(), [parse_objective("ttft.p95 < 500ms")]
    for at in range(seconds):
        part = a_summary(10)
        part.health[0] = WorkerHealth(0)
        part.health[0].cpu.add(0.3)
        part.observed["server"] = Observed("process 7")
        part.observed["server"].samples("memory").read(float(at), 1e8)
        total.merge(part)
        made.judged(judge(rules, total), Validity(Level.VALID))
        made._due = 0.0  # every update is a tick
        made.update(part, total)
        if wait:
            time.sleep(1)
    if not wait:
        made.finish(Ended(total, tuple(judge(rules, total))))


@pytest.mark.parametrize("name", ["grafana-prometheus.json", "grafana-influxdb.json"])
def test_a_dashboard_is_whole(name: str) -> None:
    made = dashboard(name)
    panels = made["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels), "none covers another"
    assert all(panel["description"] and panel["datasource"]["uid"] == "${source}" for panel in panels)
    assert {variable["name"] for variable in made["templating"]["list"]} == {"source", "class", "target"}
    used = set(re.findall(r"\$(\w+)", json.dumps([panel["targets"] for panel in panels])))
    known = {"source", "class", "target", "__rate_interval", "__interval", "__interval_ms", "timeFilter"}
    assert {name for name in used if not name.startswith("tag_")} <= known


@pytest.fixture(scope="module")
def recorded_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    made = exporter("prometheus:0")
    assert isinstance(made.sink, Exposition)
    made.start(a_plan())
    try:
        with prometheus(tmp_path_factory.mktemp("prometheus"), made.sink.port) as url:
            drive(made, 10, wait=True)  # for five seconds it does not yet know its targets
            yield url
    finally:
        made.finish(None)


def write(url: str) -> None:
    """The same by remote write."""
    clock = iter(range(int(time.time()) - 12, int(time.time())))
    made = Exporter("remote-write", exporter(f"remote-write:{url}/api/v1/write").sink, lambda: float(next(clock)))
    made.start(a_plan())
    drive(made, 10, wait=False)
    assert made.messages() == []


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with written_prometheus(tmp_path_factory.mktemp("written"), "native-histograms") as url:
        write(url)
        yield url


@pytest.fixture(scope="module")
def written_victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with victoria_metrics(tmp_path_factory.mktemp("victoria")) as url:
        write(url)
        settle(url)
        yield url


@pytest.mark.parametrize("how", ["recorded_prometheus", "written", "written_victoria"])
@pytest.mark.parametrize(("title", "query"), queries("grafana-prometheus.json", "expr"))
def test_every_query_of_the_prometheus_dashboard_finds_data(
    request: pytest.FixtureRequest, how: str, title: str, query: str
) -> None:
    filled = query.replace("$class", ".*").replace("$target", ".*").replace("$__rate_interval", "30s")
    found = get(f"{request.getfixturevalue(how)}/api/v1/query", {"query": filled})
    assert found["status"] == "success"
    values = [float(each["value"][1]) for each in found["data"]["result"]]
    assert values, title
    assert all(value == value for value in values), "none is NaN"


@pytest.fixture(scope="module")
def recorded_influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with influxdb(tmp_path_factory.mktemp("influxdb")) as url:
        get(f"{url}/query", {"q": "CREATE DATABASE load"}, "POST")
        clock = iter(range(1_800_000_000, 1_800_000_100))
        made = Exporter("influxdb", exporter(f"influxdb:{url}/load").sink, lambda: float(next(clock)))
        made.start(a_plan())
        drive(made, 6, wait=False)
        assert made.messages() == []
        yield url


@pytest.mark.parametrize(("title", "query"), queries("grafana-influxdb.json", "query"))
def test_every_query_of_the_influxdb_dashboard_finds_data(recorded_influxdb: str, title: str, query: str) -> None:
    filled = query
    for name, value in (
        ("$class$", ".*$"), ("$target$", ".*$"), ("$__interval_ms", "5000"), ("$__interval", "5s"),
        ("$timeFilter", "time >= 1800000000s AND time < 1800000100s"),
    ):  # fmt: skip
        filled = filled.replace(name, value)
    found = get(f"{recorded_influxdb}/query", {"db": "load", "q": filled})
    series = found["results"][0].get("series", [])
    assert [row for each in series for row in each["values"] if row[1] is not None], title
