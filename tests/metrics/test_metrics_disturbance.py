from __future__ import annotations

import pickle

import orjson

from llmload.metrics.disturbance import KEPT, LISTED_FROM, Cause, Disturbance, Disturbances


def test_short_ones_are_counted_and_long_ones_are_listed_longest_first() -> None:
    made = Disturbances()
    for at, micros in ((0, 2_000), (1_000_000, 12_000), (2_000_000, 50_000)):
        made.add(Cause.BUSY, at, micros)
    assert made.count(Cause.BUSY) == 3
    assert made.seconds(Cause.BUSY) == 0.064
    assert made.worst(Cause.BUSY) == [Disturbance(50_000, 2_000_000), Disturbance(12_000, 1_000_000)]
    assert made.worst(Cause.BUSY)[0].end == 2_050_000


def test_what_never_happened_is_nothing() -> None:
    made = Disturbances()
    assert (made.count(Cause.STOPPED), made.seconds(Cause.STOPPED), made.worst(Cause.STOPPED)) == (0, 0, [])
    assert list(made) == []


def test_a_day_of_them_keeps_the_longest_and_the_sums() -> None:
    made, other = Disturbances(), Disturbances()
    for second in range(86_400):
        (made if second % 2 else other).add(Cause.PREEMPTED, second * 1_000_000, LISTED_FROM + second)
    made.merge(other)
    assert made.count(Cause.PREEMPTED) == 86_400
    assert [each.micros - LISTED_FROM for each in made.worst(Cause.PREEMPTED)] == list(range(86_399, 86_399 - KEPT, -1))
    assert len(orjson.dumps(made.to_json())) < 1000


def test_a_document_lists_them_in_the_order_of_time_and_gives_the_same_back() -> None:
    made = Disturbances()
    made.add(Cause.STOPPED, 9_000_000, 20_000)
    made.add(Cause.STOPPED, 3_000_000, 10_000)
    made.add(Cause.COLLECTING, 5_000_000, 11_000)
    document = orjson.loads(orjson.dumps(made.to_json()))
    assert [kind["cause"] for kind in document] == ["collecting", "stopped"]
    assert document[1]["worst"] == [[3_000_000, 10_000], [9_000_000, 20_000]]
    assert Disturbances.from_json(document) == made


def test_it_can_be_sent_between_processes() -> None:
    made = Disturbances()
    made.add(Cause.BUSY, 1, 20_000)
    assert pickle.loads(pickle.dumps(made)) == made
