"""``llmload env``: what it shows, what it compares, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llmload import __version__
from llmload.cli import app
from llmload.errors import LlmloadError, ResultError, UsageError
from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with SimProcess(SimSpec(models=("small", "large"))) as process:
        yield process.url


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["env", *arguments])
    if isinstance(done.exception, LlmloadError):
        raise done.exception
    return done.exit_code, done.stdout


def test_the_generator_alone() -> None:
    status, text = run()
    assert (status, text.splitlines()[0]) == (0, "Generator")
    assert "Target" not in text


def test_a_target_that_answers_nothing_ends_it_with_a_status_of_its_own() -> None:
    status, text = run("http://127.0.0.1:1/v1")
    assert status == 4
    assert "it can not be reached" in text
    assert text.startswith("Generator")


def test_a_simulator_in_a_process_of_its_own(simulator: str) -> None:
    _, text = run(simulator)
    assert "Target main" in text
    document = json.loads(run(simulator, "--json", "-")[1])
    assert document["kind"] == "llmload-environment"
    told = document["targets"]["main"]
    assert (told["software"], told["version"], told["models"]) == ("llmload sim", __version__, "large, small")


def test_the_embedded_simulator_is_known_without_being_asked() -> None:
    told = json.loads(run("sim:", "--json", "-")[1])["targets"]["main"]
    assert (told["software"], told["version"], told["slots"]) == ("llmload sim", __version__, "128")


def test_saved_and_compared_it_is_the_same_until_something_that_matters_differs(simulator: str) -> None:
    assert run(simulator, "--json", "env.json")[0] == 0
    status, text = run(simulator, "--compare", "env.json")
    assert (status, text.startswith("NO DIFFERENCE FOUND in ")) == (0, True)
    saved = json.loads(Path("env.json").read_text())
    saved["targets"]["main"]["version"] = "9.9"
    saved["generator"]["rich"] = "0"
    Path("env.json").write_text(json.dumps(saved))
    status, text = run(simulator, "--compare", "env.json")
    assert status == 1
    assert f"target main: version {__version__} against 9.9" in text
    document = json.loads(run(simulator, "--compare", "env.json", "--json", "-")[1])
    assert [(each["fact"], each["weight"]) for each in document["differences"]] == [
        ("version", "matters"),
        ("rich", "informs"),
    ]


def test_what_is_not_known_on_one_side_is_never_the_same(simulator: str) -> None:
    run("--json", "alone.json")
    status, text = run(simulator, "--compare", "alone.json")
    assert (status, text.splitlines()[0][:9]) == (3, "CAN'T SAY")
    assert "target main: nothing is known of it in alone.json" in text


def test_without_a_target_the_generator_alone_is_compared_and_that_is_said(simulator: str) -> None:
    run(simulator, "--json", "env.json")
    status, text = run("--compare", "env.json")
    assert status == 0
    assert "the generator alone" in " ".join(text.split())


def test_against_a_result(simulator: str) -> None:
    text = f"""
targets.main = {{ base_url = "{simulator}", model = "small" }}
classes.chat = {{ api = "chat", prompt = "x", max_tokens = 2 }}
load = {{ rate = "10/s", duration = "1s" }}
"""
    Path("short.toml").write_text(text)
    done = CliRunner().invoke(app, ["run", "short.toml", "-o", "result.json", "--display", "quiet"])
    assert done.exit_code in (0, 1, 3), done.output
    result = json.loads(Path("result.json").read_text())
    assert result["target_environment"]["main"]["software"] == "llmload sim"
    assert run("short.toml", "--compare", "result.json")[0] == 0
    assert "llmload sim" in " ".join(done.stdout.split())


def test_against_a_wish(simulator: str) -> None:
    wish = Path("wish.toml")
    wish.write_text(f'[generator]\npython = ">=3.11"\n[target]\nversion = "{__version__}"\nmodels = "*small*"\n')
    assert run(simulator, "--compare", "wish.toml")[0] == 0
    wish.write_text('[targets.main]\nsoftware = "vLLM"\n')
    status, text = run(simulator, "--compare", "wish.toml")
    assert status == 1
    assert "target main: software llmload sim against vLLM" in text
    wish.write_text('[target]\nbuild = "*"\n')
    assert run(simulator, "--compare", "wish.toml")[0] == 3


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ('[generator]\npythn = "3"', "wish: generator.pythn: nothing of that name is known; did you mean python?"),
        ('[generators]\npython = "3"', "did you mean generator?"),
        ('[targets.mian]\nversion = "3"', "wish: targets.mian: did you mean main?"),
        ("generator = 3", "wish: generator must be a table"),
        ("[target]\nversion = []", "wish: target.version: write what is wished as text"),
        ("", "nothing is wished"),
    ],
)
def test_a_wish_that_makes_no_sense_is_told_with_its_place(wish: str, says: str) -> None:
    Path("wish").write_text(wish)
    with pytest.raises(UsageError) as caught:
        run("sim:", "--compare", "wish")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not JSON, or cut short"),
        ("=", "neither JSON nor TOML"),
        ('{"kind": "llmload-search"}', "neither a result, nor what"),
        ('{"kind": "llmload-environment", "schema_version": "9.0"}', "of schema 9.0"),
        ('{"kind": "llmload-environment", "schema_version": "1.0", "targets": 3}', "targets must be an object"),
        (
            '{"kind": "llmload-environment", "schema_version": "1.0", "generator": {"a": 1}, "targets": {}}',
            "generator must be an object of texts",
        ),
    ],
)
def test_what_is_no_environment_is_told(content: str, says: str) -> None:
    Path("file").write_text(content)
    with pytest.raises(ResultError) as caught:
        run("--compare", "file")
    assert says in str(caught.value)
    with pytest.raises(ResultError, match="can't read"):
        run("--compare", "none.json")


def test_options_of_the_other_kind_are_refused() -> None:
    for arguments in (["--url", "http://x/v1"], ["sim:", "--set", "a=1"], ["--api-key-env", "X"]):
        with pytest.raises(UsageError):
            run(*arguments)
    with pytest.raises(UsageError, match="--api-key-env is for a URL"):
        run("quickstart", "--api-key-env", "X")


def test_a_key_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-mine-0815")
    with SimProcess(SimSpec.model_validate({"keys": {"sk-secret-of-mine-0815": {}}})) as process:
        status, text = run(process.url)
    assert (status, "HTTP 200" in text, "0815" in text) == (0, True, False)
