"""Holding input, and a far side that does not read."""

from __future__ import annotations

from p2pfs.wire import messages as m
from p2pfs.wire.framing import RECEIVE_SIZE
from tests.memory_transport import BUFFER_SIZE
from tests.wire.test_protocol import connection, named, raw

FULL = bytes(BUFFER_SIZE + 1)


def test_nothing_is_handled_while_input_is_held() -> None:
    """Holding in the midst of a segment stops at once; releasing goes on in order."""
    protocol, transport, clock = connection()
    protocol.on_message = protocol.hold_input
    transport.deliver(named("a") + named("b") + named("c")[:9])
    assert protocol.received == ["a"]
    assert protocol.input_held
    transport.deliver(named("c")[9:])
    protocol.on_message = lambda: None
    clock.advance(1000)
    protocol.release_input()
    clock.advance(0)
    assert protocol.received == ["a", "b", "c"]
    assert transport.producerState == "producing"


def test_reading_stops_when_much_was_read_while_held() -> None:
    """A side that goes on sending while we hold does not fill the memory; nothing is lost."""
    protocol, transport, clock = connection()
    protocol.hold_input()
    line = named("x" * 50)
    count = 3 * RECEIVE_SIZE // len(line)
    for _ in range(count):
        transport.deliver(line)
    assert transport.producerState == "paused"
    assert transport.held_back > RECEIVE_SIZE
    protocol.release_input()
    clock.advance(0)
    assert len(protocol.received) == count
    assert transport.producerState == "producing"


def test_holds_nest() -> None:
    """As many releases as holds are needed."""
    protocol, transport, clock = connection()
    protocol.hold_input()
    protocol.hold_input()
    transport.deliver(named("a"))
    protocol.release_input()
    clock.advance(0)
    assert protocol.received == []
    protocol.release_input()
    clock.advance(0)
    assert protocol.received == ["a"]


def test_a_hold_released_while_handling_keeps_the_order() -> None:
    """A handler that holds and releases neither recurses nor overtakes."""
    protocol, transport, clock = connection()

    def hold_and_release() -> None:
        protocol.hold_input()
        protocol.release_input()

    protocol.on_message = hold_and_release
    names = [str(number) for number in range(2000)]
    transport.deliver(b"".join(map(named, names)))
    clock.advance(0)
    assert protocol.received == names


def test_a_payload_waits_while_input_is_held() -> None:
    """What arrived behind the hold is passed on only after the release, in order."""
    protocol, transport, clock = connection()
    transport.deliver(raw(b"abcdef")[:-4])
    protocol.hold_input()
    protocol.dataReceived(b"cd")  # what a socket had read already
    assert protocol.received == [b"ab"]
    transport.deliver(b"ef" + named("a"))
    protocol.release_input()
    clock.advance(0)
    assert protocol.received == [b"abcdef", "a"]


def test_the_message_time_out_rests_while_input_is_held() -> None:
    """The other side is not blamed for a line we do not read."""
    protocol, transport, clock = connection()
    transport.deliver(named("a")[:5])
    protocol.hold_input()
    protocol.dataReceived(named("a")[5:6])  # what a socket had read already
    clock.advance(1000)
    transport.deliver(named("a")[6:])
    protocol.release_input()
    clock.advance(0)
    assert protocol.received == ["a"]
    assert not clock.getDelayedCalls()


def test_a_side_that_does_not_read_is_not_listened_to() -> None:
    """Answers to pipelined requests do not pile up: requests wait until answers are read."""
    protocol, transport, clock = connection(stuck=True)
    protocol.on_message = lambda: protocol.send_bytes(bytes(10_000))
    transport.deliver(b"".join(named(str(n)) for n in range(100)))
    assert len(protocol.received) == 7
    assert transport.unread == 70_000
    while len(protocol.received) < 100:
        before = len(protocol.received)
        transport.take()
        assert before < len(protocol.received) <= before + 7
    assert protocol.received == [str(n) for n in range(100)]
    transport.hang_up()
    assert not clock.getDelayedCalls()


def test_writable_fires_when_there_is_room() -> None:
    """A sender of bulk data goes on at once, or when the output was read."""
    protocol, transport, _ = connection(stuck=True)
    assert protocol.writable().called
    protocol.send_bytes(FULL)
    waiting = protocol.writable()
    assert not waiting.called
    transport.take()
    assert waiting.called
    assert protocol.writable().called


def test_a_side_that_stalls_is_cut_off() -> None:
    """A full window unread for the stall time-out aborts the connection."""
    protocol, transport, clock = connection(stuck=True)
    protocol.send_bytes(FULL)
    clock.advance(10.9)
    assert not transport.aborted
    clock.advance(0.1)
    assert transport.aborted
    clock.advance(0)
    assert protocol.closed
    assert not clock.getDelayedCalls()


def test_a_slow_side_is_not_cut_off() -> None:
    """Each window that is read starts the stall time-out anew."""
    protocol, transport, clock = connection(stuck=True)
    for _ in range(5):
        protocol.send_bytes(FULL)
        clock.advance(10.9)
        transport.take()
    assert not transport.aborted
    assert not clock.getDelayedCalls()


def test_a_full_window_does_not_keep_a_closed_connection_open() -> None:
    """Once what was sent is read, closing is done."""
    protocol, transport, clock = connection(stuck=True)
    protocol.send_bytes(FULL)
    protocol.close()
    assert transport.take() == FULL
    assert transport.lost
    assert not clock.getDelayedCalls()


def test_a_stalled_side_is_cut_off_after_close_all_the_same() -> None:
    """Closing while the window is full keeps the deadline that was running."""
    protocol, transport, clock = connection(stuck=True)
    protocol.send(m.RequestFileList())
    protocol.send_bytes(FULL)
    clock.advance(6)
    waiting = protocol.writable()
    protocol.close()
    assert not waiting.called
    clock.advance(5)
    assert transport.aborted
    clock.advance(0)
    assert waiting.called
    assert not clock.getDelayedCalls()
