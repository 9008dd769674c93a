"""Fingerprints: of the machine that makes the load, and of a plan's targets, asked by the way that the calls go."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Final

from llmload import __version__
from llmload.analysis.environments import Environment
from llmload.app.pinging import tls_of
from llmload.errors import UsageError
from llmload.observe.environment import environment
from llmload.observe.service import SECONDS, Way, ask
from llmload.records import Api, Call
from llmload.safe import clean
from llmload.scenario.plan import Plan, Target
from llmload.sim.spec import SimSpec
from llmload.transport.keyring import KeyRing, proxy_login

__all__ = ["Inquiry", "fingerprint"]

_SIMULATED: Final = "sim:"
_LONGEST: Final = 2 * SECONDS
"""Keys are fetched first, which may take a command."""
_WITH_PAGES: Final = frozenset({"openai", "openai-responses", "ollama", "http", "websocket"})
"""Dialects of servers that people run themselves, which may have pages of their own."""


def fingerprint(plan: Plan | None) -> Environment:
    """Of this machine and, with a plan, of its targets. Takes ten seconds at most."""
    if plan is None:
        return Environment(environment())
    inquiry = Inquiry(plan)
    return Environment(environment(), inquiry.found())


class Inquiry:
    """The targets of a plan, being asked in the background from now on. The embedded simulator is known anyway."""

    def __init__(self, plan: Plan) -> None:
        """``plan`` as it was compiled, with ``sim:`` for the embedded simulator."""
        self._names = [target.name for target in plan.targets]
        self._known: dict[str, dict[str, str]] = {}
        self._asking = threading.Thread(target=self._ask, args=(plan,), name="llmload-fingerprints", daemon=True)
        self._asking.start()

    def found(self) -> dict[str, dict[str, str]]:
        """Facts by target, once all have answered or time is up."""
        self._asking.join(_LONGEST)
        known = dict(self._known)  # a thread that is late may go on writing
        return {name: known.get(name, {"trouble": f"its key took longer than {_LONGEST:g} s"}) for name in self._names}

    def _ask(self, plan: Plan) -> None:
        ways: dict[str, Way] = {}
        secrets: list[KeyRing] = []
        for target in plan.targets:
            if target.base_url.startswith(_SIMULATED):
                self._known[target.name] = _simulated(plan.sim or SimSpec())
                continue
            try:
                ring = KeyRing(target)
                ways[target.name] = _way(target, ring, _model(plan, target.name))
                secrets.append(ring)
            except (UsageError, OSError) as error:
                self._known[target.name] = {"trouble": f"it was not asked: {clean(str(error).partition(chr(10))[0])}"}
        self._known |= ask(ways, lambda text: _redacted(text, secrets))


def _redacted(text: str, rings: Sequence[KeyRing]) -> str:
    for ring in rings:
        text = ring.secrets.redact(text)
    return text


def _model(plan: Plan, target: str) -> str:
    """The model that the target is asked for first."""
    return next((cls.model for cls in plan.classes if target in cls.targets and cls.model), "")


def _way(target: Target, ring: KeyRing, model: str) -> Way:
    login = proxy_login(target)
    listing, headers = _listing(target)
    return Way(
        base_url=target.base_url,
        listing=listing,
        model=model,
        pages=target.dialect in _WITH_PAGES,
        headers={**headers, **dict(ring.headers(""))},
        tls=tls_of(target) if target.base_url.startswith(("https:", "wss:")) else None,
        proxy=target.proxy,
        proxy_headers={"Proxy-Authorization": f"Basic {login}"} if login else {},
        unix_socket=target.unix_socket,
    )


def _listing(target: Target) -> tuple[str, Mapping[str, str]]:
    """Where the dialect lists models, below the base URL, and the headers that takes."""
    speaks = target.speaks()
    if Api.MODELS not in speaks.apis:
        return "models", {}
    request = speaks.request(Call(0, "models", target.name, Api.MODELS, ""))
    return request.path, dict(request.headers)


def _simulated(spec: SimSpec) -> dict[str, str]:
    """What there is to know of the embedded simulator."""
    return {
        "software": "llmload sim",
        "version": __version__,
        "server": spec.name,
        "models": ", ".join(sorted(spec.models)[:12]),
        "context": str(spec.context_window),
        "slots": str(spec.slots),
        "batch_tokens": str(spec.kv_tokens),
    }
