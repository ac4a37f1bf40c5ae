"""The receive window of connections to sources: what it is, and that sockets have it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from p2pfs import messages as m
from p2pfs.addresses import Address
from p2pfs.peer.rate_limit import RateLimit
from p2pfs.peer.receive_window import AHEAD, LEAST, PRESUMED, UNLIMITED, receive_window
from p2pfs.peer.source import SourceConnection
from p2pfs.sockets import least_round_trip
from tests.memory_transport import MemoryTransport

from .test_line_rate import carry, line

RATE = 5_000_000

on_linux = pytest.mark.skipif(
    not hasattr(socket, "TCP_WINDOW_CLAMP"), reason="this system has no such option"
)


def test_one_connection_can_fill_the_line() -> None:
    """What is on its way covers the time there and back, however long that is."""
    for round_trip in (0.0, 0.001, 0.05, 0.5):
        assert receive_window(RATE, round_trip) >= RATE * round_trip + LEAST
    # Without a long way it is small beside what a queue in the network holds, a tenth of a second.
    assert receive_window(RATE, 0.0) < RATE * 0.1 / 5


def test_a_line_that_is_not_known_yet_is_not_taken_for_a_slow_one() -> None:
    """Or it would never be seen to be quicker."""
    assert receive_window(None, 0.02) == receive_window(PRESUMED, 0.02)


def test_there_is_no_larger_window_than_tcp_has() -> None:
    """The system would refuse it, or take it for a small one."""
    assert receive_window(10**12, 4000.0) == UNLIMITED


class Sender(Protocol):
    """The other side of a connection."""

    def __init__(self) -> None:
        self.made: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.made.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class Scene:
    """A connection to a source, over TCP, and what is known when something comes."""

    def __init__(self) -> None:
        self.sender = Sender()
        self.several = False
        self.line = line()
        factory = Factory.forProtocol(lambda: self.sender)
        factory.noisy = False
        self.port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.connection = SourceConnection(
            reactor,
            Address("127.0.0.1", 1),
            1.0,
            RateLimit(),
            line=self.line,
            several=lambda: self.several,
        )

    async def connect(self) -> None:
        """Connect both sides."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        await connectProtocol(endpoint, self.connection)
        await self.sender.made

    async def window(self) -> int:
        """The largest window there may be, once something has come."""
        before = self.connection.received
        self.sender.transport.write(m.encode(m.PeerTurns()))
        while self.connection.received == before:
            await deferLater(reactor, 0)
        handle = self.connection.transport.getHandle()
        return int(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP))

    @property
    def expected(self) -> int:
        """What the window is to be while several send."""
        round_trip = least_round_trip(self.connection.transport)
        assert round_trip is not None
        return receive_window(self.line.highest, round_trip)


@pytest_twisted.async_yield_fixture()
async def scene() -> AsyncIterator[Scene]:
    """A connection that stands, until it is cut in the end."""
    scene = Scene()
    await scene.connect()
    yield scene
    scene.connection.abort()
    await scene.connection.ended()
    await scene.sender.lost
    await maybeDeferred(scene.port.stopListening)


@on_linux
@ensureDeferred
async def test_the_window_is_limited_while_several_send(scene: Scene) -> None:
    """One source alone has what the system gives it; the limit goes with the others."""
    usual = await scene.window()
    assert usual != UNLIMITED
    scene.several = True
    assert await scene.window() == scene.expected
    assert await scene.window() == scene.expected
    scene.several = False
    assert await scene.window() == UNLIMITED
    # From now on it is the system's again.
    handle = scene.connection.transport.getHandle()
    handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, usual)
    assert await scene.window() == usual


@on_linux
@ensureDeferred
async def test_the_window_follows_the_line(scene: Scene) -> None:
    """As soon as it is known; also when the system has changed it in between."""
    scene.several = True
    before = await scene.window()
    carry(scene.line, 8)
    assert await scene.window() == scene.expected < before
    handle = scene.connection.transport.getHandle()
    handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, before)
    assert await scene.window() == scene.expected


@on_linux
@ensureDeferred
async def test_the_system_knows_the_way_there_and_back(scene: Scene) -> None:
    """It takes next to no time on the machine itself, and there is none without a connection."""
    round_trip = least_round_trip(scene.connection.transport)
    assert round_trip is not None
    assert 0 <= round_trip < AHEAD
    assert least_round_trip(None) is None


def test_a_transport_without_a_socket_is_left_alone() -> None:
    """As a simulated one."""
    connection = SourceConnection(
        reactor, Address("192.0.2.1", 1), 1.0, RateLimit(), several=lambda: True
    )
    transport = MemoryTransport(connection, reactor)
    connection.dataReceived(m.encode(m.PeerTurns()))
    assert connection.takes_turns
    transport.abortConnection()
