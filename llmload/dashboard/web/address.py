"""Where the page is served, and under which names a browser may ask for it."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from llmload.outputs.place import host_and_port

__all__ = ["DEFAULT_PORT", "Address"]

DEFAULT_PORT: Final = 8350
_LOOPBACK: Final = "127.0.0.1"
_NAMED: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[\w.-]+))(?::\d{1,5})?")
"""A Host header."""


@dataclass(frozen=True)
class Address:
    """``port`` 0 is any that is free."""

    host: str = _LOOPBACK
    port: int = DEFAULT_PORT

    @classmethod
    def parse(cls, given: str) -> Address:
        """``[HOST:]PORT``; loopback where no host is named. Raises UsageError."""
        return cls(*host_and_port("--web-at", given, _LOOPBACK))

    @property
    def loopback(self) -> bool:
        """Whether only this machine gets there."""
        return _loopback(self.host)

    def url(self, port: int) -> str:
        """To be opened; ``port``: the one that was had."""
        host = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(self.host, self.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"

    def admits(self, host: str) -> bool:
        """Whether a request with this Host header may be answered.

        A page of somebody else's whose name resolves to this machine ("DNS rebinding") asks under its own name: only
        our own names are good, and addresses, which nobody can make resolve to anything else. The port may be another:
        it may have been forwarded.
        """
        found = _NAMED.fullmatch(host)
        if found is None:
            return False
        name = (found["six"] or found["name"]).lower().rstrip(".")
        if name == self.host.lower() or _loopback(name):
            return True
        return not self.loopback and (_is_address(name) or name in self._own_names)

    @cached_property
    def _own_names(self) -> frozenset[str]:
        return frozenset({socket.gethostname().lower(), socket.getfqdn().lower()})


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _loopback(name: str) -> bool:
    return name.lower() == "localhost" or (_is_address(name) and ipaddress.ip_address(name).is_loopback)
