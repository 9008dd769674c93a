"""Before anything is sent to a target that is not this machine: what it will be, what it will cost, and a yes."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from yarl import URL

from llmload.errors import UsageError
from llmload.scenario.plan import Plan, Prices, Target
from llmload.scenario.preview import preview
from llmload.units import format_count

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
    total = preview(plan).total
    return total.requests or 0.0, total.cost


def consent_needed(plan: Plan) -> str:
    """The question to ask before this run, or "" where none is needed."""
    remote = [target for target in plan.targets if not is_local(target.base_url)]
    if not remote:
        return ""
    hosts = ", ".join(sorted({URL(target.base_url).host or "" for target in remote}))
    if plan.load.model == "closed":
        return _endless(plan, remote, hosts)
    calls, cost = expected_cost(plan)
    if cost <= plan.budget.ask:
        return ""
    return f"This sends about {format_count(calls)} requests to {hosts} and costs about ${cost:,.2f}."


def _endless(plan: Plan, remote: Sequence[Target], hosts: str) -> str:
    """Of users who call again after each answer nobody knows how many requests they make: only a budget bounds that."""
    paid = any(prices != Prices() for target in remote for prices in (target.prices, *target.model_prices.values()))
    if not paid or 0 < plan.budget.stop <= plan.budget.ask:
        return ""
    bound = f"up to ${plan.budget.stop:,.2f} (budget.stop)" if plan.budget.stop else "nobody knows how much"
    return f"This lets {format_count(plan.load.curve.peak())} users call {hosts} all the time and costs {bound}."


def refuse_without_yes(question: str) -> UsageError:
    """The error where nobody can be asked."""
    return UsageError(f"{question} Nobody can be asked here: say --yes, or raise budget.ask in the scenario")
