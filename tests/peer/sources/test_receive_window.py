"""The receive window of connections to sources: what it is, and that sockets have it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure

from p2pfs.addresses import Address
from p2pfs.peer.policy import Intake
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources import Incoming, SourceConnection
from p2pfs.peer.sources.receive_window import (
    AHEAD,
    EVERY,
    LEAST,
    LEAST_SEGMENTS,
    PRESUMED,
    SLOWEST,
    UNLIMITED,
    receive_window,
)
from p2pfs.wire import TcpPath, tcp_path
from p2pfs.wire import messages as m
from tests.memory_transport import MemoryTransport
from tests.peer.rates.test_bandwidth import carry, line

RATE = 5_000_000

on_linux = pytest.mark.skipif(
    not hasattr(socket, "TCP_WINDOW_CLAMP"), reason="this system has no such option"
)


def test_one_connection_can_fill_the_line() -> None:
    """What is on its way covers the time there and back, however long that is."""
    for round_trip in (0.0, 0.001, 0.05, 0.5):
        assert receive_window(RATE, TcpPath(1448, round_trip)) >= RATE * round_trip + LEAST
    # Without a long way it is small beside what a queue in the network holds, a tenth of a second.
    assert receive_window(RATE, TcpPath(1448, 0.0)) < RATE * 0.1 / 5


def test_some_whole_segments_are_welcome() -> None:
    """An end that may not send one waits for a fifth of a second; those on one machine are long."""
    assert receive_window(RATE, TcpPath(65483, 0.0)) >= LEAST_SEGMENTS * 65483
    assert receive_window(RATE, TcpPath(536, 0.0)) == receive_window(RATE, TcpPath(1448, 0.0))


def test_a_line_seems_no_slower_because_of_its_window() -> None:
    """What is not known, or was hardly used, is not taken for slow."""
    known = TcpPath(1448, 0.02)
    assert receive_window(None, known) == receive_window(PRESUMED, known)
    assert receive_window(1, known) == receive_window(SLOWEST, known)


def test_there_is_no_larger_window_than_tcp_has() -> None:
    """The system would refuse it, or take it for a small one."""
    assert receive_window(10**12, TcpPath(1448, 4000.0)) == UNLIMITED


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
    """A connection to a source over TCP, by a clock that is the test's."""

    def __init__(self) -> None:
        self.sender = Sender()
        self._intake = Intake()
        self.line = line()
        factory = Factory.forProtocol(lambda: self.sender)
        factory.noisy = False
        self.port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.clock = Clock()
        self.connection = SourceConnection(
            self.clock,
            Address("127.0.0.1", 1),
            Patience(),
            Incoming(bandwidth=self.line, intake=self._intake),
        )

    def send(self, *sources: str) -> None:
        """Have chunks of these sources be on their way from now on."""
        for source in sources:
            self._intake.begin(source, 0, lambda: 1.0, 0.0)

    def send_no_more(self, *sources: str) -> None:
        """They have given up."""
        for source in sources:
            self._intake.drop(source, 0)

    async def connect(self) -> None:
        """Connect both sides."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        await connectProtocol(endpoint, self.connection)
        await self.sender.made

    async def window(self, later: float = EVERY) -> int:
        """The largest window there may be, in bytes, when something has come a little later."""
        self.clock.advance(later)
        message = m.encode(m.PeerTurns())
        expected = self.connection.received + len(message)
        self.sender.transport.write(message)
        while self.connection.received < expected:
            await deferLater(reactor, 0)
        return int(self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP))

    def system_sets(self, window: int) -> None:
        """Set the largest window, as the system does when it sees fit."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, window)

    @property
    def _socket(self) -> socket.socket:
        return self.connection.transport.getHandle()

    @property
    def expected(self) -> int:
        """What the window is to be while several send."""
        known = tcp_path(self.connection.transport)
        assert known is not None
        return receive_window(self.line.estimate, known)


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
    scene.send("this one")
    assert await scene.window() == usual
    scene.send("another")
    assert await scene.window() == scene.expected
    scene.send_no_more("another")
    assert await scene.window() == UNLIMITED
    # From now on it is the system's again.
    scene.system_sets(usual)
    assert await scene.window() == usual


@on_linux
@ensureDeferred
async def test_the_limit_is_kept(scene: Scene) -> None:
    """It follows the line, and the system, which changes it as well, does not get its way."""
    scene.send("this one", "another")
    before = await scene.window()
    carry(scene.line, 8)
    assert await scene.window() == scene.expected < before
    scene.system_sets(before)
    assert await scene.window(EVERY / 2) == before, "it costs too much to do it all the time"
    assert await scene.window(EVERY / 2) == scene.expected


@on_linux
@ensureDeferred
async def test_the_system_knows_the_path(scene: Scene) -> None:
    """On the machine itself it takes next to no time, in long segments."""
    known = tcp_path(scene.connection.transport)
    assert known is not None
    assert 0 <= known.round_trip < AHEAD
    # What this end can take, not what it sends at most: that is half as much here at first.
    packet = int(Path("/sys/class/net/lo/mtu").read_text())
    headers = 100
    assert packet - headers < known.segment < packet
    assert tcp_path(None) is None


def test_a_transport_without_a_socket_is_left_alone() -> None:
    """As a simulated one."""
    incoming = Incoming()
    for source in ("this one", "another"):
        incoming.intake.begin(source, 0, lambda: 1.0, 0.0)
    connection = SourceConnection(reactor, Address("192.0.2.1", 1), Patience(), incoming)
    transport = MemoryTransport(connection, reactor)
    connection.dataReceived(m.encode(m.PeerTurns()))
    assert connection.takes_turns
    transport.abortConnection()
