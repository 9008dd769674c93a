"""The WebSocket of the simulated service: ``/ws`` says back what it is told, unless a fault has it otherwise."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import WSMsgType, web

from llmload.sim.service import Service, SocketManner

__all__ = ["PATHS", "echo"]

PATHS: Final = frozenset({"/ws", "/v1/ws"})
_LARGEST: Final = 16 << 20


async def echo(service: Service, request: web.BaseRequest) -> web.StreamResponse:
    """Hold one socket until the client leaves."""
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
