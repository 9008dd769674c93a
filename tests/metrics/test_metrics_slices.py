from __future__ import annotations

import dataclasses

import orjson

from llmload.metrics.catalogue import METRICS
from llmload.metrics.histogram import Histogram
from llmload.metrics.slices import CellKey, Slice
from llmload.records import Outcome


def of(*values: int) -> Histogram:
    made = Histogram()
    made.record(values)
    return made


def full() -> Slice:
    made = Slice(*range(1))
    for n, field in enumerate(dataclasses.fields(Slice), start=2):
        if isinstance(getattr(made, field.name), int):
            setattr(made, field.name, n)
    made.outcomes = {
        Outcome.HTTP_5XX: 1,
        Outcome.OK: 6,
        Outcome.EXPECTED_STATUS: 1,
        Outcome.UNFINISHED: 2,
        Outcome.DROPPED: 3,
    }
    made.token_sources = {"usage": 5, "estimated": 2}
    made.good = {"latency": of(10, 20), "schedule_lag": of(1)}
    made.failed = {"latency": of(99), "schedule_lag": of(2)}
    made.censored = {"schedule_lag": of(3)}
    return made


def test_merging_adds_every_field() -> None:
    twice = full()
    twice.merge(full())
    once = full()
    for field in dataclasses.fields(Slice):
        mine, single = getattr(twice, field.name), getattr(once, field.name)
        if isinstance(mine, int):
            assert mine == 2 * single, field.name
        else:
            assert mine.keys() == single.keys()
            assert all(
                getattr(mine[key], "count", mine[key]) == 2 * getattr(single[key], "count", single[key]) for key in mine
            )


def test_merging_leaves_the_other_slice_alone() -> None:
    target, other = Slice(), full()
    target.merge(other)
    target.merge(other)
    assert other.to_json() == full().to_json()


def test_outcomes_are_good_or_errors_or_neither() -> None:
    made = full()
    assert (made.ok, made.errors, made.unfinished, made.dropped) == (7, 1, 2, 3)
    assert made.error_rate == 1 / 8
    assert made.count([Outcome.OK, Outcome.DROPPED, Outcome.EMPTY]) == 9
    assert Slice().error_rate == 0.0


def test_a_metric_of_the_target_is_that_of_good_calls_and_one_of_the_generator_that_of_all() -> None:
    made = full()
    assert made.histogram("latency") == of(10, 20)
    assert made.histogram("schedule_lag") == of(1, 2, 3)
    assert made.histogram("ttft").count == 0
    assert METRICS["schedule_lag"].of == "all"


def test_shares_and_dollars() -> None:
    made = Slice(streams=4, stalled_calls=1, cost_pico=2_500_000_000_000)
    assert (made.stalled_share, made.cost) == (0.25, 2.5)
    assert Slice().stalled_share == 0.0


def test_json_round_trip_is_exact_and_orders_outcomes_as_declared() -> None:
    made = full()
    document = made.to_json()
    assert list(document["outcomes"]) == ["ok", "expected_status", "http_5xx", "dropped", "unfinished"]
    again = Slice.from_json(orjson.loads(orjson.dumps(document)))
    assert again == made
    assert orjson.dumps(again.to_json()) == orjson.dumps(document)


def test_a_cell_knows_its_value_of_every_dimension() -> None:
    key = CellKey("chat", "main", "small", "steady", (("tier", "gold"),))
    assert [key.value(name) for name in ("class", "target", "model", "phase", "tier", "other")] == [
        "chat", "main", "small", "steady", "gold", "",
    ]  # fmt: skip
