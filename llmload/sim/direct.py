"""Bytes to a socket without a detour."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import Final

__all__ = ["Direct"]

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing sends RST."""
_DIRECT: Final = os.name == "posix"
"""Whether a socket can be written to as a file."""


class Direct:
    """One connection, to be written to at once.

    While the transport has nothing buffered, bytes go straight to the socket; uvloop would hold them until its
    iteration ends, and every token of the batch would leave late by the work done for the others.
    """

    __slots__ = ("_fd", "transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._fd: int = transport.get_extra_info("socket").fileno()

    def send(self, data: bytes) -> None:
        """On its way now, or as soon as there is room."""
        transport = self.transport
        if transport.is_closing():
            return
        if _DIRECT and transport.get_write_buffer_size() == 0:
            try:
                sent = os.write(self._fd, data)
            except BlockingIOError:
                sent = 0
            except OSError:
                transport.abort()
                return
            if sent == len(data):
                return
            data = data[sent:]
        transport.write(data)

    def reset(self) -> None:
        """Close with RST."""
        if not self.transport.is_closing():
            raw = socket.socket(fileno=os.dup(self._fd))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            raw.close()
            self.transport.abort()
