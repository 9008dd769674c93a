from __future__ import annotations

import pytest
from scenario_kit import SMALL, compiled, only_problem, problems

TWO = SMALL.replace(
    "[classes.chat]", '[targets.other]\nbase_url = "http://b/v1"\nmodel = "n"\n[classes.chat]\nmodel = "x"'
)


@pytest.mark.parametrize(
    ("overrides", "key", "words"),
    [
        (["targets.main.dialect=opnai"], "targets.main.dialect", "did you mean openai?"),
        (["classes.chat.target=maim"], "classes.chat.target", "did you mean main?"),
        (["classes.chat.targets=['main', 'two']"], "classes.chat.targets[1]", "there is no target 'two'"),
        (
            ["classes.chat.targets=['main']", "classes.chat.target=main"],
            "classes.chat.targets",
            "both target and targets",
        ),
        (["classes.chat.weight=0"], "classes", "all weights are 0"),
        (["classes.chat.conversation={}"], "classes.chat.conversation.turns", "is missing"),
        (["classes.chat.conversation={turns=2, tool_time='1s'}"], "classes.chat.conversation.tool_time", "about tools"),
        (
            [
                "classes.chat.conversation={tools=1}",
                "classes.chat.prompt={file='../../docs/data/chats.jsonl', format='openai'}",
            ],
            "classes.chat.conversation.tools",
            "data set's rows are played",
        ),
        (["classes.chat.api=embeddings", "classes.chat.stream=true"], "classes.chat.stream", "not streamed"),
        (["classes.chat.api=embeddings", "classes.chat.max_tokens=5"], "classes.chat.max_tokens", "no answer to limit"),
        (["classes.chat.api=models", "classes.chat.prompt=hi"], "classes.chat.prompt", "has no prompt"),
        (["classes.chat.batch=5"], "classes.chat.batch", "only embeddings"),
        (
            ["targets.main.dialect=openai-realtime", "classes.chat.stream=false"],
            "classes.chat.stream",
            "has no answers that come at once; add stream = true",
        ),
        (
            [
                "targets.main.dialect=openai-realtime",
                "targets.main.options={socket='keep'}",
                "classes.chat.stream=true",
            ],
            "targets.main.options.socket",
            "did you mean kept?",
        ),
        (["classes.chat.objectives={ttfx='1s'}"], "classes.chat.objectives.ttfx", "did you mean ttft"),
        (["classes.chat.objectives={ttft=500}"], "classes.chat.objectives.ttft", 'write "500ms"'),
        (["classes.chat.objectives={ttft='0s'}"], "classes.chat.objectives.ttft", "more than 0"),
        (
            ["classes.chat.prompt={images={}}", "classes.chat.api=completions"],
            "classes.chat.prompt.images",
            "only chats",
        ),
        (
            ["classes.chat.prompt={images={}, system='x'}", "classes.chat.integrity=instructed"],
            "classes.chat.prompt.images",
            "says itself",
        ),
        (
            ["classes.chat.prompt={images={}}", "targets.main.tokenizer={learn=true}"],
            "classes.chat.prompt.images",
            "images = { tokens = 258 }",
        ),
        (["classes.chat.prompt={images={width=20000}}"], "classes.chat.prompt.images", "at most 16,384"),
        (["classes.chat.prompt={images={width=4096, height=4096}}"], "classes.chat.prompt.images", "smaller pool"),
        (["classes.chat.prompt={images={bytes='10MB'}}"], "classes.chat.prompt.images", "to 787,"),
        (["classes.chat.prompt={images={bytes='3KB', format='jpeg'}}"], "classes.chat.prompt.images", "from 17,"),
        (
            ["classes.chat.prompt={images={bytes='30KB', width='10..500', height='10..500'}}"],
            "classes.chat.prompt.images",
            "leave out bytes",
        ),
        (["classes.chat.prompt={images={format='gif'}}"], "classes.chat.prompt.images.format", "jpeg"),
        (
            ["classes.chat.prompt={file='prompts.jsonl', format='openai', images={}}"],
            "classes.chat.prompt",
            "without format",
        ),
        (["classes.chat.objectives={schedule_lag='1s'}"], "classes.chat.objectives.schedule_lag", "no single request"),
        (["classes.chat.tags={phase='x'}"], "classes.chat.tags.phase", "already use it"),
        (["slice_by=['tier']"], "slice_by[0]", "there is no tag 'tier'"),
        (["objectives=['errors.rate{class=chta} < 1%']"], "objectives[0]", "did you mean chat?"),
        (["objectives=['errors.rate{phase=main} < 1%', 'errors.rate{target=x} < 1%']"], "objectives", "no target 'x'"),
        (["objectives=['errors.rate{model=x} < 1%']"], "objectives", "there is no model 'x'"),
        (["objectives=['errors.rate{tier=x} < 1%']"], "objectives", "there is no tag 'tier'"),
    ],
)
def test_names_that_do_not_exist_and_keys_that_make_no_sense_are_found(
    overrides: list[str], key: str, words: str
) -> None:
    problem = only_problem(SMALL, None, *overrides)
    assert problem.key.startswith(key)
    assert words in f"{problem.what} {problem.hint}" or words in f"{problem.what}; {problem.hint}"


