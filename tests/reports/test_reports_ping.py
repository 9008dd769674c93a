"""The way to the targets in reports: in its own place, and no figure is changed by it."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
import reports_samples as samples

from llmload.analysis.compare import Measure
from llmload.errors import ResultError
from llmload.metrics.ping import STEPS, Address, Ping, Pinged, Trips
from llmload.metrics.summary import Summary
from llmload.reports import REPORTS, json_report
from llmload.reports.comparison import Party, compare_results
from llmload.reports.merging import Part, merged
from llmload.reports.ping import document, network_lines, render
from llmload.reports.result import parse_result


def ping(seconds: float = 0.030, **more: object) -> Ping:
    return Ping("host:443", steps={"tcp": Trips(5, 0, seconds, seconds, seconds, seconds, 0.0)}, status=200, **more)


def lines(ping: Pinged, name: str = "main", summary: Summary | None = None) -> list[str]:
    return list(network_lines({name: ping}, summary or samples.result().summary))


def test_the_line_says_what_of_the_median_is_the_network() -> None:
    (line,) = lines(Pinged(ping(0.010), ping(0.014)))
    assert line.startswith("main: TTFT p50 ")
    assert ", of which " in line
    assert line.endswith("% network round trip 12.0 ms (median; before 10.0 ms, after 14.0 ms)")


def test_without_calls_or_round_trips_the_line_says_so() -> None:
    assert lines(Pinged(ping(0.01), None), "other") == [
        "other: network round trip 10.0 ms (median; before 10.0 ms, after unknown)"
    ]
    dead = Ping("host:443", steps={"tcp": Trips(5, 5)}, trouble="TCP connect: connection refused")
    assert lines(Pinged(dead, dead)) == ["main: network round trip not measured: TCP connect: connection refused"]


def test_many_targets_are_counted() -> None:
    many = {f"t{number}": Pinged(ping()) for number in range(20)}
    found = list(network_lines(many, Summary()))
    assert len(found) == 9
    assert found[-1] == "and 12 more targets"


@pytest.mark.parametrize("format", ["text", "markdown", "html"])
def test_every_report_for_people_has_it_and_no_figure_changes(format: str) -> None:
    with_it, without = samples.result(), replace(samples.result(), ping={})
    made, plain = (REPORTS[format](each).decode() for each in (with_it, without))
    assert "network round trip 12.0 ms" in " ".join(made.split())
    assert "network round trip" not in plain
    assert with_it.to_json()["summary"] == without.to_json()["summary"]
    assert [each.observed for each in with_it.judgements] == [each.observed for each in without.judgements]


def test_it_is_read_back_as_it_was_written() -> None:
    made = samples.result()
    assert parse_result(json_report.render(made), "r.json").ping == made.ping


def test_a_result_of_before_has_none() -> None:
    whole = orjson.loads(json_report.render(samples.result()))
    del whole["ping"]
    assert parse_result(orjson.dumps(whole), "r.json").ping == {}


@pytest.mark.parametrize(
    "ping",
    [
        [],
        {"main": []},
        {"main": {"before": {}, "after": None}},
        {"main": {"before": None, "after": {**Ping("h").to_json(), "steps": {"tcp": {"tried": "5"}}}}},
    ],
)
def test_damage_is_told(ping: object) -> None:
    whole = orjson.loads(json_report.render(samples.result())) | {"ping": ping}
    with pytest.raises(ResultError, match=r"r\.json: damaged: .*ping"):
        parse_result(orjson.dumps(whole), "r.json")


def test_of_merged_parts_the_longest_way_stands() -> None:
    near, far = (replace(samples.result(), ping={"main": Pinged(ping(seconds))}) for seconds in (0.01, 0.05))
    alone = replace(samples.result(), ping={"other": Pinged(ping(0.02))})
    found = merged([Part(name, each) for name, each in (("a", near), ("b", far), ("c", alone))], force=True)
    assert found.ping == {**far.ping, **alone.ping}


def test_a_ping_in_words() -> None:
    steps = {name: Trips(700, 7, 0.001, 0.002, 0.004, 0.005, 0.0001) for name in STEPS}
    found = Ping(
        "llm.example:443", (Address("192.0.2.1", True), Address("::1", False, "refused")), "proxy:3128",
        "TLSv1.3 AES", "HEAD /v1", 401, steps, 3, 12.5e6, "TLS handshake: it fails",
    )  # fmt: skip
    text = render({"main": found}, 100)
    assert text.startswith(
        "main: llm.example:443 through proxy:3128\n  proxy's addresses 192.0.2.1 (used), ::1 (refused)"
    )
    for said in (
        "TLSv1.3 AES",
        "HTTP 401",
        "sent again: 3",
        "throughput 11.9 MiB/s down",
        "last trouble: TLS handshake",
    ):
        assert said in text
    row = next(line for line in text.splitlines() if line.startswith("TCP connect"))
    assert row.split()[2:] == ["700", "1%", "1.00", "ms", "2.00", "ms", "4.00", "ms", "5.00", "ms", "100", "µs"]
    assert "~" not in text
    assert max(map(len, text.splitlines())) <= 100
    assert render({"main": found}, 100, unicode=False).isascii()


def test_what_others_wrote_is_harmless() -> None:
    evil = samples.HOSTILE
    found = Ping(evil, (Address(evil, trouble=evil),), evil, evil, evil, 200, {}, trouble=evil)
    text = render({evil: found}, 80)
    assert all(char.isprintable() or char == "\n" for char in text)


def test_the_document_of_a_ping() -> None:
    found = document({"main": ping(0.02)}, True)
    assert (found["kind"], found["interrupted"]) == ("llmload-ping", True)
    assert found["targets"]["main"]["network"] == 0.02
    assert Ping.from_json(found["targets"]["main"]) == ping(0.02)


def compared(one: float | None, other: float | None) -> list[str]:
    """What is said of two runs with these round trips."""
    ours, theirs = (
        replace(samples.result(), ping={} if seconds is None else {"main": Pinged(ping(seconds), ping(seconds))})
        for seconds in (one, other)
    )
    found = compare_results([Party("a", (ours,)), Party("b", (theirs,))], Measure()).others[0].differences
    return [text for text in found if text.startswith("network:")]


def test_runs_that_are_compared_over_different_ways_are_told_apart() -> None:
    (said,) = compared(0.010, 0.040)
    assert said.startswith("network: round trip to main 10.0 ms against 40.0 ms (22")
    assert said.endswith("% of TTFT p50); what differs may be the way, not the target")


@pytest.mark.parametrize(("one", "other"), [(0.010, 0.012), (0.010, 0.010), (None, 0.01), (0.01, None), (None, None)])
def test_ways_that_are_alike_or_not_known_are_not_told(one: float | None, other: float | None) -> None:
    assert compared(one, other) == []
