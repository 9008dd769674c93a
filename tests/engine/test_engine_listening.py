"""What heads of answers say: labels that results are cut by, and the server's own time."""

from __future__ import annotations

import pytest
from virtual_run import plan_of, run_plan

from llmload.cluster.courier import pack, unpack
from llmload.engine.listening import MOST_VALUES, OTHER, listener, request_id, server_time
from llmload.errors import ScenarioError
from llmload.records import Api, Call, Record
from llmload.scenario.plan import Target
from llmload.verdict.judge import judge

TEXT = """
slice_by = ["instance"]
objectives = ["spread.even{over=instance} > 0.001", "overhead.p95 < 50ms", "latency.p95{instance=b} < 3s"]
[targets.main]
base_url = "sim:"
model = "sim-model"
capture = { instance = "X-Served-By" }
server_time = "header"
[classes.chat]
api = "chat"
max_tokens = 5
[load]
process = "uniform"
rate = "20/s"
duration = "30s"
[sim]
instances = ["a", "b", "c"]
"""


def record() -> Record:
    return Record(Call(0, "chat", "main", Api.CHAT, "m"), 1)


def test_instances_are_told_apart_by_a_response_header() -> None:
    plan = plan_of(TEXT)
    ran = run_plan(plan)
    parts = ran.summary.split("instance")
    assert set(parts) == {"a", "b", "c"}
    assert sum(part.calls for part in parts.values()) == 600
    assert all(judgement.passed for judgement in judge(plan.objectives, ran.summary))
    assert ran.summary.select().histogram("server_time").count == 600
    assert ran.summary.select().histogram("overhead").percentile(99) <= 1000, "in memory there is no way to lose time"


def test_a_hop_is_overhead_and_one_instance_that_takes_all_is_seen() -> None:
    plan = plan_of(TEXT, 'sim.faults=[{kind="hop",delay="80ms"},{kind="skew"}]')
    ran = run_plan(plan)
    assert [judgement.passed for judgement in judge(plan.objectives, ran.summary)] == [False, False, False]
    assert ran.summary.select().histogram("overhead").percentile(50) == pytest.approx(80_000, abs=1500)


def test_labels_cross_the_process_border() -> None:
    made = record()
    made.labels, made.answer.server_time = (("instance", "a"),), 7
    back = unpack(pack(made))
    assert (back.labels, back.answer.server_time) == (made.labels, 7)


def test_nothing_is_listened_to_where_nobody_asked() -> None:
    assert listener(Target("main", "sim:")) is None


def test_what_a_server_says_is_cleaned_cut_and_bounded() -> None:
    listening = listener(Target("main", "sim:", capture={"instance": "x-served-by"}))
    assert listening is not None

    def label(text: str) -> str:
        made = record()
        listening.head(made, {"x-served-by": text})
        return dict(made.labels).get("instance", "")

    assert label("a\x1b[31mb\x00") == label("a\x1b[31mb\x00")
    assert "\x1b" not in label("a\x1b[31mb\x00")
    assert len(label("x" * 100_000)) <= 64
    assert label("") == ""
    for n in range(MOST_VALUES):
        label(f"node-{n}")
    assert label("node-that-came-late") == OTHER
    assert label("node-1") == "node-1"


@pytest.mark.parametrize(
    ("headers", "ms"),
    [
        ({"openai-processing-ms": "42"}, 42),
        ({"server-timing": 'cache;desc="hit", app;dur=53.2, db;dur=20'}, 53.2),
        ({"server-timing": 'total;dur="7"'}, 7),
        ({"x-envoy-upstream-service-time": "12"}, 12),
        ({"openai-processing-ms": "soon", "x-envoy-upstream-service-time": "12"}, 12),
        ({"openai-processing-ms": "-5"}, None),
        ({"openai-processing-ms": "9" * 400}, None),
        ({"openai-processing-ms": "999999999999"}, None),
        ({}, None),
    ],
)
def test_server_time_is_read_from_the_usual_headers(headers: dict[str, str], ms: float | None) -> None:
    assert server_time(headers) == (None if ms is None else round(ms * 1e6))


def test_a_named_header_is_the_only_one_looked_at() -> None:
    listening = listener(Target("main", "sim:", server_time="X-Took"))
    assert listening is not None
    made = record()
    listening.head(made, {"x-took": "3.5", "openai-processing-ms": "42"})
    assert made.answer.server_time == 3_500_000


@pytest.mark.parametrize(
    ("text", "entry", "ms"),
    [
        ("queue;dur=2, total;dur=9", "queue", 2),
        ("queue;dur=0, total;dur=9", "queue", 0),
        ('Queue;desc="a, b";dur=2', "queue", None),  # a comma in a description ends the entry for us
        ("queue;dur=2;desc=x", "queue", 2),
        ("queues;dur=2", "queue", None),
        ("7", "queue", None),
    ],
)
def test_one_entry_of_a_header_is_read_by_its_name(text: str, entry: str, ms: float | None) -> None:
    expected = None if ms is None else round(ms * 1e6)
    assert server_time({"server-timing": text}, ["server-timing"], entry) == expected


def test_waiting_and_work_are_metrics_of_their_own() -> None:
    target = Target("main", "sim:", server_time="header", server_queue="X-Queue", server_work="Server-Timing;Work")
    listening = listener(target)
    assert listening is not None
    made = record()
    listening.head(made, {"openai-processing-ms": "42", "x-queue": "2.5", "server-timing": "all;dur=41, work;dur=39"})
    answer = made.answer
    assert (answer.server_time, answer.server_queue, answer.server_work) == (42_000_000, 2_500_000, 39_000_000)


