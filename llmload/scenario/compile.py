"""Loaded -> Plan: everything checked and resolved, all problems reported at once."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from llmload.data.dataset import DataSpec
from llmload.data.rows import DataFile
from llmload.dialects import DIALECTS
from llmload.errors import Problem, ScenarioError
from llmload.records import Api
from llmload.scenario.bounds import parse_bound
from llmload.scenario.checks import check
from llmload.scenario.datasets import DataSets, beside, open_data_sets, said
from llmload.scenario.dimensions import dimensions_of, keys_of, mixed
from llmload.scenario.document import Document
from llmload.scenario.explain import explain, unknown_keys
from llmload.scenario.files import read_prompts
from llmload.scenario.image_checks import check_images
from llmload.scenario.load import Loaded
from llmload.scenario.mix import ClassTable, ConversationTable, PatienceTable, PromptTable
from llmload.scenario.model import Scenario
from llmload.scenario.plan import Auth, Budget, Limits, Plan, Seeds, Target
from llmload.scenario.positions import Path
from llmload.scenario.prices import Tables as PriceTables
from llmload.scenario.prices import open_prices, prices_of
from llmload.scenario.redact import redact_problem, redacted
from llmload.scenario.replays import lay_out_trace, lengths_from
from llmload.scenario.simulator import simulator
from llmload.scenario.subject import targets_of
from llmload.scenario.targets import SIMULATOR, ApiKeyTable, TargetTable
from llmload.scenario.timeline import Timeline, lay_out
from llmload.scenario.tokenizers import Tokenizers, open_tokenizers
from llmload.scenario.weights import WeightCurves, fixed, weighed, weight_curves
from llmload.verdict.service_level import USUAL
from llmload.workload.conversation import TURN
from llmload.workload.profiles import PROFILES
from llmload.workload.spec import Conversation, Lengths, Patience, Prefix, PromptSpec, Repeat, RequestClass

__all__ = ["compile_scenario"]

DEFAULT_PROMPT: Final = Lengths("fixed", low=64)
_ANSWERED: Final = frozenset({Api.CHAT, Api.COMPLETIONS})
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_.-]")
"""What a file's name may hold that a scenario's name may not."""

Prompts = Mapping[str, tuple[str, ...]]
"""Class -> the entries of its prompt file, if it has one."""


def compile_scenario(loaded: Loaded) -> Plan:
    """The Plan that ``loaded`` means. Reads prompt files. Raises ScenarioError with every problem found."""
    document = loaded.document
    scenario, problems = _validated(document)
    timeline: Timeline | None = None
    weights: WeightCurves = {}
    prompts: Prompts = {}
    tokenizers: Tokenizers = {}
    data: DataSets = {}
    prices: PriceTables = {}
    if scenario is not None:
        problems += [*check(scenario, document), *check_images(scenario, document)]
        if scenario.load.trace is None:
            timeline, against = lay_out(scenario.load, scenario.scale, document)
        else:
            timeline, against = lay_out_trace(scenario, _seeds(scenario).arrivals, document, loaded.directory)
        if timeline is not None:
            weights, unfit = weight_curves(scenario, timeline.load.duration, document)
            problems += unfit
        prompts, unreadable = _read_prompts(scenario, loaded)
        tokenizers, unusable = open_tokenizers(scenario, document, loaded.directory)
        data, unread = open_data_sets(scenario, document, loaded.directory)
        prices, unpriced = open_prices(scenario, document, loaded.directory)
        problems += against + unreadable + unusable + unread + unpriced
    if problems or scenario is None or timeline is None:
        raise ScenarioError(_in_order(problems, loaded))
    return weighed(_plan(scenario, timeline, prompts, data, tokenizers, prices, loaded), weights)


def _validated(document: Document) -> tuple[Scenario | None, list[Problem]]:
    """The model of the data, and what is wrong with the data.

    Keys that don't exist are left out for a second try, so that a typo doesn't hide what else is wrong.
    """
    try:
        return Scenario.model_validate(document.data), []
    except ValidationError as error:
        problems = explain(error, document)
        data = _without(document.data, unknown_keys(error, document.data))
    try:
        return Scenario.model_validate(data), problems
    except ValidationError:
        return None, problems


def _without(data: dict[str, Any], paths: list[Path]) -> dict[str, Any]:
    pruned = copy.deepcopy(data)
    for path in paths:
        node: Any = pruned
        for part in path[:-1]:
            node = node[part]
        node.pop(path[-1], None)
    return pruned


def _in_order(problems: list[Problem], loaded: Loaded) -> list[Problem]:
    """Each once, in the order of the file; those of the command line and of other files last."""
    shown = [redact_problem(problem, loaded.secrets) for problem in dict.fromkeys(problems)]
    return sorted(shown, key=lambda problem: (problem.source != loaded.document.source, problem.line, problem.column))


def _read_prompts(scenario: Scenario, loaded: Loaded) -> tuple[Prompts, list[Problem]]:
    prompts, problems = {}, []
    for name, cls in scenario.classes.items():
        if cls.prompt.file is None or cls.prompt.format is not None:
            continue
        try:
            prompts[name] = read_prompts(beside(loaded.directory, cls.prompt.file), cls.prompt.field)
        except ScenarioError as error:
            problems.append(loaded.document.problem(("classes", name, "prompt", "file"), said(error)))
    return prompts, problems


def _plan(
    scenario: Scenario,
    timeline: Timeline,
    prompts: Prompts,
    data: DataSets,
    tokenizers: Tokenizers,
    prices: PriceTables,
    loaded: Loaded,
) -> Plan:
    source = _source(loaded)
    slo = USUAL if scenario.slo is None else scenario.slo.level(scenario.scale.time)
    objectives = (*(table.objective(scenario.scale.time) for table in scenario.objectives), *slo.objectives())
    filters = {tag for objective in objectives for tag in objective.cuts}
    sliced = dict.fromkeys((*scenario.slice_by, *scenario.dimensions, *sorted(filters & _all_tags(scenario))))
    classes = tuple(
        _class(name, cls, scenario, prompts.get(name, data.get(name, ())), tokenizers)
        for name, cls in scenario.classes.items()
    )
    files = {f"data of {name}": spec.file for name, spec in data.items()}
    if timeline.load.replay is not None:
        trace = timeline.load.replay.trace
        files["trace"] = trace.file
        classes = tuple(lengths_from(trace, cls, scenario.classes[cls.name]) for cls in classes)
    return Plan(
        name=scenario.name or _UNFIT.sub("_", loaded.stem)[:64] or "scenario",
        description=scenario.description,
        targets=tuple(_target(name, table, scenario, prices, loaded) for name, table in scenario.targets.items()),
        classes=classes,
        load=timeline.load,
        phases=tuple(mixed(phase, scenario.dimensions) for phase in timeline.phases),
        objectives=objectives,
        slo=slo,
        compare=scenario.compare.measure(),
        limits=Limits(**{name: getattr(scenario.limits, name) for name in type(scenario.limits).model_fields}),
        seeds=_seeds(scenario),
        budget=Budget(scenario.budget.ask, scenario.budget.stop),
        tags=tuple(scenario.tags.items()),
        slice_tags=tuple(sliced),
        environment=loaded.environment,
        demo=loaded.demo,
        sim=simulator(scenario, classes) if loaded.simulated else None,
        observers=tuple(
            table.observer(name, str(beside(loaded.directory, table.pid_file)) if table.pid_file else "")
            for name, table in scenario.observe.items()
        ),
        tracing=None if scenario.tracing is None else scenario.tracing.tracing(),
        exports=tuple(table.export(name) for name, table in scenario.export.items()),
        source=source,
        fingerprint=_fingerprint(source, prompts, files, tokenizers),
    )


def _all_tags(scenario: Scenario) -> set[str]:
    captured = {tag for target in scenario.targets.values() for tag in target.capture}
    return {tag for cls in scenario.classes.values() for tag in cls.tags} | set(scenario.tags) | captured | {TURN}


def _source(loaded: Loaded) -> dict[str, Any]:
    """The scenario that was compiled, without secrets; loading it again gives the same plan."""
    kept = {key: value for key, value in loaded.data.items() if key != "demo"}
    return {key: redacted(value, loaded.secrets, key=key) for key, value in kept.items()}


def _fingerprint(
    source: Mapping[str, Any], prompts: Prompts, files: Mapping[str, DataFile], tokenizers: Tokenizers
) -> str:
    """SHA-256 of the canonical JSON of ``source`` and of the prompts, data and vocabularies that came from files; who
    else is told of the run makes no other run of it."""
    source = {key: value for key, value in source.items() if key != "export"}
    digests = {name: hashlib.sha256(_canonical(entries)).hexdigest() for name, entries in prompts.items()}
    digests |= {name: file.digest for name, file in files.items()}
    digests |= {f"tokenizer of {name}": spec.digest for name, spec in tokenizers.items() if spec.digest}
    return hashlib.sha256(_canonical({"scenario": source, "prompts": digests})).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _seeds(scenario: Scenario) -> Seeds:
    """One seed gives three neighbouring ones: the streams made of them have nothing in common."""
    if scenario.seeds is not None:
        return Seeds(scenario.seeds.arrivals, scenario.seeds.mix, scenario.seeds.prompts)
    return Seeds() if scenario.seed is None else Seeds(scenario.seed, scenario.seed + 1, scenario.seed + 2)


def _target(name: str, table: TargetTable, scenario: Scenario, prices: PriceTables, loaded: Loaded) -> Target:
    usual = DIALECTS[table.dialect].key
    keys = keys_of(scenario.dimensions) | table.api_keys
    open_house = table.base_url == SIMULATOR and not (scenario.sim and scenario.sim.keys)
    return Target(
        name=name,
        base_url=table.base_url,
        dialect=table.dialect,
        options=dict(table.options),
        # A simulator that asks for no key gets none: a demonstration needs no credentials.
        auth=Auth() if open_house or table.api_key is None else _auth(table.api_key, usual, loaded),
        keys={each: _named(each, key, table, usual, loaded) for each, key in keys.items()},
        headers=dict(table.headers),
        prices=prices_of(table.prices),
        model_prices=dict(prices.get(name, {})),
        verify_tls=table.verify_tls,
        ca_file=str(beside(loaded.directory, table.ca_file)) if table.ca_file else "",
        proxy=table.proxy,
        unix_socket=str(beside(loaded.directory, table.unix_socket)) if table.unix_socket else "",
        connections=table.connections,
        capture=dict(table.capture),
        server_time=table.server_time,
        server_queue=table.server_queue,
        server_work=table.server_work,
    )


def _named(name: str, key: ApiKeyTable, table: TargetTable, usual: tuple[str, str], loaded: Loaded) -> Auth:
    """A key of several; the embedded simulator knows them by their names, so that a demonstration needs no secrets."""
    if table.base_url == SIMULATOR:
        return Auth("named", source=name, header=usual[0], prefix=usual[1])
    return _auth(key, usual, loaded)


def _auth(key: ApiKeyTable, usual: tuple[str, str], loaded: Loaded) -> Auth:
    if key.aws is not None:
        return Auth("aws", region=key.aws.region, profile=key.aws.profile, service=key.aws.service)
    header = key.header or ("Authorization" if key.google else usual[0])
    prefix = key.prefix
    if prefix is None:
        prefix = usual[1] if header == usual[0] else "Bearer " if header.lower() == "authorization" else ""
    if key.google:
        return Auth("google", header=header, prefix=prefix)
    if key.env is not None:
        return Auth("env", source=key.env, header=header, prefix=prefix)
    if key.file is not None:
        return Auth("file", source=str(beside(loaded.directory, key.file)), header=header, prefix=prefix)
    return Auth("command", command=key.command or (), lifetime=key.lifetime or 0.0, header=header, prefix=prefix)


def _class(
    name: str, cls: ClassTable, scenario: Scenario, entries: tuple[str, ...] | DataSpec, tokenizers: Tokenizers
) -> RequestClass:
    targets = targets_of(cls, scenario)
    model = cls.model or scenario.targets[targets[0]].model or ""
    weights = tuple(scenario.targets[target].weight for target in targets)
    profile = PROFILES.get(cls.profile or "")
    return RequestClass(
        name=name,
        weight=fixed(cls.weight) or 0.0,
        api=cls.api,
        targets=targets,
        model="" if cls.api is Api.MODELS and cls.model is None else model,
        stream=cls.stream,
        prompt=_prompt(cls.prompt, entries, profile.input if profile else DEFAULT_PROMPT),
        max_tokens=cls.max_tokens or (profile.output if profile and cls.api in _ANSWERED else None),
        batch=cls.batch,
        params={
            **({"ignore_eos": True} if cls.ignore_eos else {}),
            **({"min_tokens": cls.min_tokens} if cls.min_tokens else {}),
            **cls.params,
        },
        headers=dict(cls.headers),
        tags=tuple(cls.tags.items()),
        expect_status=frozenset(cls.expect_status),
        integrity=cls.integrity or "",
        patience=_patience(cls.patience),
        retry=scenario.retries[cls.retry].policy() if cls.retry in scenario.retries else None,
        conversation=_conversation(cls.conversation),
        recipe=None if (asked := cls.http or cls.socket) is None else asked.recipe(),
        objectives={metric: parse_bound(metric, bound) for metric, bound in cls.objectives.items()},
        dimensions=dimensions_of(scenario.dimensions, name),
        paired=cls.paired,
        target_weights=() if len(set(weights)) == 1 else weights,
        tokenizer=tokenizers[targets[0]],
    )


def _conversation(table: ConversationTable | None) -> Conversation | None:
    if table is None:
        return None
    return Conversation(
        turns=table.turns,
        think=table.think,
        think_random=table.think_random,
        history=table.history,
        header=table.session_header,
        context=table.context or 0,
        tools=table.tools,
        tool_time=table.tool_time,
        tool_result=table.tool_result,
    )


def _patience(table: PatienceTable | None) -> Patience | None:
    return None if table is None else Patience(table.share, table.after or 0.0, table.random, table.chunks)


def _prompt(table: PromptTable, entries: tuple[str, ...] | DataSpec, usual: Lengths) -> PromptSpec:
    repeat = table.repeat
    common = PromptSpec(
        system=table.system,
        as_tokens=table.sent_as == "tokens",
        repeat=None if repeat is None else Repeat(repeat.share, repeat.pool, repeat.similarity),
        prefix=tuple(Prefix(level.tokens, level.pool, level.share) for level in table.prefix),
        cache_bust=table.cache_bust,
        images=None if table.images is None else table.images.spec(),
    )
    if table.text is not None:
        return replace(common, kind="text", text=table.text)
    if isinstance(entries, DataSpec):
        return replace(common, kind="data", data=entries)
    if table.file is not None:
        return replace(common, kind="file", entries=entries)
    return replace(common, style=table.style or "mixed", tokens=table.tokens or usual)
