from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import pytest
from scenario_kit import EVERYTHING, HERE, SMALL, compiled, loaded, only_problem, problems

from llmload.errors import ScenarioError
from llmload.records import Api
from llmload.scenario.compile import compile_scenario
from llmload.scenario.document import Document
from llmload.scenario.plan import Auth, Prices, Seeds
from llmload.sim.spec import SimSpec
from llmload.workload.spec import Lengths


def test_a_scenario_with_every_key_compiles_and_survives_pickling() -> None:
    plan = compiled(EVERYTHING)
    again = pickle.loads(pickle.dumps(plan))
    assert [phase.name for phase in plan.phases][:2] == ["warm-up", "hold"]
    assert again.phases == plan.phases
    assert again.classes == plan.classes
    assert again.load.curve.expected(1e9) == plan.load.curve.expected(1e9)


def test_the_smallest_scenario_gets_its_name_from_the_file_and_defaults_for_the_rest() -> None:
    plan = compiled(SMALL)
    assert plan.name == "test"
    assert plan.load.model == "open"
    assert plan.load.duration == 60
    assert [(phase.name, phase.start, phase.end, phase.measure) for phase in plan.phases] == [("main", 0, 60, True)]
    assert plan.seeds == Seeds()
    assert plan.sim is None
    assert plan.classes[0].targets == ("main",)
    assert plan.classes[0].model == "m"
    assert plan.targets[0].auth == Auth()


def test_every_part_of_a_class_is_resolved() -> None:
    chat, fixed, from_file, said, embed, models = compiled(EVERYTHING).classes
    assert chat.prompt.tokens.parts[0] == (30.0, Lengths("uniform", low=10, high=50))
    assert chat.prompt.tokens.parts[2][1] == Lengths("lognormal", low=150, high=500, mean=300, sd=100)
    assert chat.max_tokens == Lengths("normal", low=50, high=500, mean=150, sd=50)
    assert chat.objectives == {"ttft": 500_000_000, "latency": 3_000_000_000, "tokens_per_second": 20_000}
    assert chat.tags == (("tier", "gold"),)
    assert (fixed.prompt.kind, fixed.targets, fixed.model) == ("text", ("main", "file-key"), "override")
    assert (from_file.prompt.kind, from_file.prompt.entries) == ("file", ("What is load?", "Why queue?"))
    assert said.prompt.system == "Answer in French."
    assert embed.batch == Lengths("uniform", low=1, high=32)
    assert (models.api, models.model, models.expect_status) == (Api.MODELS, "", frozenset({401, 403}))


def test_credentials_are_references_relative_to_the_scenario() -> None:
    text = EVERYTHING.replace("${LLMLOAD_URL:-sim:}", "https://one.example.com/v1")
    main, file_key, command_key = compiled(text).targets
    assert main.auth == Auth("env", source="OPENAI_API_KEY", header="api-key", prefix="")
    assert file_key.auth == Auth("file", source=str(HERE / "key.txt"))
    assert command_key.auth == Auth("command", command=("print-key", "--quiet"))
    assert file_key.base_url == "https://two.example.com/v1"
    assert main.ca_file == str(HERE / "ca.pem")


def test_the_simulator_asks_for_no_key_and_serves_the_models_asked_for() -> None:
    plan = compiled(SMALL, None, 'targets.main.api_key={env="K"}', target_url="sim:")
    assert plan.targets[0].auth == Auth()
    assert plan.sim is not None
    assert plan.sim.models == ("sim-model", "m")


def test_every_kind_of_credential_and_several_by_name() -> None:
    target = compiled(
        SMALL, None,
        'targets.main.api_key={command=["print"],lifetime="50m"}',
        'targets.main.api_keys={acme={env="A"},google={google=true},aws={aws={region="us-east-1"}}}',
        target_url="https://one.example.com/v1",
    ).targets[0]  # fmt: skip
    assert target.auth == Auth("command", command=("print",), lifetime=3000.0)
    assert target.keys == {
        "acme": Auth("env", source="A"),
        "google": Auth("google"),
        "aws": Auth("aws", region="us-east-1", service="bedrock"),
    }


