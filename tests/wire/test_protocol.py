"""Framing, time-outs and back-pressure of one connection."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv6Address
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from p2pfs.addresses import Address
from p2pfs.wire import MessageProtocol
from p2pfs.wire import messages as m
from p2pfs.wire.framing import RECEIVE_SIZE
from tests.memory_transport import BUFFER_SIZE, MemoryTransport

LIMIT = 100
LIST = b'{"type":"REQUEST_FILE_LIST"}'


class Recorder(MessageProtocol):
    """Notes what it is given; a chunk's reply is followed by its raw bytes."""

    MAX_LENGTH = LIMIT
    message_timeout = 7.0
    stall_timeout = 11.0

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.received: list[Any] = []
        self.lines: list[bytes] = []
        self.ends = 0
        self.on_message: Any = lambda: None

    def message_received(self, message: m.Message, line: bytes) -> None:
        self.lines.append(line)
        if isinstance(message, m.PeerReplyChunk) and message.length is not None:
            payload = bytearray()
            self.received.append(payload)
            self.receive_raw(message.length, payload.extend)
        elif isinstance(message, m.RequestFileList):
            self.received.append(message.prefix)
        self.on_message()

    def closing(self, reason: Failure) -> None:
        self.ends += 1


def connection(stuck: bool = False) -> tuple[Recorder, MemoryTransport, Clock]:
    """A protocol, its transport and its clock."""
    clock = Clock()
    protocol = Recorder(clock)
    return protocol, MemoryTransport(protocol, clock, stuck=stuck), clock


def named(name: str) -> bytes:
    """A line with a message that carries a name."""
    return m.encode(m.RequestFileList(name))


def raw(payload: bytes) -> bytes:
    """A chunk's line with its raw payload."""
    return m.encode(m.PeerReplyChunk("", 0, "", length=len(payload))) + payload


# Framing


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_message_arrives_however_it_is_cut(end: bytes) -> None:
    """A line split at any byte, with either line end, is one message."""
    stream = named("a")[:-1] + end + named("b")[:-1] + end
    for cut in range(len(stream) + 1):
        protocol, transport, clock = connection()
        transport.deliver(stream[:cut])
        transport.deliver(stream[cut:])
        assert protocol.received == ["a", "b"]
        assert not clock.getDelayedCalls()


def test_pipelined_messages_arrive_in_order() -> None:
    """Many lines in one segment are handled one by one, in order."""
    protocol, transport, clock = connection()
    names = [str(number) for number in range(500)]
    transport.deliver(b"".join(map(named, names)))
    clock.advance(0)
    assert protocol.received == names


def test_the_line_is_passed_as_it_came() -> None:
    """A subclass can send a line back with spacing and carriage return untouched."""
    protocol, transport, _ = connection()
    odd = b'  {"type" :"PEER_PING_PONG",\t"x":1}\r'
    transport.deliver(odd + b"\n")
    assert protocol.lines == [odd]


@given(
    st.lists(st.text("ab", max_size=3) | st.binary(min_size=1, max_size=30), max_size=6),
    st.lists(st.integers(0, 600), max_size=12),
)
def test_payloads_and_lines_are_told_apart_in_every_split(
    items: list[str | bytes], cuts: list[int]
) -> None:
    """Raw bytes, line ends among them, never leak into lines nor lines into payloads."""
    stream = b"".join(named(i) if isinstance(i, str) else raw(i) for i in items)
    protocol, transport, clock = connection()
    edges = sorted({0, len(stream), *(c for c in cuts if c < len(stream))})
    for start, end in pairwise(edges):
        transport.deliver(stream[start:end])
    assert protocol.received == items
    assert not transport.heard()
    assert not clock.getDelayedCalls()


def test_a_payload_is_passed_on_as_it_arrives() -> None:
    """A chunk is not gathered in memory first."""
    protocol, transport, _ = connection()
    transport.deliver(raw(b"x" * 1000)[:-400])
    assert protocol.received == [b"x" * 600]


def test_a_malformed_line_is_answered_and_harms_nobody() -> None:
    """ERROR names the type where it could be read, and the next message is handled."""
    protocol, transport, _ = connection()
    transport.deliver(b'{"type":"FETCH"}\nnonsense\n\xff\n[]\n\n' + named("a"))
    answers = transport.heard()
    assert [answer["request"] for answer in answers] == ["FETCH", None, None, None, None]
    assert {answer["type"] for answer in answers} == {"ERROR"}
    assert protocol.received == ["a"]
    assert not transport.disconnecting


