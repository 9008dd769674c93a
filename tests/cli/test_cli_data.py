"""``llmload data``, as a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from llmload.cli import app
from llmload.errors import UsageError


def run(*args: object) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, args)])


@pytest.fixture
def made(tmp_path: Path) -> Path:
    out = tmp_path / "made.jsonl"
    assert run("generate", "short-medium-long", "-n", 300, "-o", out).exit_code == 0
    return out


def test_the_same_seed_gives_the_same_bytes_and_version(made: Path, tmp_path: Path) -> None:
    again, other = tmp_path / "again.jsonl", tmp_path / "other.jsonl"
    first = run("generate", "short-medium-long", "-n", 300, "-o", again).stdout
    assert again.read_bytes() == made.read_bytes()
    second = run("generate", "short-medium-long", "-n", 300, "--seed", 2, "-o", other).stdout
    assert first.startswith("sha256:")
    assert first.split()[0] != second.split()[0]


def test_a_set_is_representative_of_where_it_comes_from(made: Path) -> None:
    done = run("describe", made, "--reference", "short-medium-long")
    assert done.exit_code == 0
    assert "\nrepresentative of short-medium-long\n" in done.stdout


def test_a_set_that_is_not_representative_says_where_and_ends_with_1(made: Path) -> None:
    done = run("describe", made, "--reference", "azure-code-2023")
    assert done.exit_code == 1
    assert "not representative of azure-code-2023: input tokens, output tokens" in done.stdout or (
        "not representative of azure-code-2023: input tokens" in done.stdout
    )


def test_a_set_made_from_a_sample_is_like_it(made: Path, tmp_path: Path) -> None:
    like = tmp_path / "like.jsonl"
    assert run("generate", made, "-n", 300, "-o", like).exit_code == 0
    done = run("describe", like, "--reference", made, "--json")
    found = json.loads(done.stdout)
    assert found["representative"] is True
    assert {difference["what"] for difference in found["differences"]} >= {"input tokens", "turns", "topics"}


def test_texts_for_embeddings_are_described_too(tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("The river was quiet.\nThe cache is full.\n")
    done = run("describe", texts, "--format", "text", "--json")
    assert json.loads(done.stdout)["entries"] == 2


@pytest.mark.parametrize("args", [("describe", "no-such"), ("describe", __file__, "--format", "opnai")])
def test_what_is_not_there_is_a_usage_error_with_a_guess(args: tuple[str, ...]) -> None:
    done = run(*args)
    assert isinstance(done.exception, UsageError)
    assert "did you mean" in str(done.exception) or "there" in str(done.exception)
