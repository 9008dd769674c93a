"""Tools that are called and thoughts that are shown: judged by the official SDKs, read by our dialects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import anthropic
import boto3
import ollama
import openai
import orjson
import pytest
from botocore.config import Config
from google import genai
from google.auth.credentials import AnonymousCredentials
from google.genai import types
from virtual_run import plan_of, run_plan

from llmload.sim.process import SimProcess
from llmload.sim.spec import SimSpec
from llmload.sim.text import integrity_problem, tag

MESSAGES = [{"role": "user", "content": "Hello"}]
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}
SPEC = {"first_token": "5ms", "step": "2ms", "answer": 20}
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    with SimProcess(SimSpec.model_validate(SPEC)) as sim:
        yield sim.root


def _whole(text: str, tagged: str, tokens: int) -> bool:
    return integrity_problem(text, tagged) == "" and len(text.split()) == tokens


# Anthropic.


def _anthropic(root: str, stream: bool, **more: Any) -> tuple[Any, list[str]]:
    asked = {"model": "sim-model", "messages": MESSAGES, "max_tokens": 2000, **more}
    with anthropic.Anthropic(
        base_url=root, api_key="k", max_retries=0, timeout=10, _strict_response_validation=True
    ) as client:
        if not stream:
            return client.messages.create(**asked), []
        with client.messages.stream(**asked) as events:
            kinds = [event.type for event in events]
            return events.get_final_message(), kinds


@BOTH
@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "find"}], ids=["any", "named"])
def test_anthropic_calls_a_tool(root: str, stream: bool, choice: dict[str, str]) -> None:
    tools = [{"name": "find", "input_schema": SCHEMA}]
    answer, kinds = _anthropic(root, stream, tools=tools, tool_choice=choice)
    [block] = answer.content
    assert (block.type, block.name, answer.stop_reason) == ("tool_use", "find", "tool_use")
    assert block.id.startswith("toolu_")
    assert _whole(block.input["text"], answer.id.removeprefix("msg_"), 20)
    assert kinds.count("input_json") == 20 * stream


@BOTH
def test_anthropic_thinks_before_it_answers(root: str, stream: bool) -> None:
    answer, kinds = _anthropic(root, stream, thinking={"type": "enabled", "budget_tokens": 1024})
    thought, text = answer.content
    assert (thought.type, text.type, answer.stop_reason) == ("thinking", "text", "end_turn")
    tagged = answer.id.removeprefix("msg_")
    assert _whole(thought.thinking, tagged, 10)
    assert _whole(text.text, tagged, 10)
    assert thought.signature
    assert answer.usage.output_tokens == 20
    assert kinds.count("signature") == int(stream)


def test_anthropic_offers_are_not_calls(root: str) -> None:
    answer, _ = _anthropic(root, False, tools=[{"name": "find", "input_schema": SCHEMA}], tool_choice={"type": "auto"})
    assert [block.type for block in answer.content] == ["text"]


@BOTH
def test_anthropic_thinks_before_it_calls(root: str, stream: bool) -> None:
    answer, _ = _anthropic(
        root, stream, thinking={"type": "enabled", "budget_tokens": 1024},
        tools=[{"name": "find", "input_schema": SCHEMA}], tool_choice={"type": "any"},
    )  # fmt: skip
    assert [block.type for block in answer.content] == ["thinking", "tool_use"]
    assert _whole(answer.content[1].input["text"], answer.id.removeprefix("msg_"), 10)


# Gemini, on both of its services.


@pytest.fixture(params=[False, True], ids=["gemini", "vertex"])
def google(root: str, request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    http = types.HttpOptions(base_url=root, headers={"authorization": "Bearer k"})
    credentials = AnonymousCredentials()
    credentials.token = "k"
    place: dict[str, Any] = {"vertexai": True, "project": "p", "location": "x", "credentials": credentials}
    client = genai.Client(http_options=http, **(place if request.param else {"api_key": "k"}))
    yield client
    client.close()


def _asked(client: genai.Client, stream: bool, **config: Any) -> tuple[list[Any], Any]:
    """All parts of the answer, and its last response."""
    asked = {"model": "sim-model", "contents": "Hello", "config": types.GenerateContentConfig(**config)}
    made = client.models.generate_content_stream if stream else client.models.generate_content
    responses = list(made(**asked)) if stream else [made(**asked)]
    return [part for one in responses for part in one.candidates[0].content.parts or ()], responses[-1]


DECLARED = [{"function_declarations": [{"name": "find", "parameters": SCHEMA}]}]


@BOTH
@pytest.mark.parametrize("more", [{}, {"allowed_function_names": ["find"]}], ids=["any", "named"])
def test_gemini_calls_a_function(google: genai.Client, stream: bool, more: dict[str, Any]) -> None:
    must = {"function_calling_config": {"mode": "ANY", **more}}
    parts, last = _asked(google, stream, tools=DECLARED, tool_config=must, automatic_function_calling={"disable": True})
    [call] = [part.function_call for part in parts]
    assert call.name == "find"
    assert _whole(call.args["text"], last.response_id, 20)
    assert last.candidates[0].finish_reason is types.FinishReason.STOP
    assert last.usage_metadata.candidates_token_count == 20


@BOTH
def test_gemini_shows_its_thoughts(google: genai.Client, stream: bool) -> None:
    parts, last = _asked(google, stream, thinking_config={"include_thoughts": True, "thinking_budget": 6})
    thoughts = "".join(part.text for part in parts if part.thought)
    assert _whole(thoughts, last.response_id, 6)
    assert _whole("".join(part.text for part in parts if not part.thought), last.response_id, 14)
    usage = last.usage_metadata
    assert (usage.thoughts_token_count, usage.candidates_token_count) == (6, 14)
    assert usage.total_token_count == usage.prompt_token_count + 20


# Bedrock.


def _bedrock(root: str, stream: bool, **more: Any) -> tuple[Any, Any, str]:
    """Content, the reason for the end, and whose it is."""
    with closing(
        boto3.client(
            "bedrock-runtime", endpoint_url=root, region_name="us-east-1", aws_access_key_id="k",
            aws_secret_access_key="s", config=Config(retries={"total_max_attempts": 1}, read_timeout=10),
        )
    ) as client:  # fmt: skip
        asked = {"modelId": "sim-model", "messages": [{"role": "user", "content": [{"text": "Hello"}]}], **more}
        answer = client.converse_stream(**asked) if stream else client.converse(**asked)
        tagged = tag(answer["ResponseMetadata"]["HTTPHeaders"]["x-request-id"])
        if not stream:
            return answer["output"]["message"]["content"], answer["stopReason"], tagged
        events = [next(iter(event.items())) for event in answer["stream"]]
    reason = next(said["stopReason"] for kind, said in events if kind == "messageStop")
    return _blocks(events), reason, tagged


def _blocks(events: list[tuple[str, Any]]) -> list[Any]:
    """What the events are the pieces of."""
    blocks: dict[int, Any] = {}
    for kind, said in events:
        if kind == "contentBlockStart":
            blocks[said["contentBlockIndex"]] = {"toolUse": {**said["start"]["toolUse"], "input": ""}}
        elif kind == "contentBlockDelta":
            block, delta = blocks.setdefault(said["contentBlockIndex"], {}), said["delta"]
            if "toolUse" in delta:
                block["toolUse"]["input"] += delta["toolUse"]["input"]
            elif "reasoningContent" in delta:
                inner = block.setdefault("reasoningContent", {"reasoningText": {}})["reasoningText"]
                for name, text in delta["reasoningContent"].items():
                    inner[name] = inner.get(name, "") + text
            else:
                block["text"] = block.get("text", "") + delta["text"]
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = orjson.loads(block["toolUse"]["input"])
    return [blocks[index] for index in sorted(blocks)]


THINKING = {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}}


@BOTH
@pytest.mark.parametrize("choice", [{"any": {}}, {"tool": {"name": "find"}}], ids=["any", "named"])
@pytest.mark.parametrize("thinks", [False, True], ids=["", "thinks"])
def test_bedrock_calls_a_tool(root: str, stream: bool, choice: dict[str, Any], thinks: bool) -> None:
    config = {"tools": [{"toolSpec": {"name": "find", "inputSchema": {"json": SCHEMA}}}], "toolChoice": choice}
    content, reason, tagged = _bedrock(root, stream, toolConfig=config, **(THINKING if thinks else {}))
    assert len(content) == 1 + thinks
    assert (content[-1]["toolUse"]["name"], reason) == ("find", "tool_use")
    assert _whole(content[-1]["toolUse"]["input"]["text"], tagged, 10 if thinks else 20)


@BOTH
def test_bedrock_thinks_before_it_answers(root: str, stream: bool) -> None:
    (thought, text), reason, tagged = _bedrock(root, stream, **THINKING)
    assert _whole(thought["reasoningContent"]["reasoningText"]["text"], tagged, 10)
    assert thought["reasoningContent"]["reasoningText"]["signature"]
    assert _whole(text["text"], tagged, 10)
    assert reason == "end_turn"


# Ollama.


def _ollama(root: str, stream: bool, messages: list[dict[str, str]] = MESSAGES, **more: Any) -> list[Any]:
    client = ollama.Client(root, timeout=10)
    try:
        answer = client.chat("sim-model", messages, stream=stream, **more)
        return list(answer) if stream else [answer]
    finally:
        client._client.close()


OFFERED = [{"type": "function", "function": {"name": "find", "parameters": SCHEMA}}]


@BOTH
def test_ollama_calls_the_tool_that_is_offered(root: str, stream: bool) -> None:
    answers = _ollama(root, stream, tools=OFFERED)
    [call] = [call for one in answers for call in one.message.tool_calls or ()]
    assert call.function.name == "find"
    assert len(call.function.arguments["text"].split()) == answers[-1].eval_count == 20


def test_ollama_answers_when_it_has_the_result(root: str) -> None:
    [answer] = _ollama(root, False, [*MESSAGES, {"role": "tool", "content": "7"}], tools=OFFERED)
    assert not answer.message.tool_calls
    assert len(answer.message.content.split()) == 20


@BOTH
def test_ollama_shows_its_thoughts(root: str, stream: bool) -> None:
    answers = _ollama(root, stream, think=True)
    assert len("".join(one.message.thinking or "" for one in answers).split()) == 10
    assert len("".join(one.message.content or "" for one in answers).split()) == 10


# OpenAI, both of its APIs.


@pytest.fixture
def gpt(root: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{root}/v1", api_key="k", max_retries=0, timeout=10, _strict_response_validation=True
    ) as client:
        yield client


@BOTH
@pytest.mark.parametrize("tool", [False, True], ids=["text", "tool"])
def test_openai_shows_its_reasoning_as_open_servers_do(gpt: openai.OpenAI, stream: bool, tool: bool) -> None:
    asked = {"model": "sim-model", "messages": MESSAGES, "reasoning_effort": "low"}
    if tool:
        asked |= {"tools": OFFERED, "tool_choice": "required"}
    if stream:
        with gpt.chat.completions.stream(**asked, stream_options={"include_usage": True}) as events:
            answer = events.get_final_completion()
    else:
        answer = gpt.chat.completions.create(**asked)
    message, tagged = answer.choices[0].message, answer.id.removeprefix("chatcmpl-")
    said = orjson.loads(message.tool_calls[0].function.arguments)["text"] if tool else message.content
    assert _whole(message.reasoning_content, tagged, 10)
    assert _whole(said, tagged, 10)
    assert answer.usage.completion_tokens_details.reasoning_tokens == 10


@BOTH
@pytest.mark.parametrize("tool", [False, True], ids=["text", "tool"])
def test_a_response_has_a_summary_of_its_reasoning(gpt: openai.OpenAI, stream: bool, tool: bool) -> None:
    asked = {"model": "sim-model", "input": "Hello", "reasoning": {"effort": "low", "summary": "auto"}}
    if tool:
        asked |= {"tools": [{"type": "function", "name": "find", "parameters": SCHEMA, "strict": False}]}
        asked |= {"tool_choice": "required"}
    if stream:
        events = list(gpt.responses.create(**asked, stream=True))
        assert [event.sequence_number for event in events] == list(range(len(events)))
        answer = events[-1].response
        deltas = "".join(event.delta for event in events if event.type == "response.reasoning_summary_text.delta")
        with gpt.responses.stream(**asked) as followed:
            assert [item.type for item in followed.get_final_response().output] == [i.type for i in answer.output]
    else:
        answer = gpt.responses.create(**asked)
        deltas = answer.output[0].summary[0].text
    reasoning, item = answer.output
    said = orjson.loads(item.arguments)["text"] if tool else item.content[0].text
    tagged = answer.id.removeprefix("resp_")
    assert reasoning.summary[0].text == deltas
    assert _whole(deltas, tagged, 10)
    assert _whole(said, tagged, 10)
    assert answer.usage.output_tokens_details.reasoning_tokens == 10


# What our dialects make of it.

FUNCTION = 'type = "function", name = "f", parameters = { type = "object" }'
CHAT = 'type = "function", function = { name = "f", parameters = { type = "object" } }'
TOOLS = {
    "openai": f'tools = [{{ {CHAT} }}], tool_choice = "required"',
    "openai-responses": f'tools = [{{ {FUNCTION} }}], tool_choice = "required"',
    "anthropic": 'tools = [{ name = "f", input_schema = { type = "object" } }], tool_choice = { type = "any" }',
    "gemini": 'tools = [{ functionDeclarations = [{ name = "f" }] }], '
    'toolConfig = { functionCallingConfig = { mode = "ANY" } }',
    "bedrock": 'toolConfig = { tools = [{ toolSpec = { name = "f", inputSchema = { json = { type = "object" } } } }], '
    "toolChoice = { any = {} } }",
    "ollama": 'tools = [{ type = "function", function = { name = "f" } }]',
}
THOUGHTS = {
    "openai": 'reasoning_effort = "low"',
    "openai-responses": 'reasoning = { summary = "auto" }',
    "anthropic": 'thinking = { type = "enabled", budget_tokens = 1024 }',
    "gemini": "generationConfig = { thinkingConfig = { includeThoughts = true } }",
    "bedrock": 'additionalModelRequestFields = { thinking = { type = "enabled", budget_tokens = 1024 } }',
    "ollama": "think = true",
}
SCENARIO = """
[targets.main]
base_url = "sim:"
dialect = "{dialect}"
model = "sim-model"

