"""What must fit together in a scenario that is right in each part: names that exist, keys that go with each other.

Each check is a generator of Problems in the table ``CHECKS``; together they find everything in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from llmload.data.formats import FORMATS
from llmload.dialects import DIALECTS
from llmload.errors import Problem
from llmload.records import Api
from llmload.scenario.bounds import parse_bound
from llmload.scenario.dimensions import by_dimension
from llmload.scenario.document import Document
from llmload.scenario.model import Scenario
from llmload.scenario.objective_checks import filters, observed, pairs
from llmload.scenario.positions import Path
from llmload.scenario.subject import Subject, targets_of
from llmload.scenario.tracing_checks import traced
from llmload.scenario.weights import fixed
from llmload.verdict.measures import AGAINST, OVER
from llmload.verdict.objectives import DIMENSIONS
from llmload.verdict.target import OBSERVE
from llmload.workload.conversation import TURN
from llmload.workload.lengths import lowest

__all__ = ["check"]

RESERVED_TAGS: Final = frozenset({*DIMENSIONS, "outcome", OVER, AGAINST, OBSERVE})
"""Names that objectives and results already use for something else."""

_MOST_CELLS: Final = 1000

_ANSWERED: Final = frozenset({Api.CHAT, Api.COMPLETIONS})
_WITHOUT_MODEL: Final = frozenset({Api.MODELS, Api.HTTP, Api.SOCKET})
"""Requests that need not name a model."""

_IN_OWN_WORDS: Final = (
    (Api.HTTP, "http", 'http = { path = "/health" }'),
    (Api.SOCKET, "socket", 'socket = { path = "/ws", messages = 10 }'),
)

_MAKES_NO_SENSE: Final[Mapping[Api, Mapping[str, str]]] = {
    Api.CHAT: {"batch": "only embeddings and documents to rerank come in batches"},
    Api.COMPLETIONS: {"batch": "only embeddings and documents to rerank come in batches"},
    Api.EMBEDDINGS: {
        "stream": "embeddings are not streamed",
        "max_tokens": "embeddings have no answer to limit",
        "integrity": "embeddings carry no text that could be checked",
    },
    Api.RERANK: {
        "stream": "an order of documents is not streamed",
        "max_tokens": "an order of documents has no answer to limit",
        "integrity": "an order of documents carries no text that could be checked",
    },
    Api.SOCKET: {
        "stream": "a socket is no stream of chunks",
        "max_tokens": "messages have no such field; write it into socket.text",
        "batch": "only embeddings and documents to rerank come in batches",
        "params": "messages have no fields; write them into socket.text",
        "integrity": "which replies belong to which messages is said by socket.match",
    },
    Api.HTTP: {
        "max_tokens": "a plain HTTP request has no such field; write it into the body",
        "batch": "only embeddings and documents to rerank come in batches",
        "params": "a plain HTTP request has no fields; write them into the body",
        "integrity": "what a plain HTTP answer must hold is said by http.contains and http.fields",
    },
    Api.MODELS: {
        "stream": "a model list is not streamed",
        "prompt": "a model list has no prompt",
        "max_tokens": "a model list has no answer to limit",
        "batch": "only embeddings and documents to rerank come in batches",
        "params": "a model list has no body",
        "integrity": "a model list carries no text of ours",
    },
}


def check(scenario: Scenario, document: Document) -> list[Problem]:
    """Every problem that a look across the tables shows."""
    subject = Subject(scenario, document)
    return [problem for find in CHECKS for problem in find(subject)]


def _seeds(subject: Subject) -> Iterator[Problem]:
    if subject.scenario.seed is not None and subject.scenario.seeds is not None:
        yield subject.problem(("seeds",), "has both seed and seeds", "keep one of them")


def _tags(subject: Subject) -> Iterator[Problem]:
    scenario = subject.scenario
    tables: list[tuple[Path, Iterable[str]]] = [(("tags",), scenario.tags)]
    tables += [(("classes", name, "tags"), cls.tags) for name, cls in scenario.classes.items()]
    tables += [(("dimensions",), scenario.dimensions)]
    for path, tags in tables:
        for tag in subject.captured.intersection(tags):
            yield subject.problem((*path, tag), "is captured from answers already", "give one of them another name")
    tables += [(("targets", name, "capture"), target.capture) for name, target in scenario.targets.items()]
    for path, tags in tables:
        for tag in RESERVED_TAGS.intersection(tags):
            yield subject.problem((*path, tag), "is no name for a tag: results already use it", "take another")
    for index, tag in enumerate(scenario.slice_by):
        if tag not in subject.tags:
            yield subject.unknown(("slice_by", index), "tag", tag, sorted(subject.tags))


def _targets(subject: Subject) -> Iterator[Problem]:
    for name, target in subject.scenario.targets.items():
        kind = DIALECTS.get(target.dialect)
        if kind is None:
            yield subject.unknown(("targets", name, "dialect"), "dialect", target.dialect, DIALECTS)
            continue
        path: Path = ("targets", name, "options")
        for option in target.options.keys() - kind.options.keys():
            yield subject.unknown((*path, option), f"option of dialect {kind.name}", option, kind.options)
        for option in sorted(kind.needed - target.options.keys()):
            yield subject.problem(path, f"dialect {kind.name} needs the option {option!r}", kind.options[option])
        for option, value in target.options.items():
            if option in kind.choices and value not in kind.choices[option]:
                yield subject.unknown((*path, option), f"value of option {option}", value, kind.choices[option])


def _unix_sockets(subject: Subject) -> Iterator[Problem]:
    for name, target in subject.scenario.targets.items():
        path: Path = ("targets", name, "unix_socket")
        if target.unix_socket and not target.base_url.startswith("http://"):
            yield subject.problem(
                path, "needs a base_url with http://", 'as in "http://localhost/v1"; the host is only told'
            )
        elif target.unix_socket and target.proxy:
            yield subject.problem(path, "doesn't go with proxy", "keep one of them")


def _class_targets(subject: Subject) -> Iterator[Problem]:
    known = subject.scenario.targets
    for name, cls in subject.scenario.classes.items():
        path: Path = ("classes", name)
        if cls.target is not None and cls.targets is not None:
            yield subject.problem((*path, "targets"), "has both target and targets", "keep one of them")
        elif cls.target is not None and cls.target not in known:
            yield subject.unknown((*path, "target"), "target", cls.target, known)
        for index, target in enumerate(cls.targets or ()):
            if target not in known:
                yield subject.unknown((*path, "targets", index), "target", target, known)


def _pairs(subject: Subject) -> Iterator[Problem]:
    """Paired classes take turns in blocks, which must be of one length."""
    counts = {
        name: len(targets_of(cls, subject.scenario)) for name, cls in subject.scenario.classes.items() if cls.paired
    }
    for name, count in counts.items():
        path: Path = ("classes", name, "paired")
        if count < 2:
            yield subject.problem(path, "there is one target only", "give the class targets to compare")
        elif count != next(iter(counts.values())):
            yield subject.problem(
                path, f"{count} targets, where another paired class has others", "pair as many in each"
            )
        if subject.scenario.classes[name].conversation is not None:
            yield subject.problem(path, "a conversation goes on with one target", "leave one of them out")


def _class_models(subject: Subject) -> Iterator[Problem]:
    """Every request but a model list names one model."""
    targets = subject.scenario.targets
    for name, cls in subject.scenario.classes.items():
        if cls.model is not None or cls.api in _WITHOUT_MODEL:
            continue
        own = {target: targets[target].model for target in targets_of(cls, subject.scenario) if target in targets}
        missing = [target for target, model in own.items() if model is None]
        if missing:
            hint = f'give it to the class or to the target, as in targets.{missing[0]}.model = "..."'
            yield subject.problem(("classes", name, "model"), "is missing", hint)
        elif len(set(own.values())) > 1:
            hint = "make one class per target, or give the class a model"
            yield subject.problem(("classes", name), "its targets have different models", hint)


def _class_keys(subject: Subject) -> Iterator[Problem]:
    """Keys that mean nothing for the API of the class, or that its dialect doesn't speak."""
    for name, cls in subject.scenario.classes.items():
        for key, why in _MAKES_NO_SENSE.get(cls.api, {}).items():
            if key in cls.model_fields_set and getattr(cls, key) is not False:
                yield subject.problem(("classes", name, key), why, f'its api is "{cls.api}"')
        for target in targets_of(cls, subject.scenario):
            kind = DIALECTS.get(getattr(subject.scenario.targets.get(target), "dialect", ""))
            if kind is not None and cls.api not in kind.apis:
                what = f'the dialect of target {target!r}, "{kind.name}", has no such requests'
                yield subject.problem(("classes", name, "api"), what, f"it has {', '.join(sorted(kind.apis))}")
            elif kind is not None and kind.socket and cls.api in _ANSWERED and not cls.stream:
                what = f'the dialect of target {target!r}, "{kind.name}", has no answers that come at once'
                yield subject.problem(("classes", name, "stream"), what, "add stream = true")


