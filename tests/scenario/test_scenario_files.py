from __future__ import annotations

from pathlib import Path

import pytest

from llmload.errors import ScenarioError
from llmload.scenario import files
from llmload.scenario.files import builtin_names, read_prompts, read_source


def failure(name: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        read_source(name)
    return str(caught.value)


def test_a_file_that_does_not_exist_gives_the_near_ones(tmp_path: Path) -> None:
    (tmp_path / "peak.toml").write_text("")
    message = failure(str(tmp_path / "peek.toml"))
    assert "there is no such file" in message
    assert f"did you mean {tmp_path / 'peak.toml'}?" in message


@pytest.mark.parametrize(("name", "what"), [("zzzz", "scenario"), ("zzzz.toml", "file"), ("zz/zzzz", "file")])
def test_what_looks_like_a_path_is_no_such_file_and_the_choice_is_told(name: str, what: str) -> None:
    message = failure(name)
    assert f"{name}: there is no such {what}" in message
    assert f"llmload scenarios lists all {len(builtin_names())}" in message


def test_a_bare_name_is_a_built_in_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "quickstart.toml").write_text("name = 'q'")
    monkeypatch.setattr(files, "_builtin_directory", lambda: tmp_path)
    monkeypatch.chdir(tmp_path.parent)
    assert builtin_names() == ["quickstart"]
    assert read_source("quickstart").text == "name = 'q'"
    assert read_source("quickstart.toml").stem == "quickstart"
    assert "did you mean quickstart?" in failure("quikstart")


def test_directories_binary_files_and_impossible_names_are_messages(tmp_path: Path) -> None:
    assert "can't be read" in failure(str(tmp_path))
    (tmp_path / "x.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    assert "x.toml:2: is not UTF-8" in failure(str(tmp_path / "x.toml"))
    assert failure("a\0b")
    assert failure("x" * 5000)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xef\xbb\xbfa = 1")
    assert read_source(str(tmp_path / "x.toml")).text == "a = 1"


def test_a_file_too_large_to_be_meant_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"#" * (4 * 2**20 + 1))
    assert "larger than 4 MiB" in failure(str(tmp_path / "x.toml"))


def test_prompts_are_lines_of_text_or_a_field_of_json_lines(tmp_path: Path) -> None:
    plain, jsonl = tmp_path / "p.txt", tmp_path / "p.jsonl"
    plain.write_bytes(b"one\r\n\r\n two\n")
    assert read_prompts(plain, "prompt") == ("one", " two")
    jsonl.write_text('{"prompt": "a"}\n"b"\n\n{"prompt": "c", "id": 3}\n')
    assert read_prompts(jsonl, "prompt") == ("a", "b", "c")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"prompt": "a"}\n{"prompt"\n', "p.jsonl:2: is not JSON"),
        ('{"text": "a"}\n', "p.jsonl:1: has no text in the field 'prompt'\n    its fields are text"),
        ('{"prompt": 3}\n', "p.jsonl:1: has no text"),
        ("[" * 100_000 + "\n", "p.jsonl:1: is not JSON"),
        ("\n", "p.jsonl: has no prompts in it"),
    ],
)
def test_a_bad_line_of_prompts_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        read_prompts(path, "prompt")
    assert message in str(caught.value)