[classes.streamed]
stream = true
max_tokens = 40
params = {{ {params} }}
{more}
[classes.whole]
stream = false
max_tokens = 40
params = {{ {params} }}
{more}
[load]
rate = "5/s"
duration = "3s"

[sim]
answer = 20
"""


@pytest.mark.parametrize("dialect", TOOLS)
def test_our_dialects_take_calls_as_content(dialect: str) -> None:
    ran = run_plan(plan_of(SCENARIO.format(dialect=dialect, params=TOOLS[dialect], more="")))
    assert {str(record.outcome) for record in ran.records} == {"ok"}
    for record in ran.records:
        assert record.answer.tool_calls == 1
        assert record.answer.usage is not None
        assert record.answer.usage.output == 20
        # The name of the tool is content where it comes by itself, and a call is one piece where it comes whole.
        pieces = 0 if not record.call.stream else 1 if dialect in ("gemini", "ollama") else 21
        assert len(record.answer.stamps) == pieces
        assert bool(record.answer.first_output) == record.call.stream


@pytest.mark.parametrize("dialect", THOUGHTS)
def test_our_dialects_tell_thoughts_from_output(dialect: str) -> None:
    more = 'integrity = "sim"'
    ran = run_plan(plan_of(SCENARIO.format(dialect=dialect, params=THOUGHTS[dialect], more=more)))
    assert {(str(record.outcome), record.detail) for record in ran.records} == {("ok", "")}
    counted = dialect in ("openai", "openai-responses", "gemini")
    for record in ran.records:
        answer = record.answer
        assert answer.usage is not None
        assert (answer.usage.output, answer.usage.reasoning) == (20, 10 if counted else None)
        if record.call.stream:
            assert len(answer.stamps) == 20
            assert answer.first_output == answer.stamps[10]