def _class_lengths(subject: Subject) -> Iterator[Problem]:
    for name, cls in subject.scenario.classes.items():
        path: Path = ("classes", name)
        if cls.profile is not None and (cls.prompt.text is not None or cls.prompt.file is not None):
            what = "gives lengths of made-up prompts, but the prompt is a text or out of a file"
            yield subject.problem((*path, "profile"), what, "leave one of them out")
        dialects = {subject.scenario.targets[each].dialect for each in targets_of(cls, subject.scenario)
                    if each in subject.scenario.targets}  # fmt: skip
        asked = [key for key in ("ignore_eos", "min_tokens") if getattr(cls, key)]
        for key in asked if cls.api not in _ANSWERED or dialects - {"openai"} else ():
            what = "is known of chat and completions of dialect openai alone"
            yield subject.problem((*path, key), what, "put into params what the target takes instead")
        if cls.ignore_eos and cls.max_tokens is None and cls.profile is None:
            yield subject.problem((*path, "ignore_eos"), "needs max_tokens: where else would answers end?")
        if cls.min_tokens and cls.max_tokens and lowest(cls.max_tokens) < cls.min_tokens:
            what = f"is more than max_tokens can be, which is {lowest(cls.max_tokens)}"
            yield subject.problem((*path, "min_tokens"), what, "raise max_tokens, or its low")


