"""The Plan: a scenario with everything resolved. Frozen, picklable, no files, no environment.

Times are seconds (float) where a person wrote them; the engine turns them into nanoseconds.
Secrets are not in it: an ``Auth`` says where the key is, and the transport fetches it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nextafter
from typing import Literal

from llmload.analysis.compare import Measure
from llmload.arrivals.curves import Curve
from llmload.arrivals.process import Process
from llmload.arrivals.replay import Replay
from llmload.arrivals.schedule import Schedule
from llmload.dialects import Dialect, dialect
from llmload.scenario.series import Expression
from llmload.sim.spec import SimSpec
from llmload.tracing import Tracing
from llmload.verdict.objectives import Objective
from llmload.verdict.service_level import USUAL, ServiceLevel
from llmload.workload.dimensions import Weights
from llmload.workload.spec import RequestClass

__all__ = ["Auth", "Budget", "Limits", "Load", "Observer", "Phase", "Plan", "Prices", "Seeds", "Target"]


@dataclass(frozen=True, slots=True)
class Auth:
    """Where a key is and how it is sent (``header: prefix + key``).

    ``named``: the key is ``source`` itself, as the embedded simulator knows it; no secret. ``lifetime``: seconds after
    which what a command printed is no good any more; 0: good for the run. ``google``: application default credentials.
    ``aws``: what is sent is a signature for ``region`` and ``service``; ``profile`` "" is the usual one.
    """

    kind: Literal["none", "named", "env", "file", "command", "google", "aws"] = "none"
    source: str = ""
    command: tuple[str, ...] = ()
    lifetime: float = 0.0
    region: str = ""
    profile: str = ""
    service: str = ""
    header: str = "Authorization"
    prefix: str = "Bearer "


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens and per request."""

    input: float = 0.0
    output: float = 0.0
    cached: float = 0.0
    request: float = 0.0


@dataclass(frozen=True, slots=True)
class Target:
    """A base URL (``http(s)://...``; ``sim:`` has been replaced by then, or is ``sim:`` for the embedded
    simulator) and how to speak to it. ``connections``: how many to open before the run begins; None
    lets the engine choose from the planned load. ``options`` are the dialect's own. ``keys``: further credentials by
    name, for calls that ask for them (``Call.key``). ``model_prices``: of models that cost something else than
    ``prices``. ``capture``: label -> response header whose value it takes, or ``json:`` and a field of the body.
    ``server_time``: the response header that says how long the server took, "header" for any of the usual ones, "" for
    none; ``server_queue`` and ``server_work``: those that say how long the request waited there, and was worked on. Of
    ``server-timing`` one entry is named like ``server-timing;db``."""

    name: str
    base_url: str
    dialect: str = "openai"
    options: Mapping[str, str] = field(default_factory=dict)
    auth: Auth = Auth()
    keys: Mapping[str, Auth] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    prices: Prices = Prices()
    model_prices: Mapping[str, Prices] = field(default_factory=dict)
    verify_tls: bool = True
    ca_file: str = ""
    proxy: str = ""
    unix_socket: str = ""
    connections: int | None = None
    capture: Mapping[str, str] = field(default_factory=dict)
    server_time: str = ""
    server_queue: str = ""
    server_work: str = ""

    def price_of(self, model: str) -> Prices:
        """What that model costs here."""
        return self.model_prices.get(model, self.prices)

    def speaks(self) -> Dialect:
        """The dialect, with the target's options."""
        return dialect(self.dialect, self.options)


@dataclass(frozen=True, slots=True)
class Phase:
    """A named stretch of the run, in seconds from its start; ``end`` is exclusive.

    ``measure`` False (warm-up): recorded under its name, left out of the totals and objectives.
    ``weights``: the mix of this phase (class -> weight) where it differs from the classes' own; ``values``: the same
    for the values of dimensions. ``varying``: weights that are curves over the run, of every class, in place of
    ``weights``.
    """

    name: str
    start: float
    end: float
    measure: bool = True
    weights: Mapping[str, float] | None = None
    values: Weights | None = None
    varying: tuple[tuple[str, Curve], ...] = ()

    def weights_at(self, seconds: float) -> Mapping[str, float] | None:
        """The mix so many seconds after the start of the run; None: the classes' own weights. Where all curves are at
        0, just then or for ever after, it is that of the whole run."""
        if not self.varying:
            return self.weights
        inside = {name: min(max(seconds, 0.0), nextafter(curve.duration, 0.0)) for name, curve in self.varying}
        found = {name: curve.rate(inside[name]) for name, curve in self.varying}
        if sum(found.values()) > 0:
            return found
        return {name: curve.expected(curve.duration) for name, curve in self.varying}


