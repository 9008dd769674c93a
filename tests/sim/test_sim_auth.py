"""Keys looked up over a pool of connections: how long it takes, who waits, who gives up, and what is lost."""

from __future__ import annotations

import pytest
from sim_kit import Heard, VirtualTime

from llmload.sim.service import Service, SimRequest
from llmload.sim.spec import SimSpec


class Asking:
    """A service in virtual time, and requests for its list of models at given moments."""

    def __init__(self, auth: dict[str, object], *faults: dict[str, object]) -> None:
        spec = {"keys": {"good": {}}, "auth": auth, "faults": list(faults)}
        self.time = VirtualTime()
        self.service = Service(SimSpec.model_validate(spec), self.time.now, self.time.call_at)

    def ask(self, key: str = "good", path: str = "/v1/models") -> Heard:
        heard = Heard(self.time)
        request = SimRequest("GET", path, {"authorization": f"Bearer {key}"}, b"")
        heard.gone = self.service.handle(request, heard)  # type: ignore[attr-defined]
        return heard


def answered(heard: Heard) -> tuple[int, float]:
    """Status, and when it came (ms)."""
    return heard.status, round(heard.started / 1e6, 3)


def test_known_and_unknown_keys_take_the_time_of_a_lookup() -> None:
    asking = Asking({"lookup": "3ms"})
    good, bad = asking.ask(), asking.ask("bad")
    asking.time.run()
    assert answered(good) == (200, 3.0)
    assert answered(bad) == (401, 3.0)
    assert asking.service.active == 0


def test_what_needs_no_key_and_what_is_not_there_is_not_looked_up() -> None:
    asking = Asking({"lookup": "3ms", "pool": 1})
    assert answered(asking.ask(path="/health")) == (200, 0.0)
    assert answered(asking.ask(path="/nowhere")) == (404, 0.0)


def test_lookups_wait_for_a_connection_in_turn() -> None:
    asking = Asking({"lookup": "10ms", "pool": 2})
    heard = [asking.ask() for _ in range(5)]
    asking.time.run()
    assert [answered(each) for each in heard] == [(200, 10.0), (200, 10.0), (200, 20.0), (200, 20.0), (200, 30.0)]


def test_who_waits_too_long_is_turned_away_and_the_next_one_served() -> None:
    asking = Asking({"lookup": "10ms", "pool": 1, "wait": "15ms"})
    heard = [asking.ask() for _ in range(4)]
    asking.time.run()
    assert [answered(each) for each in heard] == [(200, 10.0), (200, 20.0), (503, 15.0), (503, 15.0)]
    late = asking.ask()
    asking.time.run()
    assert answered(late)[0] == 200
    assert asking.service.active == 0


def test_a_client_that_goes_leaves_its_query_to_run() -> None:
    asking = Asking({"lookup": "10ms", "pool": 1})
    first, second = asking.ask(), asking.ask()
    first.gone()  # type: ignore[attr-defined]
    asking.time.run()
    assert first.status == 0
    assert answered(second) == (200, 20.0)
    assert asking.service.active == 0


def test_a_connection_that_leaks_is_nobodys_any_more() -> None:
    asking = Asking({"lookup": "10ms", "pool": 2, "wait": "1s"}, {"kind": "auth", "leak": True, "to": "5ms"})
    heard = [asking.ask(), asking.ask()]
    asking.time.run()
    later = asking.ask()
    asking.time.run()
    assert [answered(each) for each in heard] == [(200, 10.0), (200, 10.0)]
    assert later.status == 503


@pytest.mark.parametrize(("key", "ms"), [("good", 3.0), ("bad", 503.0)])
def test_a_fault_may_be_for_invalid_keys_only(key: str, ms: float) -> None:
    asking = Asking({"lookup": "3ms"}, {"kind": "auth", "key": "bad", "lookup": "500ms"})
    heard = asking.ask(key)
    asking.time.run()
    assert answered(heard)[1] == ms
