"""The connection in memory behaves as one over TCP, where tests rely on it."""

from __future__ import annotations

import pytest
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.memory_transport import MemoryTransport, settle

BUFFER = 10


@implementer(IPushProducer)
class Noted(Protocol):
    """Notes what happens to it, as a protocol and as a producer."""

    def __init__(self) -> None:
        self.got: list[bytes | str] = []
        self.reason: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.got.append(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.got.append("lost")
        self.reason = reason

    def pauseProducing(self) -> None:
        self.got.append("pause")

    def resumeProducing(self) -> None:
        self.got.append("resume")

    def stopProducing(self) -> None:
        self.got.append("stop")


def connected(stuck: bool = False) -> tuple[Noted, MemoryTransport, Clock]:
    """A connection whose protocol is its own producer."""
    protocol, clock = Noted(), Clock()
    transport = MemoryTransport(protocol, clock, stuck=stuck, buffer_size=BUFFER)
    transport.registerProducer(protocol, True)
    return protocol, transport, clock


def test_a_full_buffer_pauses_until_the_far_side_reads() -> None:
    """Not within the write, but in the next turn; or when the test says so."""
    protocol, transport, clock = connected()
    transport.write(bytes(BUFFER))
    assert protocol.got == []
    transport.write(b"x")
    assert protocol.got == ["pause"]
    settle(clock, [transport])
    assert protocol.got == ["pause", "resume"]
    transport.stall()
    transport.write(bytes(BUFFER + 1))
    settle(clock, [transport])
    assert protocol.got == ["pause", "resume", "pause"]
    transport.go_on()
    settle(clock, [transport])
    assert protocol.got[3:] == ["resume"]
    assert len(transport.take()) == 2 * BUFFER + 2


def test_input_waits_while_reading_is_paused() -> None:
    """It comes in the pieces and the order in which it was sent."""
    protocol, transport, clock = connected()
    transport.segment = 2
    transport.deliver(b"abc")
    transport.pauseProducing()
    transport.deliver(b"de")
    assert protocol.got == [b"ab", b"c"]
    assert transport.held_back == 2
    transport.resumeProducing()
    assert protocol.got == [b"ab", b"c"]
    settle(clock, [transport])
    assert protocol.got == [b"ab", b"c", b"de"]


@pytest.mark.parametrize("stuck", [False, True])
def test_a_close_waits_for_the_output(stuck: bool) -> None:
    """Nothing is received after it, and the producer is stopped before the protocol is told."""
    protocol, transport, clock = connected(stuck)
    transport.write(b"the last")
    transport.loseConnection()
    transport.deliver(b"too late")
    assert protocol.got == []
    settle(clock, [transport])
    assert transport.lost == (not stuck)
    assert transport.take() == b"the last"
    assert protocol.got == ["stop", "lost"]
    assert protocol.reason is not None
    assert protocol.reason.check(ConnectionDone)
    assert not clock.getDelayedCalls()


def test_an_abort_drops_the_output() -> None:
    """The end comes in a later turn, and what is written until then goes nowhere."""
    protocol, transport, clock = connected()
    transport.write(b"unread")
    transport.abortConnection()
    transport.write(b"more")
    assert not transport.lost
    settle(clock, [transport])
    assert protocol.got == ["stop", "lost"]
    assert protocol.reason is not None
    assert protocol.reason.check(ConnectionAborted)
    assert transport.take() == b""


def test_there_is_one_producer_at_a_time() -> None:
    """And none on a connection that is lost: it is stopped at once."""
    protocol, transport, _ = connected()
    with pytest.raises(RuntimeError):
        transport.registerProducer(Noted(), True)
    transport.unregisterProducer()
    transport.hang_up()
    assert protocol.got == ["lost"]
    late = Noted()
    transport.registerProducer(late, True)
    assert late.got == ["stop"]


def test_only_bytes_are_written() -> None:
    """Text is a mistake that a real transport would not let pass."""
    _, transport, _ = connected()
    with pytest.raises(TypeError):
        transport.write("text")  # type: ignore[arg-type]  # which is what is tried