def test_what_requests_waited_is_what_the_simulator_made_them_wait() -> None:
    plan = plan_of(TEXT, 'targets.main.server_queue="x-queue-time"', "sim.slots=1", 'load.rate="15/s"')
    ran = run_plan(plan)
    waited, took = (ran.summary.select().histogram(name) for name in ("server_queue", "server_time"))
    assert waited.count == took.count > 300
    assert 0 < waited.percentile(99) <= took.percentile(99)


def test_a_captured_name_can_not_be_a_tag_too() -> None:
    with pytest.raises(ScenarioError, match="is captured from answers already"):
        plan_of(TEXT, 'classes.chat.tags={instance="x"}')
    with pytest.raises(ScenarioError, match="is no name for a tag"):
        plan_of(TEXT, 'targets.main.capture={phase="x-phase"}')


class _Keeper:
    def __init__(self) -> None:
        self.fed: list[bytes] = []
        self.closed = 0

    def feed(self, data: bytes, t: int) -> None:
        self.fed.append(data)

    def template(self) -> None:
        return None

    def close(self, t: int) -> None:
        self.closed = t


BODY = b'data: {"id": "x", "provider" : "Ein \xe2\x82\xac", "choices": []}\n\ndata: {"provider":"other"}\n\n'


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_label_from_the_body_is_the_first_of_its_name_however_it_arrives(size: int) -> None:
    capture = {"provider": "json:provider", "zone": "x-zone", "absent": "json:absent"}
    listening = listener(Target("main", "http://x", "openai", capture=capture))
    assert listening is not None
    one, keeper = record(), _Keeper()
    listening.head(one, {"x-zone": "eu"})
    reader = listening.reader(one, keeper)
    for start in range(0, len(BODY), size):
        reader.feed(BODY[start : start + size], start)
    reader.close(99)
    assert dict(one.labels) == {"zone": "eu", "provider": "Ein €"}
    assert b"".join(keeper.fed) == BODY, "the reader misses nothing"
    assert keeper.closed == 99


def test_it_is_not_looked_for_for_ever() -> None:
    listening = listener(Target("main", "http://x", "openai", capture={"provider": "json:provider"}))
    assert listening is not None
    one = record()
    reader = listening.reader(one, _Keeper())
    reader.feed(b"x" * 20_000, 1)
    reader.feed(b'"provider": "late"', 2)
    assert one.labels == ()


def test_hostile_values_are_cleaned_and_cut() -> None:
    listening = listener(Target("main", "http://x", "openai", capture={"provider": "json:provider"}))
    assert listening is not None
    one = record()
    listening.reader(one, _Keeper()).feed(b'{"provider": "\x1b[31mred' + b"a" * 200 + b'"}', 1)
    ((_, value),) = one.labels
    assert "\x1b" not in value
    assert len(value) <= 64


def test_an_answer_of_the_simulator_is_cut_by_a_field() -> None:
    text = TEXT.replace('"X-Served-By"', '"json:model"').replace('"spread.even{over=instance} > 0.001", ', "")
    ran = run_plan(plan_of(text.replace(', "latency.p95{instance=b} < 3s"', "")))
    assert set(ran.summary.split("instance")) == {"sim-model"}


@pytest.mark.parametrize("source", ["json:", "json:a b", "json:" + "x" * 65])
def test_what_is_no_field_is_refused(source: str) -> None:
    with pytest.raises(ScenarioError, match="is no field of a JSON body"):
        plan_of(TEXT.replace('"X-Served-By"', f'"{source}"'))


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, ""),
        ({"x-request-id": "req_7", "cf-ray": "8f-AMS"}, "req_7"),
        ({"request-id": "req_011C"}, "req_011C"),
        ({"x-amzn-requestid": "b9c2-4f"}, "b9c2-4f"),
        ({"apim-request-id": "a-b"}, "a-b"),
        ({"cf-ray": "8f-AMS"}, "8f-AMS"),
        ({"x-request-id": "", "cf-ray": "8f-AMS"}, "8f-AMS"),
    ],
)
def test_what_the_server_calls_a_request_is_read_from_its_headers(headers: dict[str, str], said: str) -> None:
    assert request_id(headers) == said


@pytest.mark.parametrize("hostile", ["\x1b[31mred\x07", "x" * 5000, "a\u202eb\x00", "two words", "sk-" + "a" * 40])
def test_a_hostile_request_id_is_bounded_and_harmless(hostile: str) -> None:
    found = request_id({"x-request-id": hostile})
    assert len(found) <= 64
    assert found.isprintable()


def test_the_slowest_calls_of_a_run_are_named_as_the_server_names_them() -> None:
    """By the id that its answer carried, each is found in the request log."""
    ran = run_plan(plan_of(TEXT, 'sim.faults=[{kind="slow",rate="2%",factor=20}]'))
    logged = {record.request_id: record for record in ran.records}
    assert len(logged) == 600
    slowest = sorted(ran.records, key=lambda record: record.end - record.planned, reverse=True)
    found = ran.summary.slowest["chat"]
    assert [each.latency for each in found] == [record.end - record.planned for record in slowest[:10]]
    assert all(logged[each.request_id].call.index == each.index for each in found)
