"""The parts of the documentation that are made from the code: what stands between

    <!-- made: NAME -->
    <!-- made: end -->

in a page is what ``MADE[NAME]()`` returns. ``tests/test_docs.py`` checks that, and writes it anew when
LLMLOAD_UPDATE_GOLDEN is set.
"""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from llmload.analysis.environments import GENERATOR, TARGET, Fact
from llmload.cli import app
from llmload.cli.plan_text import plot
from llmload.metrics.catalogue import METRICS
from llmload.metrics.observed import FIGURES
from llmload.recipes import VARIABLES
from llmload.records import Api
from llmload.reports.charts import CHARTS
from llmload.reports.schema import SCHEMA
from llmload.scenario.compile import compile_scenario
from llmload.scenario.files import Source, builtin_names, read_source
from llmload.scenario.load import environments, load_scenario
from llmload.scenario.preview import series
from llmload.scenario.schema import scenario_schema
from llmload.sim.faults import FAULTS, FaultBase
from llmload.units import format_bytes, format_rate, format_seconds, format_share
from llmload.verdict.measures import DIRECT, SUMMARY_STATS
from llmload.verdict.pair_stats import PAIR_FIGURES
from llmload.verdict.probes import PROBE_STATS
from llmload.verdict.target import KINDS, OBSERVED_STATS, TARGET_STATS
from llmload.verdict.validity import THRESHOLDS, Threshold

ROOT = Path(__file__).resolve().parent.parent
Schema = Mapping[str, Any]


def commands() -> list[str]:
    """The names of the commands, in the order of ``llmload --help``."""
    plain = [command.callback.__name__ for command in app.registered_commands if command.callback]
    groups = [(group.name, group.typer_instance) for group in app.registered_groups if group.typer_instance]
    return plain + [
        f"{name} {command.callback.__name__}"
        for name, group in groups
        for command in group.registered_commands
        if command.callback
    ]


def help_of(*command: str) -> str:
    """What ``llmload COMMAND --help`` prints in a terminal of 80 columns."""
    plain = {"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1", "FORCE_COLOR": ""}
    done = CliRunner().invoke(app, [*command, "--help"], prog_name="llmload", env=plain)
    assert done.exit_code == 0, done.output
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def typer_version() -> str:
    """What wraps and decorates help, and may do so in another way in its next version."""
    return "typer " + ".".join(typer.__version__.split(".")[:2])


def _help() -> str:
    parts = [f"<!-- {typer_version()} -->", "", "## llmload", "", "```text", help_of(), "```", ""]
    for name in commands():
        parts += [f"## llmload {name}", "", "```text", help_of(*name.split()), "```", ""]
    return "\n".join(parts).rstrip()


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(columns)
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# -- the scenario file ---------------------------------------------------------------------------------------

_PATTERNS = (
    ("ns|us", "duration"),
    ("rps|rpm", "rate"),
    (r"\.\.", "range"),
    ("%", "share"),
    ("[A-Za-z]*", "size"),
)
_TABLES = {
    "TargetTable": "[targets.NAME]",
    "ApiKeyTable": "api_key",
    "AwsTable": "aws",
    "PricesTable": "prices",
    "ClassTable": "[classes.NAME]",
    "PromptTable": "prompt",
    "ValueTable": "[dimensions.NAME.VALUE]",
    "LoadTable": "[load]",
    "PhaseTable": "[[load.phases]]",
    "ObjectiveTable": "objectives",
    "LimitsTable": "[limits]",
    "BudgetTable": "[budget]",
    "ObserveTable": "[observe.NAME]",
    "TracingTable": "[tracing]",
    "ExportTable": "[export.NAME]",
    "CompareTable": "[compare]",
    "SeedsTable": "[seeds]",
    "ScaleTable": "[scale]",
    "DemoTable": "[demo]",
}
_APIS = " ".join(f"`{api}`" for api in Api)
_CURVES = (
    "Constant",
    "Ramp",
    "Steps",
    "Spike",
    "Burst",
    "Sine",
    "Points",
    "Diurnal",
    "RandomBursts",
    "Sum",
    "Sequence",
)


