from __future__ import annotations

import itertools

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sim_kit import Bench, Heard

from llmload.clock import NS
from llmload.errors import UsageError
from llmload.sim.faults import FAULTS, Error, Slow, Stall, parse_fault
from llmload.sim.text import integrity_problem, tag


def _gaps(heard: Heard) -> list[float]:
    times = [t / NS for t, data in heard.pieces if b'"content":"' in data]
    return [b - a for a, b in itertools.pairwise(times)]


# Reading and matching.


def test_every_kind_can_be_written_on_the_command_line_and_says_what_it_imitates():
    needed = {"slow": ":factor=2", "slow-prefill": ":square=1s", "creep": ":first=1s", "failover": ":never=true"}
    for kind, cls in FAULTS.items():
        assert isinstance(parse_fault(kind + needed.get(kind, "")), cls)
        assert cls.__doc__
        assert len(cls.__doc__) > 60


def test_a_fault_is_read_with_all_its_settings():
    fault = parse_fault("error: rate=20%, status=503, route=chat, from=10s, to=1m, key=abc")
    assert fault == Error(rate=0.2, status=503, route="chat", start=10, stop=60, key="abc")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("eror", "did you mean 'error'"),
        ("", "there are: error"),
        ("error:rat=5%", "did you mean 'rate'"),
        ("error:rate", "write it like rate=20%"),
        ("error:rate=120%", "more than all"),
        ("error:status=200", "status"),
        ("error:status=abc", "status"),
        ("error:route=chats", "route"),
        ("slow", "needs `factor`"),
        ("error:from=3s,to=2s", "must be later"),
        ("error:every=3s", "needs `for`"),
        ("error:every=3s,for=4s", "longer than the period"),
        ("error:for=4s,to=9s", "not both"),
        ("stall:pause=3", "is not a duration"),
        ("stall:after=-1", "after"),
    ],
)
def test_a_mistake_in_a_fault_is_named(text: str, says: str):
    with pytest.raises(UsageError) as caught:
        parse_fault(text)
    assert says in str(caught.value)
    assert repr(text) in str(caught.value)


@given(t=st.floats(0, 1000))
def test_a_repeated_window_is_open_for_its_part_of_each_period(t: float):
    fault = Error(start=10, every=5, duration=2)
    assert fault.active(t) == (t >= 10 and (t - 10) % 5 < 2)


def test_windows_open_at_their_start_and_close_before_their_end():
    fault = Error(start=10, stop=20)
    assert [fault.active(t) for t in (9.99, 10, 19.99, 20)] == [False, True, True, False]
    once = Error(start=10, duration=5)
    assert [once.active(t) for t in (9.99, 10, 14.99, 15, 100)] == [False, True, True, False, False]


def test_a_fault_is_for_one_route_key_tenant_or_model_if_it_says_so():
    assert Error().matches("chat", "k", "t", "m")
    assert Error(route="chat").matches("chat", "", "", "")
    assert not Error(route="chat").matches("embeddings", "", "", "")
    assert Error(key="k").matches("chat", "k", "t", "m")
    assert Error(key="t").matches("chat", "k", "t", "m")
    assert not Error(key="other").matches("chat", "k", "t", "m")
    assert not Error(model="x").matches("chat", "k", "t", "m")


def test_faults_are_frozen_and_refuse_unknown_settings():
    with pytest.raises(ValidationError):
        Stall.model_validate({"aftr": 3})
    with pytest.raises(ValidationError):
        Slow(factor=2).factor = 3  # type: ignore[misc]


# What they do, in virtual time.


def test_without_a_fault_the_stream_is_whole():
    bench = Bench()
    heard = bench.chat(20, headers={"x-request-id": "abc"})
    bench.time.run()
    assert (heard.status, heard.over, heard.events[-1]) == (200, "end", b"[DONE]")
    assert integrity_problem(heard.text(), tag("abc")) == ""
    assert bench.truths[0].faults == []


def test_error_answers_its_status_in_place_of_the_answer():
    bench = Bench()
    heard = bench.fault("error", status=502, message="bad gateway")
    assert (heard.status, heard.over) == (502, "end")
    assert heard.json["error"]["message"] == "bad gateway"
    assert (bench.truths[0].faults, bench.truths[0].ended, bench.truths[0].status) == (["error"], "refused", 502)


@pytest.mark.parametrize("stream", [True, False])
def test_slow_stretches_the_whole_answer(stream: bool):
    bench = Bench(jitter=0, headers="first-token")
    plain = bench.chat(20, stream=stream)
    bench.time.run()
    slow = bench.fault("slow", factor=3, stream=stream)
    assert slow.pieces[-1][0] == pytest.approx(3 * plain.pieces[-1][0])
    assert slow.pieces[0][0] == pytest.approx(3 * plain.pieces[0][0])
    assert slow.body == plain.body
    assert bench.truths[0].faults == ["slow"]


