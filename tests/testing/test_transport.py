"""An end of a connection behaves as a transport of Twisted's does."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from zope.interface import implementer

from p2pfs.testing import Network
from p2pfs.testing.streams import SOCKET_BUFFER, WINDOW
from tests.conftest import LoggedFailures
from tests.simulation.parts import Notes, Pair, Stuffing

MB = 1_000_000


@pytest.fixture
def pair(network: Network) -> Pair:
    """A connection between hosts with links of 10 MB/s."""
    return Pair(network.add_host("a", up=10 * MB, latency=0.01), network.add_host("b"))


def test_closing_sends_what_was_written(network: Network, pair: Pair) -> None:
    """`loseConnection` waits for the buffer, and both ends are told that it was in order."""
    pair.client.transport.write(b"x" * MB)
    pair.client.transport.loseConnection()
    network.run(5)
    assert len(pair.server.received) == MB
    assert pair.client.lost.check(ConnectionDone)
    assert pair.server.lost.check(ConnectionDone)
    assert not network.connections


def test_writes_after_closing_still_go_out(network: Network, pair: Pair) -> None:
    """Twisted takes what is written until the buffer is empty; afterwards it is swallowed."""
    pair.client.transport.write(b"1" * MB)
    pair.client.transport.loseConnection()
    pair.client.transport.write(b"2")
    network.run(5)
    pair.client.transport.write(b"3")
    network.run(5)
    assert len(pair.server.received) == MB + 1
    assert pair.server.received.endswith(b"2")


def test_closing_waits_for_a_paused_producer(network: Network, pair: Pair) -> None:
    """A producer that was paused has its say before the connection is closed."""
    producer = Stuffing(pair.client.transport, 3 * MB)
    assert producer.paused
    pair.client.transport.loseConnection()
    network.run(5)
    assert len(pair.server.received) == 3 * MB
    assert pair.client.lost.check(ConnectionDone)


def test_nothing_is_received_after_closing(network: Network, pair: Pair) -> None:
    """`loseConnection` stops reading, as Twisted's does, though it takes time."""
    pair.server.transport.pauseProducing()
    pair.client.transport.write(b"x" * MB)
    pair.client.transport.loseConnection()
    pair.server.transport.write(b"too late")
    network.run(1)
    assert not pair.client.received
    assert pair.client.lost is None


def test_closing_with_something_unread_resets(network: Network, pair: Pair) -> None:
    """Linux resets a connection that is closed while there is something to be read."""
    pair.client.transport.pauseProducing()
    pair.server.transport.write(b"question")
    network.run(1)
    pair.client.transport.loseConnection()
    network.run(1)
    assert pair.client.lost.check(ConnectionDone)
    assert pair.server.lost.check(ConnectionLost)


def test_aborting_drops_what_was_written(network: Network, pair: Pair) -> None:
    """`abortConnection` tells its own protocol in the next turn, the other after the latency."""
    pair.client.transport.write(b"x" * MB)
    pair.client.transport.abortConnection()
    pair.client.transport.abortConnection()
    assert pair.client.lost is None
    began = network.timeline.now
    network.run(1)
    assert pair.client.lost_at == began
    assert pair.client.lost.check(ConnectionAborted)
    assert pair.server.lost_at == pytest.approx(began + 0.0105)
    assert pair.server.lost.check(ConnectionLost)
    assert len(pair.server.received) < MB


def test_writing_to_an_end_that_is_gone_resets(network: Network, pair: Pair) -> None:
    """A side that closed without reading on is not there any more for what is sent to it."""
    pair.server.transport.pauseProducing()
    pair.client.transport.loseConnection()
    network.run(1)
    assert pair.server.lost is None  # it does not read, so it has not seen the end yet
    pair.server.transport.write(b"anybody?")
    network.run(1)
    assert pair.server.lost.check(ConnectionLost)


def test_nothing_is_delivered_while_paused(network: Network, pair: Pair) -> None:
    """Not even what came in one piece with what made the protocol pause."""
    server = pair.server

    def pause_at_once(data: bytes) -> None:
        Notes.dataReceived(server, data)
        server.transport.pauseProducing()

    server.dataReceived = pause_at_once  # type: ignore[method-assign]
    pair.client.transport.write(b"x" * 50_000)
    network.run(1)
    assert len(server.received) == server.largest
    server.transport.resumeProducing()
    assert len(server.received) == server.largest  # in the next turn, not at once
    network.run(1)
    assert len(server.received) > server.largest


def test_a_pull_producer_is_asked_when_there_is_room(network: Network, pair: Pair) -> None:
    """It is asked at once, then each time that the buffer is empty, until it unregisters."""
    asked: list[int] = []

    class Puller:
        def resumeProducing(self) -> None:
            asked.append(len(pair.server.received))
            pair.client.transport.write(b"x" * 200_000)
            if len(asked) == 10:
                pair.client.transport.unregisterProducer()

        def stopProducing(self) -> None:
            raise AssertionError("the connection was lost")

    pair.client.transport.registerProducer(Puller(), False)
    assert asked == [0]
    network.run(5)
    assert len(pair.server.received) == 2 * MB
    assert len(asked) == 10
    assert all(200_000 * n - got <= WINDOW + SOCKET_BUFFER for n, got in enumerate(asked)), (
        "it was asked while the buffer was full"
    )


def test_producers_are_stopped_when_the_connection_is_lost(network: Network, pair: Pair) -> None:
    """One that is registered then, and one that is registered afterwards."""
    producer = Stuffing(pair.client.transport, 50 * MB)
    with pytest.raises(RuntimeError, match="never unregistered"):
        pair.client.transport.registerProducer(producer, True)
    pair.connection.reset()
    network.run(1)
    assert producer.stopped
    late = Stuffing(pair.client.transport, 0)
    assert late.stopped


def test_what_a_protocol_does_not_catch_ends_its_connection(
    network: Network, pair: Pair, logged_failures: LoggedFailures
) -> None:
    """The exception is logged and becomes the reason; nothing else is harmed by it."""
    other = Pair(network.hosts["a"], network.hosts["b"])

    def fail(data: bytes) -> None:
        raise ZeroDivisionError

    pair.server.dataReceived = fail  # type: ignore[method-assign]
    pair.client.transport.write(b"x")
    other.client.transport.write(b"y")
    network.run(1)
    assert len(logged_failures.flush()) == 1
    assert pair.server.lost.check(ZeroDivisionError)
    assert pair.client.lost.check(ConnectionDone)
    assert other.server.received == b"y"


def test_half_closing_leaves_the_other_direction_open(network: Network) -> None:
    """`loseWriteConnection` ends what is sent; an answer still comes."""

    @implementer(IHalfCloseableProtocol)
    class HalfNotes(Notes):
        def readConnectionLost(self) -> None:
            self.note("no more to read")
            self.transport.write(b"answer")  # type: ignore[union-attr]
            self.transport.loseConnection()  # type: ignore[union-attr]

        def writeConnectionLost(self) -> None:
            self.note("no more to write")

    pair = Pair(network.add_host("a"), network.add_host("b"), lambda: HalfNotes(network))
    pair.client.transport.write(b"question")
    pair.client.transport.loseWriteConnection()
    network.run(1)
    assert pair.server.received == b"question"
    assert pair.client.received == b"answer"
    assert "no more to read" in pair.server.times
    assert pair.client.lost.check(ConnectionDone)


def test_only_bytes_can_be_written(pair: Pair) -> None:
    """A mistake shows where it is made, as with Twisted's transports."""
    text: Any = "text"
    with pytest.raises(TypeError):
        pair.client.transport.write(text)