def _class_integrity(subject: Subject) -> Iterator[Problem]:
    for name, cls in subject.scenario.classes.items():
        path: Path = ("classes", name)
        if cls.integrity == "instructed" and "prompt" in cls.model_fields_set and not cls.prompt.system:
            yield subject.problem((*path, "prompt"), 'makes no sense: integrity = "instructed" says itself what to ask')
        if cls.integrity and cls.params.get("n", 1) != 1:
            yield subject.problem((*path, "integrity"), "looks at one answer, but params.n asks for several")
        if cls.patience is not None and cls.patience.chunks is not None and not cls.stream:
            yield subject.problem((*path, "patience", "chunks"), "makes no sense: without stream there are no chunks")


def _class_retries(subject: Subject) -> Iterator[Problem]:
    known = subject.scenario.retries
    for name, cls in subject.scenario.classes.items():
        if cls.retry is not None and cls.retry not in known:
            yield subject.unknown(("classes", name, "retry"), "retry policy", cls.retry, known)


def _conversations(subject: Subject) -> Iterator[Problem]:
    for name, cls in subject.scenario.classes.items():
        if cls.conversation is None:
            continue
        path: Path = ("classes", name, "conversation")
        if cls.api is not Api.CHAT:
            yield subject.problem(path, "makes no sense: only chats have turns", f'its api is "{cls.api}"')
        if cls.conversation.tools is not None and cls.integrity == "echo":
            yield subject.problem((*path, "tools"), "can't be used where answers are to be echoes")
        if TURN in cls.tags:
            yield subject.problem(("classes", name, "tags", TURN), "is no name for a tag: it says which turn a call is")
        played = cls.prompt.format is not None and FORMATS[cls.prompt.format].talks
        if cls.conversation.turns is None and not played:
            hint = 'say how many, as in turns = "2..8", or have a data set of conversations played'
            yield subject.problem((*path, "turns"), "is missing", hint)
        if cls.conversation.tools is not None and played:
            hint = "its rows say when tools are used"
            yield subject.problem((*path, "tools"), "can't be used where a data set's rows are played", hint)
        if cls.conversation.tool_time and cls.conversation.tools is None and not played:
            yield subject.problem((*path, "tool_time"), "is about tools, which is missing", 'add tools = "0..2"')


