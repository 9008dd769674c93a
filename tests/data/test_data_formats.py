from __future__ import annotations

import json
from pathlib import Path

import pytest
from data_kit import texts, written, wrong

from llmload.data.dataset import DataSet, open_data
from llmload.records import Image, Message, ToolCall

DOCS = Path(__file__).parents[2] / "docs" / "data"


def entries(path: Path, format: str) -> DataSet:
    return DataSet(open_data(path, format))


def test_openai_rows_are_messages_prompts_or_bodies_of_the_batch_api() -> None:
    data = entries(DOCS / "chats.jsonl", "openai")
    assert [message.role for message in data.entry(0).messages] == ["system", "user"]
    assert [message.content for message in data.entry(1).messages][1:] == [
        "Danube, Nile, Mekong.",
        "Which of them is the longest?",
    ]
    assert data.entry(2).messages == (Message("user", "Write a haiku about rain."),)
    batch = data.entry(3)
    assert (batch.max_tokens, batch.params) == (60, {"temperature": 0.2})


def test_a_conversation_is_cut_into_turns_with_their_answers() -> None:
    data = entries(DOCS / "sharegpt.json", "sharegpt")
    first = data.entry(0)
    assert [turn.messages[0].content for turn in first.turns] == ["How do I reverse a list in Python?", "And in place?"]
    assert first.turns[1].answer == Message("assistant", "items.reverse()")
    assert [message.role for message in first.messages] == ["user", "assistant", "user"]
    assert data.entry(1) == data.entry(2), "an empty one is stood in for by the next"


def test_sharegpt_may_be_lines_and_begin_with_an_answer(tmp_path: Path) -> None:
    said = [{"from": "gpt", "value": "Hello!"}, {"from": "human", "value": "Hi"}]
    path = written(tmp_path / "x.jsonl", json.dumps({"conversations": said}) + "\n")
    assert texts(path, "sharegpt") == ["Hi"]


def test_tool_calls_and_their_results_are_kept(tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "rain"},
    ]
    path = written(tmp_path / "x.jsonl", json.dumps({"messages": messages}))
    asked = entries(path, "openai").entry(0).messages
    assert asked[1].tool_calls == (ToolCall("c", "f", "{}"),)
    assert asked[2] == Message("tool", "rain", tool_call_id="c")


def test_csv_records_span_lines_and_fill_a_template() -> None:
    assert texts(DOCS / "reviews.csv", "csv", "{stars}: {review}") == [
        "2: Boils slowly,\nand the lid is loose.",
        '5: Warm light, "just right" for reading.',
    ]


def test_a_csv_column_that_says_it_is_the_prompt_needs_no_template(tmp_path: Path) -> None:
    assert texts(written(tmp_path / "x.csv", "id,prompt\n1,{id} stays\n"), "csv") == ["{id} stays"]


def test_lines_of_text(tmp_path: Path) -> None:
    assert texts(written(tmp_path / "x.txt", b"\xef\xbb\xbfone\r\n\n two"), "text") == ["one", " two"]


@pytest.mark.parametrize(
    ("format", "content", "line", "what"),
    [
        ("openai", '{"prompt": "a"}\n\n{"prompt": \n', 3, "is not JSON"),
        ("openai", '{"prompt": "a"}\n[1]\n', 2, "is no JSON object"),
        ("openai", '{"question_": "a"}\n', 1, "its fields are question_"),
        ("openai", '{"messages": {}}', 1, "are no list"),
        ("openai", '{"messages": [{"content": "a"}]}', 1, "has no role"),
        ("openai", '{"messages": [{"role": "king", "content": "a"}]}', 1, "there is no role 'king'"),
        ("openai", '{"messages": [{"role": "assistant", "content": "a"}]}', 1, "nothing is asked"),
        (
            "openai",
            '{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}',
            1,
            "pictures elsewhere are not fetched",
        ),
        ("openai", '{"body": {"prompt": "a", "max_tokens": "5"}}', 1, "no whole number"),
        ("sharegpt", '[{"conversations": []},\n {"id": 3}]', 2, "has no conversations"),
        ("sharegpt", '[{"conversations": [{"from": "human"}]}]', 1, '"from" and "value"'),
        ("sharegpt", '[\n{"conversations": [{"from": "human", "value": "a"}]},\n{"conv', 3, "ends within its list"),
        ("csv", 'a,prompt\n1,x\n2,"y\nz",3\n', 3, "has 3 fields where the head has 2"),
        ("csv", "a,prompt\n1,x\n2,  \n", 3, "without text"),
        ("csv", 'a,prompt\n1,x\n2,"y\n', 3, "without an end"),
        ("csv", "a,b\n1,x\n", 2, "needs a template"),
        ("csv", "a,a\n1,x\n", 1, "two have the same"),
        ("text", b"fine\n\xff\n", 2, "is not UTF-8"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(
    tmp_path: Path, format: str, content: str | bytes, line: int, what: str
) -> None:
    message = wrong(written(tmp_path / "x.data", content), format)
    assert message.startswith(f"{tmp_path / 'x.data'}:{line}: ")
    assert what in message


def test_a_file_in_which_nothing_is_asked_is_refused(tmp_path: Path) -> None:
    assert "nothing is asked" in wrong(written(tmp_path / "x.json", '[{"conversations": []}]'), "sharegpt")
    assert "has no rows" in wrong(written(tmp_path / "x.csv", "prompt\n"), "csv")
    assert "can't be read" in wrong(tmp_path / "none.csv", "csv")


def test_a_template_with_a_name_that_is_no_column_says_which_there_are(tmp_path: Path) -> None:
    assert "its columns are a, b" in wrong(written(tmp_path / "x.csv", "a,b\n1,2\n"), "csv", "{c}")


def test_pictures_in_a_row_are_taken_along(tmp_path: Path) -> None:
    row = '{"messages": [{"role": "user", "content": [{"type": "text", "text": "what is it"}, %s]}]}'
    part = '{"type": "image_url", "image_url": {"url": "%s"}}'
    path = written(tmp_path / "x.jsonl", row % (part % "data:image/png;base64,AAEC"))
    (message,) = DataSet(open_data(path, "openai")).entry(0).messages
    assert message == Message("user", "what is it", images=(Image("image/png", bytes((0, 1, 2))),))
    elsewhere = written(tmp_path / "y.jsonl", row % (part % "https://host/x.png"))
    assert "y.jsonl:1: a picture is no" in wrong(elsewhere, "openai")
    assert "not in base64" in wrong(written(tmp_path / "z.jsonl", row % (part % "data:image/png;base64,A")), "openai")
