"""What the simulated service can be told to do wrong: one class per kind, in the table ``FAULTS``.

A fault is a frozen value: *where* it applies (route, key, model), *when* (a window, repeated or not, after an
overload, and a seeded share of the requests in it) and *what* it does. ``plant`` writes the last into the ``Script``
of one answer; the answer (a ``Stage``) carries it out. To add a kind: one class with a ``kind`` and a ``plant``, in
``answers`` or ``parts``, and its name in the union ``Fault`` below.

Times are seconds of the run: they count from ``Service.begin``, or from the first request if nobody called that.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Final, cast, get_args

from pydantic import Field, ValidationError

from llmload.errors import UsageError
from llmload.sim.faults.answers import (
    Creep,
    CrossTalk,
    Drop,
    Empty,
    Error,
    ErrorEvent,
    Hang,
    Malformed,
    Reset,
    Slow,
    SlowPrefill,
    Stall,
    Truncate,
)
from llmload.sim.faults.base import FaultBase, Route
from llmload.sim.faults.parts import (
    Auth,
    Block,
    Breaker,
    ColdCache,
    Failover,
    Hoard,
    Hop,
    Leak,
    Outage,
    RateLimit500,
    Scaling,
    SharedPool,
    Skew,
)

__all__ = [
    "FAULTS",
    "Auth",
    "Block",
    "Breaker",
    "ColdCache",
    "Creep",
    "CrossTalk",
    "Drop",
    "Empty",
    "Error",
    "ErrorEvent",
    "Failover",
    "Fault",
    "FaultBase",
    "Hang",
    "Hoard",
    "Hop",
    "Leak",
    "Malformed",
    "Outage",
    "RateLimit500",
    "Reset",
    "Route",
    "Scaling",
    "SharedPool",
    "Skew",
    "Slow",
    "SlowPrefill",
    "Stall",
    "Truncate",
    "parse_fault",
]

Fault = Annotated[
    Error
    | Slow
    | Stall
    | Reset
    | Truncate
    | ErrorEvent
    | Malformed
    | CrossTalk
    | Empty
    | RateLimit500
    | Hop
    | Skew
    | Auth
    | Hang
    | Drop
    | SlowPrefill
    | ColdCache
    | Creep
    | Outage
    | Failover
    | Breaker
    | Scaling
    | SharedPool
    | Leak
    | Hoard
    | Block,
    Field(discriminator="kind"),
]

FAULTS: Final[Mapping[str, type[FaultBase]]] = {
    member.model_fields["kind"].default: member for member in get_args(get_args(Fault)[0])
}
"""Kind -> class."""


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(known)}"


def _names(cls: type[FaultBase]) -> list[str]:
    return [info.alias or name for name, info in cls.model_fields.items() if name != "kind"]


def parse_fault(text: str) -> Fault:
    """The fault written as ``kind`` or ``kind:name=value,name=value``, e.g. ``error:rate=20%,status=503``.

    UsageError says which part is wrong and what would be right.
    """
    kind, _, rest = text.partition(":")
    cls = FAULTS.get(kind.strip())
    if cls is None:
        raise UsageError(f"fault {text!r}: no kind {kind.strip()!r}{_nearest(kind.strip(), list(FAULTS))}")
    settings: dict[str, Any] = {}
    for part in filter(None, (piece.strip() for piece in rest.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise UsageError(f"fault {text!r}: {part!r} is not a setting; write it like rate=20%")
        if name not in _names(cls):
            raise UsageError(f"fault {text!r}: {kind} has no setting {name!r}{_nearest(name, _names(cls))}")
        settings[name] = value
    try:
        return cast("Fault", cls.model_validate(settings))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise UsageError(
            f"fault {text!r}: {where + ': ' if where else ''}{problem['msg'].removeprefix('Value error, ')}"
        ) from None