def _recipes(subject: Subject) -> Iterator[Problem]:
    """Requests in the scenario's own words, and the classes that make them."""
    for name, cls in subject.scenario.classes.items():
        path: Path = ("classes", name)
        for api, table, hint in _IN_OWN_WORDS:
            asked = getattr(cls, table)
            if asked is not None and cls.api is not api:
                yield subject.problem((*path, table), f'its api is "{cls.api}"', f'add api = "{api}"')
            elif asked is None and cls.api is api:
                yield subject.problem((*path, table), "is missing", f"say what to send, as in {hint}")
            elif asked is not None and "prompt" in cls.model_fields_set - asked.recipe().names:
                yield subject.problem((*path, "prompt"), "is used nowhere", f"put {{{{prompt|json}}}} into {table}")
        if cls.socket is not None and 0 < subject.scenario.limits.total <= cls.socket.seconds:
            what = f"lasts {cls.socket.seconds:g} s, and limits.total ends it before"
            yield subject.problem((*path, "socket"), what, "raise limits.total")


def _class_objectives(subject: Subject) -> Iterator[Problem]:
    for name, cls in subject.scenario.classes.items():
        for metric, bound in cls.objectives.items():
            try:
                parse_bound(metric, bound)
            except ValueError as error:
                what, _, hint = str(error).partition("; ")
                yield subject.problem(("classes", name, "objectives", metric), what, hint)


def _weights(subject: Subject) -> Iterator[Problem]:
    classes, load = subject.scenario.classes, subject.scenario.load
    hint, values = "give at least one class a weight above 0", subject.scenario.dimensions
    own_needed = not load.phases or any(
        all(key in named for key in phase.mix or ())
        for phase in load.phases
        for named in [{key for key, _, _ in by_dimension(phase.mix or {}, values)}]
    )
    if own_needed and all(fixed(cls.weight) == 0 for cls in classes.values()):
        yield subject.problem(("classes",), "all weights are 0", hint)
    for index, phase in enumerate(load.phases):
        path: Path = ("load", "phases", index, "mix")
        named = {key: (name, value) for key, name, value in by_dimension(phase.mix or {}, values)}
        for name in phase.mix or ():
            if name in named:
                dimension, value = named[name]
                if value not in values[dimension]:
                    yield subject.unknown((*path, name), f"value of {dimension}", value, values[dimension])
            elif name not in classes:
                yield subject.unknown((*path, name), "class", name, classes)
        for part in (set(phase.mix or ()) - set(named), *_by_name(named)):
            if part and sum((phase.mix or {})[key] for key in part) <= 0:
                yield subject.problem(path, "all weights are 0", hint)


def _by_name(named: Mapping[str, tuple[str, str]]) -> list[set[str]]:
    """The keys of a mix that name values, apart by dimension."""
    return [{key for key, (of, _) in named.items() if of == name} for name, _ in set(named.values())]


def _dimensions(subject: Subject) -> Iterator[Problem]:
    scenario, cells = subject.scenario, len(subject.scenario.classes)
    tenants = [name for name, values in scenario.dimensions.items() if any(each.api_key for each in values.values())]
    for name, values in scenario.dimensions.items():
        cells *= len(values)
        path: Path = ("dimensions", name)
        if name in {tag for cls in scenario.classes.values() for tag in cls.tags}:
            yield subject.problem(path, "is a tag of a class already", "give one of them another name")
        if name in tenants[1:]:
            hint = "a request has one key: let one dimension have them"
            yield subject.problem(path, f"has keys, as {tenants[0]!r} has", hint)
        if sum(value.weight for value in values.values()) <= 0:
            yield subject.problem(path, "all weights are 0", "give at least one value a weight above 0")
        for value, table in values.items():
            for index, cls in enumerate(table.classes):
                if cls not in scenario.classes:
                    yield subject.unknown((*path, value, "classes", index), "class", cls, scenario.classes)
    if cells > _MOST_CELLS:
        what = f"are {cells:,} crossings of classes and values; results keep {_MOST_CELLS:,} apart"
        yield subject.problem(("dimensions",), what, "have fewer values, or fewer dimensions in one scenario")


def _phase_names(subject: Subject) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, phase in enumerate(subject.scenario.load.phases):
        if phase.name in seen:
            what = f"there is a phase {phase.name!r} already"
            yield subject.problem(("load", "phases", index, "name"), what, "results are cut by these names")
        seen.add(phase.name)


CHECKS: Final[tuple[Callable[[Subject], Iterator[Problem]], ...]] = (
    _seeds,
    _tags,
    _targets,
    _unix_sockets,
    _class_targets,
    _pairs,
    _class_models,
    _class_keys,
    _class_lengths,
    _class_integrity,
    _class_retries,
    _conversations,
    _recipes,
    _class_objectives,
    _weights,
    _dimensions,
    _phase_names,
    filters,
    observed,
    pairs,
    traced,
)
