"""The credentials of one target: by name, as headers or as a signature, and renewed before they run out.

A call that needs a key finds it here ready made. What is about to run out is fetched again by a task of its own, from a
process of its own; until that has brought something, and if it brings nothing, the old one is used on.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable, Mapping

from yarl import URL

from llmload import __version__
from llmload.errors import UsageError
from llmload.records import WireRequest
from llmload.scenario.plan import Auth, Target
from llmload.scenario.redact import names_credential
from llmload.transport.credentials import Key, Secrets, fetch, renew
from llmload.transport.sigv4 import Signer

__all__ = ["Headers", "KeyRing", "proxy_login"]

Headers = tuple[tuple[str, str], ...]

_LEAST_SECONDS = 0.5
"""Between two attempts to renew a key, however short its lifetime."""
_EARLY_SECONDS = 300.0
"""How long before its end a key is renewed, but not before three quarters of its life are over."""
_AGAIN_SECONDS = 30.0
"""After which a renewal that failed is tried again."""
_KEPT = 4
"""Old values of a key that are still struck out of texts."""


def proxy_login(target: Target) -> str:
    """User and password of the proxy as HTTP's Basic scheme wants them; "" without."""
    proxy = URL(target.proxy or "")
    return base64.b64encode(f"{proxy.user}:{proxy.password or ''}".encode()).decode() if proxy.user else ""


class KeyRing:
    """Everything a target's requests carry in their headers, by key: "" is the target's own.

    Raises UsageError for a key that can't be found or a header that can't be sent. ``changed`` is called with the name
    of a key that was renewed.
    """

    def __init__(
        self,
        target: Target,
        environ: Mapping[str, str] = os.environ,
        changed: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.failed = 0
        """Renewals that brought nothing."""
        self._target = target
        self._changed = changed
        self._host = URL(target.base_url).raw_authority.rsplit("@", 1)[-1]
        self._auths: dict[str, Auth] = {"": target.auth, **target.keys}
        self._lifetimes: dict[str, float] = {}
        self._headers: dict[str, Headers] = {}
        self._signers: dict[str, Signer] = {}
        self._old: dict[str, list[tuple[str, ...]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        for name, auth in self._auths.items():
            self._take(name, fetch(auth, environ))
        self._hide()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the keys."""
        return tuple(self._auths)

    def headers(self, name: str) -> Headers:
        """The headers of every request with that key."""
        return self._headers[name]

    def signs(self, name: str) -> bool:
        """Whether a request with that key has further headers, which are its own."""
        return name in self._signers

    def signature(self, request: WireRequest, target: str) -> Headers:
        """Those headers; ``target``: path and query as they are sent."""
        signer = self._signers[request.key]
        return signer.headers(request.method, target, request.headers, request.body)

    def start(self) -> None:
        """Renew from now on what has a lifetime."""
        lasting = [(name, lifetime) for name, lifetime in self._lifetimes.items() if lifetime]
        self._tasks = [asyncio.ensure_future(self._keep(name, lifetime)) for name, lifetime in lasting]

    async def close(self) -> None:
        """Renew no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _keep(self, name: str, lifetime: float) -> None:
        wait = _until_renewal(lifetime)
        while True:
            await asyncio.sleep(max(_LEAST_SECONDS, wait))
            try:
                key = await renew(self._auths[name])
            except UsageError:
                self.failed += 1
                wait = min(_AGAIN_SECONDS, lifetime / 8)
                continue
            self._take(name, key)
            self._hide()
            self._changed(name)
            lifetime = key.lifetime or lifetime
            wait = _until_renewal(lifetime)

    def _take(self, name: str, key: Key) -> None:
        target, auth = self._target, self._auths[name]
        headers = {"User-Agent": f"llmload/{__version__}", "Accept-Encoding": "identity", **target.headers}
        if key.aws is not None:
            self._signers[name] = Signer(key.aws, auth.region, auth.service, self._host)
        elif key.value:
            headers[auth.header] = auth.prefix + key.value
        for header, value in headers.items():
            if any(character in header + value for character in "\r\n\0"):
                raise UsageError(f"target {target.name}: header {header!r} holds a line break")
        self._headers[name] = tuple(headers.items())
        self._lifetimes[name] = key.lifetime
        if auth.kind != "named":
            self._old[name] = [*self._old.get(name, [])[1 - _KEPT :], key.secrets]

    def _hide(self) -> None:
        """Know what to strike out."""
        kept = [each for old in self._old.values() for secrets in old for each in secrets]
        self.secrets = Secrets([*self._fixed_secrets(), *kept])

    def _fixed_secrets(self) -> list[str]:
        hidden = (value for name, value in self._target.headers.items() if names_credential(name))
        secrets = [part for value in hidden for part in (value, value.rpartition(" ")[2])]
        if login := proxy_login(self._target):
            secrets += [login, URL(self._target.proxy or "").password or ""]
        return secrets


def _until_renewal(lifetime: float) -> float:
    return lifetime - min(_EARLY_SECONDS, lifetime / 4)