def anchor(heading: str) -> str:
    """The fragment under which a heading can be linked to."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


_LINKS = {name: f"[{heading.strip('[]')}](#{anchor(heading)})" for name, heading in _TABLES.items()}
_PLURALS = {
    "whole number": "whole numbers", "number": "numbers", "rate or number": "rates or numbers", "table": "tables",
}  # fmt: skip
_LINKS |= {"SimSpec": "[sim](simulator.md#settings)", "Api": _APIS, "Partial": "tables"}


def _value(schema: Schema) -> str:
    """What kind of value a key takes, in a word or two."""
    if "discriminator" in schema:
        return "list of [faults](simulator.md#faults)" if "error" in str(schema) else "[curve](#curves)"
    if "anyOf" in schema:
        return _one_of(schema["anyOf"])
    if "$ref" in schema:
        return _LINKS.get(schema["$ref"].rpartition("/")[2], "table")
    if "const" in schema or "enum" in schema:
        return " ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if "pattern" in schema:
        return next((word for part, word in _PATTERNS if part in schema["pattern"]), "text")
    if schema.get("type") == "array":
        items = schema.get("items", {})
        inner = _value(items) if items else _pair(schema)
        return inner if inner.startswith("list of") else f"list of {_PLURALS.get(inner, inner)}"
    if schema.get("type") == "object":
        return _value_of_object(schema)
    return {"string": "text", "boolean": "true, false", "integer": "whole number"}.get(schema.get("type", ""), "number")


def _pair(schema: Schema) -> str:
    return "[" + ", ".join(_value(item) for item in schema.get("prefixItems", ())) + "]"


def _value_of_object(schema: Schema) -> str:
    values = schema.get("additionalProperties")
    if not isinstance(values, dict):
        return "table"
    inner = _value(values)
    return f"table of {_PLURALS.get(inner, inner)}"


def _one_of(options: list[Schema]) -> str:
    words = [_value(option) for option in options if option.get("type") != "null" and option.get("const") != 0]
    unique = list(dict.fromkeys(words))
    if "`max`" in unique:
        return "whole number, range or `max`"
    if "range" in unique:
        return "[tokens](#numbers-of-tokens)"
    if unique == ["duration", "number"]:
        return "duration"
    if unique in (["share", "number"], ["text", "number"]):
        return "share"
    return " or ".join(unique)


def _default(key: str, schema: Schema, required: bool) -> str:
    if required:
        return "needed"
    if "enum" in schema and "default" in schema:
        return f"`{schema['default']}`"
    value, kind = schema.get("default"), _value(schema)
    if isinstance(value, dict):
        return str(value["low"]) if value.get("kind") == "fixed" else ""
    if value in (None, "", []):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if kind == "duration":
        return _duration(value)
    if kind.startswith("size"):
        return format_bytes(value).replace(" ", "")
    if kind == "share":
        return format_share(value)
    return f"{value:g}" if isinstance(value, float) else _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, list) and len(value) == 2 and all(isinstance(part, int) for part in value):
        return f'"{value[0]}..{value[1]}"'
    return (
        str(value) if isinstance(value, int) else f"`{json.dumps(value)}`" if isinstance(value, list) else f"`{value}`"
    )


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s" if seconds >= 1 or seconds == 0 else f"{seconds * 1000:g}ms"


def _rows(definition: Schema, skip: Iterable[str] = ()) -> Iterable[list[str]]:
    required = definition.get("required", ())
    for key, schema in definition["properties"].items():
        if key not in skip:
            cells = [f"`{key}`", _value(schema), _default(key, schema, key in required)]
            yield [*cells, schema.get("description", "")]


def _described(definition: Schema) -> str:
    return str(definition.get("description", "")).replace("``", "`")


_KEYS = ("Key", "Value", "Default", "Meaning")


def _reference() -> str:
    schema = scenario_schema()
    parts = ["### Top level", "", _described(schema), "", _table(_KEYS, _rows(schema))]
    for name, heading in _TABLES.items():
        definition = schema["$defs"][name]
        parts += ["", f"### {heading}", "", _described(definition), "", _table(_KEYS, _rows(definition))]
    return "\n".join(parts)


_PICTURES = {
    "constant": 'curve = { type = "constant", rate = "50/s" }',
    "ramp": 'curve = { type = "ramp", from = "10/s", to = "100/s" }',
    "steps": 'curve = { type = "steps", levels = ["20/s", "40/s", "60/s", "80/s"] }',
    "spike": 'curve = { type = "spike", base = "20/s", peak = "100/s", at = "20s", width = "15s", rise = "5s" }',
    "burst": 'curve = { type = "burst", base = "10/s", peak = "80/s", period = "20s", width = "5s", offset = "5s" }',
    "sine": 'curve = { type = "sine", mean = "50/s", amplitude = "40/s", period = "30s" }',
    "points": 'curve = { type = "points", points = [["0s", "10/s"], ["20s", "80/s"], ["40s", "80/s"], ["1m", "5/s"]] }',
    "diurnal": 'curve = { type = "diurnal", peak = "100/s", day = "60s" }',
    "random-bursts": 'curve = { type = "random-bursts", base = "9/s", peak = "60/s", width = "6s", count = 4 }',
    "sum": """curve = { type = "sum", parts = [
  { curve = { type = "constant", rate = "20/s" } },
  { at = "9s", duration = "30s", curve = { type = "burst", base = "0/s", peak = "9/s", period = "10s", width = "3s" } },
] }""",
    "sequence": """curve = { type = "sequence", parts = [
  { duration = "20s", curve = { type = "ramp", from = "0/s", to = "60/s" } },
  { duration = "30s", curve = { type = "constant", rate = "60/s" } },
  { duration = "10s", curve = { type = "ramp", from = "60/s", to = "0/s" } },
] }""",
}
_AROUND = """[targets.main]
base_url = "sim:"
model = "m"
[classes.chat]
[load]
duration = "1m"
"""


def _picture(line: str) -> str:
    plan = compile_scenario(load_scenario(Source(_AROUND + line, "curve.toml", ROOT, "curve")))
    return "\n".join(plot(series(plan, 60), format_rate, plan.load.duration, 8))


def _curves() -> str:
    definitions = scenario_schema()["$defs"]
    parts: list[str] = []
    for name in _CURVES:
        definition = definitions[f"{name}Curve"]
        kind = definition["properties"]["type"]["const"]
        picture = _PICTURES[kind]
        parts += [f"### {kind}", "", _described(definition), "", "```toml", picture, "```", ""]
        parts += ["```text", _picture(picture), "```", "", _table(_KEYS, _rows(definition, ("type",))), ""]
        if name in ("Sum", "Sequence"):
            parts += ["Each part:", "", _table(_KEYS, _rows(definitions[f"{name}Part"])), ""]
    return "\n".join(parts).rstrip()


def _shipped() -> str:
    rows = []
    for name in builtin_names():
        plan = compile_scenario(load_scenario(name))
        size = f"{format_seconds(plan.load.duration)}, up to "
        size += (
            f"{plan.load.curve.peak():,.0f} users"
            if plan.load.model == "closed"
            else format_rate(plan.load.curve.peak())
        )
        variants = " ".join(f"`{variant}`" for variant in environments(read_source(name)))
        rows.append([f"[`{name}`](../scenarios/{name}.toml)", plan.description, size, variants])
    return _table(("Scenario", "What it asks", "Full size", "Environments"), rows)


# -- metrics and rules ---------------------------------------------------------------------------------------


def _metrics() -> str:
    rows = (
        [
            f"`{row.name}`",
            row.title,
            row.help,
            row.unit.value,
            row.better,
            "every call" if row.of == "all" else "good calls",
        ]
        for row in METRICS.values()
    )
    return _table(("Metric", "Shown as", "Definition", "Unit", "Better", "Of"), rows)


def _measures() -> str:
    rows = [
        [f"`{metric}.{name}`", stat.kind.value, stat.help, "yes" if stat.windows else "no", _filters(stat.keys, metric)]
        for metric, stats in DIRECT.items()
        if metric not in ("paired", "target")
        for name, stat in stats.items()
    ]
    rows += [
        [f"`paired.METRIC.{name}`", figure.kind.value if figure.kind else "as the metric", figure.help, "no", "any"]
        for name, figure in PAIR_FIGURES.items()
    ]
    rows += [
        [
            f"`target.FIGURE.{name}`", row.kind.value if row.kind else "as the figure",
            row.help + ("; of what is held" if row.levels else ""), "yes", "observe, phase",
        ]
        for name, row in OBSERVED_STATS.items()
    ]  # fmt: skip
    trend = TARGET_STATS["cpu.trend"]
    about = "growth over the phase as a share of its level, by a robust slope"
    rows.append(["`target.FIGURE.trend`", trend.kind.value, about, "no", "observe, phase"])
    others = {"exits.count": TARGET_STATS["exits.count"], **PROBE_STATS}
    rows += [[f"`target.{name}`", row.kind.value, row.help, "yes", "observe, phase"] for name, row in others.items()]
    every = ", ".join(f"`{stat}`" for stat in ("p50", "p95", "p99.9", *SUMMARY_STATS))
    intro = f"Every metric of the catalogue has these statistics: {every} (any percentile can be named). Besides:"
    table = _table(("Rule", "Written as", "What it is", "Windows", "Filters"), rows)
    held = (
        [f"`{name}`", KINDS[figure.measure].value, figure.help, "yes" if figure.level else "no"]
        for name, figure in FIGURES.items()
    )
    observed = _table(("Figure of the target", "Written as", "What it is", "Held"), held)
    return f"{intro}\n\n{table}\n\n{observed}"


def _filters(keys: Iterable[str] | None, metric: str) -> str:
    if keys is not None:
        return ", ".join(sorted(keys))
    return "any, and outcome" if metric == "errors" else "any"


def _thresholds() -> str:
    return _table(
        ("Code", "SUSPECT above", "INVALID above"), ([f"`{code}`", *_levels(t)] for code, t in THRESHOLDS.items())
    )


def _levels(threshold: Threshold) -> list[str]:
    pairs = ((threshold.suspect, threshold.suspect_floor), (threshold.invalid, threshold.invalid_floor))
    return [
        "never" if math.isinf(share) else format_share(share) + (f" and {format_seconds(floor)}" if floor else "")
        for share, floor in pairs
    ]


# -- the simulator -------------------------------------------------------------------------------------------


def _simulator() -> str:
    definitions = scenario_schema()["$defs"]
    keys = _table(_KEYS, _rows(definitions["KeySpec"]))
    settings = _table(_KEYS, _rows(definitions["SimSpec"])).replace("(simulator.md#", "(#")
    auth = _table(_KEYS, _rows(definitions["AuthSpec"]))
    parts = [settings, "Each key of `keys`:", keys, "`auth`, where they are looked up:", auth]
    for about, name in (
        ("`gateway`, two providers of which one takes over when the other fails:", "GatewaySpec"),
        ("`scaling`, replicas that come and go with how busy they are:", "ScalingSpec"),
        ("`billing`, work that is done after the answer:", "BillingSpec"),
        ("`burden`, a known load on its process:", "BurdenSpec"),
    ):
        parts += [about, _table(_KEYS, _rows(definitions[name]))]
    return "\n\n".join(parts)


def _variables() -> str:
    return _table(("Variable", "Stands for"), ((f"`{{{{{name}}}}}`", said) for name, (said, _) in VARIABLES.items()))


def _faults() -> str:
    definitions = scenario_schema()["$defs"]
    shared = [info.alias or name for name, info in FaultBase.model_fields.items()]
    any_fault = definitions[next(iter(FAULTS.values())).__name__]
    common = {"properties": {key: any_fault["properties"][key] for key in shared}}
    parts = ["Every fault has:", "", _table(_KEYS, _rows(common)), ""]
    for kind, cls in FAULTS.items():
        text = re.sub(r"`+", "`", inspect.cleandoc(cls.__doc__ or ""))
        parts += [f"### {kind}", "", text, ""]
        own = list(_rows(definitions[cls.__name__], (*shared, "kind")))
        if own:
            parts += [_table(("Key", "Value", "Default"), (row[:3] for row in own)), ""]
    return "\n".join(parts).rstrip()


# -- results -------------------------------------------------------------------------------------------------


def _result() -> str:
    rows = [[f"`{key}`", _shape(part), part.get("description", "")] for key, part in SCHEMA["properties"].items()]
    return _table(("Member", "Value", "Meaning"), rows)


def _shape(schema: Schema) -> str:
    if schema.get("type") == "object" and "properties" in schema:
        return ", ".join(f"`{name}`" for name in schema["properties"])
    if schema.get("type") == "array" and "properties" in schema["items"]:
        return "list of: " + _shape(schema["items"])
    return _value(schema)


def _charts() -> str:
    rows = ["| `--chart` | Shows | Answers | Results |", "| --- | --- | --- | --- |"]
    for name, chart in CHARTS.items():
        rows.append(f"| `{name}` | {chart.title} | {chart.asks} | {'1' if chart.most == 1 else f'1 to {chart.most}'} |")
    return "\n".join(["", *rows, ""])


def _facts(table: Mapping[str, Fact]) -> str:
    return _table(
        ("Fact", "", "Weight"), [[f"`{name}`", fact.title, fact.weight.value] for name, fact in table.items()]
    )


MADE: Mapping[str, Callable[[], str]] = {
    "help": _help,
    "reference": _reference,
    "curves": _curves,
    "shipped": _shipped,
    "metrics": _metrics,
    "measures": _measures,
    "thresholds": _thresholds,
    "simulator": _simulator,
    "faults": _faults,
    "variables": _variables,
    "result": _result,
    "charts": _charts,
    "generator": lambda: _facts(GENERATOR),
    "target": lambda: _facts(TARGET),
}
