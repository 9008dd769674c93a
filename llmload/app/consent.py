"""Before anything is sent to a target that is not this machine: what it will be, what it will cost, and a yes."""

from __future__ import annotations

import ipaddress

from yarl import URL

from llmload.errors import UsageError
from llmload.scenario.plan import Plan
from llmload.units import format_count
from llmload.workload.mix import shares
from llmload.workload.workload import expected_tokens

__all__ = ["consent_needed", "expected_cost", "is_local", "refuse_without_yes"]


def is_local(base_url: str) -> bool:
    """Whether that URL is this machine (or the embedded simulator)."""
    if base_url.startswith("sim:"):
        return True
    host = URL(base_url).host or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def expected_cost(plan: Plan) -> tuple[float, float]:
    """Expected (calls, US dollars) of the whole run; calls are 0 in the closed model, where answers decide."""
    if plan.load.model == "closed":
        return 0.0, 0.0
    calls = plan.load.curve.expected(plan.load.duration)
    if plan.load.max_requests is not None:
        calls = min(calls, plan.load.max_requests)
    share = shares(plan.classes, None)
    cost = 0.0
    for cls in plan.classes:
        read, written = expected_tokens(cls)
        for name in cls.targets:
            prices = plan.target(name).prices
            each = prices.request + (read * prices.input + written * prices.output) / 1e6
            cost += calls * share[cls.name] * each * cls.share_of(name)
    return calls, cost


def consent_needed(plan: Plan) -> str:
    """The question to ask before this run, or "" where none is needed."""
    remote = [target for target in plan.targets if not is_local(target.base_url)]
    calls, cost = expected_cost(plan)
    if not remote or cost <= plan.budget.ask:
        return ""
    hosts = ", ".join(sorted({URL(target.base_url).host or "" for target in remote}))
    return f"This sends about {format_count(calls)} requests to {hosts} and costs about ${cost:,.2f}."


def refuse_without_yes(question: str) -> UsageError:
    """The error where nobody can be asked."""
    return UsageError(f"{question} Nobody can be asked here: say --yes, or raise budget.ask in the scenario")
