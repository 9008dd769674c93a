"""The documentation is true: what can be looked up in the code is looked up here.

After a change that is meant, run this file with ``LLMLOAD_UPDATE_GOLDEN=1``: the parts that are made from the code
(see ``docs_made``) are written anew. Read the diff.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import tomli
from docs_made import MADE, ROOT, anchor, commands, help_of, typer_version

from llmload.errors import ExitStatus
from llmload.metrics.catalogue import METRICS
from llmload.outputs.request_log import encode_record
from llmload.records import Api, Call, Outcome, Record
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source
from llmload.scenario.load import environments, load_scenario
from llmload.sim.faults import FAULTS
from llmload.sim.truth import Truth
from llmload.verdict import delays, network, validity

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    (ROOT / "docs").rglob("*.md")
)
_PART = re.compile(r"<!-- made: (?P<name>(?!end)\S+) -->\n(?P<body>.*?)<!-- made: end -->", re.DOTALL)
_BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\((?P<to>[^)\s]+)\)")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def blocks(path: Path, language: str) -> Iterator[str]:
    return (found["body"] for found in _BLOCK.finditer(path.read_text("utf-8")) if found["language"] == language)


def without_blocks(path: Path) -> str:
    return re.sub(r"`[^`\n]*`", "", _BLOCK.sub("", path.read_text("utf-8")))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


# -- what is made from the code --------------------------------------------------------------------------------


def made(text: str) -> str:
    """A page with its made parts as the code has them now."""
    return _PART.sub(
        lambda part: f"<!-- made: {part['name']} -->\n\n{MADE[part['name']]()}\n\n<!-- made: end -->", text
    )


def words(text: str) -> list[str]:
    """Without line breaks and indentation: how help is wrapped is not ours to promise."""
    return text.split()


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_what_is_made_from_the_code_is_current(path: Path) -> None:
    text = path.read_text("utf-8")
    current = made(text)
    if os.environ.get("LLMLOAD_UPDATE_GOLDEN"):
        path.write_text(current, "utf-8")
    elif "<!-- typer " in text and f"<!-- {typer_version()} -->" not in text:
        pytest.skip("this help was printed by another version of typer")
    assert words(path.read_text("utf-8")) == words(current), "run this file with LLMLOAD_UPDATE_GOLDEN=1"


def test_every_part_that_can_be_made_stands_somewhere() -> None:
    used = [part["name"] for path in PAGES for part in _PART.finditer(path.read_text("utf-8"))]
    assert sorted(used) == sorted(MADE)


# -- completeness ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", commands())
def test_every_command_and_option_is_documented(name: str) -> None:
    text = page("cli.md")
    assert f"\n## llmload {name}\n" in text
    for option in re.findall(r"(?<!\S)--[a-z][a-z-]+", help_of(*name.split())):
        assert option in text


def test_help_says_what_each_exit_status_means() -> None:
    for status in ExitStatus:
        assert f"| {int(status)} |" in (ROOT / "README.md").read_text("utf-8")
        assert f"{int(status)} " in help_of()


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_defined(metric: str) -> None:
    assert f"| `{metric}` |" in page("metrics.md")


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_explained_and_counted_as_the_code_counts_it(outcome: Outcome) -> None:
    counts = "good" if outcome.good else "error" if outcome.error else "neither"
    assert re.search(rf"^\| `{outcome.value}` \| .+ \| {counts} \|$", page("metrics.md"), re.MULTILINE)


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_is_described_and_its_outcome_told(kind: str) -> None:
    assert f"\n### {kind}\n" in page("simulator.md")
    assert f"\n| `{kind}` |" in page("simulator.md")


def rule_codes() -> set[str]:
    """The codes of all reasons that the validity rules can give."""
    source = "".join(map(inspect.getsource, (validity, delays, network)))
    given = re.findall(r'(?:Reason\(|_busy\(evidence, |_clock\(evidence, Cause\.\w+, )"(\w+)"', source)
    return {*given, *re.findall(r'"(\w+_lag)": "', source)}


def test_every_validity_rule_is_listed_with_what_to_do() -> None:
    codes = rule_codes()
    assert codes >= set(validity.THRESHOLDS) - {"error"}
    assert len(codes) >= len(validity._RULES)
    for code in codes:
        assert re.search(rf"^\| `{code}` \| .+ \| .* \|$", page("trust.md"), re.MULTILINE), code


def test_every_field_of_the_request_log_is_listed() -> None:
    line = encode_record(Record(Call(0, "c", "t", Api.CHAT, "m"), 1), 0, 0.0, chunks=True)
    for field in re.findall(r'"(\w+)":', line.decode()):
        assert f"`{field}`" in page("results.md"), field


def test_every_field_of_the_truth_log_is_listed() -> None:
    for field in Truth(0, 0).as_json():
        assert f"`{field}`" in page("simulator.md")


def test_every_package_has_its_line_in_the_architecture() -> None:
    listed = " ".join(re.findall(r"^\| (`.+?`) \| ", page("architecture.md"), re.MULTILINE))
    there = {
        path.stem for path in (ROOT / "llmload").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    for name in there - {"__init__", "__main__"}:
        assert f"`{name}`" in listed


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "scenarios").glob("*.toml")))
def test_every_scenario_that_comes_along_is_listed(name: str) -> None:
    assert f"(../scenarios/{name}.toml)" in page("scenarios.md")


# -- examples ----------------------------------------------------------------------------------------------------

SCENARIOS = [
    pytest.param(text, id=f"{named(path)}-{number}")
    for path in PAGES
    for number, text in enumerate(blocks(path, "toml"))
    if {"targets", "classes", "load"} <= tomli.loads(text).keys()
]


@pytest.mark.parametrize("text", SCENARIOS)
def test_whole_scenarios_in_the_pages_are_sound(text: str) -> None:
    source = Source(text, "example.toml", ROOT, "example")
    for environment in (None, *environments(source)):
        loaded = load_scenario(source, environment)
        compile_scenario(loaded)
        if loaded.has_demo:
            compile_scenario(load_scenario(source, environment, demo=True))


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_toml_in_the_pages_is_toml(path: Path) -> None:
    for text in blocks(path, "toml"):
        assert tomli.loads(text)


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_commands_in_the_pages_exist_with_their_options(path: Path) -> None:
    for text in blocks(path, "console"):
        for name, rest in re.findall(r"\bllmload (data \w+|\w+)([^|>\n]*)", text):
            assert name in commands(), name
            known = help_of(*name.split())
            for option in re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest.partition(" # ")[0]):
                assert re.search(rf"(?<!\S){option}\b", known), f"llmload {name} {option}"


def test_the_readme_begins_with_the_two_commands() -> None:
    first = next(blocks(ROOT / "README.md", "console"))
    typed = [line.partition("#")[0].removeprefix("$ ").strip() for line in first.splitlines()]
    assert typed == ["python3 tasks.py demo", "python3 tasks.py test"]


# -- links -------------------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", path.read_text("utf-8")), re.MULTILINE)
    return {anchor(heading) for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_lead_somewhere(path: Path) -> None:
    for link in _LINK.finditer(without_blocks(path)):
        to = urlsplit(link["to"])
        if to.scheme:
            continue
        target = (path.parent / to.path).resolve() if to.path else path
        assert target.exists(), link["to"]
        assert not to.fragment or to.fragment in anchors(target), link["to"]


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = {urlsplit(link["to"]).path for link in _LINK.finditer(without_blocks(ROOT / "README.md"))}
    assert {named(path) for path in PAGES} - {"README.md"} <= linked
