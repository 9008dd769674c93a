"""Pictures from the scenario to the server, in every dialect that has chats."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from PIL import Image
from virtual_run import plan_of, run_plan

from llmload.cluster.courier import pack, unpack
from llmload.dialects import DIALECTS
from llmload.dialects.openai_realtime.request import said
from llmload.records import Api
from llmload.reports.tables import token_section
from llmload.scenario.preview import preview
from llmload.workload.workload import Workload

CHATS = sorted(name for name, kind in DIALECTS.items() if Api.CHAT in kind.apis and not kind.socket)
OPTIONS = {"vertex": 'options = { project = "p", location = "l" }'}
SCENARIO = """
[targets.main]
base_url = "sim:"
dialect = "{dialect}"
model = "sim-model"
{options}

[classes.look]
prompt.tokens = 40
prompt.images = {{ count = {count}, width = 48, height = "24..40", format = "{format}", tokens = 256 }}
max_tokens = 5

[load]
rate = "5/s"
duration = "4s"
"""


def scenario(dialect: str, format_: str = "png", count: int = 2) -> str:
    return SCENARIO.format(dialect=dialect, options=OPTIONS.get(dialect, ""), format=format_, count=count)


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from strings(inner)


def pictures(body: bytes) -> list[bytes]:
    """What the strings of a request hold that are files of pictures."""
    found = []
    for text in strings(orjson.loads(body)):
        try:
            data = base64.b64decode(text.rpartition("base64,")[2], validate=True)
        except (binascii.Error, ValueError):
            continue
        found += [data] if data[:3] in (b"\x89PN", b"\xff\xd8\xff") else []
    return found


@pytest.mark.parametrize("format_", ["png", "jpeg"])
@pytest.mark.parametrize("dialect", CHATS)
def test_every_dialect_with_chats_carries_pictures_that_can_be_read(dialect: str, format_: str) -> None:
    plan = plan_of(scenario(dialect, format_))
    call = Workload(plan.classes, 1, 2).call(3)
    target = plan.targets[0]
    sent = pictures(DIALECTS[dialect].make(target.options).request(call).body)
    assert sent == [image.data for image in call.messages[-1].images]
    assert len(sent) == 2
    for data in sent:
        picture = Image.open(io.BytesIO(data))
        picture.load()
        assert picture.format == format_.upper()
        assert picture.width == 48
        assert 24 <= picture.height <= 40


def test_a_session_over_a_socket_carries_them_too() -> None:
    call = Workload(plan_of(scenario("openai")).classes, 1, 2).call(3)
    sent = [data for message in said(call, beta=False, kept=False) for data in pictures(message)]
    assert sent == [image.data for image in call.messages[-1].images]


@pytest.mark.parametrize("dialect", CHATS)
def test_the_simulator_counts_each_picture(dialect: str) -> None:
    with_, without = (run_plan(plan_of(scenario(dialect, count=count))) for count in (3, 1))
    counted = [
        {record.call.index: record.answer.usage.input for record in ran.records if record.answer.usage}
        for ran in (with_, without)
    ]
    assert counted[0].keys() == counted[1].keys()
    assert {(counted[0][k] or 0) - (counted[1][k] or 0) for k in counted[0]} == {2 * 256}


def test_results_say_how_many_bytes_of_pictures_went_out() -> None:
    plan = plan_of(scenario("openai"))
    ran = run_plan(plan)
    sent = sum(record.call.image_bytes for record in ran.records)
    figure = ran.summary.select().histogram("image_bytes")
    assert figure.count == len(ran.records)
    assert figure.mean * figure.count == pytest.approx(sent, rel=0.01)
    assert preview(plan).total.image_bytes == pytest.approx(sent, rel=0.4)
    assert unpack(pack(ran.records[0])).call.image_bytes == ran.records[0].call.image_bytes > 0
    lines = [text.plain for text in token_section(ran.summary, 100)]
    assert any(line.startswith("pictures: ") and line.endswith(f" in {figure.count} calls") for line in lines)