@dataclass(frozen=True, slots=True)
class Load:
    """When calls are made.

    ``open``: ``curve`` is requests/s, arrivals by ``process``. ``closed``: ``curve`` is users, each
    calling again ``think`` seconds after its last answer (exponentially distributed if ``think_random``).
    ``paced``: ``curve`` is requests/s and ``users`` a curve of how many calls may be in flight.
    ``replay``: arrivals of a trace, of which ``curve`` is only a picture.
    ``max_in_flight`` caps calls in flight; beyond it arrivals queue from their planned time or are dropped.
    """

    model: Literal["open", "closed", "paced"]
    curve: Curve
    process: Process
    duration: float
    users: Curve | None = None
    think: float = 0.0
    think_random: bool = False
    max_in_flight: int | None = None
    on_limit: Literal["queue", "drop"] = "queue"
    max_requests: int | None = None
    replay: Replay | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Time-outs (s) and bounds of one call; ``drain``: how long to wait for calls in flight at the end.

    ``first_token`` counts from sending to the first content, ``idle`` between contents (keep-alive
    comments don't count), ``total`` from sending to the end. 0 switches one off.
    """

    connect: float = 10.0
    first_token: float = 300.0
    idle: float = 120.0
    total: float = 1800.0
    drain: float = 30.0
    body: int = 256 * 2**20
    stall: float = 1.0


@dataclass(frozen=True, slots=True)
class Seeds:
    """Separate, so that changing one leaves the others alone."""

    arrivals: int = 1
    mix: int = 2
    prompts: int = 3


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may cost: ask above ``ask`` dollars, stop when ``stop`` dollars are spent (0: never)."""

    ask: float = 1.0
    stop: float = 0.0


@dataclass(frozen=True, slots=True)
class Observer:
    """What to observe beside the answers: a process of this machine, by exactly one of ``process`` (an id; "target":
    that of the first target, "sim": the embedded simulator's), ``port`` (what listens there) and ``pid_file``.
    ``every``: seconds between two looks; ``children``: its children count to it. Or a page of metrics: ``metrics`` is
    its URL, "target" for ``/metrics`` of the first target's host; ``figures``: name -> what is made of its series.
    Or ``probe``: a URL, or a path at the first target, that is asked ``rate`` times a second and given up after
    ``timeout`` s; an answer ``stall`` s later than usual shows a stall.
    """

    name: str
    process: int | Literal["target", "sim"] | None = None
    port: int | None = None
    pid_file: str = ""
    every: float = 0.5
    children: bool = True
    metrics: str = ""
    figures: tuple[tuple[str, Expression], ...] = ()
    probe: str = ""
    rate: float = 20.0
    timeout: float = 5.0
    stall: float = 0.1


@dataclass(frozen=True, slots=True)
class Export:
    """Another system that is told of the run while it lasts. ``kind``: of ``--export``; ``to``: where, in that kind's
    own words, "" for the usual place; ``name``: of its table in the scenario, "" for one of the command line."""

    kind: str
    to: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a run needs. ``tracing``: None where requests carry no ids of traces. ``fingerprint``: SHA-256 (hex)
    of the resolved scenario, secrets excluded."""

    name: str
    description: str
    targets: tuple[Target, ...]
    classes: tuple[RequestClass, ...]
    load: Load
    phases: tuple[Phase, ...]
    objectives: tuple[Objective, ...] = ()
    limits: Limits = Limits()
    seeds: Seeds = Seeds()
    budget: Budget = Budget()
    slo: ServiceLevel = USUAL
    compare: Measure = field(default_factory=Measure)
    tags: tuple[tuple[str, str], ...] = ()
    slice_tags: tuple[str, ...] = ()
    environment: str = ""
    demo: bool = False
    sim: SimSpec | None = None
    observers: tuple[Observer, ...] = ()
    tracing: Tracing | None = None
    exports: tuple[Export, ...] = ()
    source: Mapping[str, object] = field(default_factory=dict)
    fingerprint: str = ""

    def schedule(self) -> Schedule | Replay:
        """When calls are due (any model but the closed one)."""
        return self.load.replay or Schedule(self.load.curve, self.load.process, self.seeds.arrivals)

    def target(self, name: str) -> Target:
        """The target of that name; KeyError if there is none."""
        for target in self.targets:
            if target.name == name:
                return target
        raise KeyError(name)