def test_a_class_without_a_target_goes_to_all_of_them() -> None:
    assert compiled(TWO).classes[0].targets == ("main", "other")


def test_a_class_needs_one_model_from_itself_or_from_all_its_targets() -> None:
    different = only_problem(TWO.replace('model = "x"\n', ""))
    assert "different models" in different.what
    missing = only_problem(SMALL.replace('model = "m"\n', ""))
    assert (missing.key, missing.line) == ("classes.chat.model", 4)
    assert "targets.main.model" in missing.hint


def test_a_model_list_needs_no_model() -> None:
    assert compiled(SMALL.replace('model = "m"\n', ""), None, "classes.chat.api=models").classes[0].model == ""


def test_a_mix_names_classes_that_exist_with_some_weight() -> None:
    phases = "load.phases=[{name='a', duration='1s', mix={chta=1}}, {name='b', duration='1s', mix={chat=0}}]"
    found = problems(SMALL.replace('duration = "1m"', ""), None, phases)
    assert [problem.hint for problem in found] == ["did you mean chat?", "give at least one class a weight above 0"]


def test_weights_of_classes_may_be_zero_when_every_phase_has_its_own_mix() -> None:
    phases = "load.phases=[{name='a', duration='1s', mix={chat=1}}]"
    assert compiled(SMALL.replace('duration = "1m"', ""), None, "classes.chat.weight=0", phases).phases[0].weights


def test_an_objective_about_a_phase_that_is_not_measured_is_refused() -> None:
    phases = "load.phases=[{name='a', duration='1s', measure=false}, {name='b', duration='1s'}]"
    rule = "objectives=['errors.rate{phase=a} < 1%']"
    assert "not measured" in only_problem(SMALL.replace('duration = "1m"', ""), None, phases, rule).what


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://host", 'must be like "https://host:8000/v1"'),
        ("host:8000", "must be like"),
        ("http://user:pw@host/v1", "a password must not stand in a URL"),
        ("http://host/v1?key=1", "has no query"),
        ("sim:big", "is just"),
        ("http://", "must be like"),
        ("http://ho st/", "must be like"),
    ],
)
def test_a_base_url_that_can_not_be_one_is_refused_without_repeating_it(url: str, words: str) -> None:
    problem = only_problem(SMALL, None, f"targets.main.base_url={url}")
    assert words in str(problem)
    assert "pw" not in str(problem).replace("password", "")


@pytest.mark.parametrize(
    ("header", "value"), [("x y", "1"), ("Host", "1"), ("x", "a\r\nb: c"), ("x", "\x7f"), ("", "1"), ("x:", "1")]
)
def test_headers_can_not_smuggle_anything(header: str, value: str) -> None:
    text = SMALL.replace("[classes", f'headers = {{ "{header}" = {value!r} }}\n[classes'.replace("'", '"'))
    assert only_problem(text).key.startswith("targets.main.headers")