def test_slow_can_delay_the_first_token_and_each_further_one():
    bench = Bench(jitter=0)
    plain = bench.chat(20)
    bench.time.run()
    slow = bench.fault("slow", first="1s", token="100ms")
    assert slow.pieces[0][0] - plain.pieces[0][0] == pytest.approx(NS)
    assert _gaps(slow) == pytest.approx([gap + 0.1 for gap in _gaps(plain)])
    assert integrity_problem(slow.text(), tag(bench.truths[0].id)) == ""


def test_stall_falls_silent_after_k_tokens_and_goes_on():
    bench = Bench(jitter=0)
    heard = bench.fault("stall", after=5, pause="2s")
    gaps = _gaps(heard)
    assert gaps[4] == pytest.approx(2.0149)
    assert [*gaps[:4], *gaps[5:]] == pytest.approx([0.0149] * 18)
    assert (heard.over, bench.truths[0].faults) == ("end", ["stall"])
    assert integrity_problem(heard.text(), tag(bench.truths[0].id)) == ""


def test_a_stalled_stream_may_go_on_pinging():
    bench = Bench()
    heard = bench.fault("stall", after=5, pause="2s", ping="500ms")
    assert heard.body.count(b": ping\n\n") == 3
    assert heard.events[-1] == b"[DONE]"


def test_a_stall_without_end_never_ends_but_leaves_the_model():
    bench = Bench()
    heard = bench.fault("stall", after=5, ping="1s")
    assert heard.over == ""
    assert len(heard.text().split()) == 5
    assert 55 < heard.body.count(b": ping\n\n") <= 60
    assert bench.service.batch.running == 0
    assert bench.truths == []
    bench.cancel()
    assert (bench.truths[0].ended, bench.time.pending, bench.service.active) == ("cancelled", 0, 0)


@pytest.mark.parametrize(("at", "status", "tokens"), [("request", 0, 0), ("headers", 200, 0), ("tokens", 200, 7)])
def test_reset_strikes_before_the_head_after_it_or_after_k_tokens(at: str, status: int, tokens: int):
    bench = Bench()
    heard = bench.fault("reset", at=at, after=7)
    assert (heard.status, heard.over, len(heard.text().split())) == (status, "reset", tokens)
    assert bench.truths[0].ended == "reset"
    assert bench.service.batch.running == 0


@pytest.mark.parametrize(("clean", "over"), [(True, "end"), (False, "cut")])
@pytest.mark.parametrize("done", [True, False])
def test_truncate_ends_the_stream_without_a_finish_reason(clean: bool, over: str, done: bool):
    bench = Bench()
    heard = bench.fault("truncate", after=7, done=done, clean=clean)
    assert heard.over == over
    assert (heard.events[-1] == b"[DONE]") is done
    assert b'"finish_reason":"' not in heard.body
    assert len(heard.text().split()) == 7
    assert bench.truths[0].ended == "cut"


def test_an_error_event_comes_inside_a_200_stream_and_ends_it():
    heard = Bench().fault("error-event", after=3, message="out of memory", code="oom")
    assert (heard.status, heard.over) == (200, "end")
    assert orjson.loads(heard.events[-1])["error"]["message"] == "out of memory"
    assert b"event: error\n" not in heard.body
    assert b"event: error\ndata: {" in Bench().fault("error-event", named=True).body


def test_a_malformed_frame_is_broken_json_in_an_otherwise_whole_stream():
    bench = Bench()
    heard = bench.fault("malformed", after=4)
    broken = []
    for data in heard.events[:-1]:
        try:
            orjson.loads(data)
        except orjson.JSONDecodeError:
            broken.append(data)
    assert len(broken) == 1
    assert (heard.over, heard.events[-1]) == ("end", b"[DONE]")
    assert (bench.truths[0].tokens, len(bench.truths[0].content)) == (20, 19)


def test_cross_talk_is_well_formed_but_the_words_are_anothers():
    bench = Bench()
    heard = bench.fault("cross-talk", after=4, tokens=2)
    words = heard.text().split()
    own = tag(bench.truths[0].id)
    assert [k for k, word in enumerate(words) if own not in word] == [4, 5]
    assert "token 4 belongs to another request" in integrity_problem(heard.text(), own)


def test_cross_talk_carries_the_words_of_the_request_before():
    bench = Bench(faults=[{"kind": "cross-talk", "after": 0}])
    bench.chat(headers={"x-request-id": "one"})
    second = bench.chat(headers={"x-request-id": "two"})
    bench.time.run()
    assert f".{tag('one')}.0.0 " in second.text()


