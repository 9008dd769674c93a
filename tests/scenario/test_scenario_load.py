from __future__ import annotations

import io
from pathlib import Path

import pytest
from scenario_kit import EVERYTHING, SMALL, compiled, loaded, only_problem, source

from llmload.errors import ScenarioError, UsageError
from llmload.scenario.load import environments, load_scenario

VARIANTS = (
    SMALL
    + """
[environments.smoke]
load.rate = "2/s"
targets.main.headers = { x-env = "smoke" }
[environments.stress.load]
rate = "900/s"
"""
)
DEMO = (
    VARIANTS.replace("http://localhost:8000/v1", "sim:")
    + '[demo]\nrate = 0.1\ntime = 0.5\n[demo.set]\n"limits.drain" = "3s"\n'
)


def test_an_environment_is_merged_over_the_file_and_all_of_them_are_gone_afterwards() -> None:
    data = loaded(VARIANTS, "smoke").data
    assert data["load"] == {"rate": "2/s", "duration": "1m"}
    assert data["targets"]["main"]["headers"] == {"x-env": "smoke"}
    assert data["targets"]["main"]["model"] == "m"
    assert "environments" not in data


def test_problems_in_a_merged_environment_are_shown_where_they_are_written() -> None:
    problem = only_problem(VARIANTS.replace('"900/s"', '"900"'), "stress")
    assert (problem.key, problem.line) == ("load.rate", 15)


def test_a_curve_of_another_type_in_an_environment_replaces_the_whole_curve() -> None:
    text = SMALL.replace('rate = "10/s"', 'curve = { type = "ramp", from = "1/s", to = "2/s" }')
    text += '[environments.flat.load.curve]\ntype = "constant"\nrate = "3/s"\n'
    assert loaded(text, "flat").data["load"]["curve"] == {"type": "constant", "rate": "3/s"}
    same = text.replace('type = "constant"\nrate = "3/s"', 'to = "9/s"')
    assert loaded(same, "flat").data["load"]["curve"] == {"type": "ramp", "from": "1/s", "to": "9/s"}


def test_an_unknown_environment_is_an_error_that_names_the_near_one_or_all() -> None:
    assert "did you mean smoke?" in str(only_problem(VARIANTS, "smok"))
    assert "there is smoke, stress" in str(only_problem(VARIANTS, "zzz"))
    assert "it has none" in str(only_problem(SMALL, "smoke"))


def test_of_several_environments_the_last_word_wins() -> None:
    data = loaded(VARIANTS, "smoke,stress").data
    assert data["load"]["rate"] == "900/s"
    assert data["targets"]["main"]["headers"] == {"x-env": "smoke"}
    assert loaded(VARIANTS, "stress, smoke").data["load"]["rate"] == "2/s"
    assert "did you mean smoke?" in str(only_problem(VARIANTS, "stress,smok"))
    assert "no environment ''" in str(only_problem(VARIANTS, "stress,"))


def test_an_environment_may_have_a_comma_in_its_name() -> None:
    assert loaded(VARIANTS + '[environments."a,b".load]\nrate = "7/s"\n', "a,b").data["load"]["rate"] == "7/s"


def test_the_environments_of_a_scenario_can_be_listed() -> None:
    assert environments(source(VARIANTS)) == ["smoke", "stress"]
    assert environments(source(SMALL)) == []


def test_environments_must_be_tables() -> None:
    assert only_problem("environments = 3\n" + SMALL).key == "environments"
    assert only_problem("environments.a = 3\n" + SMALL).key == "environments.a"


def test_overrides_win_over_the_environment_and_come_in_order() -> None:
    data = loaded(VARIANTS, "smoke", "load.rate=5/s", "load.rate=7/s").data
    assert data["load"]["rate"] == "7/s"


def test_problems_of_an_override_name_the_option_and_not_its_value() -> None:
    problem = only_problem(SMALL, None, "load.ratee=5/s")
    assert str(problem) == "--set load.ratee: load.ratee: unknown key\n    did you mean rate?"


def test_a_variable_that_is_not_set_is_an_error_at_its_place() -> None:
    text = SMALL.replace('"m"', '"${MODLE}"')
    problem = only_problem(text, environ={"MODEL": "x"})
    assert (problem.line, problem.key) == (3, "targets.main.model")
    assert problem.hint == "did you mean MODEL?"


def test_variables_of_an_environment_that_is_not_asked_for_need_not_be_set() -> None:
    text = SMALL + '[environments.prod]\ntargets.main.model = "${PROD_MODEL}"\n'
    assert loaded(text).data["targets"]["main"]["model"] == "m"
    assert "PROD_MODEL is not set" in str(only_problem(text, "prod"))


def test_the_url_of_the_only_target_can_be_given() -> None:
    assert compiled(SMALL, target_url="https://other/v1").targets[0].base_url == "https://other/v1"


def test_with_several_targets_the_url_says_which() -> None:
    with pytest.raises(UsageError, match="which target is meant"):
        loaded(EVERYTHING, target_url="https://other/v1")
    plan = compiled(EVERYTHING, target_url="file-key=https://other/v1")
    assert plan.target("file-key").base_url == "https://other/v1"


def test_a_bad_url_is_a_problem_of_the_option() -> None:
    problem = only_problem(SMALL, target_url="other:8000")
    assert problem.source == "--url"


def test_the_demonstration_size_scales_and_sets() -> None:
    plan = compiled(DEMO, demo=True)
    assert plan.demo
    assert plan.load.curve.peak() == pytest.approx(1.0)
    assert plan.load.duration == pytest.approx(30.0)
    assert plan.limits.drain == 3.0
    full = compiled(DEMO, demo=False)
    assert (full.demo, full.load.duration, full.limits.drain) == (False, 60.0, 30.0)


def test_by_itself_the_demonstration_size_is_for_the_simulator_only() -> None:
    assert loaded(DEMO, demo=None).demo
    assert not loaded(DEMO, demo=None, target_url="http://real/v1").demo
    assert not loaded(DEMO.partition("[demo]")[0], demo=None).demo


def test_an_explicit_scale_takes_the_place_of_the_demonstrations() -> None:
    data = loaded(DEMO, demo=True, scale_rate=0.5).data
    assert data["scale"] == {"rate": 0.5, "time": 0.5}


def test_an_explicit_scale_multiplies_the_files_own() -> None:
    assert loaded(SMALL + "[scale]\nrate = 0.5\n", scale_rate=0.5).data["scale"] == {"rate": 0.25}


def test_a_demonstration_that_does_not_exist_can_not_be_asked_for() -> None:
    assert "no demonstration size" in str(only_problem(SMALL, demo=True))


def test_a_bad_key_in_a_demonstration_is_shown_where_it_is_written() -> None:
    problem = only_problem(DEMO.replace("limits.drain", "limits.drian"), demo=True)
    assert (problem.line, problem.key, problem.hint) == (20, "limits.drian", "did you mean drain?")


def test_a_scenario_is_read_from_a_file_and_problems_name_it(tmp_path: Path) -> None:
    path = tmp_path / "peak.toml"
    path.write_text(SMALL)
    assert load_scenario(str(path)).stem == "peak"
    path.write_text(SMALL + "= 3\n")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(str(path))
    assert str(caught.value) == f"{path}:10:1: not TOML: invalid statement"


def test_a_scenario_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(SMALL.encode())))
    assert load_scenario("-", demo=None).document.source == "<stdin>"
