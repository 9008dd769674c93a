"""WebSocket frames: held to the ``websockets`` package, and to any bytes at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from llmload.errors import DecodeError
from llmload.wire.frames import CLOSE, TEXT, FrameDecoder, Message, close_frame, frame, why_closed

SIZES = st.integers(0, 300) | st.integers(65530, 65540)


def filled(size: int) -> bytes:
    return bytes(at * 7 % 256 for at in range(size))


def served(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=False)


@given(st.lists(SIZES, max_size=4), st.integers(50, 700))
def test_messages_come_out_as_another_implementation_put_them_in(sizes: list[int], cut: int) -> None:
    messages = [filled(size) for size in sizes]
    wire = b"".join(served(Opcode.BINARY, data) for data in messages)
    decoder = FrameDecoder()
    found = [each for at in range(0, len(wire), cut) for each in decoder.feed(wire[at : at + cut])]
    assert found == [Message(2, data) for data in messages]


def test_parts_are_put_together_and_control_frames_may_come_between() -> None:
    wire = served(Opcode.TEXT, b"a", False) + served(Opcode.PING, b"p") + served(Opcode.CONT, b"b")
    assert FrameDecoder().feed(wire) == [Message(9, b"p"), Message(TEXT, b"ab")]


@given(SIZES, st.binary(min_size=4, max_size=4))
def test_another_implementation_reads_what_we_write(size: int, mask: bytes) -> None:
    data = filled(size)
    server = ServerProtocol(state=State.OPEN, max_size=None)
    server.receive_data(frame(TEXT, data, mask) + close_frame(1000, mask))
    events = server.events_received()
    assert (events[0].data, events[1].opcode) == (data, Opcode.CLOSE)  # type: ignore[union-attr]
    assert events[1].data == b"\x03\xe8"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "wire",
    [
        b"\x81\x82abcdxx",
        b"\xf1\x00",
        b"\x83\x00",
        b"\x09\x00",
        b"\x89\x7e\x00\xff",
        b"\x80\x00",
        b"\x01\x01a\x81\x01b",
        b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_what_is_no_frame_of_a_server_is_refused(wire: bytes) -> None:
    with pytest.raises(DecodeError):
        FrameDecoder().feed(wire)


def test_a_message_in_endless_parts_is_refused() -> None:
    decoder = FrameDecoder(limit=100)
    decoder.feed(served(Opcode.TEXT, b"x" * 60, False))
    with pytest.raises(DecodeError, match="longer than 100 bytes"):
        decoder.feed(served(Opcode.CONT, b"x" * 60, False))


@given(st.binary(max_size=200))
def test_any_bytes_give_messages_or_a_decode_error(data: bytes) -> None:
    try:
        found = FrameDecoder(limit=150).feed(data)
    except DecodeError:
        return
    assert sum(len(each.data) for each in found) <= len(data)


def test_why_a_socket_was_closed() -> None:
    assert why_closed(b"") == "without a code"
    assert why_closed(b"\x03\xf3going") == "with code 1011 (going)"
    assert CLOSE == 8