def test_a_socket_in_the_file_system_is_relative_to_the_scenario_and_wants_plain_http() -> None:
    url = "http://localhost/v1"
    target = compiled(SMALL, None, "targets.main.unix_socket=run/model.sock", target_url=url).targets[0]
    assert target.unix_socket == str(HERE / "run/model.sock")
    proxied = compile_problem(url, 'targets.main.proxy="http://p:1"')
    assert "doesn't go with proxy" in proxied
    assert "needs a base_url with http://" in compile_problem("https://localhost/v1")


def compile_problem(url: str, *more: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        compiled(SMALL, None, "targets.main.unix_socket=/s", *more, target_url=url)
    return str(caught.value)


def test_the_embedded_simulator_knows_keys_by_their_names() -> None:
    plan = compiled(SMALL, None, 'targets.main.api_keys={acme={env="NOT_SET"}}', target_url="sim:")
    assert plan.targets[0].keys == {"acme": Auth("named", source="acme")}


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ('{env="A",lifetime="5m"}', "lifetime goes with command"),
        ('{aws={region="us-east-1"},header="x"}', "a signature has headers of its own"),
        ("{google=false}", "this has none of them"),
    ],
)
def test_what_does_not_go_together_in_a_credential_is_said(key: str, words: str) -> None:
    assert words in str(only_problem(SMALL, None, f"targets.main.api_key={key}"))


def test_a_simulator_with_keys_is_sent_one() -> None:
    plan = compiled(SMALL, None, 'targets.main.api_key={env="K"}', 'sim.keys={"k1"={}}', target_url="sim:")
    assert plan.targets[0].auth.kind == "env"


def test_a_model_that_is_meant_not_to_exist_is_not_served() -> None:
    plan = compiled(SMALL, None, "classes.chat.expect_status=[404]", "classes.chat.model=gone", target_url="sim:")
    assert plan.sim == SimSpec()


def test_cached_tokens_cost_what_input_costs_unless_said() -> None:
    assert compiled(SMALL, None, "targets.main.prices={input=2.0}").targets[0].prices == Prices(2.0, 0.0, 2.0, 0.0)


def test_one_seed_makes_three_and_seeds_apart_are_taken_as_they_are() -> None:
    assert compiled(SMALL, None, "seed=42").seeds == Seeds(42, 43, 44)
    assert compiled(SMALL, None, "seeds.mix=9").seeds == Seeds(1, 9, 3)
    assert only_problem(SMALL, None, "seed=1", "seeds.mix=9").key == "seeds"


def test_objectives_filtered_by_a_tag_make_results_cut_by_it() -> None:
    plan = compiled(SMALL, None, 'classes.chat.tags={tier="a"}', 'objectives=["errors.rate{tier=a} < 1%"]')
    assert plan.slice_tags == ("tier",)


def test_no_secret_is_in_the_source_of_a_plan() -> None:
    text = (
        SMALL.replace("[classes", 'headers = { authorization = "Bearer abc-literal", x-team = "t" }\n[classes')
        + 'max_in_flight = 3\n[limits]\nconnect = "5s"\n'
    )
    overrides = (
        "targets.main.headers.x-trace=${MY_TOKEN}",
        "targets.main.proxy=http://user:hunter22@proxy:1",
        "classes.chat.params={password='p4ssword', top_k=3}",
        "description=see ${MY_TOKEN}!",
        'targets.main.api_key={env="OPENAI_API_KEY"}',
    )
    environ = {"MY_TOKEN": "tok-123456", "OPENAI_API_KEY": "sk-very-secret"}
    plan = compiled(text, None, *overrides, environ=environ)
    written = json.dumps(plan.source)
    for secret in ("abc-literal", "tok-123456", "hunter22", "p4ssword", "sk-very-secret"):
        assert secret not in written
    assert plan.source["targets"]["main"]["api_key"] == {"env": "OPENAI_API_KEY"}  # type: ignore[index]
    assert plan.source["targets"]["main"]["headers"]["x-team"] == "t"  # type: ignore[index]
    assert plan.targets[0].headers["authorization"] == "Bearer abc-literal"


