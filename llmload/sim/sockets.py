"""The WebSockets of the simulated service: ``/ws`` says back what it is told, ``/realtime`` holds Realtime sessions."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import WSMsgType, web

from llmload.sim.direct import Direct
from llmload.sim.realtime import RealtimeSession
from llmload.sim.service import Service, SimRequest, SocketManner

__all__ = ["is_socket", "serve"]

_ECHO: Final = "/ws"
_REALTIME: Final = "/realtime"
_LARGEST: Final = 16 << 20


def is_socket(path: str) -> bool:
    """Whether a path is that of a WebSocket."""
    return path.removeprefix("/v1") in (_ECHO, _REALTIME)


async def serve(service: Service, request: web.BaseRequest, transport: asyncio.Transport) -> web.StreamResponse:
    """Hold one socket until it is over."""
    if request.rel_url.path.removeprefix("/v1") == _ECHO:
        return await _echo(service, request)
    return await _converse(service, request, transport)


# -- Realtime ----------------------------------------------------------------------------------------------------


async def _converse(service: Service, request: web.BaseRequest, transport: asyncio.Transport) -> web.StreamResponse:
    socket = web.WebSocketResponse(max_msg_size=_LARGEST, compress=False)
    await socket.prepare(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    asked = SimRequest(request.method, request.rel_url.raw_path_qs, headers, b"")
    session = RealtimeSession(service, asked, _Line(socket, transport))
    try:
        async for message in socket:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                session.hear(message.data if isinstance(message.data, bytes) else message.data.encode())
    finally:
        session.gone()
    return socket


class _Line:
    """See ``realtime.Line``. Messages go out from the model's own timers, with no task woken in between."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self._socket = socket
        self._direct = Direct(transport)
        self._closing: asyncio.Task[bool] | None = None

    def say(self, data: bytes) -> None:
        if self._closing is None:
            self._direct.send(_frame(data))

    def close(self, code: int, reason: str) -> None:
        self._closing = asyncio.get_running_loop().create_task(self._socket.close(code=code, message=reason.encode()))

    def cut(self) -> None:
        self._direct.transport.close()

    def reset(self) -> None:
        self._direct.reset()


def _frame(data: bytes) -> bytes:
    """A message of text in one frame (RFC 6455, 5.2), as servers send it: unmasked."""
    size = len(data)
    if size < 126:
        return b"\x81%c%b" % (size, data)
    if size < 1 << 16:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), data)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), data)


# -- echo --------------------------------------------------------------------------------------------------------


async def _echo(service: Service, request: web.BaseRequest) -> web.StreamResponse:
    headers = {name.lower(): value for name, value in request.headers.items()}
    manner = service.socket(headers)
    if manner is None:
        body = b'{"error":{"message":"Incorrect API key provided.","code":"invalid_api_key"}}'
        return web.Response(status=401, body=body, content_type="application/json")
    socket = web.WebSocketResponse(max_msg_size=_LARGEST, compress=False)
    await socket.prepare(request)
    try:
        await _serve(socket, manner)
    finally:
        service.active -= 1
    return socket


async def _serve(socket: web.WebSocketResponse, manner: SocketManner) -> None:
    heard = 0
    async for message in socket:
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            continue
        if heard == manner.drop_after:
            await socket.close(code=manner.code, message=manner.reason.encode())
            return
        heard += 1
        if manner.delay:
            await asyncio.sleep(manner.delay)
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)
