"""What a run told, asked back from the real systems."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from llmload.metrics.summary import Summary
from llmload.outputs.export import Exporter, exporter
from llmload.outputs.prometheus import Exposition
from tests.outputs.output_kit import Ended, a_plan, a_summary
from tests.outputs.servers import free_port, get, influxdb, prometheus

HOSTILE = 'a "quoted"\\ , = name\n'


def _parts(count: int) -> list[Summary]:
    """Ten calls each, the last of a class with a name that is hard to write."""
    parts = [a_summary(10) for _ in range(count)]
    last = parts[-1]
    last.cells = {key._replace(cls=HOSTILE): part for key, part in last.cells.items()}
    return parts


def _until(found: Any) -> Any:
    for _ in range(100):
        if value := found():
            return value
        time.sleep(0.1)
    return found()


def test_prometheus_has_what_the_run_told(tmp_path: Path) -> None:
    made = exporter("prometheus:0")
    assert isinstance(made.sink, Exposition)
    made.start(a_plan())
    try:
        total = Summary()
        for part in _parts(3):
            total.merge(part)
            made._due = 0.0  # every update is a tick
            made.update(part, total)
        with prometheus(tmp_path, made.sink.port) as url:

            def ask(query: str) -> list[Any]:
                found = get(f"{url}/api/v1/query", {"query": query})
                return list(found["data"]["result"]) if found else []

            assert _until(lambda: ask("llmload_calls_total")), "it was scraped"
            by_class = {each["metric"]["class"]: float(each["value"][1]) for each in ask("llmload_calls_total")}
            assert by_class == {"chat": 20.0, HOSTILE: 10.0}
            (p95,) = ask('histogram_quantile(0.95, sum by (le) (llmload_ttft_seconds_bucket{class="chat"}))')
            assert float(p95["value"][1]) == pytest.approx(0.05, abs=0.025)
            (mean,) = ask("sum(llmload_ttft_seconds_sum) / sum(llmload_ttft_seconds_count)")
            assert float(mean["value"][1]) == pytest.approx(total.select().histogram("ttft").mean * 1e-6)
    finally:
        made.finish(None)


def test_influxdb_has_what_the_run_told(tmp_path: Path) -> None:
    with influxdb(tmp_path) as url:
        get(f"{url}/query", {"q": "CREATE DATABASE load"}, "POST")
        clock = [1.8e9]
        made = Exporter("influxdb", exporter(f"influxdb:{url}/load").sink, lambda: clock[0])
        made.start(a_plan())
        total = Summary()
        for part in _parts(3):
            total.merge(part)
            made.update(part, total)
            clock[0] += 1.0
        made.finish(Ended(total))
        assert made.messages() == []

        def ask(query: str) -> list[Any]:
            found = get(f"{url}/query", {"db": "load", "q": query})
            return list(found["results"][0].get("series", []))

        calls = ask('SELECT sum("ok") FROM llmload_calls GROUP BY class')
        shown = HOSTILE.replace("\n", " ")
        assert {each["tags"]["class"]: each["values"][0][1] for each in calls} == {"chat": 20.0, shown: 10.0}
        (run,) = ask('SELECT sum("completed"), count("completed") FROM llmload_run')
        assert run["values"][0][1:] == [30.0, 4]
        (ttft,) = ask("SELECT mean(\"p95\") FROM llmload_seconds WHERE metric = 'ttft' AND class = 'chat'")
        assert ttft["values"][0][1] == pytest.approx(0.05, rel=0.01)


def test_a_database_that_is_not_there_is_told_and_costs_the_run_nothing(tmp_path: Path) -> None:
    with influxdb(tmp_path) as url:
        made = exporter(f"influxdb:{url}/missing")
        made.start(a_plan())
        made.update(a_summary(), a_summary())
        made.finish(Ended(a_summary()))
        said = made.messages()
    assert any("HTTP 404" in each and "missing" in each for each in said)
    assert said[-1] == "influxdb: 2 of 2 parcels lost"


def test_nobody_there(tmp_path: Path) -> None:
    made = exporter(f"influxdb:http://127.0.0.1:{free_port()}/x")
    made.start(a_plan())
    made.update(a_summary(), a_summary())
    made.finish(None)
    assert made.messages()[0] == "influxdb takes nothing: no connection to it"