def test_compiling_the_source_of_a_plan_gives_the_same_plan() -> None:
    text = EVERYTHING.replace("${GATEWAY_KEY:-none}", "***")
    first = compiled(text, "smoke", "load.max_requests=7", demo=True)
    data = json.loads(json.dumps(first.source))
    before = loaded(text)
    second = compile_scenario(dataclasses.replace(before, document=Document(data, {}, "source")))
    same = dataclasses.replace(second, environment=first.environment, demo=first.demo)
    assert same == first


def test_the_fingerprint_is_of_the_resolved_scenario_and_not_of_secrets() -> None:
    text = SMALL + '[limits]\nconnect = "${WAIT:-10s}"\n'
    base = compiled(text).fingerprint
    assert len(base) == 64
    assert compiled(text, environ={"WAIT": "10s"}).fingerprint == base
    assert compiled("# a comment\n" + text).fingerprint == base
    assert compiled(text, environ={"WAIT": "11s"}).fingerprint != base
    assert compiled(text, scale_rate=0.5).fingerprint != base
    header = "targets.main.headers.x-api-key=${KEY}"
    one, two = (compiled(text, None, header, environ={"KEY": key}).fingerprint for key in ("first", "other"))
    assert one == two


def test_the_fingerprint_covers_the_prompts_in_files(tmp_path: Path) -> None:
    file = tmp_path / "p.txt"
    file.write_text("one\n")
    before = compiled(SMALL, None, f"classes.chat.prompt.file={file}").fingerprint
    file.write_text("two\n")
    assert compiled(SMALL, None, f"classes.chat.prompt.file={file}").fingerprint != before


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = SMALL.replace("[classes.chat]", '[classes.chat]\ntarget = "mian"\nstrem = true').replace('"10/s"', '"0/s"')
    found = problems(text)
    assert [(problem.line, problem.key) for problem in found] == [
        (6, "classes.chat.target"),
        (7, "classes.chat.strem"),
        (9, "load"),
    ]
    assert found[0].hint == "did you mean main?"


def test_a_prompt_file_that_can_not_be_used_is_a_problem_of_the_key_that_names_it() -> None:
    problem = only_problem(SMALL, None, "classes.chat.prompt.file=nowhere.txt")
    assert problem.key == "classes.chat.prompt.file"
    assert "No such file" in problem.what


@pytest.mark.parametrize("place", ["api_key", "api_keys.acme"])
@pytest.mark.parametrize("key", ["sk-abcdef123456", "${OPENAI_API_KEY}"])
def test_a_literal_key_is_refused_and_never_repeated(key: str, place: str) -> None:
    problem = only_problem(SMALL, None, f"targets.main.{place}={key}", environ={"OPENAI_API_KEY": "sk-abcdef123456"})
    assert "must not stand" in problem.what
    assert 'env = "OPENAI_API_KEY"' in problem.hint
    assert "sk-abcdef" not in str(problem)


def test_a_secret_in_the_wrong_place_is_not_repeated_in_the_message() -> None:
    problem = only_problem(SMALL, None, "load.duration=${MY_TOKEN}", environ={"MY_TOKEN": "tok-98765"})
    assert "tok-98765" not in str(problem)
    assert "is not a duration" in str(problem)


def test_a_name_taken_from_an_odd_file_name_is_made_fit_to_print() -> None:
    plan = compile_scenario(dataclasses.replace(loaded(SMALL), stem="a\x1b[31m b"))
    assert plan.name == "a__31m_b"
