"""The side that is called: it connects to a downloader, and serves there."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.testing import MemoryReactorClock

from p2pfs.peer.library import Library
from p2pfs.peer.rates import RateLimit
from p2pfs.peer.serving import Callee, ServedFiles, ServingFactory, ServingProtocol
from p2pfs.peer.serving.callee import MOST_ATTEMPTS, MOST_IN_WINDOW, WINDOW
from p2pfs.peer.settings import Patience
from p2pfs.peer.storage import Disk
from p2pfs.secure import OpenDoor
from p2pfs.wire import messages as m
from tests.memory_transport import MemoryTransport


class Called:
    """A peer that is called; the test has its attempts to connect."""

    def __init__(self) -> None:
        self.clock: Any = MemoryReactorClock()  # type: ignore[no-untyped-call]  # Twisted's
        files = ServedFiles(self.clock, Disk(), Library(), lambda *_: None)
        self.serving = ServingFactory(self.clock, files, RateLimit(), Random(1))
        self.callee = Callee(self.clock, Patience(), self.serving, OpenDoor())

    def call(self, address: str = "192.0.2.9:6881", token: str = "t") -> None:
        """What the tracker passes on."""
        self.callee.called(m.NoticeCallBack(address, token))

    @property
    def attempts(self) -> list[tuple[str, int, Any]]:
        """Where it has tried to connect to, so far."""
        return [attempt[:3] for attempt in self.clock.tcpClients]


def test_who_is_called_connects_says_the_token_and_serves() -> None:
    """Its listening side counts the connection as any other."""
    peer = Called()
    peer.call()
    [(host, port, factory)] = peer.attempts
    assert (host, port) == ("192.0.2.9", 6881)
    protocol = factory.buildProtocol(None)
    downloader = MemoryTransport(protocol, peer.clock)
    assert downloader.heard() == [{"type": "PEER_CALL_BACK", "token": "t"}]
    assert downloader.ask(type="PEER_PING_PONG", n=1) == [{"type": "PEER_PING_PONG", "n": 1}]
    [connection] = peer.serving.connections
    assert isinstance(connection, ServingProtocol)
    downloader.hang_up()
    assert not peer.serving.connections
    assert not peer.clock.getDelayedCalls()


def test_who_is_not_waited_for_any_more_hangs_up() -> None:
    """Nothing will ever be asked on that connection."""
    peer = Called()
    peer.call()
    protocol = peer.attempts[0][2].buildProtocol(None)
    downloader = MemoryTransport(protocol, peer.clock)
    downloader.say(type="ERROR", request="PEER_CALL_BACK", message="no")
    peer.clock.advance(0)
    assert downloader.lost
    assert not peer.serving.connections


def test_a_tracker_does_not_make_a_flood_of_it() -> None:
    """So many connections at a time, and so many in a while."""
    peer = Called()
    for _ in range(1000):
        peer.call()
    assert len(peer.attempts) == MOST_ATTEMPTS
    for _ in range(3):
        peer.callee.stop()
        for _ in range(1000):
            peer.call()
        assert len(peer.attempts) == MOST_IN_WINDOW
    peer.callee.stop()
    peer.clock.advance(WINDOW)
    peer.call("nonsense")
    peer.call()
    assert len(peer.attempts) == MOST_IN_WINDOW + 1
    peer.callee.stop()
    assert not peer.clock.getDelayedCalls()