def test_empty_is_a_200_event_stream_with_nothing_in_it():
    heard = Bench().fault("empty")
    assert (heard.status, heard.body, heard.over) == (200, b"", "end")
    assert heard.headers["content-type"].startswith("text/event-stream")


def test_hang_never_answers_until_the_client_leaves():
    bench = Bench()
    heard = bench.fault("hang")
    assert (heard.status, heard.over, bench.service.active) == (0, "", 1)
    bench.cancel()
    assert (bench.truths[0].ended, bench.truths[0].faults, bench.service.active) == ("cancelled", ["hang"], 0)


def test_rate_limit_500_turns_the_429_of_a_limited_key_into_a_500():
    bench = Bench(keys={"k": {"rate": "1/s"}}, faults=[{"kind": "rate-limit-500"}])
    answers = [bench.chat(headers={"authorization": "Bearer k"}) for _ in range(3)]
    bench.time.run()
    assert [heard.status for heard in answers] == [200, 500, 500]
    assert "retry-after" not in answers[1].headers
    assert [truth.faults for truth in bench.truths] == [["rate-limit-500"], ["rate-limit-500"], []]


@pytest.mark.parametrize(
    ("kind", "settings", "check"),
    [
        ("truncate", {"clean": True}, lambda heard: heard.over == "end" and not _parses(heard.body)),
        ("truncate", {"clean": False}, lambda h: h.over == "cut" and int(h.headers["content-length"]) > len(h.body)),
        ("error-event", {}, lambda heard: heard.status == 200 and "error" in heard.json),
        ("malformed", {}, lambda heard: heard.over == "end" and not _parses(heard.body)),
        ("empty", {}, lambda heard: (heard.status, heard.body) == (200, b"")),
        ("reset", {"at": "tokens"}, lambda heard: (heard.status, heard.over) == (0, "reset")),
        ("reset", {"at": "headers"}, lambda heard: (heard.status, heard.body, heard.over) == (200, b"", "reset")),
        ("stall", {}, lambda heard: heard.over == "" and len(heard.body) > 0),
        ("stall", {"pause": "3s"}, lambda h: _parses(h.body) and h.pieces[1][0] - h.pieces[0][0] == 3 * NS),
        ("cross-talk", {}, lambda heard: _parses(heard.body)),
        ("hang", {}, lambda heard: heard.status == 0),
    ],
)
def test_every_fault_has_its_form_in_an_answer_that_does_not_stream(kind: str, settings: dict, check):
    bench = Bench()
    heard = bench.fault(kind, stream=False, **settings)
    assert check(heard), (heard.status, heard.over, heard.body)
    bench.cancel()
    assert bench.truths[0].faults == [kind]


def _parses(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True


def test_cross_talk_swaps_the_text_of_a_whole_answer():
    bench = Bench()
    heard = bench.fault("cross-talk", stream=False)
    assert "another request" in integrity_problem(
        heard.json["choices"][0]["message"]["content"], tag(bench.truths[0].id)
    )


def test_the_share_of_requests_at_fault_is_seeded_and_about_right():
    def statuses(seed: int) -> list[int]:
        bench = Bench(seed=seed, queue_limit=10**6, faults=[{"kind": "error", "rate": "20%"}])
        return [bench.chat(1).status for _ in range(1000)]

    first = statuses(1)
    assert first == statuses(1) != statuses(2)
    assert 150 < first.count(500) < 250


def test_windows_count_from_the_first_request_or_from_the_beginning_that_was_named():
    faults = [{"kind": "error", "from": "10s", "to": "20s"}]
    bench = Bench(faults=faults)
    bench.time.run(100)
    seen = []
    for until in (105, 112, 119, 125):
        seen.append(bench.chat(1).status)
        bench.time.run(until)
    assert seen == [200, 200, 500, 500]

    named = Bench(faults=faults)
    named.service.begin(95 * NS)
    named.time.run(106)
    assert named.chat(1).status == 500


def test_a_fault_after_the_end_of_a_short_answer_does_not_happen():
    bench = Bench()
    heard = bench.fault("truncate", length=5, after=6)
    assert heard.events[-1] == b"[DONE]"
    assert bench.truths[0].faults == []


def test_several_faults_strike_the_same_answer_in_the_order_of_their_tokens():
    bench = Bench(
        jitter=0,
        faults=[{"kind": "reset", "at": "tokens", "after": 8}, {"kind": "stall", "after": 3, "pause": "1s"}],
    )
    heard = bench.chat(20)
    bench.time.run()
    assert (heard.over, len(heard.text().split()), bench.truths[0].faults) == ("reset", 8, ["stall", "reset"])
    assert _gaps(heard)[2] > 1
