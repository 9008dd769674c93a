from __future__ import annotations

import json

import pytest

from llmload.clock import NS
from llmload.metrics.ping import Address, Ping, Pinged, Trips, trips

MS = NS // 1000


def test_figures_of_round_trips():
    found = trips([10 * MS, 14 * MS, None, 11 * MS, 13 * MS])
    assert (found.tried, found.lost, found.loss) == (5, 1, 0.2)
    assert (found.min, found.median, found.max) == (0.010, 0.012, 0.014)
    assert found.p99 == 0.014
    assert found.jitter == pytest.approx((0.004 + 0.003 + 0.002) / 3)


def test_the_p99_of_a_hundred_is_the_last_but_one():
    assert trips([number * MS for number in range(1, 101)]).p99 == 0.099


def test_steady_trips_have_no_jitter_and_one_alone_has_none_to_speak_of():
    assert trips([5 * MS] * 9).jitter == 0.0
    assert trips([5 * MS, None]).jitter is None


def test_nothing_answered():
    assert trips([None, None]) == Trips(2, 2)
    assert trips([]) == Trips(0)
    assert trips([]).loss == 0.0


def ping(tcp: float = 0.031, **more: object) -> Ping:
    known = Trips(3, 0, tcp, tcp, tcp, tcp, 0.0)
    return Ping("host:443", (Address("10.0.0.1", True),), steps={"tcp": known, "kept": Trips(3, median=0.1)}, **more)


def test_the_networks_round_trip_is_that_of_a_connect_where_nobody_stands_between():
    assert ping().network == 0.031
    assert ping(via="proxy:3128").network == 0.1
    assert Ping("host:443").network is None


def test_before_and_after():
    both = Pinged(ping(0.030), ping(0.040))
    assert both.network == pytest.approx(0.035)
    assert both.change == pytest.approx(0.010)
    assert Pinged(ping(0.030)).network == 0.030
    assert Pinged(ping(0.030)).change == 0.0
    assert Pinged().network is None


def test_it_comes_back_from_json_as_it_was():
    both = Pinged(ping(status=200, resent=2, trouble="TCP connect: connection refused"), None)
    document = json.loads(json.dumps(both.to_json()))
    assert Pinged.from_json(document) == both


def test_what_a_later_version_adds_is_left_out():
    document = ping().to_json()
    document["more"] = 1
    document["steps"]["quic"] = {"tried": 1}
    document["addresses"][0]["more"] = 2
    document["steps"]["tcp"]["more"] = 3
    assert Ping.from_json(document) == ping()
