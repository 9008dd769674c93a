from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import tomli
from typer.testing import CliRunner, Result

from llmload.cli import app
from llmload.cli.plan_text import plot, render
from llmload.cli.scenario_options import parse_scale, read_plan
from llmload.errors import ExitStatus, OutputError, ScenarioError, UsageError
from llmload.reports.style import Style
from llmload.scenario.files import builtin_names
from llmload.scenario.starter import STARTER
from llmload.units import format_rate

DEMO = STARTER + '\n[demo]\nrate = 0.5\ntime = 0.2\n[demo.set]\n"limits.total" = "9s"\n'


def run(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLMLOAD_URL", "LLMLOAD_MODEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    path = tmp_path / "starter.toml"
    path.write_text(STARTER)
    return path


def test_every_scenario_that_comes_with_it_is_listed_with_what_it_is_about() -> None:
    lines = run("scenarios").stdout.splitlines()
    assert [line.split()[0] for line in lines] == builtin_names()
    assert all(len(line.split()) > 2 for line in lines)


class TestValidate:
    def test_a_good_file_is_ok(self, starter: Path) -> None:
        result = run("validate", starter)
        assert (result.exit_code, result.stdout, result.stderr) == (0, f"{starter}: ok\n", "")

    def test_all_problems_of_all_files_are_shown_and_the_status_is_2(self, starter: Path, tmp_path: Path) -> None:
        bad = tmp_path / "bad.toml"
        bad.write_text(STARTER.replace("weight = 80", "wieght = 80").replace('"25s"', '"25x"'))
        result = run("validate", bad, starter, tmp_path / "none.toml")
        assert result.exit_code == ExitStatus.USAGE
        assert result.stdout == f"{starter}: ok\n"
        assert f"{bad}:36:1: classes.chat.wieght: unknown key\n    did you mean weight?" in result.stderr
        assert "load.phases[1].duration: '25x' is not a duration" in result.stderr
        assert "none.toml: there is no such file" in result.stderr

    def test_environments_and_the_demonstration_are_checked_too(self, tmp_path: Path) -> None:
        path = tmp_path / "s.toml"
        path.write_text(DEMO.replace('rate = "2/s"', 'rate = "2"').replace('"9s"', '"9"'))
        result = run("validate", path)
        assert "load.phases[0].rate: '2' is not a rate" in result.stderr
        assert "limits.total: '9' is not a duration" in result.stderr

    def test_one_environment_can_be_checked_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "s.toml"
        path.write_text(STARTER.replace('rate = "2/s"', 'rate = "2"') + "[environments.fine]\n")
        assert run("validate", path, "--env", "fine").exit_code == 0
        assert run("validate", path, "--env", "smoke").exit_code == 2

    def test_standard_input_can_be_checked(self) -> None:
        assert run("validate", "-", stdin=STARTER).stdout == "-: ok\n"


class TestInit:
    def test_it_writes_a_scenario_that_validates(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.toml"
        result = run("init", path)
        assert (result.exit_code, result.stdout) == (0, "")
        assert f"llmload run {path}" in path.read_text()
        assert run("validate", path).exit_code == 0

    def test_it_replaces_a_file_only_when_told(self, starter: Path) -> None:
        starter.write_text("mine")
        assert isinstance(run("init", starter).exception, UsageError)
        assert starter.read_text() == "mine"
        assert run("init", starter, "--force").exit_code == 0
        assert tomli.loads(starter.read_text())["name"] == "starter"

    def test_a_place_that_can_not_be_written_is_a_message(self, tmp_path: Path) -> None:
        assert isinstance(run("init", tmp_path / "none" / "x.toml").exception, OutputError)


class TestSchema:
    @pytest.mark.parametrize("of", ["scenario", "result"])
    def test_it_prints_a_valid_json_schema(self, of: str) -> None:
        result = run("schema", of)
        jsonschema.Draft202012Validator.check_schema(json.loads(result.stdout))

    def test_the_scenario_is_what_it_is_about_unless_said(self) -> None:
        schema = json.loads(run("schema").stdout)
        jsonschema.validate(tomli.loads(STARTER), schema)


class TestPlan:
    def test_it_shows_phases_classes_and_the_rate_over_time(self, starter: Path) -> None:
        result = run("plan", starter)
        assert result.exit_code == 0
        for words in ("warm-up *", "steady", "total", "278", "chat", "80%", "Rate over time", "10.0/s ┤", "█"):
            assert words in result.stdout
        assert "\x1b" not in result.stdout
        assert max(map(len, result.stdout.splitlines())) <= 80

    def test_json_is_all_that_is_on_standard_output(self, tmp_path: Path) -> None:
        path = tmp_path / "s.toml"
        path.write_text(DEMO)
        result = run("plan", path, "--json")
        plan = json.loads(result.stdout)
        assert plan["demo"] is True
        assert plan["total"]["requests"] == pytest.approx(278 * 0.1, rel=0.01)
        assert sum(plan["series"]["levels"]) * plan["series"]["step"] == pytest.approx(plan["total"]["requests"])
        assert "--full runs all of it" in result.stderr

    def test_full_size_is_run_when_told(self, tmp_path: Path) -> None:
        path = tmp_path / "s.toml"
        path.write_text(DEMO)
        result = run("plan", path, "--json", "--full")
        assert json.loads(result.stdout)["duration"] == 30
        assert result.stderr == ""

    def test_the_first_arrivals_can_be_listed(self, starter: Path) -> None:
        calls = json.loads(run("plan", starter, "--json", "--arrivals", "200").stdout)["arrivals"]
        assert [call["index"] for call in calls] == list(range(200))
        assert sorted(calls, key=lambda call: call["at"]) == calls
        assert {call["phase"] for call in calls} == {"warm-up", "steady"}
        assert all((call["phase"] == "warm-up") == (call["at"] < 5) for call in calls)
        text = run("plan", starter, "--arrivals", "3").stdout
        assert f"{calls[2]['at']:.6f}" in text
        assert f"{calls[3]['at']:.6f}" not in text

    def test_it_says_how_many_workers_and_why(self, starter: Path) -> None:
        told = run("plan", starter).stdout
        assert "by 1 worker: the peak of" in told
        document = json.loads(run("plan", starter, "--json").stdout)
        assert document["workers"]["count"] == document["workers"]["wanted"] == 1
        assert document["workers"]["why"].startswith("1 worker: the peak of")

    def test_it_warns_of_connections_that_have_no_room(self, starter: Path) -> None:
        phases = 'load.phases=[{name="a", duration="1m", rate="1000000/s"}]'
        many = ("--set", phases, "--set", "load.max_in_flight=1000000")
        assert "1.00M connections open at once" in " ".join(run("plan", starter, *many).stdout.split())
        (warning, *_) = json.loads(run("plan", starter, *many, "--json").stdout)["warnings"]
        assert warning.startswith("about ")

    def test_users_have_no_planned_arrivals(self, starter: Path) -> None:
        phases = 'load.phases=[{name="a", duration="1m", users=5}]'
        starter.write_text("".join(line for line in STARTER.splitlines(True) if not line.startswith("max_in_flight")))
        assert "Users over time" in run("plan", starter, "--set", phases).stdout
        assert isinstance(run("plan", starter, "--set", phases, "--arrivals", "1").exception, UsageError)

    def test_every_option_reaches_the_plan(self, starter: Path) -> None:
        url = "https://host/v1"
        options = [
            "--env",
            "smoke",
            "--set",
            "load.phases[0].rate=4/s",
            "--scale",
            "rate=0.5,time=2",
            "--url",
            url,
            "--json",
        ]
        plan = json.loads(run("plan", starter, *options).stdout)
        assert (plan["environment"], plan["duration"], plan["targets"]) == ("smoke", 10, {"main": url})
        assert plan["total"]["requests"] == pytest.approx(20)

    def test_no_secret_is_shown(self, starter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
        options = ["--set", "targets.main.headers.x-token=${OPENAI_API_KEY}", "--url", "https://host/v1"]
        for extra in ([], ["--json"]):
            result = run("plan", starter, *options, *extra)
            assert result.exit_code == 0
            assert "sk-very-secret" not in result.output

    def test_problems_come_out_as_a_scenario_error(self, starter: Path) -> None:
        error = run("plan", starter, "--set", "load.raet=1/s").exception
        assert isinstance(error, ScenarioError)
        assert error.status == 2


@pytest.mark.parametrize(
    ("text", "factors"),
    [("0.1", {"rate": 0.1}), ("rate=2,time=0.5", {"rate": 2, "time": 0.5}), ("time=.5", {"time": 0.5})],
)
def test_a_scale_is_one_factor_or_two(text: str, factors: dict[str, float]) -> None:
    assert parse_scale(text) == factors


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "x", "rate=", "size=2", "rate=1,rate=2", "1,2", "1e9"])
def test_a_scale_that_makes_no_sense_is_a_message(text: str) -> None:
    with pytest.raises(UsageError, match="write it like"):
        parse_scale(text)


@pytest.mark.parametrize("style", [Style(60, False, False), Style(80, True, True), Style(140, False, True)])
def test_the_text_fits_every_width_and_style(starter: Path, style: Style) -> None:
    text = render(read_plan(str(starter)), [], style)
    assert ("\x1b[" in text) == style.color
    if not style.color:
        assert max(map(len, text.splitlines())) <= style.width
    if not style.unicode:
        assert text.isascii()
        assert "..." not in text


def test_control_characters_of_a_scenario_do_not_reach_the_terminal(starter: Path) -> None:
    starter.write_text(STARTER.replace("Does the service", "\\u001b[31mDoes [bold]the[/bold] service"))
    text = render(read_plan(str(starter)), [], Style())
    assert "\x1b" not in text
    assert "Does [bold]the[/bold] service" in text


def test_a_plot_has_the_shape_of_the_levels() -> None:
    lines = plot([0, 1, 2, 4, 8], format_rate, 60, 8)
    assert lines == [
        "  8.00/s ┤    █",
        "         ┤    █",
        "         ┤    █",
        "         ┤    █",
        "  4.00/s ┤   ██",
        "         ┤   ██",
        "         ┤  ███",
        "         ┤ ████",
        "     0/s └─────",
        "          0 s 60.0 s",
    ]


def test_a_plot_of_nothing_is_flat() -> None:
    assert not any("█" in line for line in plot([0.0] * 5, format_rate, 10, 8))
