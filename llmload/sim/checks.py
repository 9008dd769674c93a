"""What stands before the model: path, key and rate limit, in this order."""

from __future__ import annotations

import math
from typing import Final

from llmload.clock import NS
from llmload.sim.formats import find
from llmload.sim.limiter import Bucket
from llmload.sim.requests import BAD_SIGNATURE, Refused
from llmload.sim.signatures import is_signed_by
from llmload.sim.spec import KeySpec, SimSpec
from llmload.sim.text import draw
from llmload.sim.visits import Visit

__all__ = ["Checks", "limited"]

_ID_LENGTH: Final = 128
_UNLIKE: Final = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method."
)


class Checks:
    """The checks of one service, and the state of its rate limits. Each raises Refused.

    ``epoch``: Unix time at the clock's zero.
    """

    def __init__(self, spec: SimSpec, epoch: float) -> None:
        self._spec: Final = spec
        self._epoch: Final = epoch
        self._buckets: Final = {
            key: Bucket(settings.rate, settings.burst) for key, settings in spec.keys.items() if settings.rate
        }

    def find(self, visit: Visit) -> None:
        """What its path means, and its id."""
        request, truth = visit.request, visit.truth
        path, _, query = request.path.partition("?")
        visit.format, found = find(path.rstrip("/"), query)
        visit.found = found or visit.found
        given = request.headers.get("x-request-id", "")
        truth.route = visit.route
        truth.id = given if _is_id(given) else f"req-{int(draw(self._spec.seed, 'id', truth.index) * 16**12):012x}"
        names = dict.fromkeys(("x-request-id", visit.format.id_header))
        visit.headers += [*((name, truth.id) for name in names), ("server", self._spec.name)]
        if found is None:
            raise Refused(404, f"Invalid URL ({request.method} {request.path[:200]})", code="unknown_url")
        if request.method != found.method:
            allow = (("allow", found.method),)
            raise Refused(405, f"Not allowed to {request.method[:20]} on {path[:200]}.", headers=allow)

    def admit(self, visit: Visit) -> float:
        """Its key. Returns the seconds for which it is over the rate limit of that; 0: it is not."""
        if not self._spec.keys:
            return 0.0
        settings = self._identify(visit)
        visit.truth.tenant = settings.tenant
        bucket = self._buckets.get(visit.key)
        if bucket is None:
            return 0.0
        wait = bucket.take(visit.truth.received)
        visit.headers += visit.format.limits(bucket.state(), self._epoch + visit.truth.received / NS)
        return wait

    def _identify(self, visit: Visit) -> KeySpec:
        visit.key = visit.given_key()
        settings = self._spec.keys.get(visit.key)
        if settings is None:
            message = "Incorrect API key provided." if visit.key else "You didn't provide an API key."
            raise Refused(401, message, code="invalid_api_key", headers=(("www-authenticate", "Bearer"),))
        asked = visit.request
        if settings.secret and not is_signed_by(settings.secret, asked.method, asked.path, asked.headers, asked.body):
            raise Refused(403, _UNLIKE, code=BAD_SIGNATURE)
        return settings


def limited(wait: float) -> Refused:
    """The error of a request that is over its limit for so many seconds."""
    retry = (("retry-after", str(math.ceil(wait))), ("retry-after-ms", str(math.ceil(wait * 1000))))
    message = f"Rate limit reached for requests. Please try again in {wait:.3f}s."
    return Refused(429, message, kind="requests", code="rate_limit_exceeded", headers=retry)


def _is_id(text: str) -> bool:
    """Whether a request id is fit to be sent back in a header."""
    return 0 < len(text) <= _ID_LENGTH and text.isascii() and text.isprintable() and " " not in text