# Limits


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_of_just_the_limit_is_a_message(end: bytes) -> None:
    """The limit counts neither the line feed nor a carriage return before it."""
    protocol, transport, _ = connection()
    transport.deliver(LIST.ljust(LIMIT) + end)
    assert protocol.received == [""]


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("pieces", [1, 7, 150])
def test_an_over_long_line_is_answered_and_closes(finished: bool, pieces: int) -> None:
    """Whether its end came or not, in one piece or many; what follows is not handled."""
    protocol, transport, clock = connection()
    line = LIST.ljust(LIMIT + 2) + (b"\n" + named("after") if finished else b"")
    step = -(-len(line) // pieces)
    for start in range(0, len(line), step):
        transport.deliver(line[start : start + step])
    (error,) = transport.heard()
    assert (error["type"], error["request"]) == ("ERROR", None)
    assert f"longer than {LIMIT} bytes" in error["message"]
    transport.deliver(named("later"))
    assert protocol.received == []
    assert transport.lost
    assert not clock.getDelayedCalls()


def test_a_line_of_one_byte_too_many_is_refused() -> None:
    """The byte spared for a carriage return is not for anything else."""
    protocol, transport, _ = connection()
    transport.deliver(LIST.ljust(LIMIT + 1) + b"\n")
    assert protocol.received == []


def test_a_payload_does_not_count_as_a_line() -> None:
    """The line limit is for lines: a payload is as long as was announced."""
    protocol, transport, _ = connection()
    transport.deliver(raw(b"x" * 10 * LIMIT) + named("a"))
    assert protocol.received == [b"x" * 10 * LIMIT, "a"]


# Time


def test_a_line_that_is_not_finished_in_time_closes() -> None:
    """Trickling bytes do not extend the time a line has from its first byte."""
    protocol, transport, clock = connection()
    for byte in LIST[:6]:
        transport.deliver(bytes([byte]))
        clock.advance(1)
    clock.advance(0.9)
    assert not transport.disconnecting
    clock.advance(0.1)
    (error,) = transport.heard()
    assert "not finished within 7 s" in error["message"]
    clock.advance(0)
    assert transport.lost
    assert protocol.ends == 1
    assert not clock.getDelayedCalls()


def test_each_line_has_its_own_time() -> None:
    """A connection that never pauses between lines is not closed; nor is an idle one."""
    protocol, transport, clock = connection()
    for _ in range(5):
        transport.deliver(LIST[:3])
        clock.advance(6)
        transport.deliver(LIST[3:] + b"\n" + LIST[:3])
        clock.advance(6)
        transport.deliver(LIST[3:] + b"\n")
        clock.advance(1000)
    assert len(protocol.received) == 10
    assert not transport.disconnecting


def test_remote_is_one_spelling_of_the_other_side() -> None:
    """A mapped IPv4 peer counts as the IPv4 peer it is."""
    clock = Clock()
    protocol = Recorder(clock)
    MemoryTransport(protocol, clock, IPv6Address("TCP", "::ffff:192.0.2.9", 5, 0, 0))
    assert protocol.remote == Address("192.0.2.9", 5)


# Endings


def test_the_end_of_a_connection_cancels_every_timer() -> None:
    """A vanished side leaves no timer, no waiting sender, and is told of once."""
    protocol, transport, clock = connection(stuck=True)
    transport.deliver(LIST[:5])
    protocol.send_bytes(bytes(BUFFER_SIZE + 1))
    waiting = protocol.writable()
    assert len(clock.getDelayedCalls()) == 2
    transport.hang_up()
    assert not clock.getDelayedCalls()
    assert waiting.called
    assert protocol.closed
    assert protocol.ends == 1
    protocol.send(m.RequestFileList())
    protocol.close()
    protocol.abort()
    assert transport.unread == BUFFER_SIZE + 1


def test_nothing_is_handled_after_close() -> None:
    """Neither what was read already nor what still comes is handled; what was sent goes out."""
    protocol, transport, clock = connection(stuck=True)

    def answer_and_close() -> None:
        protocol.send_bytes(b"bye")
        protocol.close()

    protocol.on_message = answer_and_close
    transport.deliver(named("a") + named("b"))
    transport.deliver(named("c"))
    assert protocol.received == ["a"]
    assert transport.take() == b"bye"
    assert transport.lost
    assert not clock.getDelayedCalls()


def test_close_does_not_wait_for_ever() -> None:
    """A side that never reads what is to go out is cut off."""
    protocol, transport, clock = connection(stuck=True)
    protocol.send_bytes(b"x")
    protocol.close()
    clock.advance(10.9)
    assert not transport.aborted
    clock.advance(0.1)
    assert transport.aborted
    clock.advance(0)
    assert not clock.getDelayedCalls()


def test_nothing_is_handled_after_abort() -> None:
    """A connection given up mid-segment does not act on the rest of the segment."""
    protocol, transport, clock = connection()
    protocol.on_message = protocol.abort
    transport.deliver(named("a") + named("b"))
    clock.advance(0)
    assert protocol.received == ["a"]


def test_no_payload_is_passed_on_after_close() -> None:
    """A payload under way stops at close, too."""
    protocol, transport, _ = connection(stuck=True)
    transport.deliver(raw(b"abcdef")[:-3])
    protocol.close()
    transport.deliver(b"def")
    assert protocol.received == [b"abc"]


def test_nothing_is_kept_of_a_segment_after_close() -> None:
    """What came behind the payload that led to the end; nor does the transport stop for it."""
    protocol, transport, _ = connection(stuck=True)
    protocol.on_message = lambda: protocol.receive_raw(3, lambda data: protocol.close())
    transport.deliver(named("a"))
    transport.deliver(b"bcd" + named("e" * 50) * (RECEIVE_SIZE // 50))
    assert protocol.received == ["a"]
    assert not protocol._buffer
    assert transport.producerState == "producing"
